"""Seven nights on one machine: a state, a source that changes, an API, and a post box for what is told."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from bulk_sync.sandbox import Faults, SandboxConfig, SandboxServer
from tests.tools.program import FREE, Program


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


class House:
    """Where the nightly job runs: a state, a source, an API that can be told to fail, a post box."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.folder = program.folder
        self.box = PostBox()
        self._open = ExitStack()
        self.server: SandboxServer | None = None
        program.environ |= {
            "BULK_SYNC_NOTIFY": f"json://127.0.0.1:{self.box.port}/",
            "BULK_SYNC_HEARTBEAT": f"http://127.0.0.1:{self.box.port}/beat",
        }

    def __enter__(self) -> Self:
        self._open.callback(self.box.close)
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def serve(self, faults: Faults | None = None) -> None:
        """Serve the API, from now on with these faults; its clients stay."""
        port = 0
        if self.server:
            port = urlsplit(self.server.base_url).port or 0
            self.server.stop()
        config = SandboxConfig(quota=FREE, faults=faults or Faults())
        self.server = self._open.enter_context(SandboxServer(self.folder / "api", config=config, port=port))
        self.program.target(self.server)

    def export(self, rows: list[list[str]]) -> None:
        """Write the night's export."""
        self.program.write_csv("export.csv", rows)

    def job(self, *args: str, **environ: Any) -> Night:
        """Run a command as cron would, and collect what it told."""
        told, beats = len(self.box.told), self.box.beats
        done = self.program(*args, **environ)
        summary = json.loads(done.out) if done.out.startswith("{") else {}
        return Night(done.code, summary, done.err, self.box.told[told:], self.box.beats - beats)
