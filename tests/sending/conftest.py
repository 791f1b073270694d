"""Fakes at the ports of sending, all in this one file; they live in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from bulk_sync.records import Change, Json, Outcome, Reply, Request, Status
from bulk_sync.sending.limits import Limits, SendReport
from bulk_sync.sending.pool import Pool
from bulk_sync.sending.ports import Handled, Observer, Permit, Stop, StopReason, StopSignal, Then, by_nobody
from tests.tools.virtual_time import run_virtually


class LoopClock:
    """The port Clock over the loop's time; the wall clock began in 2026."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def time(self) -> float:
        return 1_790_000_000.0 + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class OpenGate:
    """A quota without limit that counts what it is told."""

    def __init__(self) -> None:
        self.out = 0
        self.used = 0
        self.unused = 0

    async def acquire(self) -> Permit:
        self.out += 1
        return self.out

    def report(self, permit: Permit, reply: Reply | None) -> None:
        self.out -= 1
        if reply is None:
            self.unused += 1
        else:
            self.used += 1


class MemoryLog:
    """A ChangeLog in memory that checks the order of what it is told.

    What it is told is durable ``commit`` seconds later, in that order; ``disk`` is called before a verdict is kept, and
    may raise. Whatever is raised there, by a check or by whoever is told, breaks the log.
    """

    def __init__(self, *, commit: float = 0.0, disk: Callable[[], None] = lambda: None) -> None:
        self.intents: dict[int, tuple[Request, int | None]] = {}
        self.verdicts: dict[int, str] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.history: dict[int, list[Status]] = {}
        self.fault: BaseException | None = None
        self._commit = commit
        self._disk = disk
        self._told: deque[tuple[Callable[[], None], Then]] = deque()
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def intend(self, request: Request, change_id: int | None) -> int:
        number = next(self._numbers)

        def keep() -> None:
            self.intents[number] = (request, change_id)

        await self._durable(keep)
        return number

    async def answered(self, request_id: int, reply: Reply, verdict: str) -> None:
        await self._durable(partial(self._answer, request_id, verdict))

    def conclude(self, request_id: int, reply: Reply, verdict: str, outcome: Outcome, then: Then) -> None:
        def keep() -> None:
            self._answer(request_id, verdict)
            self._end(outcome)

        self._tell(keep, then)

    async def finish(self, outcome: Outcome) -> None:
        await self._durable(partial(self._end, outcome))

    def old_values(self, change_id: int) -> Mapping[str, Json]:
        return {"name": "old"}  # what each record of a world begins with

    async def flush(self) -> None:
        if self._told or self.fault:
            await self._durable(lambda: None)

    async def _durable(self, keep: Callable[[], None]) -> None:
        told: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self._tell(keep, lambda fault: None if told.done() else told.set_result(fault))
        fault = await told
        if fault is not None:
            raise fault

    def _tell(self, keep: Callable[[], None], then: Then) -> None:
        if self.fault is not None:
            raise self.fault
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the process before crashed
            self._loop = loop
            self._told.clear()
        self._told.append((keep, then))
        loop.call_later(self._commit, self._keep_first)

    def _keep_first(self) -> None:
        keep, then = self._told.popleft()
        if self.fault is None:
            try:
                keep()
            except Exception as fault:  # noqa: BLE001 - told to all, as RequestLog does
                self.fault = fault
        try:
            then(self.fault)
        except Exception as fault:  # noqa: BLE001 - as above: a hook's fault, or an assertion in it
            self.fault = self.fault or fault

    def _answer(self, request_id: int, verdict: str) -> None:
        assert request_id in self.intents and request_id not in self.verdicts
        self._disk()
        self.verdicts[request_id] = verdict

    def _end(self, outcome: Outcome) -> None:
        assert self.history.get(outcome.change_id, [Status.IN_DOUBT])[-1] is Status.IN_DOUBT, "ended twice"
        self.outcomes[outcome.change_id] = outcome
        self.history.setdefault(outcome.change_id, []).append(outcome.status)

    def statuses(self) -> Counter[str]:
        return Counter(str(outcome.status) for outcome in self.outcomes.values())


READABLE = frozenset({"name", "email", "phone"})

Script = Callable[[Request, int, float], "str | int | Reply"]
"""Says what happens to the n-th request at a time: ok, lost, reset, refuse, hang, or a status."""


@dataclass
class FakeServer:
    """Holds clients; a script decides what goes wrong. A Sender."""

    script: Script = lambda request, number, now: "ok"
    latency: float = 0.1
    readable: frozenset[str] = READABLE
    stored: Callable[[Json], Json] = lambda value: value
    records: dict[str, dict[str, Json]] = field(default_factory=dict)
    requests: list[tuple[float, Request]] = field(default_factory=list)
    applied: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0

    async def send(self, request: Request) -> Reply:
        loop = asyncio.get_running_loop()
        self.requests.append((loop.time(), request))
        what = self.script(request, len(self.requests), loop.time())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if what == "refuse":
                return Reply(None, {}, fault="connect", detail="refused", left=False)
            await asyncio.sleep(30.0 if what == "hang" else self.latency)
            return self._reply(request, what)
        finally:
            self.in_flight -= 1

    def _reply(self, request: Request, what: str | int | Reply) -> Reply:
        if isinstance(what, Reply):
            return what
        if isinstance(what, int):
            body = {"code": f"E{what}", "message": f"status {what}"}
            return Reply(what, {}, body, seconds=self.latency)
        if what == "hang":
            return Reply(None, {}, fault="timeout", seconds=30.0)
        if what == "reset":
            return Reply(None, {}, fault="broken", seconds=self.latency)
        answer = self._apply(request)
        if what == "lost":
            return Reply(None, {}, fault="broken", seconds=self.latency)
        return answer

    def _apply(self, request: Request) -> Reply:
        if request.kind == "page":
            return Reply(200, {}, {"items": [], "nextCursor": None, "hasMore": False}, seconds=self.latency)
        record = self.records.get(request.record_id)
        if record is None:
            return Reply(404, {}, {"code": "NOT_FOUND", "message": "no such client"}, seconds=self.latency)
        if request.kind == "patch":
            record.update({name: self.stored(value) for name, value in (request.payload or {}).items()})
            self.applied[request.record_id] += 1
        shown = {name: value for name, value in record.items() if name in self.readable or name == "id"}
        return Reply(200, {}, shown, seconds=self.latency)

    def patches(self, since: float = 0.0) -> int:
        return sum(request.kind == "patch" and at >= since for at, request in self.requests)


class Told(Observer):
    """Keeps the pauses, and when they were."""

    def __init__(self) -> None:
        self.events: list[tuple[str, float]] = []

    def paused(self, reason: str, seconds: float) -> None:
        self.events.append(("paused", asyncio.get_running_loop().time()))

    def resumed(self, seconds: float) -> None:
        self.events.append(("resumed", asyncio.get_running_loop().time()))

    def opened(self, canaries: int) -> None:
        self.events.append((f"opened after {canaries}", asyncio.get_running_loop().time()))


@dataclass
class World:
    """A pool with fakes at all its ports."""

    server: FakeServer
    log: MemoryLog
    gate: OpenGate
    told: Told
    rows: int
    canaries: int = 0
    ended: float = 0.0
    handled: Handled = by_nobody

    def changes(self) -> Iterator[Change]:
        for number in range(1, self.rows + 1):
            yield Change(number, f"clt_{number}", {"name": f"N{number}"}, canary=number <= self.canaries)

    def pool(self, stop: StopSignal | None = None, limits: Limits | None = None, *, seed: int = 1) -> Pool:
        return Pool(
            sender=self.server,
            gate=self.gate,
            log=self.log,
            clock=LoopClock(),
            dice=random.Random(seed).random,
            stop=stop or StopSignal(),
            limits=replace(limits or Limits(), readable=self.server.readable),
            observer=self.told,
            handled=self.handled,
        )

    def send(self, limits: Limits | None = None, *, seed: int = 1, stop_after: float | None = None) -> SendReport:
        """Send all in virtual time; ``stop_after`` seconds interrupt."""

        async def go() -> SendReport:
            stop = StopSignal()
            if stop_after is not None:
                reason = Stop(StopReason.INTERRUPTED, "interrupted")
                asyncio.get_running_loop().call_later(stop_after, stop.set, reason)
            try:
                return await self.pool(stop, limits, seed=seed).send_all(self.changes())
            finally:
                self.ended = asyncio.get_running_loop().time()

        report = run_virtually(go())
        assert self.gate.out == 0, "a permit was not given back"
        return report


@pytest.fixture
def make_world() -> Callable[..., World]:
    """Return a maker of worlds: rows, what goes wrong, and keywords of the fake server."""

    def make(
        rows: int,
        script: Script | None = None,
        *,
        canaries: int = 0,
        commit: float = 0.0,
        disk: Callable[[], None] = lambda: None,
        latency: float = 0.1,
        readable: frozenset[str] = READABLE,
    ) -> World:
        fake = FakeServer(latency=latency, readable=readable)
        if script is not None:
            fake.script = script
        for number in range(1, rows + 1):
            fake.records[f"clt_{number}"] = {"id": f"clt_{number}", "name": "old"}
        return World(fake, MemoryLog(commit=commit, disk=disk), OpenGate(), Told(), rows, canaries)

    return make


@pytest.fixture
def virtually() -> Callable[[Awaitable[Any]], Any]:
    """Return the runner of coroutines in virtual time."""
    return run_virtually


@pytest.fixture
def fake_server() -> type[FakeServer]:
    """Return the fake server's class."""
    return FakeServer
