"""The program as a person uses it: commands in processes of their own."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
from openpyxl import Workbook

from bulk_sync.sandbox import Quota, SandboxServer

ROOT = Path(__file__).parents[2]
FREE = Quota(rate="none")


class Launcher:
    """Runs commands in processes of their own without importing the program anew for each; see its script."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("launcher.py")
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

    def close(self) -> None:
        """End it."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Ran(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The one object of ``--json``."""
        found: dict[str, Any] = json.loads(self.out)
        found["counts"] = {name: count for name, count in found["counts"].items() if count}
        return found


@dataclass
class Running:
    """A command at work."""

    launcher: Launcher
    pid: int
    out: Path
    err: Path
    code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.code is None:
            self.code = self.launcher.order(poll=self.pid)
        return self.code

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = 90.0) -> Ran:
        """Wait for its end."""
        ends = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > ends:
                os.kill(self.pid, signal.SIGKILL)
                pytest.fail(f"not ended after {seconds} s: {self.said}")
            time.sleep(0.01)
        return Ran(self.code or 0, self.out.read_text(), self.said)

    @property
    def said(self) -> str:
        """What it has written to stderr so far."""
        return self.err.read_text() if self.err.exists() else ""


@dataclass
class Program:
    """The program in a folder and with a state of its own; ``environ`` is what the test adds to its environment."""

    launcher: Launcher
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    started: int = 0

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    def environment(self, **more: str) -> dict[str, str]:
        """Return all of the environment that a command gets."""
        return {"PATH": os.environ["PATH"], "BULK_SYNC_STATE_DIR": str(self.state), **self.environ, **more}

    def start(
        self,
        *args: object,
        file_limit: int | None = None,
        stdin: Path | None = None,
        terminal: str = "",
        **environ: str,
    ) -> Running:
        """Start a command and return at once; ``terminal`` is the device of its three streams, if they are one."""
        self.started += 1
        out, err = (terminal or self.folder / f".{self.started}.{name}" for name in ("out", "err"))
        pid = self.launcher.order(
            args=[str(arg) for arg in args],
            env=self.environment(**environ),
            folder=str(self.folder),
            stdin=str(terminal or stdin or os.devnull),
            out=str(out),
            err=str(err),
            file_limit=file_limit,
        )
        return Running(self.launcher, pid, Path(out), Path(err))

    def __call__(self, *args: object, seconds: float = 90.0, **options: Any) -> Ran:
        """Run a command to its end."""
        return self.start(*args, **options).wait(seconds)

    def as_module(self, *args: object, **environ: str) -> Ran:
        """Run ``python -m bulk_sync`` afresh, as its user does."""
        done = subprocess.run(
            [sys.executable, "-m", "bulk_sync", *(str(arg) for arg in args)],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.environ, **environ},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def write_csv(self, name: str, rows: Sequence[Sequence[str]]) -> Path:
        """Write a CSV file into the folder."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return self.write(name, text.getvalue())

    def write_xlsx(self, name: str, rows: Sequence[Sequence[object]], *, sheet: str = "Clients") -> Path:
        """Write a workbook into the folder."""
        book = Workbook()
        assert book.active is not None
        book.active.title = sheet
        for row in rows:
            book.active.append(list(row))
        path = self.folder / name
        book.save(path)
        return path

    def target(self, server: SandboxServer) -> Self:
        """Send to this server from now on."""
        self.environ |= {"BULK_SYNC_BASE_URL": server.base_url, "HEFFL_API_KEY": server.key, "BULK_SYNC_RATE": "none"}
        return self
