"""Undo to the letter: write-only fields at the user's word, limits, retries, and a death before its plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.errors import Refused
from bulk_sync.planning.undo import Undo
from bulk_sync.records import Request
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted
from bulk_sync.sending.ports import Observer, Stop, StopReason
from bulk_sync.workflow.desk import Forecast
from bulk_sync.workflow.runs import past_runs
from tests.workflow.office import Listener

HEADER = ("Client ID", "Company", "Job")
OLD_PHONE = "+971501110000"


def prepared(open_office: Callable[..., Any], faults: Faults = Faults(), count: int = 4) -> tuple[Any, Any]:  # noqa: B008
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Old {n}"} for n in range(count)]
    office = open_office(config=SandboxConfig(quota=Quota(rate="none"), faults=faults), records=records)
    return office, office.mapping(match="Client ID", fields={"name": "Company", "jobTitle": "Job"})


def rows(office: Any, name: str, job: str, count: int = 4) -> Any:
    return office.source(HEADER, [(f"clt_{n}", f"{name} {n}", job) for n in range(count)])


def test_write_only_fields_at_the_users_word(open_office: Callable[..., Any]) -> None:
    """What no answer shows is put back only with --include-unverified; what was never known is not restorable."""
    office, mapping = prepared(open_office)
    first = office.run(rows(office, "First", "Buyer"), mapping)
    second = office.run(rows(office, "Second", "Owner"), mapping)

    plain = office.undo(second.summary.run)
    assert plain.summary.exit_code == 1
    assert all("--include-unverified" in each.message for each in office.rows(plain))
    assert plain.summary.problem_groups == (
        (4, "not restored: jobTitle (no answer shows it; --include-unverified puts it back)"),
    )
    assert {record["jobTitle"] for record in office.server.records().values()} == {"Owner"}

    fully = office.undo(second.summary.run, include_unverified=True)
    assert (fully.summary.exit_code, fully.summary.counts) == (0, {"updated": 4})
    assert fully.summary.problem_groups == ()
    assert {record["jobTitle"] for record in office.server.records().values()} == {"Buyer"}
    again = office.undo(second.summary.run, include_unverified=True)
    assert again.summary.counts == {"unchanged": 4}

    beyond = office.undo(first.summary.run, include_unverified=True)
    assert beyond.summary.exit_code == 1 and beyond.summary.counts == {"updated": 4}
    assert beyond.summary.problem_groups == ((4, "not restored: jobTitle (its old value is not known)"),)
    assert all("jobTitle not restored: its old value is not known" in each.message for each in office.rows(beyond))
    assert {record["name"] for record in office.server.records().values()} == {f"Old {n}" for n in range(4)}


def test_the_exit_code_hangs_on_no_words(open_office: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left as it was is a fact of the undo, whatever its message says."""
    monkeypatch.setattr(Undo, "remark", lambda _: "in other words")
    office, mapping = prepared(open_office)
    run = office.run(rows(office, "New", "Buyer"), mapping)
    undone = office.undo(run.summary.run)
    assert (undone.summary.exit_code, undone.summary.counts) == (1, {"updated": 4})


def test_limits_are_no_lies(open_office: Callable[..., Any]) -> None:
    """A row that --only-fields leaves nothing of is left out, not called unchanged; a misspelt field is refused."""
    office, _ = prepared(open_office)
    only_job = office.mapping("job.yaml", match="Client ID", fields={"jobTitle": "Job", "name": "Company"})
    run = office.run(rows(office, "Old", "Buyer"), only_job)
    undone = office.undo(run.summary.run, only_fields="name")
    assert {(each.status, each.code) for each in office.rows(undone)} == {("skipped", "left_out")}
    for unknown in ("nmae", "name.bogus"):
        with pytest.raises(Refused, match=f"has no field {unknown}"):
            office.undo(run.summary.run, only_fields=unknown)
    assert office.requests()["PATCH"] == 4


def test_a_retry_is_undone_like_a_run(open_office: Callable[..., Any]) -> None:
    """What the retry sent is put back; what the first run sent stays."""
    refused = Scripted(
        fault=Fault(kind=FaultKind.STATUS, status=400, message="no"), ids=frozenset({"clt_1"}), attempts=frozenset({1})
    )
    office, _ = prepared(open_office, faults=Faults(script=(refused,)))
    mapping = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    run = office.run(rows(office, "New", ""), mapping)
    assert run.summary.counts == {"updated": 3, "failed": 1}
    retried = office.retry(run.summary.run)
    assert office.server.records()["clt_1"]["name"] == "New 1"
    undone = office.undo(retried.summary.run)
    assert undone.summary.counts == {"updated": 1, "skipped": 3} and undone.summary.exit_code == 0
    assert [record["name"] for _, record in sorted(office.server.records().items())] == [
        "New 0", "Old 1", "New 2", "New 3"
    ]  # fmt: skip


def test_an_undo_that_died_before_its_plan_is_begun_anew(open_office: Callable[..., Any]) -> None:
    """Resuming it must never send the run's own values again."""
    office, mapping = prepared(open_office)
    run = office.run(rows(office, "New", "Buyer"), mapping)
    before = office.requests()["PATCH"]
    desk = office.desk()
    desk.stop.set(Stop(StopReason.INTERRUPTED, "interrupted", ""))
    stopped = office.undo_at(desk, run.summary.run)
    assert stopped.summary.exit_code == 130
    assert stopped.summary.next_steps == (
        f"nothing was put back; to begin anew: bulk-sync undo {run.summary.run}{desk.again}",
    )
    with pytest.raises(Refused, match="an undo that ended before it was planned"):
        office.resume(stopped.summary.run)
    assert office.requests()["PATCH"] == before
    assert office.undo(run.summary.run).summary.counts == {"updated": 4}


def test_an_undo_tries_every_field_first(open_office: Callable[..., Any]) -> None:
    """A systemic refusal of an undo costs its canaries, too."""
    refusal = Scripted(fault=Fault(kind=FaultKind.STATUS, status=403, message="Not allowed"), attempts=frozenset({2}))
    office, _ = prepared(open_office, faults=Faults(script=(refusal,)), count=40)
    fields = {"name": "Company", "website": "Site"}
    mapping = office.mapping("both.yaml", match="Client ID", fields=fields)
    table = [(f"clt_{n}", f"New {n}" if n % 2 else "", "" if n % 2 else f"https://{n}.example") for n in range(40)]
    run = office.run(office.source(("Client ID", "Company", "Site"), table), mapping)
    assert run.summary.counts == {"updated": 40}
    stopped = office.undo(run.summary.run)
    assert (stopped.summary.exit_code, stopped.summary.stopped_by) == (3, "systemic")
    assert office.requests()["PATCH"] - 40 <= 10


def test_a_client_that_is_gone(open_office: Callable[..., Any]) -> None:
    """A client that was deleted since is skipped by name, the others are restored."""
    office, _ = prepared(open_office)
    mapping = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    run = office.run(rows(office, "New", ""), mapping)
    office.delete("clt_2")
    undone = office.undo(run.summary.run)
    assert {each.client_id: each.code for each in office.rows(undone) if each.status != "updated"} == {
        "clt_2": "client_gone"
    }
    assert undone.summary.exit_code == 1
    assert undone.summary.problem_groups == ((1, "not restored: the client no longer exists"),)


def test_what_a_later_run_handled_before_the_undo_went_on(open_office: Callable[..., Any]) -> None:
    """It stays as that run left it, and the undo says that it did not restore all."""
    office, _ = prepared(open_office)
    mapping = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    run = office.run(rows(office, "New", ""), mapping)
    stopped = office.undo(run.summary.run, workers=1, max_requests=3)
    assert stopped.summary.counts == {"updated": 2, "not_sent": 2}
    office.run(office.source(("Client ID", "Company"), [("clt_3", "Newest")], name="later.csv"), mapping)
    undone = office.resume(stopped.summary.run)
    assert undone.summary.counts == {"updated": 3, "skipped": 1}
    assert undone.summary.exit_code == 1
    assert undone.summary.problem_groups == ((1, "not restored: a later run has handled the client"),)
    assert office.server.records()["clt_3"]["name"] == "Newest"


class Killed(BaseException):
    """The process is no more."""


class Killing(Listener):
    """Kills the process when a change is about to leave."""

    def observer(self, forecast: Forecast, quota: Callable[[], str]) -> Observer:
        class Killer(Observer):
            def started(self, request: Request) -> None:
                if request.kind == "patch":
                    raise Killed

        return Killer()


@pytest.mark.parametrize("crash", [True, False])
def test_what_an_undo_left_in_doubt_is_looked_at_hours_later(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], edit: Callable[..., None], crash: bool
) -> None:
    """Killed with its requests out, or answered 500: what somebody has changed by then is left alone."""
    lost = Scripted(fault=Fault(kind=FaultKind.STATUS, status=500), attempts=frozenset({2}))
    office, _ = prepared(open_office, faults=Faults(script=() if crash else (lost,)))
    mapping = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    run = office.run(rows(office, "New", ""), mapping).summary.run
    desk = office.desk(attempts=1)
    if crash:
        desk.talk = Killing()
        with pytest.raises(Killed):
            office.undo_at(desk, run)
    else:
        assert office.undo_at(desk, run).summary.counts == {"in_doubt": 4}
    office.clock = leaping_clock()
    office.clock.slept += 3 * 60 * 60
    for client in ("clt_0", "clt_2"):
        edit(office, client, name="Theirs")
    with office.desk() as desk:
        undone = next(past.run for past in past_runs(desk) if past.run != run)
    resumed = office.resume(undone)
    assert resumed.summary.counts == {"updated": 2, "skipped": 2}
    kept = {each.client_id: (each.code, each.message) for each in office.rows(resumed) if each.status == "skipped"}
    started = 1 if crash else 4  # one alone was out when the process died: of it, and of no other, there is a doubt
    said = "changed meanwhile, and kept: name"
    assert kept.keys() == {"clt_0", "clt_2"} and {code for code, _ in kept.values()} == {"changed_since"}
    assert all(message.startswith(said) for _, message in kept.values())
    assert sum("may have been applied" in message for _, message in kept.values()) == min(started, 2)
    names = [record["name"] for _, record in sorted(office.server.records().items())]
    assert names == ["Theirs", "Old 1", "Theirs", "Old 3"]


def test_what_cannot_be_read_again_is_left_alone(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """By an undo that takes hours, as by its plan: a client that is gone by then, and one that is not shown."""
    refused = Fault(kind=FaultKind.STATUS, status=403)
    no_list = Scripted(fault=refused, ids=frozenset({""}), methods=frozenset({"GET"}), attempts=frozenset(range(2, 99)))
    hidden = Scripted(fault=refused, ids=frozenset({"clt_39"}), methods=frozenset({"GET"}), attempts=frozenset({2}))
    office, _ = prepared(open_office, faults=Faults(script=(no_list, hidden)), count=40)
    office.clock = clock = leaping_clock()
    mapping = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    run = office.run(rows(office, "New", "", 40), mapping).summary.run
    left, moment = [lambda: office.delete("clt_38")], clock.slept + 50 * 60
    clock.on_sleep = lambda slept: left.pop()() if left and slept >= moment else None
    undone = office.undo(run, rate="60/h", workers=1)
    kept = {each.client_id: (each.status, each.code, each.message) for each in office.rows(undone)}
    assert undone.summary.counts == {"updated": 38, "skipped": 2}
    assert undone.summary.problem_groups == (
        (1, "not restored: the client could not be read again"),
        (1, "not restored: the client no longer exists"),
    )
    assert undone.summary.exit_code == 1
    assert kept["clt_38"] == ("skipped", "client_gone", "client clt_38 no longer exists")
    assert kept["clt_39"] == ("skipped", "not_restorable", "the client could not be read again: HTTP 403")
    assert office.server.records()["clt_39"]["name"] == "New 39"


def test_a_change_of_several_rows_is_undone_as_a_whole(open_office: Callable[..., Any]) -> None:
    """Where not all of its rows are chosen it stays, and its chosen row names those that belong to it."""
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Old {n}", "phone": OLD_PHONE} for n in range(3)]
    office = open_office(records=records)
    table = [("clt_0", "New 0", ""), ("clt_1", "New 1", ""), ("clt_1", "", "+971501234567"), ("clt_2", "New 2", "")]
    source = office.source(("Client ID", "Company", "Phone"), table)
    run = office.run(source, office.mapping(match="Client ID", fields={"name": "Company", "phone": "Phone"}))
    undone = office.undo(run.summary.run, rows="2,4")
    assert [(each.status, each.code) for each in office.rows(undone)] == [
        ("updated", ""), ("skipped", "left_out"), ("skipped", "left_out"), ("skipped", "left_out"),
    ]  # fmt: skip
    left = "left out: rows 3 and 4 were sent as one change, which is undone as a whole: choose them all"
    assert [each.message for each in office.rows(undone)][1:3] == ["left out by --rows or --first", left]
    assert undone.summary.exit_code == 1
    assert undone.summary.problem_groups == ((1, "not restored: rows that were sent as one change are not all chosen"),)
    assert office.server.records()["clt_1"]["name"] == "New 1"
    assert office.undo(run.summary.run, rows="3-4").summary.counts == {"updated": 2, "skipped": 2}
    client = office.server.records()["clt_1"]
    assert (client["name"], client["phone"]) == ("Old 1", OLD_PHONE)


def test_many_rows_of_a_change_are_counted(open_office: Callable[..., Any]) -> None:
    """The first rows are named, the rest is a number."""
    office, _ = prepared(open_office)
    mapping = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    run = office.run(office.source(HEADER, [("clt_1", "New", "")] * 9), mapping)
    undone = office.undo(run.summary.run, first=2)
    assert "rows 2, 3, 4, 5, 6 and 4 more were sent as one change" in office.rows(undone)[0].message
