"""Seven nights on one machine: a state, a source that changes, an API, and a post box for what is told."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from bulk_sync.sandbox import Faults, Quota, SandboxConfig, SandboxServer

ROOT = Path(__file__).parents[2]


class Night(NamedTuple):
    """How a night ended: exit code, the object on stdout, the words on stderr, what the post box got."""

    code: int
    summary: dict[str, Any]
    err: str
    told: list[tuple[str, str]]
    beats: int


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


class PostBox:
    """Takes notifications (as apprise's json:// sends them) and heartbeats."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.beats = 0
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                box.told.append((body["title"], body["message"]))
                self._ok()

            def do_GET(self) -> None:
                box.beats += 1
                self._ok()

            def _ok(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
                del format, args

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@dataclass
class House:
    """Where the nightly job runs."""

    folder: Path
    box: PostBox
    stack: ExitStack
    launcher: Launcher
    environ: dict[str, str] = field(default_factory=dict)
    server: SandboxServer | None = None

    def serve(self, faults: Faults | None = None) -> SandboxServer:
        """Serve the API, from now on with these faults; its clients stay."""
        port = 0
        if self.server:
            port = urlsplit(self.server.base_url).port or 0
            self.server.stop()
        config = SandboxConfig(quota=Quota(rate="none"), faults=faults or Faults())
        self.server = self.stack.enter_context(SandboxServer(self.folder / "api", config=config, port=port))
        self.environ["BULK_SYNC_BASE_URL"] = self.server.base_url
        return self.server

    def export(self, rows: list[list[str]]) -> Path:
        """Write the night's export."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        path = self.folder / "export.csv"
        path.write_text(text.getvalue(), encoding="utf-8")
        return path

    def job(self, *args: str, **environ: str) -> Night:
        """Run a command as cron would, and collect what it told."""
        told, beats = len(self.box.told), self.box.beats
        done = self.launcher.run(args, self.folder, {**self.base, **self.environ, **environ})
        summary = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        return Night(done.returncode, summary, done.stderr, self.box.told[told:], self.box.beats - beats)

    @property
    def base(self) -> dict[str, str]:
        """What cron gives a job, and where the program is."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "BULK_SYNC_STATE_DIR": str(self.folder / "state"),
            "BULK_SYNC_NOTIFY": f"json://127.0.0.1:{self.box.port}/",
            "BULK_SYNC_HEARTBEAT": f"http://127.0.0.1:{self.box.port}/beat",
            "BULK_SYNC_RATE": "none",
        }


@pytest.fixture
def house(tmp_path: Path, launcher: Launcher) -> Iterator[House]:
    box = PostBox()
    with ExitStack() as stack:
        stack.callback(box.close)
        made = House(tmp_path, box, stack, launcher)
        made.environ["HEFFL_API_KEY"] = made.serve().key
        yield made


@pytest.fixture
def root() -> Path:
    return ROOT
