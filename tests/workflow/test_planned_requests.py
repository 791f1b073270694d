"""Requests are planned: what differs is sent, what is known is not asked for, and the books agree with the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.records import Status
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted

FIELDS = {"name": "Company", "email": "E-mail"}
HEADER = ("Client ID", "Company", "E-mail")


def client(number: int) -> dict[str, object]:
    return {
        "id": f"clt_{number:05}",
        "type": "company",
        "name": f"Company {number}",
        "email": f"c{number}@example.com",
        "phone": f"+97150{number:07}",
    }


def row(number: int, name: str = "") -> tuple[object, ...]:
    return (f"clt_{number:05}", name or f"Company {number}", f"c{number}@example.com")


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.demand)])
def test_many_rows_cost_what_differs(open_office: Callable[..., Any], count: int) -> None:
    """10,000 rows of which 500 differ take 100 pages and 500 changes; the same file again takes pages only."""
    office = open_office(records=[client(number) for number in range(count)])
    rows = [row(number, f"New name {number}" if number % 20 == 0 else "") for number in range(count)]
    source, mapping = office.source(HEADER, rows), office.mapping(match="Client ID", fields=FIELDS)

    first = office.run(source, mapping)
    assert first.summary.counts == {"updated": count // 20, "unchanged": count - count // 20}
    assert sum(office.requests().values()) <= count // 100 + count // 20 + 5
    stored = office.server.records()
    assert all(stored[f"clt_{number:05}"]["name"] == name for number, (_, name, _) in enumerate(rows))

    before = office.requests()
    second = office.run(source, mapping)
    after = office.requests()
    assert second.summary.counts == {"unchanged": count}
    assert after["PATCH"] == before["PATCH"]
    assert after["GET"] - before["GET"] == count // 100


def test_fields_that_no_answer_shows_rest_on_the_ledger(open_office: Callable[..., Any]) -> None:
    """A write-only column is sent once; from the second night on the row rests on the ledger and says so."""
    office = open_office(records=[client(number) for number in range(30)])
    source = office.source(("Client ID", "Job"), [(f"clt_{number:05}", "Buyer") for number in range(30)])
    mapping = office.mapping(match="Client ID", fields={"jobTitle": "Job"})

    assert office.run(source, mapping).summary.counts == {"updated": 30}
    second = office.run(source, mapping)
    assert second.summary.counts == {"unchanged": 30}
    assert {each.message for each in office.rows(second)} == {
        "no answer shows jobTitle: this tool last had them accepted so"
    }
    assert office.run(source, mapping, trust_ledger="no").summary.counts == {"updated": 30}


@pytest.mark.parametrize("count", [300, pytest.param(1000, marks=pytest.mark.demand)])
def test_match_by_email_costs_the_list_and_no_more(open_office: Callable[..., Any], count: int) -> None:
    """1,000 rows matched by e-mail are answered from the snapshot; a key that two clients have reaches neither."""
    records = [client(number) for number in range(count)]
    twin = {**client(5000), "email": "C7@Example.com", "id": "clt_twin"}
    office = open_office(records=[*records, twin])
    source = office.source(
        ("E-mail", "Company"), [(f"c{number}@example.com", f"Renamed {number}") for number in range(count)]
    )
    mapping = office.mapping(match={"column": "E-mail", "by": "email"}, fields={"name": "Company"})

    ended = office.run(source, mapping)
    assert ended.summary.counts == {"updated": count - 1, "invalid": 1}
    assert office.requests() == {"GET": count // 100 + 1, "PATCH": count - 1}
    refused = next(each for each in office.rows(ended) if each.status is Status.INVALID)
    assert refused.code == "several_matches" and "clt_00007" in refused.message and "clt_twin" in refused.message
    assert office.server.records()["clt_00007"]["name"] == "Company 7"


def test_what_the_server_stores_otherwise_differs_once(open_office: Callable[..., Any]) -> None:
    """A custom field dropped on 7 rows and one trimmed name are ``differs``; the next night the trimmed one is left."""
    dropped = Scripted(
        fault=Fault(kind=FaultKind.DROP, fields=("cf_tier",)), ids=frozenset(f"clt_{n:05}" for n in range(7))
    )
    trimmed = Scripted(fault=Fault(kind=FaultKind.ALTER, fields=("name",), how="cut"), ids=frozenset({"clt_00010"}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(dropped, trimmed)))
    records = [client(n) if n < 7 else {**client(n), "cf_tier": "Silver"} for n in range(40)]
    office = open_office(config=config, records=records)
    source = office.source(
        ("Client ID", "Company", "Tier"), [(f"clt_{n:05}", f"Another company {n}", "Gold") for n in range(40)]
    )
    mapping = office.mapping(match="Client ID", fields={"name": "Company", "cf_tier": "Tier"})

    assert office.run(source, mapping, allow=("filled",)).summary.counts == {"updated": 32, "differs": 8}
    second = office.run(source, mapping)
    assert second.summary.counts == {"differs": 7, "unchanged": 33}
    trimmed_row = office.rows(second)[10]
    assert trimmed_row.status is Status.UNCHANGED and "its own spelling" in trimmed_row.message


def test_a_systemic_refusal_costs_the_canaries(open_office: Callable[..., Any]) -> None:
    """When every change would be refused for one reason, only the canaries are spent on finding out."""
    refusal = Scripted(fault=Fault(kind=FaultKind.STATUS, status=403, message="Not allowed"))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(refusal,)))
    office = open_office(config=config, records=[client(number) for number in range(200)])
    source = office.source(HEADER, [row(number, f"New {number}") for number in range(200)])
    mapping = office.mapping(match="Client ID", fields=FIELDS)

    ended = office.run(source, mapping)
    assert ended.summary.exit_code == 3 and ended.summary.stopped_by == "systemic"
    assert office.requests()["PATCH"] <= 10
    assert ended.summary.counts["not_sent"] >= 190


def test_only_if_empty_keeps_what_somebody_wrote(open_office: Callable[..., Any]) -> None:
    """``overwrite: if_empty`` fills what is empty and counts what it held back."""
    records = [client(0), {**client(1), "phone": None}]
    office = open_office(records=records)
    source = office.source(("Client ID", "Phone"), [("clt_00000", "+97141111111"), ("clt_00001", "+97142222222")])
    mapping = office.mapping(match="Client ID", fields={"phone": {"column": "Phone", "overwrite": "if_empty"}})

    ended = office.run(source, mapping)
    assert [(each.status, each.code) for each in office.rows(ended)] == [("skipped", "held_back"), ("updated", "")]
    assert ended.summary.exit_code == 0
