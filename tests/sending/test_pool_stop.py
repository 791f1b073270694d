"""The end that somebody asks for, faults of the log, and reading."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from itertools import islice
from typing import Any, TypeAlias

import pytest

from bulk_sync.errors import Halted, KeyRefused
from bulk_sync.records import Change, Reply, Request, Status
from bulk_sync.sending.limits import Limits, SendReport
from bulk_sync.sending.ports import Interrupted, Permit, Stop, StopReason, StopSignal

MakeWorld = Callable[..., Any]
World: TypeAlias = Any
Virtually = Callable[..., Any]


def test_no_request_leaves_after_the_stop(make_world: MakeWorld) -> None:
    """Those in flight are answered and settled; nothing leaves at or after the stop; exit code 130."""
    world = make_world(500)
    report = world.send(stop_after=1.234)
    assert max(at for at, _ in world.server.requests) <= 1001.234
    assert report.counts == {Status.UPDATED: len(world.server.requests)}
    assert (report.stopped_by, int(report.stop.exit_code)) == ("interrupted", 130)


def test_requests_in_flight_get_a_few_seconds(make_world: MakeWorld, virtually: Virtually) -> None:
    """A server that hangs does not hold the end; what was out is in doubt."""
    world = make_world(50, lambda request, number, now: "hang")
    ended: list[float] = []

    async def go() -> SendReport:
        stop = StopSignal()
        loop = asyncio.get_running_loop()
        loop.call_later(2.0, stop.set, Stop(StopReason.INTERRUPTED, "interrupted"))
        report: SendReport = await world.pool(stop, Limits(grace=5.0)).send_all(world.changes())
        ended.append(loop.time())
        return report

    report = virtually(go())
    assert (report.counts, ended) == ({Status.IN_DOUBT: 4}, [1007.0])
    assert world.log.outcomes[1].message == (
        "unanswered: the request was out, and its answer had not come; the run stopped before it was settled"
    )


def test_what_is_sent_again_and_cut_off_is_told_of_this_attempt(make_world: MakeWorld, virtually: Virtually) -> None:
    """An earlier process left it in doubt, and this one sent it: not an earlier attempt alone got no answer."""
    world = make_world(2, lambda request, number, now: "hang")
    changes = [change._replace(in_doubt=True, attempts=1) for change in world.changes()]
    stop = StopSignal()

    async def go() -> SendReport:
        asyncio.get_running_loop().call_later(1.0, stop.set, Stop(StopReason.INTERRUPTED, "interrupted"))
        report: SendReport = await world.pool(stop, Limits(workers=1)).send_all(changes)
        return report

    virtually(go())
    assert (world.log.outcomes[1].attempts, set(world.log.outcomes)) == (2, {1})
    assert "the request was out, and its answer had not come" in world.log.outcomes[1].message


def test_rows_that_wait_to_be_tried_again_end_in_doubt_or_not_sent(make_world: MakeWorld) -> None:
    """Those whose attempt may have been applied are in doubt; those refused a connection stay without outcome."""
    world = make_world(8, lambda request, number, now: "refuse" if int(request.record_id[4:]) % 2 else "lost")
    report = world.send(stop_after=0.3)
    doubtful = {int(request.record_id[4:]) for _, request in world.server.requests} & {2, 4, 6, 8}
    assert set(world.log.outcomes) == doubtful
    assert report.counts == {Status.IN_DOUBT: len(doubtful)}


class _Slow:
    """A quota that opens much later."""

    def __init__(self) -> None:
        self.waiting = 0
        self.out = 0

    async def acquire(self) -> Permit:
        self.waiting += 1
        try:
            await asyncio.sleep(600)
        finally:
            self.waiting -= 1
        return 1

    def report(self, permit: Permit, reply: Reply | None) -> None:
        raise AssertionError("nothing was sent")


def test_whoever_waits_for_the_quota_is_let_go_at_once(make_world: MakeWorld, virtually: Virtually) -> None:
    """The stop does not wait for a permit, and no place in the quota stays taken."""
    world = make_world(50)
    world.gate = _Slow()
    ended: list[float] = []

    async def go() -> SendReport:
        stop = StopSignal()
        loop = asyncio.get_running_loop()
        loop.call_later(2.0, stop.set, Stop(StopReason.INTERRUPTED, "interrupted"))
        report: SendReport = await world.pool(stop).send_all(world.changes())
        ended.append(loop.time())
        return report

    report = virtually(go())
    assert (report.counts, ended, world.gate.waiting, world.server.requests) == ({}, [1002.0], 0, [])


def test_a_stop_while_the_intent_is_written_keeps_the_request_back(make_world: MakeWorld) -> None:
    """The journal then knows that it never left."""
    world = make_world(4, commit=1.0)
    report = world.send(stop_after=0.5)
    assert (world.server.requests, report.counts, report.requests.total()) == ([], {}, 0)
    assert set(world.log.verdicts.values()) <= {"again"}


def test_an_answer_whose_outcome_the_log_had_not_kept_yet_is_kept_after_all(make_world: MakeWorld) -> None:
    """A log slower than the grace: what the API said is neither lost nor called in doubt."""
    world = make_world(2, commit=10.0)
    report = world.send(Limits(grace=2.0), stop_after=15.0)
    assert (report.counts, len(world.server.requests)) == ({Status.UPDATED: 2}, 2)


def test_a_full_disk_ends_everything_and_is_raised(make_world: MakeWorld) -> None:
    """No request leaves after the log has failed."""
    left: list[int] = []

    def disk() -> None:
        if len(world.log.verdicts) >= 10:
            left.append(len(world.server.requests))
            raise Halted("journal: no space left on device")

    world = make_world(100, disk=disk)
    with pytest.raises(Halted, match="no space left"):
        world.send()
    assert left == [len(world.server.requests)]


@pytest.mark.parametrize("rows", [4, 50])
def test_a_full_disk_is_heard_of_by_those_who_do_not_wait_for_it(make_world: MakeWorld, rows: int) -> None:
    """Whoever sent has gone on, to the end of the rows or to a quota that opens in a day."""

    def disk() -> None:
        raise Halted("journal: no space left on device")

    world = make_world(rows, commit=1.0, disk=disk)
    world.gate = DayGate(4)
    with pytest.raises(Halted, match="no space left"):
        world.send(Limits(workers=4))
    assert (len(world.server.requests), world.log.outcomes, world.ended < 1003.0) == (4, {}, True)


@pytest.mark.parametrize("hook", ["settled", "answered"])
def test_a_display_that_fails_ends_the_run(make_world: MakeWorld, hook: str) -> None:
    """At once, although whoever sent waits for a quota that opens in a day."""
    world = make_world(50)
    world.gate = DayGate(1)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    setattr(world.told, hook, fail)
    with pytest.raises(ZeroDivisionError):
        world.send(Limits(workers=1))
    assert (len(world.server.requests), world.ended < 1001.0) == (1, True)


def test_what_came_back_is_kept_although_something_else_failed(make_world: MakeWorld, virtually: Virtually) -> None:
    """The rows end by an exception: what was answered before it is no case of doubt."""
    world = make_world(10, commit=5.0)

    def changes() -> Iterator[Change]:
        yield from islice(world.changes(), 6)
        raise ZeroDivisionError

    async def go() -> None:
        await world.pool(limits=Limits(workers=2)).send_all(changes())

    with pytest.raises(ZeroDivisionError):
        virtually(go())
    assert len(world.server.requests) == 6
    assert world.log.statuses() == {"updated": 6}


def test_reading_waits_for_the_server_and_returns_refusals(make_world: MakeWorld, virtually: Virtually) -> None:
    """A page in an outage of minutes comes in the end; a 404 is an answer."""
    world = make_world(1, lambda request, number, now: "refuse" if now < 1300 else "ok")

    async def go() -> tuple[int | None, int | None]:
        pool = world.pool()
        page = await pool.fetch(Request("page"))
        missing = await pool.fetch(Request("get", "clt_999"))
        return page.http_status, missing.http_status

    assert virtually(go()) == (200, 404)


def test_reading_raises_the_stop(make_world: MakeWorld, virtually: Virtually) -> None:
    """A refused key while the plan is made ends the command with 4."""
    world = make_world(1, lambda request, number, now: 401)
    with pytest.raises(KeyRefused, match="the API refused the key: status 401"):
        virtually(_fetch(world, Request("page")))


def test_reading_gives_up_a_record_that_breaks_the_server(make_world: MakeWorld, virtually: Virtually) -> None:
    """Its last reply is returned, for the caller to judge; two pages have shown that the server lives."""
    world = make_world(1, lambda request, number, now: 500 if request.record_id else "ok")
    reply = virtually(_fetch(world, Request("get", "clt_1")))
    assert (reply.http_status, len(world.server.requests)) == (500, 12)


async def _fetch(world: World, request: Request) -> Reply:
    reply: Reply = await world.pool().fetch(request)
    return reply


async def _read_all(world: World, stop: StopSignal, count: int) -> dict[str, int | None]:
    found = {}
    async with aclosing(world.pool(stop).fetch_all(Request("get", f"clt_{n}") for n in range(1, count + 1))) as replies:
        async for request, reply in replies:
            found[request.record_id] = reply.http_status
    return found


def test_many_records_are_read_at_once(make_world: MakeWorld, virtually: Virtually) -> None:
    """All come, each once, in any order."""
    world = make_world(100, lambda request, number, now: 503 if number % 7 == 0 else "ok")
    found = virtually(_read_all(world, StopSignal(), 101))
    assert found == {**{f"clt_{n}": 200 for n in range(1, 101)}, "clt_101": 404}


def test_reading_many_ends_with_the_stop(make_world: MakeWorld, virtually: Virtually) -> None:
    """What was read is given, then the interruption is raised."""
    world = make_world(1000)

    async def go() -> None:
        stop = StopSignal()
        asyncio.get_running_loop().call_later(1.0, stop.set, Stop(StopReason.INTERRUPTED, "interrupted"))
        await _read_all(world, stop, 1000)

    with pytest.raises(Interrupted):
        virtually(go())
    assert max(at for at, _ in world.server.requests) <= 1001.0


def test_reading_many_may_be_left_early(make_world: MakeWorld, virtually: Virtually) -> None:
    """Closing it ends its workers, however full the queue is."""
    world = make_world(1000)

    async def go() -> int:
        async with aclosing(world.pool().fetch_all(Request("get", f"clt_{n}") for n in range(1, 1000))) as replies:
            async for _ in replies:
                await asyncio.sleep(60)
                break
        return len(asyncio.all_tasks())

    assert virtually(go()) == 1


def test_doubts_of_an_earlier_process_are_settled_by_reading(make_world: MakeWorld, virtually: Virtually) -> None:
    """Each record is read once; one that has all of it is updated."""
    world = make_world(3)
    world.server.records["clt_1"]["name"] = "N1"

    async def go() -> SendReport:
        pool = world.pool()
        doubts = [Change(n, f"clt_{n}", {"name": f"N{n}"}, attempts=10, in_doubt=True) for n in (1, 2)]
        await pool.settle_in_doubt(doubts)
        report: SendReport = await pool.settle_in_doubt(doubts[1:])
        return report

    report = virtually(go())
    assert (report.counts, report.requests) == ({Status.UPDATED: 1, Status.IN_DOUBT: 1}, {"get": 2})


@pytest.mark.parametrize("most", [None, 4])
def test_what_hangs_when_the_end_came_is_in_doubt(make_world: MakeWorld, most: int | None) -> None:
    """Four hang, and the others have no lane: the log knows which left, whatever the stop's reason."""
    world = make_world(50, lambda request, number, now: "hang")
    report = world.send(Limits(workers=16, grace=5.0, max_requests=most), stop_after=2.0 if most is None else None)
    unanswered = set(world.log.intents) - set(world.log.verdicts)
    assert (len(world.log.intents), len(unanswered)) == (4, 4)
    assert (report.counts, len(world.server.requests)) == ({Status.IN_DOUBT: 4}, 4)
    assert {world.log.intents[number][1] for number in unanswered} == set(world.log.outcomes)


@pytest.mark.parametrize("grace", [5.0, 15.0])
def test_what_was_counted_leaves_within_the_grace_alone(make_world: MakeWorld, grace: float) -> None:
    """--max-requests counts a request before its intent is durable: if that takes longer, it is known as never sent."""
    world = make_world(50, commit=10.0)
    report = world.send(Limits(workers=5, grace=grace, max_requests=4))
    left = 4 if grace > 10.0 else 0
    verdicts = Counter({"done": left}) if left else Counter({"again": 4})
    assert (len(world.log.intents), Counter(world.log.verdicts.values())) == (4, verdicts)
    assert (len(world.server.requests), report.counts[Status.UPDATED]) == (left, left)


@pytest.mark.parametrize("faulty", [False, True])
def test_a_crash_leaves_no_more_in_doubt_than_there_are_workers(make_world: MakeWorld, *, faulty: bool) -> None:
    """However slow the disk: whoever goes on takes its intent there after what came back to it."""
    dice = random.Random(1)
    unkept: list[int] = []
    unanswered: list[int] = []

    def look() -> None:
        unkept.append(len(world.server.requests) - len(world.log.verdicts))
        unanswered.append(len(world.log.intents) - len(world.log.verdicts))

    def script(request: Request, number: int, now: float) -> str | int:
        look()
        return 503 if faulty and dice.random() < 0.2 else "ok"

    world = make_world(100, script, commit=0.5, disk=look)
    report = world.send(Limits(workers=8))
    assert report.counts == {Status.UPDATED: 100}
    assert (max(unkept), max(unanswered)) == (8, 8)


class DayGate:
    """A quota that lets so many out and the others wait for a day."""

    def __init__(self, room: int) -> None:
        self.room, self.out = room, 0

    async def acquire(self) -> Permit:
        if not self.room:
            await asyncio.sleep(86_400.0)
        self.room -= 1
        self.out += 1
        return self.out

    def report(self, permit: Permit, reply: Reply | None) -> None:
        self.out -= 1
