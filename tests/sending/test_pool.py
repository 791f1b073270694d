"""The pool in virtual time against a server that fails by a script."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bulk_sync.records import Change, Reply, Request, Status
from bulk_sync.sending.breaker import BreakerSettings
from bulk_sync.sending.limits import Limits, SendReport

MakeWorld = Callable[..., Any]


def test_every_row_is_sent_once_and_settled(make_world: MakeWorld) -> None:
    """The plain case: as many requests as rows, each change updated, each intent answered."""
    world = make_world(300)
    report = world.send()
    assert (report.counts, report.requests, report.stop) == ({Status.UPDATED: 300}, {"patch": 300}, None)
    assert world.server.applied == Counter({f"clt_{n}": 1 for n in range(1, 301)})
    assert world.log.intents.keys() == world.log.verdicts.keys()


def test_a_hundred_workers_fill_a_server_that_takes_100_ms(make_world: MakeWorld) -> None:
    """10,000 rows in little more than the 10 s that 100 requests in flight need at best."""
    world = make_world(10_000)
    world.send(Limits(workers=100))
    first, last = world.server.requests[0][0], world.server.requests[-1][0]
    assert (last - first < 10.6, world.server.most_in_flight) == (True, 100)


def test_workers_are_an_upper_limit(make_world: MakeWorld) -> None:
    """Never more in flight than asked for, failures and retries included."""
    dice = random.Random(1)
    world = make_world(200, lambda request, number, now: "reset" if dice.random() < 0.4 else "ok")
    world.send(Limits(workers=3))
    assert world.server.most_in_flight == 3


def test_the_log_may_be_slow_and_the_lanes_stay_full(make_world: MakeWorld) -> None:
    """While outcomes wait for the disk, other requests are out."""
    world = make_world(400, commit=0.02)
    world.send(Limits(workers=10))
    first, last = world.server.requests[0][0], world.server.requests[-1][0]
    assert last - first < 400 / 10 * (0.1 + 0.02) + 1.0


@pytest.mark.parametrize("seed", range(5))
def test_one_fault_in_five_loses_no_row(make_world: MakeWorld, seed: int) -> None:
    """5xx, resets, lost answers, refused connections, 429s: everything is updated in the end."""
    dice = random.Random(seed)
    faults = ("lost", "reset", 500, 503, "refuse", 429)
    world = make_world(300, lambda request, number, now: dice.choice(faults) if dice.random() < 0.2 else "ok")
    report = world.send(seed=seed)
    assert report.counts == {Status.UPDATED: 300}
    assert all(record["name"] == f"N{id_[4:]}" for id_, record in world.server.records.items())


def test_ten_minutes_of_outage_fail_no_row_and_cost_few_probes(make_world: MakeWorld) -> None:
    """The breaker opens, probes seldom, and everything is updated soon after the server's return."""
    world = make_world(600, lambda request, number, now: 503 if 1005 < now < 1605 else "ok")
    report = world.send()
    during = sum(1005 < at < 1605 for at, _ in world.server.requests)
    assert report.counts == {Status.UPDATED: 600}
    assert during <= 12 + 4 + 40
    assert world.server.patches(since=1605) / (world.server.requests[-1][0] - 1605) > 8
    assert [name for name, _ in world.told.events] == ["paused", "resumed"]
    assert {outcome.attempts for outcome in world.log.outcomes.values()} == {1}


@pytest.mark.parametrize("fault", ["hang", "refuse", 503, "reset"])
def test_an_outage_at_the_end_with_a_single_row_left_fails_it_neither(make_world: MakeWorld, fault: str | int) -> None:
    """Fewer failures than open the breaker: that nobody is answered shows in reading, too."""
    world = make_world(1, lambda request, number, now: fault if now < 1600 else "ok")
    report = world.send()
    assert report.counts == {Status.UPDATED: 1}
    assert len(world.server.requests) <= 60


def test_a_row_that_always_fails_is_given_up_while_the_server_lives(make_world: MakeWorld) -> None:
    """Ten attempts, one read, in doubt; while it is all that comes, a page every 10 s shows that the server lives."""
    world = make_world(
        30, lambda request, number, now: 500 if request.record_id == "clt_3" and request.kind == "patch" else "ok"
    )
    report = world.send()
    assert report.counts == {Status.UPDATED: 29, Status.IN_DOUBT: 1}
    assert world.log.outcomes[3].attempts == 10
    assert world.log.outcomes[3].message == (
        "status 500; after 10 attempts; the record, read afterwards, has other values in name"
    )
    assert report.requests == {"patch": 39, "get": 1, "page": 3}


def test_a_row_whose_record_breaks_the_server_is_given_up_too(make_world: MakeWorld) -> None:
    """Neither PATCH nor GET of it ever works; pages show that the server lives: every 10 s, and at the end."""
    world = make_world(1, lambda request, number, now: 500 if request.record_id else "ok")
    report = world.send()
    assert (report.counts, report.requests, report.stop) == (
        {Status.IN_DOUBT: 1},
        {"patch": 10, "get": 1, "page": 4},
        None,
    )


def test_answers_always_lost_are_settled_by_reading(make_world: MakeWorld) -> None:
    """The record has all that was sent: updated, by the API's own word."""
    world = make_world(
        20, lambda request, number, now: "lost" if request == Request("patch", "clt_7", {"name": "N7"}) else "ok"
    )
    report = world.send()
    assert report.counts == {Status.UPDATED: 20}
    assert (
        world.log.outcomes[7].message
        == "no answer confirmed it, but the record, read afterwards, has all that was sent"
    )


def test_a_refusal_after_a_lost_answer_is_not_believed_blindly(make_world: MakeWorld) -> None:
    """Applied, answer lost, then 409: the record says that it was applied. Reset, then 409: it was not."""
    seen: Counter[str] = Counter()

    def script(request: Request, number: int, now: float) -> str | int:
        if request.kind != "patch" or request.record_id not in {"clt_1", "clt_2"}:
            return "ok"
        seen[request.record_id] += 1
        first = "lost" if request.record_id == "clt_1" else "reset"
        return first if seen[request.record_id] == 1 else 409

    world = make_world(3, script)
    report = world.send()
    assert report.counts == {Status.UPDATED: 2, Status.FAILED: 1}
    assert world.log.outcomes[1].status is Status.UPDATED
    assert world.log.outcomes[2].message == "status 409; the record, read afterwards, is as it was before"


def test_a_refusal_after_a_lost_answer_leaves_doubt_where_the_api_writes_values_its_own_way(
    make_world: MakeWorld,
) -> None:
    """Applied and stored as another text, answer lost, then 409: nobody but the API can have changed it."""
    patches = iter(("lost", 409))
    world = make_world(1, lambda request, number, now: next(patches) if request.kind == "patch" else "ok")
    world.server.stored = lambda value: str(value).lower()
    assert world.send().counts == {Status.IN_DOUBT: 1}
    assert world.server.records["clt_1"]["name"] == "n1"


def test_a_definite_refusal_is_failed_at_once(make_world: MakeWorld) -> None:
    """One request, no second."""
    world = make_world(50, lambda request, number, now: 404 if request.record_id == "clt_9" else "ok")
    report = world.send()
    assert (report.counts, report.requests) == ({Status.UPDATED: 49, Status.FAILED: 1}, {"patch": 50})
    assert world.log.outcomes[9][1:6] == (Status.FAILED, "E404", "status 404", 404, 1)


def test_retry_after_is_honoured(make_world: MakeWorld) -> None:
    """A row whose 503 asks for 40 s is not tried again before."""
    later = Reply(503, {"retry-after": "40"}, None)
    world = make_world(1, lambda request, number, now: later if number == 1 else "ok")
    world.send()
    first, second = (at for at, request in world.server.requests if request.kind == "patch")
    assert 40 <= second - first - 0.1 <= 40.6


def test_a_row_is_not_waited_for_longer_than_an_hour(make_world: MakeWorld) -> None:
    """A server that asks one row to wait for a day does not hold the run."""
    later = Reply(503, {"retry-after": "86400"}, None)
    world = make_world(
        5, lambda request, number, now: later if request.record_id == "clt_2" and request.kind == "patch" else "ok"
    )
    report = world.send()
    assert report.counts == {Status.UPDATED: 4, Status.IN_DOUBT: 1}
    assert world.server.requests[-1][0] < 1060


def test_canaries_are_settled_before_the_rest_leaves(make_world: MakeWorld) -> None:
    """The fourth row's request leaves only after the third canary's outcome, even if one had to be repeated."""
    world = make_world(20, lambda request, number, now: "reset" if number == 1 else "ok", canaries=3)
    report = world.send()
    opened = dict(world.told.events)["opened after 3"]
    rest = [at for at, request in world.server.requests if int(request.record_id[4:]) > 3]
    assert (report.counts, min(rest) >= opened) == ({Status.UPDATED: 20}, True)


def test_canaries_are_called_verified_when_they_are_on_disk(make_world: MakeWorld) -> None:
    """An answer at 0.3 s that is durable 0.2 s later."""
    world = make_world(5, canaries=1, commit=0.2)
    world.send()
    ((name, at),) = world.told.events
    assert (name, round(at - 1000.0, 3)) == ("opened after 1", 0.5)


def test_a_refusal_of_all_canaries_stops_before_the_rest(make_world: MakeWorld) -> None:
    """As many requests as canaries, not as many as rows."""
    world = make_world(500, lambda request, number, now: 400, canaries=3)
    report = world.send()
    assert (report.counts, report.requests) == ({Status.FAILED: 3}, {"patch": 3})
    assert report.stop.message == "the first 3 rows, which try every field, were all refused: status 400"
    assert (report.stopped_by, int(report.stop.exit_code)) == ("systemic", 3)


def test_one_canary_that_is_refused_is_asked_about(make_world: MakeWorld) -> None:
    """It tries every field alone: four more rows tell whether that was its own matter, and not all the others."""
    world = make_world(500, lambda request, number, now: 400, canaries=1)
    report = world.send()
    assert (report.counts, report.requests, report.stopped_by) == ({Status.FAILED: 5}, {"patch": 5}, "systemic")
    assert report.stop.message.startswith("the first 5 rows, which try every field, were all refused")


def test_a_canary_that_was_refused_is_not_called_verified(make_world: MakeWorld) -> None:
    """One row's own fault: the others are sent, and only those are counted that came back as sent."""
    world = make_world(30, lambda request, number, now: 400 if request.record_id == "clt_1" else "ok", canaries=1)
    assert world.send().counts == {Status.UPDATED: 29, Status.FAILED: 1}
    assert [name for name, _ in world.told.events] == ["opened after 4"]


@pytest.mark.parametrize(("rows", "canaries"), [(2, 1), (5, 1), (3, 3)])
def test_where_all_were_tried_nothing_is_stopped(make_world: MakeWorld, rows: int, canaries: int) -> None:
    """Every row has its end: there is nothing to go on with."""
    report = make_world(rows, lambda request, number, now: 400, canaries=canaries).send()
    assert (report.counts, report.stopped_by) == ({Status.FAILED: rows}, "")


def test_missing_records_as_canaries_do_not_stop(make_world: MakeWorld) -> None:
    """404 is each row's own matter."""
    world = make_world(30, lambda request, number, now: 404 if number <= 3 else "ok", canaries=3)
    assert world.send().counts == {Status.UPDATED: 27, Status.FAILED: 3}


@pytest.mark.parametrize("status", [403, 302])
def test_no_permission_on_the_first_rows_stops(make_world: MakeWorld, status: int) -> None:
    """At most the five that show it and those in flight with them."""
    world = make_world(500, lambda request, number, now: status)
    report = world.send()
    assert (report.stopped_by, len(world.server.requests) <= 8) == ("systemic", True)
    assert report.counts == {Status.FAILED: len(world.server.requests)}


def test_no_permission_for_some_rows_is_their_own(make_world: MakeWorld) -> None:
    """Later rows go on."""
    world = make_world(100, lambda request, number, now: 403 if request.record_id.endswith("7") else "ok")
    assert world.send().counts == {Status.UPDATED: 90, Status.FAILED: 10}


@pytest.mark.parametrize("workers", [1, 4, 50])
def test_a_refused_key_stops_at_once_without_outcomes(make_world: MakeWorld, workers: int) -> None:
    """At most as many requests as workers; a 401 is no outcome."""
    world = make_world(500, lambda request, number, now: 401)
    report = world.send(Limits(workers=workers))
    assert (report.counts, report.stopped_by, int(report.stop.exit_code)) == ({}, "key_refused", 4)
    assert len(world.server.requests) <= workers


def test_a_key_revoked_while_a_row_is_in_doubt_leaves_it_in_doubt(make_world: MakeWorld) -> None:
    """What may have been applied is never not sent."""
    world = make_world(1, lambda request, number, now: "lost" if number == 1 else 401)
    report = world.send()
    assert (report.counts, report.stopped_by) == ({Status.IN_DOUBT: 1}, "key_refused")


@pytest.mark.parametrize("fault", ["name", "certificate"])
def test_a_wrong_target_at_first_contact_ends_with_2(make_world: MakeWorld, fault: str) -> None:
    """Nothing was sent, no row is touched."""
    wrong = Reply(None, {}, fault=fault, detail="x", left=False)
    world = make_world(100, lambda request, number, now: wrong)
    report = world.send()
    assert (report.counts, report.stopped_by, int(report.stop.exit_code)) == ({}, "target_refused", 2)


def test_a_name_that_is_lost_later_is_an_outage(make_world: MakeWorld) -> None:
    """A laptop that leaves its network comes back to it."""
    lost = Reply(None, {}, fault="name", detail="x", left=False)
    world = make_world(100, lambda request, number, now: lost if 1001 < now < 1300 else "ok")
    assert world.send().counts == {Status.UPDATED: 100}


def test_an_outage_longer_than_allowed_stops_with_3(make_world: MakeWorld) -> None:
    """Rows that never left stay not sent; those that may have been applied are in doubt."""
    world = make_world(100, lambda request, number, now: "ok" if now < 1002 else "reset")
    report = world.send(Limits(breaker=BreakerSettings(max_outage=300)))
    assert (report.stopped_by, int(report.stop.exit_code)) == ("outage", 3)
    assert report.stop.message == (
        "no usable answer for 5 minutes (--max-outage), at last: the connection broke before the answer was whole"
    )
    doubtful = {request.record_id for at, request in world.server.requests if at >= 1002}
    assert report.counts[Status.IN_DOUBT] == len(doubtful)


def test_a_server_that_counts_to_zero_for_ever_stops(make_world: MakeWorld) -> None:
    """Only 429s, for longer than an outage may last."""
    world = make_world(10, lambda request, number, now: 429)
    report = world.send(Limits(breaker=BreakerSettings(max_outage=60)))
    assert (report.counts, report.stopped_by) == ({}, "quota")


@pytest.mark.parametrize(
    ("limits", "stopped_by", "most"),
    [
        (Limits(max_requests=25), "max_requests", 25),
        (Limits(ends_at=1000 + 2.0), "max_duration", 84),
        (Limits(until=1_790_001_000 + 2.0), "until", 84),
    ],
)
def test_a_limit_stops_between_rows(make_world: MakeWorld, limits: Limits, stopped_by: str, most: int) -> None:
    """Those in flight are settled, the rest is not sent."""
    world = make_world(500)
    report = world.send(limits)
    assert (report.stopped_by, int(report.stop.exit_code)) == (stopped_by, 3)
    assert 20 <= len(world.server.requests) <= most
    assert report.counts == {Status.UPDATED: len(world.server.requests)}


def test_a_limit_of_time_is_kept_while_everybody_waits(make_world: MakeWorld) -> None:
    """Rows that wait to be tried again do not hold the run beyond it."""
    later = Reply(503, {"retry-after": "900"}, None)
    world = make_world(1, lambda request, number, now: later)
    report = world.send(Limits(ends_at=1100.0))
    assert (report.stopped_by, report.counts) == ("max_duration", {Status.IN_DOUBT: 1})


def test_a_limit_that_is_not_reached_stops_nothing(make_world: MakeWorld) -> None:
    """Exactly as many requests as allowed is no stop."""
    world = make_world(25)
    assert world.send(Limits(max_requests=25)).stop is None


def test_few_rows_wait_at_once_in_a_partial_outage(make_world: MakeWorld) -> None:
    """Half of all fail for minutes: rows wait, no more are begun than the budget has room for, none is lost."""
    dice = random.Random(5)
    world = make_world(400, lambda request, number, now: 500 if now < 1200 and dice.random() < 0.5 else "ok")
    assert world.send().counts == {Status.UPDATED: 400}


def test_changes_may_come_as_an_async_stream(make_world: MakeWorld, virtually: Callable[..., Any]) -> None:
    """The journal may have to be waited for."""
    world = make_world(50, canaries=2)

    async def stream() -> AsyncIterator[Change]:
        for change in world.changes():
            yield change

    async def go() -> SendReport:
        report: SendReport = await world.pool().send_all(stream())
        return report

    assert virtually(go()).counts == {Status.UPDATED: 50}


def test_attempts_of_an_earlier_process_are_added(make_world: MakeWorld) -> None:
    """A resumed row tells all its attempts, and a doubt of then is a doubt of now."""
    world = make_world(2, lambda request, number, now: 400 if request.kind == "patch" else "ok")
    world.changes = lambda: iter(
        [
            Change(1, "clt_1", {"name": "N1"}, attempts=10, in_doubt=True),
            Change(2, "clt_2", {"name": "N2"}, attempts=3),
        ]
    )
    world.send()
    assert [(end.status, end.attempts) for end in (world.log.outcomes[1], world.log.outcomes[2])] == [
        (Status.FAILED, 11),
        (Status.FAILED, 4),
    ]
    assert [request.kind for _, request in world.server.requests].count("get") == 1


def test_an_id_that_cannot_be_sent_is_invalid(make_world: MakeWorld) -> None:
    """Refused by our own client: nothing left."""
    unsendable = Reply(None, {}, fault="unsendable", detail="'..' cannot stand for a record", left=False)
    world = make_world(3, lambda request, number, now: unsendable if request.record_id == "clt_2" else "ok")
    assert world.send().counts == {Status.UPDATED: 2, Status.INVALID: 1}


def test_a_row_whose_requests_never_left_is_never_in_doubt(make_world: MakeWorld) -> None:
    """Refused a connection for more than an hour while others are served: tried on, and not sent at the end."""
    refused = "clt_2"
    world = make_world(
        300, lambda request, number, now: "refuse" if request.record_id == refused else "ok", latency=20.0
    )
    report = world.send(Limits(workers=1))
    assert (report.counts, report.stopped_by) == ({Status.UPDATED: 299}, "outage")
    assert 2 not in world.log.outcomes
