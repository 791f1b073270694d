"""Every status code and every fault has a verdict, and it never calls failed what may have been applied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.records import Json, Reply, Request
from bulk_sync.sending.policy import MAYBE_APPLIED, TABLE, Fault, Trouble, Verdict, rule, verdict_table

PATCH = Request("patch", "clt_1", {"name": "N"})
CLIENT = {"id": "clt_1", "name": "N"}


def reply(status: int | None, body: Json = None, fault: str = "", *, left: bool = True) -> Reply:
    return Reply(status, {}, body, fault=fault, left=left)


@pytest.mark.parametrize(
    ("status", "verdict", "trouble", "counts"),
    [
        (200, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (204, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (301, Verdict.FAILED, Trouble.SYSTEMIC, True),
        (303, Verdict.IN_DOUBT, Trouble.SYSTEMIC, True),
        (400, Verdict.FAILED, Trouble.NONE, True),
        (401, Verdict.STOP, Trouble.KEY, False),
        (403, Verdict.FAILED, Trouble.SYSTEMIC, True),
        (404, Verdict.FAILED, Trouble.NONE, True),
        (408, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (409, Verdict.FAILED, Trouble.NONE, True),
        (422, Verdict.FAILED, Trouble.NONE, True),
        (425, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (429, Verdict.AGAIN, Trouble.QUOTA, False),
        (500, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (501, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (503, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (101, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (999, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
    ],
)
def test_a_status_without_a_client_has_this_verdict(
    status: int, verdict: Verdict, trouble: Trouble, counts: bool
) -> None:
    """The verdict for an answer without a body, by its status."""
    assert rule(PATCH, reply(status)) == (verdict, trouble, counts)


@pytest.mark.parametrize(
    ("fault", "verdict", "trouble", "counts"),
    [
        (Fault.NAME, Verdict.AGAIN, Trouble.TARGET, False),
        (Fault.CERTIFICATE, Verdict.AGAIN, Trouble.TARGET, False),
        (Fault.CONNECT, Verdict.AGAIN, Trouble.OUTAGE, False),
        (Fault.TLS, Verdict.AGAIN, Trouble.OUTAGE, False),
        (Fault.TIMEOUT, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (Fault.BROKEN, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (Fault.TOO_LARGE, Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE, True),
        (Fault.UNSENDABLE, Verdict.FAILED, Trouble.NONE, False),
        (Fault.STOPPED, Verdict.AGAIN, Trouble.NONE, False),
    ],
)
def test_a_fault_has_this_verdict(fault: Fault, verdict: Verdict, trouble: Trouble, counts: bool) -> None:
    """The verdict where no answer came, by the kind of fault."""
    assert rule(PATCH, reply(None, fault=fault)) == (verdict, trouble, counts)


def test_every_fault_stands_in_the_table() -> None:
    """No kind of fault was forgotten."""
    assert {fault for line in TABLE for fault in line.faults} == set(Fault)


def test_every_status_from_200_to_599_stands_in_the_table_once() -> None:
    """No status was forgotten, and none has two rules."""
    statuses = [status for line in TABLE for status in line.statuses]
    assert sorted(statuses) == list(range(200, 600))


@pytest.mark.parametrize(
    "body",
    [CLIENT, {"data": CLIENT}],
)
def test_success_is_a_2xx_with_the_client_that_was_asked_for(body: Json) -> None:
    """The client itself, or in an envelope."""
    assert rule(PATCH, reply(200, body)).verdict is Verdict.DONE


@pytest.mark.parametrize(
    "body",
    [None, {}, [], "ok", 1, {"id": "clt_2"}, {"data": {"id": "clt_2"}}, {"id": None}, [CLIENT], {"success": True}],
)
def test_a_2xx_with_anything_else_is_no_success(body: Json) -> None:
    """A gateway's page, another client, an empty object: the change may or may not have been applied."""
    assert rule(PATCH, reply(200, body)).verdict is Verdict.AGAIN_IN_DOUBT


def test_a_2xx_whose_body_was_cut_off_is_no_success() -> None:
    """The status came, the rest did not."""
    assert rule(PATCH, reply(200, fault=Fault.BROKEN)).verdict is Verdict.AGAIN_IN_DOUBT


def test_a_refusal_counts_even_where_its_body_was_cut_off() -> None:
    """The status says it all."""
    assert rule(PATCH, reply(404, fault=Fault.BROKEN)).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "body",
    [
        {"code": "BAD_REQUEST", "message": "Unknown field: foo"},
        {
            "error": {
                "code": "VALIDATION_ERROR",
                "message": "no",
                "details": {"issues": [{"message": "Unknown field: a"}]},
            }
        },
        {"code": "BAD_REQUEST", "message": "x", "issues": [{"message": "Unrecognized key(s) in object: 'foo'"}]},
    ],
)
def test_an_unknown_field_is_systemic(body: Json) -> None:
    """Every row that has the field would be refused."""
    assert rule(PATCH, reply(400, body)) == (Verdict.FAILED, Trouble.SYSTEMIC, True)


@pytest.mark.parametrize(
    ("kind", "body", "verdict"),
    [
        ("page", {"items": [], "nextCursor": None}, Verdict.DONE),
        ("page", {"data": [], "meta": {}}, Verdict.DONE),
        ("page", [], Verdict.DONE),
        ("page", {"message": "hello"}, Verdict.AGAIN_IN_DOUBT),
        ("get", CLIENT, Verdict.DONE),
        ("get", {"id": "clt_9"}, Verdict.AGAIN_IN_DOUBT),
        ("get", {"id": "CLT_1", "number": "C1", "name": "A"}, Verdict.AGAIN),
        ("get", {"data": {"id": "CLT_1", "number": "C1", "name": "A"}}, Verdict.AGAIN),
    ],
)
def test_reading_wants_a_page_or_the_record(kind: str, body: Json, verdict: Verdict) -> None:
    """What is not what was asked for is asked for again."""
    request = Request("page") if kind == "page" else Request("get", "clt_1")
    assert rule(request, reply(200, body)).verdict is verdict


@given(
    status=st.none() | st.integers(0, 1000),
    fault=st.sampled_from(["", "strange", *Fault]),
    body=st.sampled_from([None, {}, CLIENT, {"code": "X", "message": "Unknown field: y"}]),
)
def test_only_a_definite_4xx_or_a_redirect_is_failed(status: int | None, fault: str, body: Json) -> None:
    """Law: whatever comes, what may have been applied is neither failed nor certainly unapplied."""
    verdict = rule(PATCH, reply(status, body, fault)).verdict
    if status is None:
        definite = fault in {Fault.NAME, Fault.CERTIFICATE, Fault.CONNECT, Fault.TLS, Fault.UNSENDABLE, Fault.STOPPED}
    else:
        definite = (300 <= status < 500) and status not in {303, 408, 425}
    assert (verdict in MAYBE_APPLIED) is (not definite and verdict is not Verdict.DONE)


def test_the_table_for_the_readme_has_a_line_for_each_rule() -> None:
    """What the README shows is made from the rules themselves."""
    lines = list(verdict_table())
    assert len(lines) == len(TABLE)
    assert lines[0] == ("2xx with the client that was asked for", "done", "yes", "the API's word for it")
    assert ("429", "again", "no", "waited out by all; uses up no attempt") in lines
