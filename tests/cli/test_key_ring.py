"""The key ring, with a stand-in for the extra: keys kept, used and taken out, each for its profile."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bulk_sync.sandbox import SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any

RING = """
from pathlib import Path
from keyring import errors

def _place(service, name):
    return Path("ring") / f"{service} {name}"

def get_password(service, name):
    place = _place(service, name)
    return place.read_text() if place.exists() else None

def set_password(service, name, key):
    Path("ring").mkdir(exist_ok=True)
    _place(service, name).write_text(key)

def delete_password(service, name):
    if get_password(service, name) is None:
        raise errors.KeyringError("no such password")
    _place(service, name).unlink()
"""


def test_a_key_is_kept_for_its_profile(program: Program, serve_api: Serve) -> None:
    """The command that is advised finds it; taken out, it is gone."""
    server = serve_api()
    program.target(server)
    del program.environ["HEFFL_API_KEY"]
    package = program.folder / "extra" / "keyring"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(RING)
    (package / "errors.py").write_text("class KeyringError(Exception): ...\n")
    profiles = program.write("p.toml", '["my shop"]\nworkers = 2\n')
    environ = program.environment(
        PYTHONPATH=os.pathsep.join([str(package.parent), str(Path(__file__).parents[2])]),
        BULK_SYNC_PROFILES=str(profiles),
    )

    def run(*args: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bulk_sync", "key", *args]
        given = {"input": typed, "cwd": program.folder, "env": environ, "timeout": 60.0}
        return subprocess.run(command, capture_output=True, text=True, check=False, **given)

    kept = run("set", "--profile", "my shop", typed=f"{server.key}\n")
    assert kept.returncode == 0, kept.stderr
    advised = shlex.split(kept.stderr.partition("try it: bulk-sync key ")[2])
    tested = run(*advised)
    assert "key: from the key ring\naccount: my shop\n" in tested.stdout, tested.stderr
    assert run("test").returncode == 2
    assert [run("forget", "--profile", "my shop").returncode for _ in range(2)] == [0, 2]
    assert server.key not in kept.stderr + tested.stdout
