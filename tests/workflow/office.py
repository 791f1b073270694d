"""Whole runs against a sandbox over real HTTP, without a command line."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from bulk_sync.errors import Question
from bulk_sync.journal import Journal, JournalBook
from bulk_sync.records import RowResult
from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer
from bulk_sync.sending.ports import Observer
from bulk_sync.workflow import checking, resuming, retrying, running, runs, stored_plan, undoing
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk, Forecast, WallClock
from bulk_sync.workflow.view import PlanView

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


@dataclass
class Listener:
    """A person who says yes, or no, and remembers what was shown."""

    interactive: bool = False
    answer: bool = True
    views: list[PlanView] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def ask(self, question: Question) -> str | None:
        return None

    def confirm(self, view: PlanView) -> bool:
        self.views.append(view)
        return self.answer

    def show(self, view: PlanView) -> None:
        self.views.append(view)

    def phase(self, name: str, total: int | None = None) -> None: ...
    def step(self, done: int) -> None: ...
    def observer(self, forecast: Forecast, quota: Callable[[], str]) -> Observer:
        return Observer()

    def end_phase(self) -> None: ...


class Office:
    """A folder with a state directory, a server, and the commands that a person would give there."""

    def __init__(self, folder: Path, server: SandboxServer) -> None:
        self.folder = folder
        self.server = server
        self.clock = WallClock()
        self.talk = Listener()
        self._desks: list[Desk] = []

    def close(self) -> None:
        for desk in self._desks:
            desk.close()

    def desk(self, **flags: object) -> Desk:
        desk = Desk(
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
        self._desks.append(desk)
        return desk

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
        with self.desk(**flags) as desk:
            return asyncio.run(running.run(desk, source, mapping))

    def plan(self, source: Path, mapping: Path, **flags: object) -> Ended:
        with self.desk(**flags) as desk:
            return asyncio.run(running.plan(desk, source, mapping))

    def check(self, source: Path, mapping: Path, **flags: object) -> Ended:
        with self.desk(**flags) as desk:
            return asyncio.run(checking.check(desk, source, mapping))

    def run_plan(self, run: str, **flags: object) -> Ended:
        with self.desk(**flags) as desk:
            return asyncio.run(stored_plan.run_plan(desk, run))

    def resume(self, run: str | None = None, **flags: object) -> Ended:
        with self.desk(**flags) as desk:
            return asyncio.run(resuming.resume(desk, run))

    def retry(self, name: str, run: str | None = None, **flags: object) -> Ended:
        with self.desk(**flags) as desk:
            return asyncio.run(retrying.retry(desk, name, run))

    def undo(self, run: str, **flags: object) -> Ended:
        return self.undo_at(self.desk(**flags), run)

    def undo_at(self, desk: Desk, run: str) -> Ended:
        with desk:
            return asyncio.run(undoing.undo(desk, run))

    def delete(self, record_id: str) -> None:
        """Delete a client as a third party would, over HTTP."""
        url = f"{self.server.base_url}/clients/{record_id}"
        with urlopen(Request(url, method="DELETE", headers={"x-api-key": self.server.key})) as reply:
            assert reply.status == 200

    @contextmanager
    def opened(self, run: str) -> Iterator[Journal]:
        with self.desk() as desk, runs.opened(desk, run) as journal:
            yield journal

    def rows(self, ended: Ended) -> list[RowResult]:
        with self.opened(ended.summary.run) as journal:
            return list(JournalBook(journal, ended.summary).rows())

    def requests(self) -> Mapping[str, int]:
        """Return the requests that the server has seen since it started, by method."""
        counters = self.server.counters
        return {method: counters[method] for method in ("GET", "PATCH") if counters[method]}
