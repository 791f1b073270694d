"""A retried row is for the client that its run found, and takes the client's other rows along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from bulk_sync.errors import Refused
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted

RECORDS = [{"id": f"clt_{n}", "type": "company", "name": f"Old {n}", "email": f"c{n}@x.example"} for n in range(1, 6)]
BY_EMAIL: Mapping[str, Any] = {
    "match": {"column": "E-mail", "by": "email"},
    "fields": {"email": "New mail", "name": "Company"},
}
BY_ID_AND_EMAIL: Mapping[str, Any] = {
    "match": [{"column": "ID", "by": "id"}, {"column": "E-mail", "by": "email"}],
    "fields": {"email": "New mail", "name": "Company"},
}


REFUSED = Fault(kind=FaultKind.STATUS, status=400, message="taken")
APPLIED = Fault(kind=FaultKind.CLOSE, applied=True)


def first_try(fault: Fault, *clients: str, more: tuple[Scripted, ...] = ()) -> SandboxConfig:
    """Let the first changes of these clients go wrong."""
    script = Scripted(fault=fault, ids=frozenset(clients), attempts=frozenset({1}))
    return SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(script, *more)))


def correct(office: Any, name: str, *pairs: tuple[str, str]) -> None:
    """Correct texts of a CSV results file, each of which stands there once."""
    path = office.folder / name
    text = path.read_bytes().decode("utf-8-sig")
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_bytes(text.encode())


def ends(office: Any, ended: Any) -> list[tuple[str, str, str]]:
    return [(each.status.value, each.code, each.client_id) for each in office.rows(ended)]


def moved(office: Any, header: Sequence[str] = ("ID", "E-mail", "New mail", "Company")) -> Any:
    """Rows that change the very e-mail by which their clients are found."""
    return office.source(header, [(f"clt_{n}", f"c{n}@x.example", f"n{n}@x.example", f"New {n}") for n in range(1, 4)])


@pytest.mark.parametrize("match", [BY_EMAIL, BY_ID_AND_EMAIL], ids=["by e-mail", "by id and e-mail"])
def test_a_change_of_the_key_is_corrected_on_the_same_client(
    open_office: Callable[..., Any], edit: Callable[..., None], match: Mapping[str, Any]
) -> None:
    """The run has changed the e-mail it was found by, and another client has that by now: it is not written to."""
    office = open_office(records=RECORDS)
    ended = office.run(
        moved(office), office.mapping(ignore=["ID"] if match is BY_EMAIL else [], **match), output="first.csv"
    )
    assert ended.summary.counts == {"updated": 3}
    edit(office, "clt_5", email="c2@x.example")
    correct(office, "first.csv", ("New 2", "Better 2"))
    retried = office.retry("first.csv", output="second.csv")
    assert ends(office, retried)[1] == ("updated", "", "clt_2")
    records = office.server.records()
    assert (records["clt_2"]["name"], records["clt_5"]["name"]) == ("Better 2", "Old 5")


@pytest.mark.parametrize("match", [BY_EMAIL, BY_ID_AND_EMAIL], ids=["by e-mail", "by id and e-mail"])
def test_what_was_in_doubt_and_had_been_applied_is_found_to_be_so(
    open_office: Callable[..., Any], match: Mapping[str, Any]
) -> None:
    """Nobody has the row's key any more, since its change went through: nothing to send, and not no_match."""
    unread = Scripted(fault=REFUSED, ids=frozenset({"clt_2"}), methods=frozenset({"GET"}), attempts=frozenset({1}))
    office = open_office(records=RECORDS, config=first_try(APPLIED, "clt_2", more=(unread,)))
    mapping = office.mapping(ignore=["ID"] if match is BY_EMAIL else [], **match)
    ended = office.run(moved(office), mapping, attempts=1, output="first.csv")
    assert ends(office, ended)[1][0] == "in_doubt"
    before = office.requests()
    retried = office.retry("first.csv", output="second.csv")
    assert [end[::2] for end in ends(office, retried)] == [("unchanged", f"clt_{n}") for n in range(1, 4)]
    assert office.requests()["PATCH"] == before["PATCH"]


def test_an_edited_key_is_looked_up_anew(open_office: Callable[..., Any]) -> None:
    """The key cell was corrected, so the row is for another client than the run found."""
    office = open_office(records=RECORDS)
    office.run(moved(office), office.mapping(ignore=["ID"], **BY_EMAIL), output="first.csv")
    correct(office, "first.csv", (",c2@x.example,n2@", ",c4@x.example,n4@"))
    retried = office.retry("first.csv", output="second.csv")
    assert ends(office, retried)[1] == ("updated", "", "clt_4")
    assert office.server.records()["clt_4"]["email"] == "n4@x.example"


@pytest.mark.parametrize("match", [BY_EMAIL, BY_ID_AND_EMAIL], ids=["by e-mail", "by id and e-mail"])
def test_a_client_that_is_gone_is_no_match(open_office: Callable[..., Any], match: Mapping[str, Any]) -> None:
    """The client that the run found was deleted since: refused by its id, also by a further retry."""
    office = open_office(records=RECORDS, config=first_try(REFUSED, "clt_2"))
    office.run(moved(office), office.mapping(ignore=["ID"] if match is BY_EMAIL else [], **match), output="first.csv")
    office.delete("clt_2")
    retried = office.retry("first.csv", output="second.csv")
    assert ends(office, retried)[1] == ("invalid", "no_match", "clt_2")
    assert "no such client: clt_2" in office.rows(retried)[1].message
    assert ends(office, office.retry("second.csv", output="third.csv"))[1] == ("invalid", "no_match", "clt_2")


def test_keys_that_disagreed_are_compared_again(open_office: Callable[..., Any]) -> None:
    """A row that was refused since its second key is another client's is not taken for found by its id."""
    office = open_office(records=RECORDS)
    rows = [("clt_1", "c2@x.example", "", "New 1"), ("clt_2", "c2@x.example", "", "New 2")]
    source = office.source(("ID", "E-mail", "New mail", "Company"), rows)
    office.run(source, office.mapping(**BY_ID_AND_EMAIL), output="first.csv")
    correct(office, "first.csv", ("New 1", "Better 1"))
    retried = office.retry("first.csv", output="second.csv")
    assert [end[:2] for end in ends(office, retried)] == [("invalid", "keys_disagree"), ("unchanged", "")]
    correct(office, "second.csv", ("clt_1,c2@", "clt_1,c1@"))
    assert ends(office, office.retry("second.csv", output="third.csv"))[0] == ("updated", "", "clt_1")


ADDRESS: Mapping[str, Any] = {
    "match": "ID",
    "fields": {"name": "Company", "billingAddress.address": "Street", "billingAddress.city": "City"},
    "partial": ["billingAddress"],
}
PARTS = ("ID", "Company", "Street", "City")


def sent_bodies(office: Any, client: str) -> list[Any]:
    return [each.body for each in office.server.log if each.method == "PATCH" and each.client_id == client]


def in_parts(office: Any, *more: tuple[str, ...], **mapping: Any) -> Any:
    """Two rows of a client, each with a part of its address, and a row of another."""
    rows = [("clt_1", "One", "Main St 1", ""), ("clt_1", "", "", "Dubai"), ("clt_2", "Two", "", ""), *more]
    return office.run(office.source(PARTS, rows), office.mapping(**{**ADDRESS, **mapping}), output="first.csv")


def test_an_edited_row_takes_the_sent_rows_of_its_client_along(open_office: Callable[..., Any]) -> None:
    """The address goes out whole, and both rows have the status of the one change."""
    office = open_office(records=RECORDS)
    assert in_parts(office).summary.counts == {"updated": 3}
    correct(office, "first.csv", ("Dubai", "Sharjah"))
    retried = office.retry("first.csv", output="second.csv")
    assert sent_bodies(office, "clt_1")[-1] == {"billingAddress": {"address": "Main St 1", "city": "Sharjah"}}
    assert [end[0] for end in ends(office, retried)] == ["updated", "updated", "unchanged"]
    assert "sent with row 2" in office.rows(retried)[1].message
    assert retried.summary.counts == {"updated": 2, "unchanged": 1}


def test_an_edit_that_contradicts_a_sent_row_is_refused(open_office: Callable[..., Any]) -> None:
    """The other row was updated and is not edited: both are named, nothing is sent; without it the edit goes out."""
    office = open_office(records=RECORDS)
    in_parts(office)
    correct(office, "first.csv", ("clt_1,,,Dubai", "clt_1,Uno,,Dubai"))
    retried = office.retry("first.csv", output="second.csv")
    assert [end[:2] for end in ends(office, retried)] == [
        ("invalid", "rows_contradict"), ("invalid", "rows_contradict"), ("unchanged", ""),
    ]  # fmt: skip
    assert len(sent_bodies(office, "clt_1")) == 1
    path = office.folder / "second.csv"
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b",One," not in line))
    again = office.retry("second.csv", output="third.csv")
    assert [end[0] for end in ends(office, again)] == ["skipped", "updated", "unchanged"]
    assert office.server.records()["clt_1"]["name"] == "Uno"


def test_a_row_that_was_deleted_from_the_file_keeps_its_part_of_a_unit(open_office: Callable[..., Any]) -> None:
    """Only the line to correct was left in the file: what its deleted neighbour had sent is not erased."""
    office = open_office(records=RECORDS)
    in_parts(office)
    path = office.folder / "first.csv"
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b"Main" not in line))
    correct(office, "first.csv", ("Dubai", "Sharjah"))
    retried = office.retry("first.csv", output="second.csv")
    assert sent_bodies(office, "clt_1")[-1] == {"billingAddress": {"address": "Main St 1", "city": "Sharjah"}}
    assert [end[0] for end in ends(office, retried)] == ["skipped", "updated", "unchanged"]
    correct(office, "second.csv", ("Sharjah", "Ajman"))
    office.retry("second.csv", output="third.csv")
    assert sent_bodies(office, "clt_1")[-1] == {"billingAddress": {"address": "Main St 1", "city": "Ajman"}}


def test_what_a_deleted_row_may_have_sent_is_not_erased(open_office: Callable[..., Any]) -> None:
    """Two rows of a client are in doubt, and one was deleted from the file: its part of the address goes along."""
    unread = Scripted(fault=REFUSED, ids=frozenset({"clt_1"}), methods=frozenset({"GET"}), attempts=frozenset({1}))
    office = open_office(records=RECORDS, config=first_try(APPLIED, "clt_1", more=(unread,)))
    rows = [("clt_1", "", "Main St 1", ""), ("clt_1", "", "", "Dubai")]
    ended = office.run(office.source(PARTS, rows), office.mapping(**ADDRESS), attempts=1, output="first.csv")
    assert ended.summary.counts == {"in_doubt": 2}
    path = office.folder / "first.csv"
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b"Main" not in line))
    retried = office.retry("first.csv", output="second.csv")
    assert retried.summary.counts == {"skipped": 1, "updated": 1}
    assert sent_bodies(office, "clt_1")[-1] == {"billingAddress": {"address": "Main St 1", "city": "Dubai"}}


def test_a_row_found_by_its_key_only_now_takes_its_client_along(open_office: Callable[..., Any]) -> None:
    """The row was invalid, so that the run did not look for its client, which another row was sent to."""
    office = open_office(records=RECORDS)
    by_email = {"match": {"column": "E-mail", "by": "email"}, "fields": {**ADDRESS["fields"], "phone": "Phone"}}
    rows = [("c1@x.example", "One", "Main St 1", "", ""), ("c1@x.example", "", "", "Dubai", "no phone")]
    source = office.source(("E-mail", *PARTS[1:], "Phone"), rows)
    ended = office.run(source, office.mapping(**{**ADDRESS, **by_email}), output="first.csv")
    assert ended.summary.counts == {"updated": 1, "invalid": 1}
    correct(office, "first.csv", (",no phone,", ",+971501234567,"))
    retried = office.retry("first.csv", output="second.csv")
    assert retried.summary.counts == {"updated": 2}
    address = {"address": "Main St 1", "city": "Dubai"}
    assert sent_bodies(office, "clt_1")[-1] == {"billingAddress": address, "phone": "+971501234567"}


def test_some_of_the_rows_of_one_change_are_not_retried_alone(open_office: Callable[..., Any]) -> None:
    """What the others had sent would be torn out of the unit; all of them, or none."""
    office = open_office(
        records=[{"id": "clt_1", "name": "Old"}], config=SandboxConfig(quota=Quota(rate="none"), address="replace")
    )
    fields = {"billingAddress.city": "City", "billingAddress.state": "State"}
    mapping = office.mapping(match="ID", fields=fields, partial=["billingAddress"])
    office.run(
        office.source(("ID", "City", "State"), [("clt_1", "Dubai", ""), ("clt_1", "", "DXB")]),
        mapping,
        output="first.csv",
    )
    correct(office, "first.csv", ("clt_1,Dubai,", "clt_1,Sharjah,"), (",DXB,", ",SHJ,"))
    with pytest.raises(Refused, match="rows 2 and 3 are for one client") as refused:
        office.retry("first.csv", rows="3", output="second.csv")
    assert "choose both" in refused.value.hint
    office.retry("first.csv", rows="2,3", output="third.csv")
    assert office.server.records()["clt_1"]["billingAddress"] == {"city": "Sharjah", "state": "SHJ"}
