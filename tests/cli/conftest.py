"""The program as a person uses it: commands in processes of their own, against a server over real HTTP."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from openpyxl import Workbook, load_workbook

from bulk_sync.sandbox import Faults, Quota, SandboxConfig, SandboxServer

ROOT = Path(__file__).parents[2]
FREE = Quota(rate="none")


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

    launcher: Any
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
    """The program in a folder and with a state of its own; ``environ`` is all of its environment."""

    launcher: Any
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    started: int = 0

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    def start(self, *args: object, file_limit: int | None = None, stdin: Path | None = None, **environ: str) -> Running:
        """Start a command and return at once."""
        self.started += 1
        out, err = (self.folder / f".{self.started}.{name}" for name in ("out", "err"))
        pid = self.launcher.order(
            args=[str(arg) for arg in args],
            env={"PATH": os.environ["PATH"], "BULK_SYNC_STATE_DIR": str(self.state), **self.environ, **environ},
            folder=str(self.folder),
            stdin=str(stdin or os.devnull),
            out=str(out),
            err=str(err),
            file_limit=file_limit,
        )
        return Running(self.launcher, pid, out, err)

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

    def target(self, server: SandboxServer) -> Program:
        """Send to this server from now on."""
        self.environ |= {"BULK_SYNC_BASE_URL": server.base_url, "HEFFL_API_KEY": server.key, "BULK_SYNC_RATE": "none"}
        return self


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return a CSV results file as a dict a line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_xlsx(path: Path) -> dict[str, list[list[object]]]:
    """Return a workbook as sheet name → lines."""
    book = load_workbook(path)
    return {sheet.title: [list(line) for line in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}


@pytest.fixture
def program(launcher: Any, tmp_path: Path) -> Program:
    return Program(launcher, tmp_path)


@pytest.fixture(scope="session")
def make_program(launcher: Any) -> Callable[[Path], Program]:
    return lambda folder: Program(launcher, folder)


@pytest.fixture
def serve_api() -> Iterator[Callable[..., SandboxServer]]:
    with ExitStack() as stack:

        def serve(
            faults: Faults | None = None, *, config: SandboxConfig | None = None, state: Path | None = None
        ) -> SandboxServer:
            chosen = config or SandboxConfig(quota=FREE, faults=faults or Faults())
            return stack.enter_context(SandboxServer(state, config=chosen))

        yield serve


@pytest.fixture(scope="session")
def results() -> Callable[[Path], list[dict[str, str]]]:
    return read_csv


@pytest.fixture(scope="session")
def workbook() -> Callable[[Path], dict[str, list[list[object]]]]:
    return read_xlsx


@pytest.fixture(scope="session")
def steady() -> Callable[[Sequence[Mapping[str, str]]], list[dict[str, str]]]:
    """Results without what differs from run to run: moments and attempts."""

    def without(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        return [
            {name: value for name, value in row.items() if name not in {"sync_finished_at", "sync_attempts"}}
            for row in rows
        ]

    return without
