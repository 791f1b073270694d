"""A run that goes on, is tried again or is undone with another key: it is the same account by another name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bulk_sync.errors import Busy
from bulk_sync.sandbox import Quota, SandboxConfig
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow import resuming, retrying, running, stored_plan, undoing
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


def test_a_run_that_is_planned_anew_with_the_new_key_is_superseded_too(office: Any) -> None:
    """It stopped while it read: what a later run sent with the old key is later still."""
    stopped = office.run(*sheet(office, "Older"), read="each", max_requests=2).summary
    assert stopped.counts == {"not_sent": COUNT}
    office.run(*sheet(office, "Newer"))
    resumed = with_new_key(office, lambda desk: resuming.resume(desk, stopped.run))
    assert resumed.summary.counts == {"skipped": COUNT}
    assert {each.code for each in office.rows(resumed)} == {"superseded"}
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


def test_an_earlier_run_of_the_new_key_is_superseded_by_a_retry_of_an_older_one(office: Any) -> None:
    """What a retry sent with the new key is the later word, although it began as a run of the old one."""
    first = office.run(*sheet(office, "First"), read="none", max_requests=2).summary
    older = with_new_key(office, lambda desk: running.run(desk, *sheet(office, "Older")), read="none", max_requests=1)
    retried = with_new_key(office, lambda desk: retrying.retry(desk, first.run, None), read="none").summary
    assert retried.counts == {"updated": COUNT - 2, "unchanged": 2}
    resumed = with_new_key(office, lambda desk: resuming.resume(desk, older.summary.run)).summary
    assert resumed.counts == {"updated": 2, "skipped": COUNT - 2}
    assert [record["jobTitle"] for _, record in sorted(office.server.records().items())] == [
        *["Older"] * 2, *["First"] * (COUNT - 2)
    ]  # fmt: skip


@pytest.mark.parametrize("skip_same", [True, False])
def test_what_an_undo_put_back_with_the_new_key_is_known_to_it(office: Any, skip_same: bool) -> None:
    """Although it is of a run with the old one: the next night finds something to do, and sends it."""
    mapping = office.mapping(match="ID", fields={"jobTitle": "Job"})
    for word in ("Buyer", "Owner"):
        source = office.source(("ID", "Job"), [(f"clt_{n}", word) for n in range(COUNT)])
        run = office.run(source, mapping).summary.run
    with_new_key(office, lambda desk: running.run(desk, source, mapping))
    with_new_key(office, lambda desk: undoing.undo(desk, run), include_unverified=True)
    assert {record["jobTitle"] for record in office.server.records().values()} == {"Buyer"}
    again = with_new_key(office, lambda desk: running.run(desk, source, mapping), skip_same=skip_same).summary
    assert (again.counts, again.stopped_by) == ({"updated": COUNT}, "")


def test_a_retry_with_the_new_key_knows_what_was_sent_with_the_old_one(office: Any) -> None:
    """What the ledger has of a field that no answer shows is not sent again."""
    source, mapping = sheet(office, "Word")
    office.run(source, mapping)
    stopped = office.run(source, office.mapping("b.yaml", match="ID", fields={"jobTitle": "Job"}), read="none",
                         max_requests=0).summary.run  # fmt: skip
    retried = with_new_key(office, lambda desk: retrying.retry(desk, stopped, None), read="list").summary
    assert retried.counts == {"unchanged": COUNT}


def test_a_run_with_the_new_key_is_waited_for(office: Any) -> None:
    """One sending run for an account with a mapping, whichever key began it."""
    source, mapping = sheet(office, "Older")
    run = office.run(source, mapping, read="none", max_requests=2).summary.run
    with office.desk() as desk:
        desk.environ = {"HEFFL_API_KEY": KEYS[1]}
        fresh = with_new_key(office, lambda desk: running.plan(desk, source, mapping)).summary.account
        with exclusive(account_lock(desk, fresh, mapping), "the other"), pytest.raises(Busy, match=fresh):
            asyncio.run(resuming.resume(desk, run))


def test_what_a_run_sends_with_the_new_key_is_known_with_that_key(office: Any) -> None:
    """The old key's run goes on after the new key's own: of the field that no answer shows its word is the last."""
    newer = sheet(office, "Newer")
    older = office.run(*sheet(office, "Older"), read="none", only_fields="jobTitle", max_requests=1).summary.run
    with_new_key(office, lambda desk: running.run(desk, *newer), only_fields="jobTitle")
    retried = with_new_key(office, lambda desk: retrying.retry(desk, older, None))
    assert retried.summary.counts == {"updated": COUNT - 1, "unchanged": 1}
    ended = with_new_key(office, lambda desk: running.run(desk, *newer), only_fields="jobTitle")
    assert ended.summary.counts == {"updated": COUNT - 1, "unchanged": 1}
    assert {record["jobTitle"] for record in office.server.records().values()} == {"Newer"}


def test_a_night_is_not_the_same_after_an_undo_with_the_new_key(office: Any) -> None:
    """The run that it took back was of the old key, and is one of the new key's account since."""
    night = sheet(office, "Night")
    old = office.run(*night).summary.run
    quiet = with_new_key(office, lambda desk: running.run(desk, *night), skip_same=True)
    with_new_key(office, lambda desk: undoing.undo(desk, old))
    ended = with_new_key(office, lambda desk: running.run(desk, *night), skip_same=True)
    assert (quiet.summary.counts, ended.summary.counts) == ({"updated": COUNT}, {"updated": COUNT})
