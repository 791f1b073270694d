"""Putting back what a run changed, and only that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulk_sync.planning.codes import PLANNING_CODES
from bulk_sync.planning.ledger import record_accepted
from bulk_sync.planning.undo import DoneChange, Undo, UndoRules, plan_undo
from bulk_sync.records import Json, Status

RULES = UndoRules(
    readable=frozenset({"name", "email", "phone", "website"}), nullable=frozenset({"email", "website", "taxNumber"})
)


def done(
    payload: dict[str, Json],
    old: dict[str, Json],
    *,
    status: Status | None = Status.UPDATED,
    answer: dict[str, Json] | None = None,
) -> DoneChange:
    """Return a change of the earlier run; it was answered with what was sent unless told otherwise."""
    if answer is None and status in (Status.UPDATED, Status.DIFFERS):
        answer = dict(payload)
    return DoneChange("clt_1", payload, old, status, answer)


def test_only_what_the_run_left_there_is_restored() -> None:
    """A field that someone changed since stays and is named; one that is back already is left alone."""
    change = done({"name": "A", "email": "a@x.y", "cf_t": 1}, {"name": "B", "email": None, "cf_t": None})
    now: dict[str, Json] = {"name": "A", "email": "other@x.y", "customFields": {}}
    undo = plan_undo(change, now, rules=RULES)
    assert undo == Undo({"name": "B"}, {"name": "A"}, ("email",), {}, ("cf_t",))
    assert undo.remark() == "kept, as changed since: email"


def test_what_the_api_answered_counts_as_what_the_run_left() -> None:
    """A value that the server trimmed is recognised by the answer."""
    change = done({"name": "A "}, {"name": "B"}, answer={"name": "A"}, status=Status.DIFFERS)
    assert plan_undo(change, {"name": "A"}, rules=RULES).send == {"name": "B"}


def test_an_answer_with_the_id_alone_does_not_say_what_the_run_left() -> None:
    """What was sent counts: the row was kept as changed since, by nobody. A whole answer leaves out what is null."""
    change = done({"email": "a@x.y"}, {"email": "b@x.y"}, answer={"id": "clt_1"})
    assert plan_undo(change, {"name": "A", "email": "a@x.y"}, rules=RULES).send == {"email": "b@x.y"}
    emptied = done({"email": "a@x.y"}, {"email": "b@x.y"}, answer={"id": "clt_1", "name": "A"}, status=Status.DIFFERS)
    assert plan_undo(emptied, {"name": "A"}, rules=RULES).send == {"email": "b@x.y"}
    assert plan_undo(emptied, {"name": "A", "email": "a@x.y"}, rules=RULES).kept == ("email",)


@pytest.mark.parametrize("status", [Status.IN_DOUBT, None])
def test_a_change_in_doubt_is_restored_where_it_arrived(status: Status | None) -> None:
    """Without an answer the sent value counts; where it never arrived there is nothing to do."""
    change = done({"name": "A"}, {"name": "B"}, status=status)
    assert plan_undo(change, {"name": "A"}, rules=RULES).send == {"name": "B"}
    assert plan_undo(change, {"name": "B"}, rules=RULES).nothing == ("name",)
    assert plan_undo(change, {"name": "C"}, rules=RULES).kept == ("name",)


@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_SENT, Status.SKIPPED, Status.INVALID])
def test_what_was_never_applied_is_left_alone(status: Status) -> None:
    """A refused or unsent change leaves nothing to put back."""
    assert plan_undo(done({"name": "A"}, {"name": "B"}, status=status), {"name": "A"}, rules=RULES) == Undo({}, {})


def test_what_cannot_be_restored_says_why() -> None:
    """Unknown old values, fields that no answer shows, and empty ones that the API cannot clear."""
    change = done(
        {"name": "A", "jobTitle": "CEO", "salutation": "Dr.", "phone": "+1"}, {"jobTitle": "CFO", "phone": ""}
    )
    undo = plan_undo(change, {"name": "A", "phone": "+1"}, rules=RULES)
    assert undo.send == {}
    assert undo.not_restorable == {
        "name": "its old value is not known",
        "jobTitle": "no answer shows it; --include-unverified puts it back",
        "salutation": "its old value is not known",
        "phone": "it was empty, and the API does not document a way to clear it",
    }
    mapped = replace(RULES, empty_text=frozenset({"phone"}))
    assert plan_undo(change, {"name": "A", "phone": "+1"}, rules=mapped).send == {"phone": ""}


def test_fields_that_no_answer_shows_are_put_back_on_request() -> None:
    """From the journal's old value; if this tool wrote something later it stays; a second undo sends nothing."""
    change = done({"jobTitle": "CEO"}, {"jobTitle": "CFO"})
    rules = replace(RULES, include_unverified=True)
    answer: dict[str, Json] = {"name": "A"}

    def undo_after(sent: str | None) -> Undo:
        sending: dict[str, Json] = {} if sent is None else {"jobTitle": sent}
        ledger = record_accepted(None, sent=sending, answer=answer, at=0, readable=rules.readable)
        return plan_undo(change, answer, rules=rules, ledger=ledger)

    assert plan_undo(change, answer, rules=rules) == Undo({"jobTitle": "CFO"}, {"jobTitle": "CEO"})
    assert undo_after(None) == undo_after("CEO") == Undo({"jobTitle": "CFO"}, {"jobTitle": "CEO"})
    assert undo_after("CTO").kept == ("jobTitle",)
    assert undo_after("CFO").nothing == ("jobTitle",)


def test_an_undo_can_be_limited_to_fields() -> None:
    """Other fields are not touched and not mentioned."""
    change = done({"name": "A", "email": "a@x.y"}, {"name": "B", "email": "b@x.y"})
    rules = replace(RULES, only_fields=frozenset({"email"}))
    undo = plan_undo(change, {"name": "Z", "email": "a@x.y"}, rules=rules)
    assert undo == Undo({"email": "b@x.y"}, {"email": "a@x.y"})


def test_outcomes_of_an_undo_that_sends_nothing() -> None:
    """Kept, not restorable, gone, and nothing to do: each with its status and code."""
    change = done({"name": "A"}, {"name": "B"})
    found = [
        plan_undo(change, {"name": "C"}, rules=RULES).idle_outcome(),
        plan_undo(done({"name": "A"}, {}), {"name": "A"}, rules=RULES).idle_outcome(),
        plan_undo(change, None, rules=RULES).idle_outcome(),
        plan_undo(change, {"name": "B"}, rules=RULES).idle_outcome(),
    ]
    assert found == [
        (Status.SKIPPED, "changed_since", "kept, as changed since: name"),
        (Status.SKIPPED, "not_restorable", "name not restored: its old value is not known"),
        (Status.SKIPPED, "client_gone", "the client no longer exists"),
        (Status.UNCHANGED, "nothing_to_undo", "the record has its old values"),
    ]
    assert {code for _, code, _ in found} <= PLANNING_CODES.keys()
