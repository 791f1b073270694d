"""``--only-fields``: the fields that are asked for are sent, the others have no say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulk_sync.errors import Refused
from bulk_sync.workflow.closing import Ended
from tests.workflow.office import Office

FIELDS = {
    "name": "Company",
    "email": "E-mail",
    "type": {"value": "contact"},
    "cf_since": {"column": "Since", "type": "date"},
    "billingAddress.city": "City",
}
HEADER = ("Client ID", "Company", "E-mail", "Since", "City")


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    return open_office(records=[{"id": f"clt_{n}", "name": f"Old {n}"} for n in (1, 2)])


def send(office: Office, rows: list[list[str]], **flags: object) -> Ended:
    mapping = office.mapping(match="Client ID", fields=FIELDS, partial=["billingAddress"], strict=True)
    return office.run(office.source(HEADER, rows), mapping, **flags)


def test_a_problem_of_a_field_that_is_not_asked_for_refuses_nothing(office: Office) -> None:
    """Neither a bad address, nor a date with two readings, nor what a type would need that is not sent."""
    run = send(office, [["clt_1", "New", "@@", "03/04/2024", "X"]], only_fields="name")
    assert run.summary.counts == {"updated": 1}
    assert office.server.records()["clt_1"]["name"] == "New"
    assert [row.problems for row in office.rows(run)] == [()]


def test_a_problem_of_the_key_or_of_an_asked_field_refuses_the_row(office: Office) -> None:
    """What is sent, and to whom, is checked as ever."""
    table = [["", "New", "", "", ""], ["clt_1", "New", "@@", "", ""], ["clt_2", "New", "b@x.example", "", ""]]
    run = send(office, table, only_fields="email,name")
    assert [(row.status, row.code) for row in office.rows(run)] == [
        ("invalid", "no_key"), ("invalid", "bad_email"), ("updated", ""),
    ]  # fmt: skip


def test_a_retry_keeps_to_them_in_what_it_refuses_too(office: Office) -> None:
    """A row that failed for an asked field is not held back for another one."""
    first = send(
        office, [["clt_1", "New", "@@", "03/04/2024", "X"], ["clt_9", "Gone", "@@", "", ""]], only_fields="name"
    )
    assert first.summary.counts == {"updated": 1, "invalid": 1}
    again = office.retry(first.summary.run)
    assert [(row.status, row.code) for row in office.rows(again)][1] == ("invalid", "no_match")


def test_a_part_stands_for_its_unit(office: Office) -> None:
    """A unit is sent whole, by whichever of its names it is asked for."""
    for name in ("billingAddress", "billingAddress.city"):
        planned = office.plan(
            office.source(HEADER, [["clt_1", "New", "", "", name]]),
            office.mapping(match="Client ID", fields=FIELDS, partial=["billingAddress"]),
            only_fields=name,
        )
        assert planned.view is not None
        assert [item.field for item in planned.view.differences] == ["billingAddress.city"]


@pytest.mark.parametrize("name", ["billingAddress.bogus", "name.x", "phone", "cf_since.year"])
def test_an_unknown_field_or_part_is_refused_with_those_that_are_known(office: Office, name: str) -> None:
    """Nothing is requested for a field that the mapping does not have."""
    with pytest.raises(Refused, match=f"the mapping has no field {name}$") as refused:
        send(office, [["clt_1", "New", "", "", ""]], only_fields=f"email,{name}")
    assert refused.value.hint == "it has: billingAddress, billingAddress.city, cf_since, email, name, type"
    assert office.requests() == {}


@pytest.mark.parametrize("given", ["", " ", ",", ()])
def test_no_name_is_not_every_name(office: Office, given: object) -> None:
    """An unset variable of a shell script is refused, not taken for all fields."""
    with pytest.raises(Refused, match=r"--only-fields: .* names no field"):
        send(office, [["clt_1", "New", "", "", ""]], only_fields=given)
    assert office.requests() == {}
