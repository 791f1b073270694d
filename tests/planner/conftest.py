"""A whole run against a sandbox over real HTTP, without a command line: what planning costs and what it saves."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.api import _Logged
from bulk_sync.journal import JournalBook
from bulk_sync.records import RowResult
from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer
from bulk_sync.workflow import running, runs, stored_plan, undoing
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk

UNLIMITED = SandboxConfig(quota=Quota(rate="none"))


class Office:
    """A folder with a state directory, a server, and the commands that a person would give there."""

    def __init__(self, folder: Path, server: SandboxServer) -> None:
        self.folder = folder
        self.server = server

    def desk(self, **flags: object) -> Desk:
        return Desk(
            talk=_Logged(),
            flags={
                "yes": True,
                "base_url": self.server.base_url,
                "state_dir": self.folder / "state",
                "rate": "none",
                "workers": 20,
                **flags,
            },
            environ={"HEFFL_API_KEY": self.server.key},
            folder=self.folder,
            writes_files=False,
        )

    def source(self, header: Sequence[str], rows: Sequence[Sequence[object]], name: str = "clients.csv") -> Path:
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    def mapping(self, name: str = "mapping.yaml", **content: object) -> Path:
        path = self.folder / name
        path.write_text(json.dumps({"version": 1, "resource": "clients", **content}))
        return path

    def run(self, source: Path, mapping: Path, **flags: object) -> Ended:
        return asyncio.run(running.run(self.desk(**flags), source, mapping))

    def plan(self, source: Path, mapping: Path, **flags: object) -> Ended:
        return asyncio.run(running.plan(self.desk(**flags), source, mapping))

    def run_plan(self, run: str, **flags: object) -> Ended:
        return asyncio.run(stored_plan.run_plan(self.desk(**flags), run))

    def undo(self, run: str, **flags: object) -> Ended:
        return asyncio.run(undoing.undo(self.desk(**flags), run))

    def rows(self, ended: Ended) -> list[RowResult]:
        with runs.opened(self.desk(), ended.summary.run) as journal:
            return list(JournalBook(journal, ended.summary).rows())

    def requests(self) -> Mapping[str, int]:
        """Return the requests that the server has seen since it started, by method."""
        counters = self.server.counters
        return {method: counters[method] for method in ("GET", "PATCH") if counters[method]}


@pytest.fixture
def open_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Open offices, each with a server of its own."""
    servers: list[SandboxServer] = []

    def opener(config: SandboxConfig = UNLIMITED, records: Sequence[Mapping[str, Any]] = ()) -> Office:
        server = SandboxServer(None, config=config)
        servers.append(server)
        server.seed(records)
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        return Office(folder, server.start())

    yield opener
    for server in servers:
        server.close()
