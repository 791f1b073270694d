"""A folder with a source, an API, and the program in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, SandboxServer, Scripted

ROOT = Path(__file__).parents[2]
MAPPING = """version: 1
resource: clients
match: Client ID
fields:
  name: Company
  email: E-mail
"""
SOURCE = """Client ID,Company,E-mail
clt_1,Acme Trading,info@acme.example
clt_2,Bravo Tools,
clt_3,Charlie,no address
clt_4,Delta Marine,hello@delta.example
clt_5,Echo,echo@x.example
"""
_CHANGING = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}"), "RUN"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://HERE"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"), "MOMENT"),
    (re.compile(r"about \d\d:\d\d:\d\d"), "about NOON"),
    (re.compile(r"(?<=in )\d+ s|(?<=took        )\d+ s|(?<=: )\d+ s(?=, done)"), "N s"),
    (re.compile(r'(?<="seconds": )\d+\.\d+|(?<="requests_per_minute": )\d+\.\d+'), "0.1"),
    (re.compile(r"(?<=HERE/api/v1 )[0-9a-f]{12}"), "KEYHASH"),
)


class Launcher:
    """Runs commands in processes of their own without importing the program anew for each; see its script."""

    def __init__(self) -> None:
        script = Path(__file__).parents[1] / "cli" / "launcher.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def order(self, **values: object) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        stdin.write(json.dumps(values) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def start(
        self, args: Sequence[str], folder: Path, environ: Mapping[str, str], *, stdin: str, out: str, err: str
    ) -> int:
        """Start a command and return its process id."""
        return int(
            self.order(
                args=list(args), env=dict(environ), folder=str(folder), stdin=stdin, out=out, err=err, file_limit=None
            )
        )

    def wait(self, pid: int, seconds: float = 90.0) -> int:
        """Return the exit code when the command has ended."""
        ends = time.monotonic() + seconds
        while (code := self.order(poll=pid)) is None:
            assert time.monotonic() < ends, "the command did not end"
            time.sleep(0.01)
        return int(code)

    def run(self, args: Sequence[str], folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end without a terminal."""
        out, err = folder / ".out", folder / ".err"
        pid = self.start(args, folder, environ, stdin=os.devnull, out=str(out), err=str(err))
        code = self.wait(pid)
        return subprocess.CompletedProcess(args, code, out.read_text("utf-8"), err.read_text("utf-8"))

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    found = Launcher()
    yield found
    found.close()


@dataclass
class Desk:
    """The program in a folder of its own."""

    folder: Path
    server: SandboxServer
    launcher: Launcher
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end without a terminal."""
        return self.launcher.run(args, self.folder, {**self.environ, **environ})

    def steady(self, text: str) -> str:
        """Return a text without what differs from run to run."""
        text = text.replace(str(self.folder), "FOLDER")
        for pattern, name in _CHANGING:
            text = pattern.sub(name, text)
        return text


@pytest.fixture
def desk(tmp_path: Path, launcher: Launcher) -> Iterator[Desk]:
    """Five rows: two to change, one that is so already but for its address, one invalid, one the API refuses."""
    refused = Scripted(
        fault=Fault(kind=FaultKind.STATUS, status=400, message="A client named Delta Marine exists"),
        ids=frozenset({"clt_4"}),
        methods=frozenset({"PATCH"}),
    )
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(refused,)))
    with SandboxServer(None, config=config) as server:
        names = {1: "Old 1", 2: "Bravo Tools", 3: "Old 3", 4: "Old 4", 5: "Old 5"}
        server.seed([{"id": f"clt_{number}", "name": name} for number, name in names.items()])
        (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
        (tmp_path / "c.csv").write_text(SOURCE, encoding="utf-8")
        environ = {
            "PATH": os.environ["PATH"],
            "BULK_SYNC_STATE_DIR": str(tmp_path / "state"),
            "BULK_SYNC_BASE_URL": server.base_url,
            "BULK_SYNC_RATE": "none",
            "HEFFL_API_KEY": server.key,
            "TZ": "UTC",
        }
        yield Desk(tmp_path, server, launcher, environ)
