"""Rows find their clients by id, number, phone, name, custom fields, or several of them; several rows may share one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.errors import Refused

RECORDS = [
    {
        "id": f"clt_{n}",
        "number": f"CON{n:03}",
        "type": "company",
        "name": f"Al Noor {n} LLC",
        "email": f"c{n}@example.com",
        "phone": f"+97150000000{n}",
        "cf_erp": f"E-{n}",
    }
    for n in range(5)
]
SPELLINGS = {
    "number": "con002",
    "phone": "00971 50 000 0002",
    "name": " al  NOOR 2 llc",
    "email": " C2@Example.com",
    "cf_erp": "E-2",
}


@pytest.mark.parametrize(("by", "prefix"), [*((by, True) for by in SPELLINGS), ("cf_erp", False)])
def test_each_key_finds_its_client(
    open_office: Callable[..., Any], open_prefixless: Any, by: str, prefix: bool
) -> None:
    """Keys are compared in their normal form, and custom fields with or without their prefix."""
    office = open_office(records=RECORDS) if prefix else open_prefixless(RECORDS)
    source = office.source(("Key", "Site"), [(SPELLINGS[by], "https://example.com")])
    mapping = office.mapping(match={"column": "Key", "by": by}, fields={"website": "Site"})
    ended = office.run(source, mapping)
    assert [(each.status, each.client_id) for each in office.rows(ended)] == [("updated", "clt_2")]
    assert office.requests() == {"GET": 1, "PATCH": 1}


def test_keys_that_lead_nowhere(open_office: Callable[..., Any]) -> None:
    """A blank key, an unknown one, one of two clients and one that another key contradicts each have a code."""
    office = open_office(records=[*RECORDS, {**RECORDS[4], "id": "clt_9", "number": "CON009"}])
    rows = [("", "CON000"), ("c77@example.com", "CON001"), ("c4@example.com", "CON004"), ("c2@example.com", "CON003")]
    source = office.source(("E-mail", "No", "Site"), [(*row, "https://example.com") for row in rows])
    match = [{"column": "E-mail", "by": "email"}, {"column": "No", "by": "number"}]
    ended = office.run(source, office.mapping(match=match, fields={"website": "Site"}))
    found = [(each.status, each.code) for each in office.rows(ended)]
    assert found == [
        ("invalid", "no_key"),
        ("invalid", "no_match"),
        ("invalid", "several_matches"),
        ("invalid", "keys_disagree"),
    ]
    assert "PATCH" not in office.requests()


def test_a_problem_of_keys_names_the_cell_of_the_key_that_it_tells(open_office: Callable[..., Any]) -> None:
    """A key that contradicts the first is told with its own cell, whether clients are listed or read one by one."""
    office = open_office(records=RECORDS)
    rows = [("c2@example.com", "CON002", "+971500000003", "clt_2", "https://example.com")]
    source = office.source(("E-mail", "No", "Phone", "ID", "Site"), rows)
    others = [{"column": "No", "by": "number"}, {"column": "Phone", "by": "phone"}]
    for first in ({"column": "E-mail", "by": "email"}, {"column": "ID", "by": "id"}):
        ended = office.run(source, office.mapping(match=[first, *others], fields={"website": "Site"}))
        (problem,) = office.rows(ended)[0].problems
        assert (problem.cell, problem.column, problem.value) == ("C2", "Phone", "+971500000003")
        assert 'column "Phone"' in str(ended.summary.problem_groups)


@pytest.mark.parametrize("read", ["auto", "list", "each"])
def test_an_id_whose_other_key_must_agree(open_office: Callable[..., Any], read: str) -> None:
    """Clients named by id are read, and compared by the second key, where the row has one."""
    office = open_office(records=RECORDS)
    rows = [("clt_1", "c1@example.com"), ("clt_2", "c3@example.com"), ("clt_3", ""), ("clt_99", "c4@example.com")]
    source = office.source(("ID", "E-mail", "Site"), [(*row, "https://example.com") for row in rows])
    match = [{"column": "ID", "by": "id"}, {"column": "E-mail", "by": "email"}]
    ended = office.run(source, office.mapping(match=match, fields={"website": "Site"}), read=read)
    found = [(each.status, each.code) for each in office.rows(ended)]
    assert found == [("updated", ""), ("invalid", "keys_disagree"), ("updated", ""), ("invalid", "no_match")]


def test_the_field_that_is_the_key_can_change(open_office: Callable[..., Any]) -> None:
    """A client found by its e-mail gets a new one, also where the run is stopped and goes on."""
    office = open_office(records=RECORDS)
    source = office.source(("Old", "New"), [(f"c{n}@example.com", f"new{n}@example.com") for n in range(5)])
    mapping = office.mapping(match={"column": "Old", "by": "email"}, fields={"email": "New"})
    stopped = office.run(source, mapping, max_requests=3)
    assert stopped.summary.exit_code == 3
    assert office.resume(stopped.summary.run).summary.counts == {"updated": 5}
    assert {record["email"] for record in office.server.records().values()} == {f"new{n}@example.com" for n in range(5)}


def test_rows_of_one_client_are_one_change(open_office: Callable[..., Any]) -> None:
    """Rows that agree are sent together; rows that contradict are refused by name, and the others go on."""
    office = open_office(records=RECORDS)
    rows = [
        ("clt_1", "https://a.example", ""),
        ("clt_2", "https://b.example", "+971500000099"),
        ("clt_1", "", "+971500000088"),
        ("clt_2", "https://other.example", ""),
    ]
    source = office.source(("Client ID", "Site", "Phone"), rows)
    ended = office.run(source, office.mapping(match="Client ID", fields={"website": "Site", "phone": "Phone"}))
    found = office.rows(ended)
    assert [(each.status, each.code) for each in found] == [
        ("updated", ""),
        ("invalid", "rows_contradict"),
        ("updated", ""),
        ("invalid", "rows_contradict"),
    ]
    assert "row 5" in found[1].message and "row 3" in found[3].message
    assert "sent with row 2" in found[2].message and office.requests()["PATCH"] == 1
    stored = office.server.records()["clt_1"]
    assert (stored["website"], stored["phone"]) == ("https://a.example", "+971500000088")


def test_rows_that_were_not_sent_say_so_and_why(open_office: Callable[..., Any]) -> None:
    """A merged row was sent with another only where something was sent; what stopped the run stands in each row."""
    office = open_office(records=RECORDS)
    rows = [(f"clt_{n}", f"https://{n}.example", "") for n in (1, 2)] + [("clt_2", "", "+971500000088")]
    source = office.source(("Client ID", "Site", "Phone"), rows)
    mapping = office.mapping(match="Client ID", fields={"website": "Site", "phone": "Phone"})
    assert [each.message for each in office.rows(office.plan(source, mapping))] == ["", "", "goes with row 3"]

    guarded = [each.message for each in office.rows(office.run(source, mapping, max_changed="0"))]
    assert guarded[::2] == [
        "stopped: a guard stopped it (max-changed)",
        "goes with row 3; stopped: a guard stopped it (max-changed)",
    ]
    stopped = office.run(source, mapping, workers=1, max_requests=1)
    why = "stopped: --max-requests is used up"
    found = office.rows(stopped)
    assert [each.status for each in found] == ["not_sent"] * 3
    assert [each.message for each in found] == [why, why, f"goes with row 3; {why}"]
    assert [each.message for each in office.rows(office.resume(stopped.summary.run))][2].startswith("sent with row 3")


def test_rows_that_differ_in_blanks_alone_say_so(open_office: Callable[..., Any]) -> None:
    """The summary tells the two values as they are, and those of a column that comes again."""
    office = open_office(records=RECORDS)
    rows = [("clt_1", "ACME LLC"), ("clt_1", "ACME  LLC"), ("clt_2", "x\u00a0@y"), ("clt_3", "x\u00a0@y")]
    source = office.source(("Client ID", "Text"), rows)
    for field, told in (("name", "wants name 'ACME LLC', row 3 'ACME  LLC'"), ("email", 'value "x\\xa0@y"')):
        ended = office.check(source, office.mapping(match="Client ID", fields={field: "Text"}))
        assert [text for _, text in ended.summary.problem_groups if told in text]


@pytest.mark.parametrize("read", ["each", "none"])
def test_other_keys_need_the_list(open_office: Callable[..., Any], read: str) -> None:
    """Reading a client at a time, or none, is refused where the key is not the id."""
    office = open_office(records=RECORDS)
    source = office.source(("E-mail", "Site"), [("c1@example.com", "https://example.com")])
    mapping = office.mapping(match={"column": "E-mail", "by": "email"}, fields={"website": "Site"})
    with pytest.raises(Refused, match="needs a match by id"):
        office.run(source, mapping, read=read)
    assert office.requests() == {}


def test_the_sandbox_has_a_client_for_all_keys_of_a_row(open_office: Callable[..., Any]) -> None:
    """Of a list of keys all agree: in a sandbox that is new, and in one that knew the clients by one key alone."""
    office = open_office()
    source = office.source(
        ("E-mail", "Phone", "Ref", "Company"),
        [
            ("a@x.example", "+971500000001", "R1", "New A"),
            ("b@x.example", "", "", "New B"),
            ("A@x.example", "+971500000001", "", "New A"),
            ("b@x.example", "+971500000002", "", "New B"),
            ("a@x.example", "+971500000009", "", "New A"),
        ],
    )
    fields = {"name": "Company"}
    one = office.mapping("one.yaml", match={"column": "E-mail", "by": "email"}, fields=fields)
    keys = [{"column": "E-mail", "by": "email"}, {"column": "Phone", "by": "phone"}, {"column": "Ref", "by": "cf_ref"}]
    several = office.mapping("several.yaml", match=keys, fields=fields)
    for before in ("fresh", "keep"):
        if before == "keep":
            office.run(source, one, sandbox="fresh", rows="2-3")
        planned = office.plan(source, several, sandbox=before)
        disagree = [row.row_number for row in office.rows(planned) if row.code == "keys_disagree"]
        assert disagree == [6], [row.message for row in office.rows(planned)]
        assert planned.summary.counts["invalid"] == 1


@pytest.mark.parametrize(("by", "column"), [("number", "Ref"), ("name", "Company")])
def test_the_sandbox_does_not_insist_on_what_it_made_up(open_office: Callable[..., Any], by: str, column: str) -> None:
    """A client that it knew by the id alone has a name and a number of its making, until a row gives them as keys."""
    office = open_office()
    source = office.source(("ID", "Ref", "Company", "E-mail"), [("clt_x", "R1", "Alpha", "a@x.example")])
    fields = {"email": "E-mail"}
    office.run(source, office.mapping("one.yaml", match="ID", fields=fields), sandbox="fresh")
    both = office.mapping("both.yaml", match=["ID", {"column": column, "by": by}], fields=fields)
    assert office.plan(source, both, sandbox="keep").summary.counts == {"unchanged": 1}
    other = office.source(("ID", "Ref", "Company", "E-mail"), [("clt_x", "R2", "Beta", "a@x.example")])
    assert office.plan(other, both, sandbox="keep").summary.counts == {"invalid": 1}


def test_an_id_that_the_sandbox_made_up_can_be_made_anew(open_office: Callable[..., Any]) -> None:
    """Its clients keep their ids, by which an undo finds them; who brings others is told how to begin anew."""
    office = open_office()
    source = office.source(("ID", "E-mail", "Company"), [("clt_x", "a@x.example", "A")])
    fields = {"name": "Company"}
    by_email = {"column": "E-mail", "by": "email"}
    office.run(source, office.mapping("one.yaml", match=by_email, fields=fields), sandbox="fresh")
    both = office.mapping("both.yaml", match=[by_email, {"column": "ID", "by": "id"}], fields=fields)
    (row,) = office.rows(office.plan(source, both, sandbox="keep"))
    assert (row.code, "--sandbox=fresh" in row.problems[0].hint) == ("keys_disagree", True)
    assert office.plan(source, both, sandbox="fresh").summary.counts == {"ready": 1}
