"""A server that does not answer from the very start, or answers everything but one row: in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.records import Reply, Request, Status
from bulk_sync.sending.breaker import BreakerSettings
from bulk_sync.sending.limits import Limits

MakeWorld = Callable[..., Any]

GRACE = 5.0
"""Seconds that requests in flight get when the run is stopped."""


def patience(seconds: float, *, workers: int = 4) -> Limits:
    return Limits(workers=workers, grace=GRACE, breaker=BreakerSettings(max_outage=seconds))


@pytest.mark.parametrize("canaries", [0, 1, 3])
@pytest.mark.parametrize("seconds", [2.0, 60.0, 1800.0])
@pytest.mark.parametrize(("fault", "status"), [("refuse", None), ("reset", Status.IN_DOUBT), (503, Status.IN_DOUBT)])
def test_a_server_dead_from_the_start_ends_the_run_when_patience_ends(
    make_world: MakeWorld, fault: str | int, status: Status | None, seconds: float, canaries: int
) -> None:
    """However few requests are in flight: the time counts from the first failure, and the run ends with 3."""
    world = make_world(20, lambda request, number, now: fault, canaries=canaries)
    report = world.send(patience(seconds))
    began, ended = world.server.requests[0][0], world.ended
    assert seconds <= ended - began <= seconds + GRACE + 1.0
    assert (report.stopped_by, int(report.stop.exit_code)) == ("outage", 3)
    tried = {request.record_id for _, request in world.server.requests if request.record_id}
    assert report.counts == ({status: len(tried)} if status else {})
    assert len(world.server.requests) <= 12 + 12 + seconds / 30


@pytest.mark.parametrize(("workers", "seconds"), [(1, 60.0), (2, 60.0), (4, 32.0)])
def test_a_server_that_hangs_from_the_start_ends_the_run_when_patience_ends(
    make_world: MakeWorld, workers: int, seconds: float
) -> None:
    """30 s until the first deadline is missed, then what the user allows; what is out by then is in doubt.

    Where one request in flight is all there may be, the question waits for the end of the second one.
    """
    world = make_world(20, lambda request, number, now: "hang", canaries=1)
    report = world.send(patience(2.0, workers=workers))
    assert seconds <= world.ended - world.server.requests[0][0] <= seconds + GRACE + 0.5
    assert (report.stopped_by, report.counts) == ("outage", {Status.IN_DOUBT: 1})


@pytest.mark.parametrize("canaries", [1, 3])
def test_a_server_that_never_was_the_api_is_not_waited_for(make_world: MakeWorld, canaries: int) -> None:
    """A portal that answers 200 to everything: a question for a page tells, within a minute or two."""
    portal = Reply(200, {}, text="<html>sign in</html>", seconds=0.1)
    world = make_world(20, lambda request, number, now: portal, canaries=canaries)
    report = world.send()
    assert (report.stopped_by, report.stop.exit_code) == ("systemic", 3)
    assert report.stop.message.endswith("but with no page of clients: sign in")
    assert world.ended - world.server.requests[0][0] <= 90.0


def test_an_api_that_answers_a_change_with_nothing_is_the_api(make_world: MakeWorld) -> None:
    """204 to each PATCH, and nothing was read before: a page says who it is."""
    silent = Reply(204, {}, seconds=0.1)
    world = make_world(20, lambda request, number, now: silent if request.kind == "patch" else "ok")
    assert world.send().stopped_by != "systemic"


def test_a_portal_before_the_api_that_was_met_is_an_outage(make_world: MakeWorld) -> None:
    """In the middle of the night: it is waited for as long as any other."""
    portal = Reply(200, {}, text="<html>we are back soon</html>", seconds=0.1)
    world = make_world(50, lambda request, number, now: portal if 1002 < now < 1600 else "ok", latency=0.5)
    assert world.send().counts == {Status.UPDATED: 50}


def test_the_reason_is_said_with_its_time(make_world: MakeWorld) -> None:
    """Seconds as seconds, and the last failure in words."""
    world = make_world(1, lambda request, number, now: "refuse")
    said = world.send(patience(2.0)).stop.message
    assert said == "no usable answer for 2 seconds (--max-outage), at last: no connection: refused"


def test_few_requests_in_flight_open_the_breaker_after_some_seconds(make_world: MakeWorld) -> None:
    """One canary alone: ten seconds of failures and a page that fails, too; it closes when the server is back."""
    world = make_world(50, lambda request, number, now: "reset" if now < 1060 else "ok", canaries=1)
    report = world.send()
    (opened, at), (closed, back) = world.told.events[:2]
    assert (opened, closed, report.counts) == ("paused", "resumed", {Status.UPDATED: 50})
    assert 10.0 <= at - 1000.0 <= 10.5
    assert 1060 <= back <= 1091
    assert max(outcome.attempts for outcome in world.log.outcomes.values()) == 1
    assert sum(at < 1060 for at, _ in world.server.requests) <= 20


def test_ten_minutes_of_outage_from_the_start_fail_no_row(make_world: MakeWorld) -> None:
    """At most 40 probes, all rows sent when the server comes, with one attempt each."""
    world = make_world(50, lambda request, number, now: "reset" if now < 1600 else "ok", canaries=1)
    assert world.send().counts == {Status.UPDATED: 50}
    assert sum(at < 1600 for at, _ in world.server.requests) <= 40
    assert {outcome.attempts for outcome in world.log.outcomes.values()} == {1}


@pytest.mark.parametrize("seconds", [2.0, 1800.0])
@pytest.mark.parametrize("fault", [503, "reset"])
def test_a_single_row_that_breaks_the_server_does_not_open_the_breaker(
    make_world: MakeWorld, fault: str | int, seconds: float
) -> None:
    """It is all that fails: pages show that the server lives, and the row has its ten attempts."""

    def script(request: Request, number: int, now: float) -> str | int:
        return fault if request.kind == "patch" else "ok"

    world = make_world(1, script)
    report = world.send(patience(seconds))
    assert (report.counts, report.stop, world.told.events) == ({Status.IN_DOUBT: 1}, None, [])
    assert world.log.outcomes[1].attempts == 10


def test_a_row_that_breaks_the_server_among_others_opens_nothing(make_world: MakeWorld) -> None:
    """While others succeed no page is asked for at all."""
    world = make_world(
        400,
        lambda request, number, now: 503 if request == Request("patch", "clt_3", {"name": "N3"}) else "ok",
        latency=1.0,
    )
    report = world.send(patience(30.0, workers=1))
    assert (report.counts, report.stop) == ({Status.UPDATED: 399, Status.IN_DOUBT: 1}, None)
    assert (world.told.events, report.requests["page"]) == ([], 0)


@pytest.mark.parametrize("count", [3, 7])
@pytest.mark.parametrize(("fault", "status"), [(500, Status.IN_DOUBT), ("reset", Status.IN_DOUBT), ("lost", None)])
def test_rows_that_break_the_server_are_given_up_when_they_are_all_that_is_left(
    make_world: MakeWorld, fault: str | int, status: Status | None, count: int
) -> None:
    """However many of them fail in a row: pages show that the server lives, and no outage is told."""
    broken = {f"clt_{number}" for number in range(7, 7 + count)}
    world = make_world(
        20, lambda request, number, now: fault if request.kind == "patch" and request.record_id in broken else "ok"
    )
    report = world.send()
    expected = {Status.UPDATED: 20 - count, status: count} if status else {Status.UPDATED: 20}
    assert (report.counts, report.stop) == (expected, None)
    assert world.ended - world.server.requests[0][0] < 400


def test_records_that_break_the_server_are_given_up_when_they_are_read(
    make_world: MakeWorld, virtually: Callable[..., Any]
) -> None:
    """The others come, and for these the refusal."""
    broken = {"clt_7", "clt_8", "clt_9"}
    world = make_world(20, lambda request, number, now: 500 if request.record_id in broken else "ok")

    async def read() -> dict[str, int | None]:
        requests = [Request("get", f"clt_{number}") for number in range(1, 21)]
        return {request.record_id: reply.http_status async for request, reply in world.pool().fetch_all(requests)}

    assert virtually(read()) == {f"clt_{n}": 500 if f"clt_{n}" in broken else 200 for n in range(1, 21)}


def test_ten_minutes_without_changes_fail_no_row_although_pages_come(make_world: MakeWorld) -> None:
    """As long as there is something new to send, changes that fail are taken for an outage of theirs."""
    world = make_world(
        200, lambda request, number, now: 503 if request.kind == "patch" and 1002 < now < 1602 else "ok", latency=0.3
    )
    assert world.send().counts == {Status.UPDATED: 200}
    assert sum(1002 < at < 1602 for at, _ in world.server.requests) <= 60
