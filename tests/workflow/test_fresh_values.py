"""Old values grow old: at a slow quota they are read again before more is sent, and the run gets on all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted
from bulk_sync.sending.ports import Stop, StopReason
from bulk_sync.workflow import running
from bulk_sync.workflow.desk import WallClock
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
    with office.opened(run) as journal:
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


@pytest.mark.parametrize(("option", "given"), [("until", "23:59"), ("trust_ledger", "no"), ("max_duration", "2h")])
def test_what_a_run_was_told_is_understood_when_its_resume_reads_again(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], option: str, given: str
) -> None:
    """The next evening its options come from its journal, whatever they look like there."""
    office, source, mapping = slow_office(open_office, WallClock(), clients=6, rows=6)
    stopped = office.run(source, mapping, max_requests=3, **{option: given}).summary
    assert stopped.stopped_by == "max_requests"
    office.clock = leaping_clock()
    office.clock.slept = 20 * 3600.0
    assert office.resume(stopped.run).summary.counts == {"updated": 6}
    assert office.requests() == {"GET": 2, "PATCH": 6}


def test_a_retry_may_take_longer_than_its_old_values_are_fresh(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """Its own settings, and what it took over of its run's, are understood when it reads again; stopped, too."""
    office, source, mapping = slow_office(open_office, leaping_clock(), clients=60, rows=60)
    run = office.run(source, mapping, max_requests=2).summary
    assert run.counts == {"updated": 1, "not_sent": 59}
    retried = office.retry(run.run, rate="60/h", workers=1, max_requests=40).summary
    assert (retried.stopped_by, set(retried.counts)) == ("max_requests", {"updated", "unchanged", "not_sent"})
    office.clock.slept += 20 * 3600
    assert office.resume(retried.run).summary.counts == {"updated": 59, "unchanged": 1}


def test_single_reads_go_in_step_with_sending(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """Read one by one at one request a minute, no change rests on a value older than half an hour, and all are sent."""
    office, source, mapping = slow_office(open_office, leaping_clock(), clients=60, rows=25)
    ended = office.run(source, mapping, rate="60/h", workers=1, read="each")
    assert ended.summary.counts == {"updated": 25}
    assert max(ages(office, ended.summary.run)) <= 30 * 60


@pytest.mark.parametrize("faster", ["60/h", "none"])
def test_what_was_not_looked_at_is_as_old_after_a_stop(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], edit: Callable[..., None], faster: str
) -> None:
    """Stopped when a part was read again: its resume reads the other part again, too, and keeps its old values."""
    no_list = Scripted(fault=Fault(kind=FaultKind.STATUS, status=403), ids=frozenset({""}), methods=frozenset({"GET"}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(no_list,)))
    office, source, mapping = slow_office(partial(open_office, config), leaping_clock(), clients=60, rows=60)
    desk = office.desk(rate="60/h", workers=1, read="each")
    interrupted = Stop(StopReason.INTERRUPTED, "interrupted")
    office.clock.on_sleep = lambda _: desk.stop.set(interrupted) if office.requests().get("PATCH") == 3 else None
    with desk:
        run = asyncio.run(running.run(desk, source, mapping)).summary
    assert (run.stopped_by, run.counts) == ("interrupted", {"updated": 3, "not_sent": 57})
    edit(office, "clt_00020", name="Theirs")
    assert office.resume(run.run, rate=faster, workers=1).summary.counts == {"updated": 60}
    assert office.undo(run.run).summary.counts == {"updated": 60}
    assert office.server.records()["clt_00020"]["name"] == "Theirs"


def test_an_evening_that_allows_less_than_reading_takes_gets_on(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """Each resume reads again only as many as it may send afterwards, not all of them and nothing more."""
    no_list = Scripted(fault=Fault(kind=FaultKind.STATUS, status=403), ids=frozenset({""}), methods=frozenset({"GET"}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(no_list,)))
    clock = leaping_clock()
    office, source, mapping = slow_office(partial(open_office, config), clock, clients=60, rows=60)
    run = office.run(source, mapping, workers=1, read="each", max_requests=60).summary
    for left in (46, 32, 18):
        clock.slept += 20 * 3600
        counts = office.resume(run.run, rate="60/min", workers=1, max_requests=30).summary.counts
        assert counts["not_sent"] == left


@pytest.mark.parametrize("rate", ["1/h", "4/h"])
def test_the_slowest_quota_gets_on(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], rate: str
) -> None:
    """Even where a read value is old before a change may leave, every change is sent."""
    office, source, mapping = slow_office(open_office, leaping_clock(), clients=3, rows=3)
    ended = office.run(source, mapping, rate=rate, workers=1, read="each")
    assert ended.summary.counts == {"updated": 3}


@pytest.mark.parametrize("fields", [{"name": "Company"}, {"name": "Company", "phone": "Phone"}])
@pytest.mark.parametrize("read", ["each", "list"])
def test_refused_canaries_stop_the_slowest_quota_too(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], fields: dict[str, str], read: str
) -> None:
    """They leave one by one, each after a reading of its own: one alone still asks four more rows."""
    refusal = Scripted(fault=Fault(kind=FaultKind.STATUS, status=400, message="read only"))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(refusal,)))
    office, *_ = slow_office(partial(open_office, config), leaping_clock(), clients=9, rows=9)
    rows = [(f"clt_{n:05}", "" if n % 2 else f"New {n}", "+97150111111" if n % 2 else "") for n in range(9)]
    source = office.source(
        ("Client ID", "Company", "Phone"),
        rows if "phone" in fields else [(each, f"New {each}", "") for each, *_ in rows],
    )
    run = office.run(source, office.mapping(match="Client ID", fields=fields), rate="2/h", workers=1, read=read)
    tried = 2 if "phone" in fields else 5
    assert run.summary.counts == {"failed": tried, "not_sent": 9 - tried}
    assert (run.summary.stopped_by, run.summary.exit_code) == ("systemic", 3)


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


@pytest.mark.parametrize("overwrite", ["if_empty", "if_ours"])
def test_what_somebody_writes_in_the_middle_is_kept_where_the_mapping_says_so(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], edit: Callable[..., None], overwrite: str
) -> None:
    """Of a change the other fields are still sent; one that has no others is skipped."""
    clock = leaping_clock()
    office, *_ = slow_office(open_office, clock, clients=60, rows=0)
    ids = [f"clt_{n:05}" for n in range(60)]
    fields = {"name": "Company", "phone": {"column": "Phone", "overwrite": overwrite}}
    mapping = office.mapping(match="Client ID", fields=fields)
    if overwrite == "if_ours":
        first = office.source(("Client ID", "Company", "Phone"), [(each, "", "+97150000000") for each in ids])
        assert office.run(first, office.mapping(match="Client ID", fields={**fields, "phone": "Phone"})).summary.counts
        mapping = office.mapping(match="Client ID", fields=fields)
    rows = [(each, "" if each == "clt_00058" else f"New {each}", "+97150111111") for each in ids]
    source = office.source(("Client ID", "Company", "Phone"), rows)

    def somebody() -> None:
        for each in ids[58:]:
            edit(office, each, phone="+97150999999")

    at(clock, clock.slept + 20 * 60, somebody)
    run = office.run(source, mapping, rate="60/h", workers=1)
    assert run.summary.counts == {"updated": 59, "skipped": 1}
    kept = "overwrite keeps the record's value of phone"
    ends = {each.client_id: (each.status, each.code, each.message, each.changed) for each in office.rows(run)}
    assert ends["clt_00058"] == ("skipped", "held_back", kept, ())
    assert ends["clt_00059"] == ("updated", "", kept, ("name",))
    stored: Mapping[str, Any] = office.server.records()
    assert [stored[each]["phone"] for each in ids[57:]] == ["+97150111111", "+97150999999", "+97150999999"]
    assert stored["clt_00059"]["name"] == "New clt_00059"


def test_what_no_answer_shows_is_kept_where_somebody_was_at_the_client(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], edit: Callable[..., None]
) -> None:
    """Whether it is still ours cannot be seen: what is unknown is kept, while sending as in the plan."""
    clock = leaping_clock()
    office, *_ = slow_office(open_office, clock, clients=60, rows=0)
    mapping = office.mapping(match="Client ID", fields={"jobTitle": {"column": "Job", "overwrite": "always"}})
    jobs = [[(f"clt_{n:05}", job) for n in range(60)] for job in ("Buyer", "Seller")]
    office.run(office.source(("Client ID", "Job"), jobs[0]), mapping)
    at(clock, clock.slept + 20 * 60, lambda: edit(office, "clt_00059", phone="+97150999999"))
    mapping = office.mapping(match="Client ID", fields={"jobTitle": {"column": "Job", "overwrite": "if_ours"}})
    run = office.run(office.source(("Client ID", "Job"), jobs[1]), mapping, rate="60/h", workers=1)
    kept = {each.client_id: each.code for each in office.rows(run) if each.status != "updated"}
    assert kept == {"clt_00059": "held_back"}


def test_a_plan_is_not_read_twice(open_office: Callable[..., Any], leaping_clock: Callable[[], Any]) -> None:
    """A plan sent hours later reads the records once to see what has moved, and no more."""
    clock = leaping_clock()
    office, source, mapping = slow_office(open_office, clock, clients=20, rows=20)
    plan = office.plan(source, mapping)
    clock.slept += 20 * 3600
    before = office.requests()["GET"]
    assert office.run_plan(plan.summary.run).summary.counts == {"updated": 20}
    assert office.requests()["GET"] - before == 1


def test_a_stored_plan_goes_stale_while_it_is_sent(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], edit: Callable[..., None]
) -> None:
    """What somebody changes in the middle is left alone by the same code as what was changed before."""
    clock = leaping_clock()
    office, source, mapping = slow_office(open_office, clock, clients=60, rows=60)
    plan = office.plan(source, mapping).summary.run
    at(clock, clock.slept + 20 * 60, lambda: edit(office, "clt_00059", name="Theirs"))
    run = office.run_plan(plan, rate="60/h", workers=1)
    kept = {each.client_id: (each.status, each.code) for each in office.rows(run) if each.status != "updated"}
    assert kept == {"clt_00059": ("skipped", "stale")}


def test_where_the_list_is_refused_clients_are_read_one_by_one(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """In the middle of a run, for an undo and for a stored plan: their ids are known, and they have no --read."""
    fault = Fault(kind=FaultKind.STATUS, status=403)
    only_once = Scripted(fault=fault, ids=frozenset({""}), methods=frozenset({"GET"}), attempts=frozenset(range(2, 99)))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(only_once,)))
    office, source, mapping = slow_office(partial(open_office, config), leaping_clock(), clients=40, rows=40)
    run = office.run(source, mapping, rate="60/h", workers=1)
    assert (run.summary.counts, run.summary.stopped_by) == ({"updated": 40}, "")
    told = [len(office.talk.warnings)]
    assert office.undo(run.summary.run, rate="none").summary.counts == {"updated": 40}
    told.append(len(office.talk.warnings))
    plan = office.plan(source, mapping, read="each").summary.run
    assert office.run_plan(plan).summary.counts == {"updated": 40}
    told.append(len(office.talk.warnings))
    assert told == [1, 2, 3], office.talk.warnings
    assert {warning.partition(";")[0] for warning in office.talk.warnings} == {
        "the clients cannot be listed: HTTP 403, Something is wrong"
    }


@pytest.mark.parametrize("left", [2, 12])
def test_at_an_address_where_nothing_is_found_any_more_no_client_is_called_gone(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], left: int
) -> None:
    """Hours after its plan, and for an undo: neither list nor clients are there, which is asked for once."""
    nothing = Fault(kind=FaultKind.STATUS, status=404, message="no such route")
    gets = frozenset({"GET"})
    later = Scripted(fault=nothing, ids=frozenset({""}), methods=gets, attempts=frozenset(range(2, 99)))
    clients = Scripted(fault=nothing, ids=frozenset(f"clt_{n:05}" for n in range(20)), methods=gets)
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(later, clients)))
    office, source, mapping = slow_office(
        partial(open_office, config), leaping_clock(), clients=left + 2, rows=left + 2
    )
    run = office.run(source, mapping, workers=1, max_requests=3).summary
    assert run.counts == {"updated": 2, "not_sent": left}
    undone = office.undo(run.run).summary
    assert (undone.exit_code, undone.counts) == (3, {"not_sent": 2, "skipped": left})
    office.clock.slept += 5 * 3600
    before = office.requests()
    resumed = office.resume(run.run).summary
    assert (resumed.exit_code, resumed.stopped_by, resumed.counts) == (3, "reading", run.counts)
    assert office.requests() == {"GET": before["GET"] + 1 + min(left, 5), "PATCH": before["PATCH"]}


def test_what_is_in_doubt_is_sent_again_however_late(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """Its old value was read hours before, and is still the one that undo puts back."""
    fault = Fault(kind=FaultKind.STATUS, status=500)
    once = Scripted(fault=fault, ids=frozenset({"clt_00003"}), attempts=frozenset({1}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(once,)))
    clock = leaping_clock()
    office, source, mapping = slow_office(partial(open_office, config), clock, clients=6, rows=6)
    run = office.run(source, mapping, attempts=1).summary
    assert run.counts == {"updated": 5, "in_doubt": 1}
    clock.slept += 3 * 60 * 60
    assert office.resume(run.run).summary.counts == {"updated": 6}
    assert office.undo(run.run).summary.counts == {"updated": 6}
    assert office.server.records()["clt_00003"]["name"] == "Old 3"


def test_what_a_stored_plan_left_in_doubt_is_looked_at_hours_later(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], edit: Callable[..., None]
) -> None:
    """It is sent where the record has what the plan saw, or what it sends; what somebody has written by then stays."""
    fault = Fault(kind=FaultKind.STATUS, status=500)
    ids = ("clt_00002", "clt_00003")
    once = Scripted(fault=fault, ids=frozenset(ids), attempts=frozenset({1}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(once,)))
    office, source, mapping = slow_office(partial(open_office, config), leaping_clock(), clients=6, rows=6)
    run = office.run_plan(office.plan(source, mapping).summary.run, attempts=1).summary
    assert run.counts == {"updated": 4, "in_doubt": 2}
    office.clock.slept += 3 * 60 * 60
    edit(office, ids[1], name="Theirs")
    resumed = office.resume(run.run)
    assert resumed.summary.counts == {"updated": 5, "skipped": 1}
    assert {(each.client_id, each.code) for each in office.rows(resumed) if each.code} == {(ids[1], "stale")}
    assert [office.server.records()[each]["name"] for each in ids] == ["New 2", "Theirs"]


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
    with desk:
        ended = asyncio.run(running.run(desk, source, mapping))
    assert (ended.summary.exit_code, ended.summary.stopped_by) == (code, reason.value)
    assert sorted(ended.summary.counts) == ["not_sent", "updated"]
    assert office.resume().summary.counts == {"updated": 40}


def at(clock: Any, moment: float, act: Callable[[], None]) -> None:
    """Let something happen once, at a moment of the clock's sleep."""
    left = [act]
    clock.on_sleep = lambda slept: left.pop()() if left and slept >= moment else None
