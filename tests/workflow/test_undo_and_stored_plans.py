"""What a run changed can be taken back, and what a plan showed can be sent: only where nobody came between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import pytest

from bulk_sync.errors import Refused
from bulk_sync.workflow.closing import summarise
from tests.workflow.office import Listener

HEADER = ("Client ID", "Company", "E-mail")


def prepared(open_office: Callable[..., Any], count: int) -> tuple[Any, ...]:
    records = [
        {"id": f"clt_{n:04}", "type": "company", "name": f"Old {n}", "email": f"old{n}@example.com", "cf_a": n}
        for n in range(count)
    ]
    office = open_office(records=records)
    rows = [(f"clt_{n:04}", f"New {n}", f"new{n}@example.com") for n in range(count)]
    source = office.source(HEADER, rows)
    mapping = office.mapping(match="Client ID", fields={"name": "Company", "email": "E-mail"})
    return office, source, mapping


def edit(office: Any, record_id: str, **fields: object) -> None:
    """Change a client as a third party would, over HTTP."""
    request = Request(
        f"{office.server.base_url}/clients/{record_id}",
        method="PATCH",
        data=json.dumps(fields).encode(),
        headers={"x-api-key": office.server.key, "content-type": "application/json"},
    )
    with urlopen(request) as reply:
        assert reply.status == 200


def test_undo_restores_all_but_what_others_changed(open_office: Callable[..., Any]) -> None:
    """200 rows applied, 10 of the written fields edited by someone else: 190 restored, 10 kept and named."""
    office, source, mapping = prepared(open_office, 200)
    before = office.server.records()
    run = office.run(source, mapping)
    assert run.summary.counts == {"updated": 200}
    for number in range(10):
        edit(office, f"clt_{number:04}", name=f"Theirs {number}", email=f"theirs{number}@example.com")

    undone = office.undo(run.summary.run)
    assert undone.summary.exit_code == 1
    assert undone.summary.counts == {"updated": 190, "skipped": 10}
    assert undone.summary.problem_groups == (
        (10, "not restored: name (changed since)"),
        (10, "not restored: email (changed since)"),
    )
    kept = [each for each in office.rows(undone) if each.status == "skipped"]
    assert {each.code for each in kept} == {"changed_since"} and all("name" in each.message for each in kept)
    after = office.server.records()
    assert all(after[f"clt_{n:04}"] == before[f"clt_{n:04}"] for n in range(10, 200))

    sent = office.requests()["PATCH"]
    again = office.undo(run.summary.run)
    assert office.requests()["PATCH"] == sent
    assert again.summary.counts == {"unchanged": 190, "skipped": 10}


def test_undo_can_be_undone(open_office: Callable[..., Any]) -> None:
    """Undoing the undo brings the run's values back."""
    office, source, mapping = prepared(open_office, 5)
    run = office.run(source, mapping)
    applied = office.server.records()
    undo = office.undo(run.summary.run)
    assert office.server.records() != applied
    assert office.undo(undo.summary.run).summary.counts == {"updated": 5}
    assert office.server.records() == applied


def test_undo_of_some_rows_and_fields(open_office: Callable[..., Any]) -> None:
    """``--rows`` and ``--only-fields`` limit an undo."""
    office, source, mapping = prepared(open_office, 5)
    run = office.run(source, mapping)
    office.undo(run.summary.run, rows="2-3", only_fields="name")
    names = [record["name"] for _, record in sorted(office.server.records().items())]
    emails = [record["email"] for _, record in sorted(office.server.records().items())]
    assert names == ["Old 0", "Old 1", "New 2", "New 3", "New 4"]
    assert emails == [f"new{n}@example.com" for n in range(5)]


def test_a_stored_plan_sends_exactly_that(open_office: Callable[..., Any]) -> None:
    """A plan changes nothing; sent later it does what it showed, but for a record that somebody changed meanwhile."""
    office, source, mapping = prepared(open_office, 20)
    before = office.server.records()
    plan = office.plan(source, mapping)
    assert plan.summary.counts == {"ready": 20} and plan.summary.exit_code == 0
    assert office.server.records() == before
    source.write_text("changed since\n")
    edit(office, "clt_0003", name="Theirs")

    ended = office.run_plan(plan.summary.run)
    assert ended.summary.counts == {"updated": 19, "skipped": 1}
    moved = (1, "skipped: a value that the plan would change has changed since the plan was made (stale)")
    assert moved in office.talk.views[-1].reasons and ended.summary.problem_groups == (moved,)
    stale = next(each for each in office.rows(ended) if each.status == "skipped")
    assert (stale.code, stale.client_id) == ("stale", "clt_0003")
    assert office.server.records()["clt_0003"]["name"] == "Theirs"
    with pytest.raises(Refused, match="not a plan that is still to be sent"):
        office.run_plan(plan.summary.run)


def test_a_planned_value_that_someone_else_has_set_is_theirs(open_office: Callable[..., Any]) -> None:
    """It is not sent, and undo does not put back what stood there before them."""
    office, source, mapping = prepared(open_office, 3)
    plan = office.plan(source, mapping)
    edit(office, "clt_0001", name="New 1")
    ended = office.run_plan(plan.summary.run)
    assert ended.summary.counts == {"updated": 3}
    assert {row.client_id: row.changed for row in office.rows(ended)} == {
        "clt_0000": ("name", "email"),
        "clt_0001": ("email",),
        "clt_0002": ("name", "email"),
    }
    office.undo(ended.summary.run)
    names = {key: (record["name"], record["email"]) for key, record in office.server.records().items()}
    assert names == {
        "clt_0000": ("Old 0", "old0@example.com"),
        "clt_0001": ("New 1", "old1@example.com"),
        "clt_0002": ("Old 2", "old2@example.com"),
    }


def test_a_plan_that_is_not_whole_is_made_anew(open_office: Callable[..., Any]) -> None:
    """It was stopped while it read: neither it, nor who tries to send or to resume it, is told that it can be sent."""
    office, source, mapping = prepared(open_office, 10)
    plan = office.plan(source, mapping, read="each", max_requests="2")
    assert plan.summary.next_steps == ("the plan is not whole and cannot be sent; make it anew: bulk-sync plan",)
    for again in (office.run_plan, office.resume):
        with pytest.raises(Refused) as refused:
            again(plan.summary.run)
        assert refused.value.hint in {"make a new plan: bulk-sync plan", "begin it anew: bulk-sync plan"}


def test_a_plan_that_is_whole_is_sent_another_time(open_office: Callable[..., Any]) -> None:
    """Whatever kept it from being sent, a no or a limit, it is as it was, and that is told; then and later."""
    office, source, mapping = prepared(open_office, 10)
    plan = office.plan(source, mapping, read="each").summary.run
    send = f"to send exactly this within 24 hours: bulk-sync run --plan {plan}"
    office.talk = Listener(interactive=True, answer=False)
    stopped = office.run_plan(plan, max_requests=0)
    for ended, by in ((stopped, "max_requests"), (office.run_plan(plan, yes=False), "declined")):
        assert (ended.summary.stopped_by, ended.summary.counts) == (by, {"ready": 10})
        assert ended.summary.next_steps[-1].startswith(send)
    assert "bulk-sync plan" not in " ".join(stopped.summary.next_steps)
    with office.opened(plan) as journal:
        assert summarise(journal).next_steps == (send,)
    assert office.run_plan(plan).summary.counts == {"updated": 10}


@pytest.mark.parametrize("read", ["list", "each"])
def test_nobody_is_sent_to_resume_a_plan(read: str, open_office: Callable[..., Any]) -> None:
    """Which would refuse it: whatever stopped it while it read, it is made anew."""
    office, source, mapping = prepared(open_office, 10)
    office.server.revoke_key()
    steps = office.plan(source, mapping, read=read).summary.next_steps
    assert steps[0] == "check the key (HEFFL_API_KEY; made in Heffl under Settings, Developers); then: bulk-sync plan"
    assert "resume" not in " ".join(steps)
