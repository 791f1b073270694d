"""What several folders share: the process from which the program is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


class Launcher:
    """Runs commands in processes of their own without importing the program anew for each; see its script."""

    def __init__(self) -> None:
        script = Path(__file__).parent / "cli" / "launcher.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._lock = threading.Lock()

    def order(self, **values: object) -> Any:
        """Send an order and return its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        with self._lock:
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
        """End it."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    found = Launcher()
    yield found
    found.close()
