"""A run that goes on, is tried again or is undone with another key: it is the same account by another name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bulk_sync.errors import Busy
from bulk_sync.sandbox import Quota, SandboxConfig
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow import resuming, running, stored_plan, undoing
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.jobs import account_lock

COUNT = 6
KEYS = ("heffl_user_old", "heffl_user_new")


@pytest.fixture
def office(open_office: Callable[..., Any]) -> Any:
    """One API that takes two keys."""
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Name {n}"} for n in range(COUNT)]
    return open_office(SandboxConfig(quota=Quota(rate="none"), keys=KEYS), records)


def sheet(office: Any, word: str) -> tuple[Any, Any]:
    """The same mapping for each sheet; no answer shows the job title."""
    rows = [(f"clt_{n}", f"{word} {n}", word) for n in range(COUNT)]
    source = office.source(("ID", "Company", "Job"), rows, f"{word}.csv")
    return source, office.mapping(match="ID", fields={"name": "Company", "jobTitle": "Job"})


def with_new_key(office: Any, work: Callable[[Desk], Coroutine[Any, Any, Ended]], **flags: object) -> Ended:
    """Give a command in the days of the new key."""
    desk = office.desk(**flags)
    desk.environ = {"HEFFL_API_KEY": KEYS[1]}
    with desk:
        return asyncio.run(work(desk))


@pytest.mark.parametrize("known", [True, False])
def test_what_a_later_run_sent_with_the_new_key_is_superseded(office: Any, known: bool) -> None:
    """The older values of a run that stopped with the old key do not come after the newer ones; ended or cut short."""
    stopped = office.run(*sheet(office, "Older"), read="none", max_requests=2).summary
    assert stopped.counts == {"updated": 2, "not_sent": COUNT - 2}
    newer = with_new_key(office, lambda desk: running.run(desk, *sheet(office, "Newer")), read="none").summary.run
    if not known:  # it died before it could say what it has handled
        with office.opened(newer) as journal:
            journal.update_header(facts={**journal.header.facts, "folded": False})
        with office.desk() as desk:
            desk.state.forget_account(journal.header.account)
    resumed = with_new_key(office, lambda desk: resuming.resume(desk, stopped.run))
    assert resumed.summary.counts == {"updated": 2, "skipped": COUNT - 2}
    ends = {(each.code, each.message) for each in office.rows(resumed) if each.status == "skipped"}
    assert ends == {("superseded", f"the client was handled by the later run {newer}")}
    assert {record["jobTitle"] for record in office.server.records().values()} == {"Newer"}


def test_a_plan_of_the_old_key_is_superseded_too(office: Any) -> None:
    """Sent with the new key, after a run with the new key."""
    plan = office.plan(*sheet(office, "Planned"), read="none").summary.run
    with_new_key(office, lambda desk: running.run(desk, *sheet(office, "Newer")), read="none")
    ended = with_new_key(office, lambda desk: stored_plan.run_plan(desk, plan))
    assert ended.summary.counts == {"skipped": COUNT}
    assert {record["jobTitle"] for record in office.server.records().values()} == {"Newer"}


def test_an_undo_leaves_what_was_sent_with_the_new_key(office: Any) -> None:
    """Of a field that no answer shows it is the ledger that knows of it, under the key's own name."""
    office.run(*sheet(office, "First"))
    old = office.run(*sheet(office, "Second")).summary.run
    with_new_key(office, lambda desk: running.run(desk, *sheet(office, "Newer")), only_fields="jobTitle")
    undone = with_new_key(office, lambda desk: undoing.undo(desk, old), include_unverified=True)
    assert {each.message for each in office.rows(undone)} == {"kept, as changed since: jobTitle"}
    held = {(record["name"][:5], record["jobTitle"]) for record in office.server.records().values()}
    assert held == {("First", "Newer")}


def test_a_run_with_the_new_key_is_waited_for(office: Any) -> None:
    """One sending run for an account with a mapping, whichever key began it."""
    source, mapping = sheet(office, "Older")
    run = office.run(source, mapping, read="none", max_requests=2).summary.run
    with office.desk() as desk:
        desk.environ = {"HEFFL_API_KEY": KEYS[1]}
        fresh = with_new_key(office, lambda desk: running.plan(desk, source, mapping)).summary.account
        with exclusive(account_lock(desk, fresh, mapping), "the other"), pytest.raises(Busy, match=fresh):
            asyncio.run(resuming.resume(desk, run))
