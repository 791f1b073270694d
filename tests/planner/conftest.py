"""A whole run against a sandbox over real HTTP, without a command line: what planning costs and what it saves."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from bulk_sync.api import _Logged
from bulk_sync.journal import JournalBook
from bulk_sync.records import RowResult
from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer
from bulk_sync.workflow import checking, resuming, retrying, running, runs, stored_plan, undoing
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk, Talk, WallClock

UNLIMITED = SandboxConfig(quota=Quota(rate="none"))


class LeapingClock(WallClock):
    """Nobody waits: whoever sleeps is there at once, and it is later. ``on_sleep`` is told the moment."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.on_sleep: Callable[[float], None] = lambda _: None

    def monotonic(self) -> float:
        return super().monotonic() + self.slept

    def time(self) -> float:
        return super().time() + self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.on_sleep(self.slept)
        await asyncio.sleep(0)


class Office:
    """A folder with a state directory, a server, and the commands that a person would give there."""

    def __init__(self, folder: Path, server: SandboxServer) -> None:
        self.folder = folder
        self.server = server
        self.clock = WallClock()
        self.talk: Talk = _Logged()

    def desk(self, **flags: object) -> Desk:
        return Desk(
            talk=self.talk,
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
            clock=self.clock,
            writes_files="output" in flags,
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

    def check(self, source: Path, mapping: Path, **flags: object) -> Ended:
        return asyncio.run(checking.check(self.desk(**flags), source, mapping))

    def run_plan(self, run: str, **flags: object) -> Ended:
        return asyncio.run(stored_plan.run_plan(self.desk(**flags), run))

    def resume(self, run: str, **flags: object) -> Ended:
        return asyncio.run(resuming.resume(self.desk(**flags), run))

    def retry(self, run: str, **flags: object) -> Ended:
        return asyncio.run(retrying.retry(self.desk(**flags), run, None))

    def undo(self, run: str, **flags: object) -> Ended:
        return self.undo_at(self.desk(**flags), run)

    def undo_at(self, desk: Desk, run: str) -> Ended:
        return asyncio.run(undoing.undo(desk, run))

    def delete(self, record_id: str) -> None:
        """Delete a client as a third party would, over HTTP."""
        url = f"{self.server.base_url}/clients/{record_id}"
        with urlopen(Request(url, method="DELETE", headers={"x-api-key": self.server.key})) as reply:
            assert reply.status == 200

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


@pytest.fixture
def leaping_clock() -> Callable[[], LeapingClock]:
    """Make clocks on which nobody waits."""
    return LeapingClock


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change a client as a third party would, over HTTP."""

    def change(office: Office, record_id: str, **fields: object) -> None:
        request = Request(
            f"{office.server.base_url}/clients/{record_id}",
            method="PATCH",
            data=json.dumps(fields).encode(),
            headers={"x-api-key": office.server.key, "content-type": "application/json"},
        )
        with urlopen(request) as reply:
            assert reply.status == 200

    return change


@pytest.fixture
def open_prefixless(open_office: Callable[..., Office]) -> Callable[..., Office]:
    """Open an office whose API shows custom fields without their prefix."""
    config = SandboxConfig(quota=Quota(rate="none"), custom_prefix=False)
    return lambda records: open_office(config=config, records=records)
