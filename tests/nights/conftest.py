"""Seven nights on one machine: a state, a source that changes, an API, and a post box for what is told."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from collections.abc import Iterator
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
    launcher: Any
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
def house(tmp_path: Path, launcher: Any) -> Iterator[House]:
    box = PostBox()
    with ExitStack() as stack:
        stack.callback(box.close)
        made = House(tmp_path, box, stack, launcher)
        made.environ["HEFFL_API_KEY"] = made.serve().key
        yield made


@pytest.fixture
def root() -> Path:
    return ROOT
