"""How a change ends, by the answer or by reading its record."""

from __future__ import annotations

import pytest

from bulk_sync.records import Change, Json, Outcome, Reply, Status
from bulk_sync.sending.outcomes import accepted, describe, refused, settled_by_reading
from bulk_sync.sending.policy import Fault

CHANGE = Change(7, "clt_1", {"name": "New", "taxNumber": "1", "cf_tier": "Gold"})
READABLE = frozenset({"name", "email"})
LOST = Reply(None, {}, fault=Fault.BROKEN)
CONFLICT = Reply(409, {}, {"code": "CONFLICT", "message": "duplicate"})


def answer(**fields: Json) -> Reply:
    return Reply(200, {}, {"id": "clt_1", **fields})


def test_an_answer_that_agrees_is_updated_and_names_what_it_does_not_show() -> None:
    """The API's word is kept, with the record, and its silence is told."""
    client: dict[str, Json] = {"id": "clt_1", "name": "New", "customFields": {"tier": "Gold"}}
    message = "accepted; no answer shows taxNumber"
    assert accepted(CHANGE, Reply(200, {}, client), 1, READABLE) == Outcome(
        7, Status.UPDATED, "", message, 200, 1, client
    )


def test_an_answer_is_kept_as_it_came_where_it_is_the_client_itself() -> None:
    """Its text, whatever the outcome; of an envelope the client alone is kept, and is written anew."""
    client: dict[str, Json] = {"id": "clt_1", "name": "NEW"}
    bare = Reply(200, {}, client, body_json='{"id": "clt_1", "name": "NEW"}')
    outcome = accepted(CHANGE, bare, 1, READABLE)
    assert (outcome.status, outcome.record, outcome.record_json) == (Status.DIFFERS, client, bare.body_json)
    wrapped = Reply(200, {}, {"data": client}, body_json='{"data": {"id": "clt_1", "name": "NEW"}}')
    outcome = accepted(CHANGE, wrapped, 1, READABLE)
    assert (outcome.record, outcome.record_json) == (client, "")


def test_another_value_in_the_answer_is_differs() -> None:
    """Each differing field is named with what was sent and what is stored."""
    outcome = accepted(CHANGE, answer(name="NEW", customFields={}), 1, READABLE)
    assert (outcome.status, outcome.message) == (
        Status.DIFFERS,
        "name: sent 'New', stored 'NEW'; cf_tier: sent 'Gold', stored nothing; accepted; no answer shows taxNumber",
    )


def test_an_answer_with_the_id_alone_shows_nothing() -> None:
    """Of what an excerpt leaves out nothing is known: it was called stored as nothing, on every row."""
    change = Change(7, "clt_1", {"name": "New", "email": "a@example.com"})
    silent = accepted(change, answer(updatedAt="2025-01-15"), 1, READABLE)
    assert (silent.status, silent.message) == (Status.UPDATED, "accepted; no answer shows name, email")
    whole = accepted(change, answer(name="New"), 1, READABLE)
    assert (whole.status, whole.message) == (Status.DIFFERS, "email: sent 'a@example.com', stored nothing")


def test_a_refusal_is_failed_in_the_words_of_the_api() -> None:
    """Code and message come from the body."""
    assert refused(CHANGE, CONFLICT, 2) == Outcome(7, Status.FAILED, "CONFLICT", "duplicate", 409, 2)


def test_what_our_client_cannot_send_is_invalid() -> None:
    """Nothing left: refused here."""
    reply = Reply(None, {}, fault=Fault.UNSENDABLE, detail="'..' cannot stand for a record", left=False)
    assert refused(CHANGE, reply, 0)[1:4] == (
        Status.INVALID,
        "unsendable",
        "cannot be sent: '..' cannot stand for a record",
    )


OLD: dict[str, Json] = {"name": "old", "email": "old"}
SHORT = Change(7, "clt_1", {"name": "New", "email": "a@b.c"})


@pytest.mark.parametrize(
    ("change", "last", "read", "old", "status"),
    [
        (SHORT, LOST, answer(name="New", email="a@b.c"), None, Status.UPDATED),
        (SHORT, LOST, answer(name="New", email="old"), None, Status.IN_DOUBT),
        (SHORT, LOST, answer(name="old", email="old"), None, Status.IN_DOUBT),
        (CHANGE, LOST, answer(name="New", customFields={"tier": "Gold"}), None, Status.IN_DOUBT),
        (SHORT, LOST, None, None, Status.IN_DOUBT),
        (SHORT, LOST, Reply(404, {}), None, Status.IN_DOUBT),
        (SHORT, LOST, Reply(500, {}), None, Status.IN_DOUBT),
        (SHORT, CONFLICT, answer(name="New", email="a@b.c"), OLD, Status.UPDATED),
        (SHORT, CONFLICT, answer(name="old", email="old"), OLD, Status.FAILED),
        (SHORT, CONFLICT, answer(name="old", email="old"), {"name": "old"}, Status.IN_DOUBT),
        (SHORT, CONFLICT, answer(name="NEW", email="old"), OLD, Status.IN_DOUBT),
        (SHORT, CONFLICT, answer(name="New", email="old"), OLD, Status.IN_DOUBT),
        (CHANGE, CONFLICT, answer(name="New", customFields={}), OLD, Status.IN_DOUBT),
        (Change(7, "clt_1", {"taxNumber": "1"}), CONFLICT, answer(), OLD, Status.IN_DOUBT),
        (SHORT, Reply(404, {}), Reply(404, {}), OLD, Status.FAILED),
        (SHORT, CONFLICT, None, OLD, Status.IN_DOUBT),
    ],
)
def test_reading_settles_only_what_it_proves(
    change: Change, last: Reply, read: Reply | None, old: dict[str, Json] | None, status: Status
) -> None:
    """All of it there: updated. Refused and still as it was: failed. Anything else stays in doubt."""
    outcome = settled_by_reading(change, last, read, 3, old=old, readable=READABLE)
    assert outcome.status is status


def test_attempts_are_named_where_there_were_any() -> None:
    """What left while the server was away counts for no row: it is not told as no attempt."""
    said = {
        tried: settled_by_reading(SHORT, LOST, None, tried, old=None, readable=READABLE).message for tried in (0, 2)
    }
    assert "attempts" not in said[0] and said[0].endswith("; the record could not be read")
    assert said[2].endswith("; after 2 attempts; the record could not be read")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(None, {}, fault=Fault.TIMEOUT), ("timeout", "no whole answer in time")),
        (Reply(None, {}, fault="odd", detail="x"), ("odd", "odd: x")),
        (Reply(200, {}, fault=Fault.BROKEN), ("broken", "the connection broke before the answer was whole")),
        (Reply(200, {}, {}), ("http_200", "the answer is not the client that was asked for")),
        (
            Reply(307, {"location": "https://x.example/y"}),
            ("http_307", "redirected to https://x.example/y; redirects are not followed"),
        ),
        (Reply(500, {}, {"code": "INTERNAL", "message": "oops"}), ("INTERNAL", "oops")),
    ],
)
def test_a_reply_is_described(reply: Reply, words: tuple[str, str]) -> None:
    """A code for machines and a sentence for people."""
    assert describe(reply) == words
