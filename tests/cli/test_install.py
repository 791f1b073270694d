"""The README's first command on a fresh clone, in a fresh environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (
    "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e . && "
    ".venv/bin/bulk-sync run sample_data/clients.xlsx --mapping mappings/clients.yaml --sandbox"
)


def run(command: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(  # noqa: S602 - it is a line of shell that the README gives
        command,
        shell=True,
        cwd=folder,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.install
@pytest.mark.skipif(sys.platform == "win32", reason="the README has another line for PowerShell")
def test_the_first_command_of_the_readme(tmp_path: Path) -> None:
    """Clone, environment, installation and the main job in one line: it ends with 0 and leaves a results workbook."""
    assert COMMAND in (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ").replace("  ", " ")
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("there is no repository to clone from, or no git")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", ROOT.as_uri(), str(clone)], check=True, capture_output=True)
    python = Path(sys.executable).resolve()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(python)
    probe = run(f"{python} -m pip download --no-deps -q -d {tmp_path}/probe click", clone)
    if probe.returncode:
        pytest.skip(f"pip reaches no package registry: {probe.stderr.strip()[-200:]}")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = run(COMMAND, clone, PATH=path, XDG_STATE_HOME=str(tmp_path / "state"), HEFFL_API_KEY="")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "SANDBOX" in done.stderr
    assert len(list(clone.glob("clients-results-*.xlsx"))) == 1
