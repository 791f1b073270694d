"""Old values grow old: at a slow quota they are read again before more is sent, and the run gets on all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bulk_sync.sending.ports import Stop, StopReason
from bulk_sync.workflow import running, runs
from tests.workflow.office import Listener

HEADER = ("Client ID", "Company")


def slow_office(open_office: Callable[..., Any], clock: Any, clients: int, rows: int) -> tuple[Any, ...]:
    records = [{"id": f"clt_{n:05}", "type": "company", "name": f"Old {n}"} for n in range(clients)]
    office = open_office(records=records)
    office.clock = clock
    source = office.source(HEADER, [(f"clt_{n:05}", f"New {n}") for n in range(rows)])
    return office, source, office.mapping(match="Client ID", fields={"name": "Company"})


def ages(office: Any, run: str) -> list[float]:
    """Return for each change how many seconds old its old values were when it left."""
    with runs.opened(office.desk(), run) as journal:
        requests = journal.connection.execute("SELECT kind, target, intended_at FROM requests ORDER BY id").fetchall()
    read: dict[str, float] = {}
    found = []
    for kind, target, at in requests:
        if kind == "patch":
            found.append(at - max(read.get(target, 0.0), read.get("", 0.0)))
        else:
            read[target if kind == "get" else ""] = at
    return found


def test_a_listing_is_read_again_every_half_hour(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """70 changes at one a minute: the one page is read again as often as it grows old, and not more often."""
    office, source, mapping = slow_office(open_office, leaping_clock(), clients=70, rows=70)
    ended = office.run(source, mapping, rate="60/h", workers=1)
    assert ended.summary.counts == {"updated": 70}
    assert max(ages(office, ended.summary.run)) <= 30 * 60
    assert office.requests() == {"GET": 3, "PATCH": 70}


def test_single_reads_go_in_step_with_sending(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """Read one by one at one request a minute, no change rests on a value older than half an hour, and all are sent."""
    office, source, mapping = slow_office(open_office, leaping_clock(), clients=60, rows=25)
    ended = office.run(source, mapping, rate="60/h", workers=1, read="each")
    assert ended.summary.counts == {"updated": 25}
    assert max(ages(office, ended.summary.run)) <= 30 * 60


@pytest.mark.parametrize("rate", ["1/h", "4/h"])
def test_the_slowest_quota_gets_on(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], rate: str
) -> None:
    """Even where a read value is old before a change may leave, every change is sent."""
    office, source, mapping = slow_office(open_office, leaping_clock(), clients=3, rows=3)
    ended = office.run(source, mapping, rate=rate, workers=1, read="each")
    assert ended.summary.counts == {"updated": 3}


def test_an_edit_in_the_middle_becomes_the_old_value(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], edit: Callable[..., None]
) -> None:
    """What somebody writes after planning is what undo puts back; an undo itself leaves it alone."""
    clock = leaping_clock()
    office, source, mapping = slow_office(open_office, clock, clients=60, rows=60)
    at(clock, 20 * 60, lambda: edit(office, "clt_00059", name="Theirs"))
    run = office.run(source, mapping, rate="60/h", workers=1)
    assert run.summary.counts == {"updated": 60}

    at(clock, clock.slept + 20 * 60, lambda: edit(office, "clt_00058", name="Later"))
    undone = office.undo(run.summary.run, rate="60/h", workers=1)
    kept = {each.client_id: (each.status, each.code) for each in office.rows(undone) if each.status != "updated"}
    assert kept == {"clt_00058": ("skipped", "changed_since")}
    stored: Mapping[str, Any] = office.server.records()
    assert (stored["clt_00058"]["name"], stored["clt_00059"]["name"]) == ("Later", "Theirs")
    assert undone.summary.exit_code == 1


def test_a_plan_is_not_read_twice(open_office: Callable[..., Any], leaping_clock: Callable[[], Any]) -> None:
    """A plan sent hours later reads the records once to see what has moved, and no more."""
    clock = leaping_clock()
    office, source, mapping = slow_office(open_office, clock, clients=20, rows=20)
    plan = office.plan(source, mapping)
    clock.slept += 20 * 3600
    before = office.requests()["GET"]
    assert office.run_plan(plan.summary.run).summary.counts == {"updated": 20}
    assert office.requests()["GET"] - before == 1


@pytest.mark.parametrize(("reason", "code"), [(StopReason.INTERRUPTED, 130), (StopReason.KEY_REFUSED, 4)])
def test_a_stop_while_old_values_are_read_again_is_told(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], reason: StopReason, code: int
) -> None:
    """It ends the run as it would in the middle of sending, and resume finds the run and goes on."""
    office, source, mapping = slow_office(open_office, leaping_clock(), clients=40, rows=40)
    desk = office.desk(rate="60/h", workers=1)

    class Stopping(Listener):
        def say(self, text: str) -> None:
            if text.startswith("old values are older"):
                desk.stop.set(Stop(reason, "stopped"))

    desk.talk = Stopping()
    ended = asyncio.run(running.run(desk, source, mapping))
    assert (ended.summary.exit_code, ended.summary.stopped_by) == (code, reason.value)
    assert sorted(ended.summary.counts) == ["not_sent", "updated"]
    assert office.resume().summary.counts == {"updated": 40}


def at(clock: Any, moment: float, act: Callable[[], None]) -> None:
    """Let something happen once, at a moment of the clock's sleep."""
    left = [act]
    clock.on_sleep = lambda slept: left.pop()() if left and slept >= moment else None
