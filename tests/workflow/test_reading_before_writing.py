"""How the present state is read: by the numbers, within the promised bounds, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted

HEADER = ("Client ID", "Company")


def clients(count: int) -> list[dict[str, object]]:
    return [{"id": f"clt_{n:05}", "type": "company", "name": f"Company {n}"} for n in range(count)]


def prepared(office: Any, numbers: range) -> tuple[Any, Any]:
    source = office.source(HEADER, [(f"clt_{n:05}", f"Company {n}") for n in numbers])
    return source, office.mapping(match="Client ID", fields={"name": "Company"})


def gets(office: Any, act: Callable[[], Any]) -> int:
    before: int = office.requests().get("GET", 0)
    act()
    now: int = office.requests().get("GET", 0)
    return now - before


def test_a_list_ends_when_all_were_seen(open_office: Callable[..., Any]) -> None:
    """Matched by id, the listing stops at the page with the last wanted client."""
    office = open_office(records=clients(1000))
    source, mapping = prepared(office, range(50, 150))
    plan = office.plan(source, mapping)
    assert office.requests() == {"GET": 2} and plan.summary.counts == {"unchanged": 100}
    assert "stopped after 2 pages, when all were seen" in plan.view.reading


@pytest.mark.parametrize("pages", ["cursor", "number"])
def test_both_envelopes_are_read(open_office: Callable[..., Any], pages: Any) -> None:
    """A listing by cursor and one by page number show the same clients."""
    office = open_office(config=SandboxConfig(quota=Quota(rate="none"), pages=pages), records=clients(250))
    source, mapping = prepared(office, range(150, 250))
    assert office.plan(source, mapping).summary.counts == {"unchanged": 100}
    assert office.requests() == {"GET": 3}


@pytest.mark.parametrize("read", ["auto", "list", "each"])
def test_an_id_with_further_keys_reads_its_clients(open_office: Callable[..., Any], read: str) -> None:
    """The id finds the client, and the other keys are compared with what was read of it; merged rows are."""
    office = open_office(records=clients(4))
    rows = [
        ("clt_00001", "company  1", "https://1.example"),
        ("clt_00001", "", "https://1.example"),
        ("clt_00002", "Company 3", "https://2.example"),
        ("clt_00009", "Company 9", "https://9.example"),
    ]
    source = office.source(("Client ID", "Company", "Site"), rows)
    match = ["Client ID", {"column": "Company", "by": "name"}]
    ended = office.run(source, office.mapping(match=match, fields={"website": "Site"}), read=read)
    found = [(each.status, each.code) for each in office.rows(ended)]
    assert found == [("updated", ""), ("updated", ""), ("invalid", "keys_disagree"), ("invalid", "no_match")]
    assert office.requests()["PATCH"] == 1


def test_a_large_account_is_found_out_cheaply(open_office: Callable[..., Any]) -> None:
    """20 rows in an account of 3,000: the list is given up after a tenth in vain, and not begun the next night."""
    office = open_office(records=clients(3000))
    source, mapping = prepared(office, range(2975, 2995))
    first = gets(office, lambda: office.plan(source, mapping))
    assert 20 < first <= 20 + 20 // 10 + 1
    assert gets(office, lambda: office.plan(source, mapping)) == 20
    assert gets(office, lambda: office.plan(source, mapping, read="list")) == 30
    assert gets(office, lambda: office.plan(source, mapping)) == 20


def test_a_known_account_costs_the_better_of_the_two(open_office: Callable[..., Any]) -> None:
    """Once the account's size is known, a long file lists it and a short one reads its clients one by one."""
    office = open_office(records=clients(1000))
    source, mapping = prepared(office, range(900, 1000))
    assert gets(office, lambda: office.plan(source, mapping, read="list")) == 10
    assert gets(office, lambda: office.plan(source, mapping)) == 10
    short, mapping = prepared(office, range(995, 1000))
    assert gets(office, lambda: office.plan(short, mapping)) == 5


def test_missing_ids_are_confirmed_one_by_one(open_office: Callable[..., Any]) -> None:
    """Of 60 ids that the whole list lacks, 50 are looked up; all are refused, and the 51st costs nothing."""
    office = open_office(records=clients(100))
    source, mapping = prepared(office, range(50, 160))
    plan = office.plan(source, mapping)
    assert plan.summary.counts == {"unchanged": 50, "invalid": 60} and plan.summary.exit_code == 1
    assert office.requests() == {"GET": 1 + 50}
    assert {each.code for each in office.rows(plan) if each.status == "invalid"} == {"no_match"}


def test_a_client_that_the_list_missed_is_found(open_office: Callable[..., Any]) -> None:
    """A client made while the list was read is not refused: a GET finds it."""
    office = open_office(records=clients(100))
    source, mapping = prepared(office, range(90, 101))
    talk = office.talk
    talk.phase = lambda name, total=None: office.server.seed(clients(101)) if name == "reading clients" else None
    assert office.plan(source, mapping).summary.counts == {"unchanged": 11}


def test_a_list_that_is_refused_says_so(open_office: Callable[..., Any]) -> None:
    """An account whose list the key may not read: the run stops with the API's word, and --read each goes on."""
    refusal = Scripted(
        fault=Fault(kind=FaultKind.STATUS, status=403, message="No permission to list"),
        methods=frozenset({"GET"}),
        requests=frozenset({1, 2, 3}),
    )
    office = open_office(
        config=SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(refusal,))), records=clients(5)
    )
    source, mapping = prepared(office, range(5))
    ended = office.plan(source, mapping)
    assert ended.summary.exit_code in {3, 4}
    assert any("403" in note or "No permission to list" in note for note in ended.notes)


def test_a_blind_run_says_what_it_costs(open_office: Callable[..., Any]) -> None:
    """Read nothing: every row is sent, and the plan names what cannot be undone and what is not looked at."""
    office = open_office(records=clients(20))
    source, mapping = prepared(office, range(20))
    plan = office.plan(source, mapping, read="none")
    assert office.requests() == {} and plan.summary.counts == {"ready": 20}
    assert "no row can be unchanged" in plan.view.reading and "undo has no old values" in plan.view.reading
    assert plan.view.not_restorable == (("name", 20),) and plan.view.cells_not_restorable == 20
    ended = office.run_plan(plan.summary.run)
    assert ended.summary.counts == {"updated": 20} and office.requests() == {"PATCH": 20}
    undone = office.undo(ended.summary.run)
    assert undone.summary.exit_code == 1 and {each.code for each in office.rows(undone)} == {"not_restorable"}


def test_an_id_that_the_api_takes_for_anothers_is_no_client(open_office: Callable[..., Any]) -> None:
    """An API that answers with clt_1 to CLT_1: nothing is sent, the row names whom it found, and it is no outage.

    Every answer was taken for a sign that the server is away: after half an hour of probes the run ended with
    that, or, for a few rows, the client was changed ten times and left in doubt.
    """
    ids = [f"clt_{n:05}" for n in range(6)]
    taken = Scripted(fault=Fault(kind=FaultKind.OTHER_CLIENT), ids=frozenset(ids), methods=frozenset({"GET"}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(taken,)))
    office = open_office(config=config, records=clients(30))
    source, mapping = prepared(office, range(7))
    ended = office.run(source, mapping, read="each")
    assert ended.summary.counts == {"invalid": 6, "unchanged": 1}
    first = office.rows(ended)[0]
    assert first.code == "no_match" and "clt_00000; the API answers with client clt_00001" in first.message
    assert office.requests() == {"GET": 6 * 3 + 1 + 1}  # at last whether there is a list


def test_one_mixed_up_answer_is_asked_for_again(open_office: Callable[..., Any]) -> None:
    """What comes once is somebody's mix-up on the way: the client is there."""
    other = Fault(kind=FaultKind.OTHER_CLIENT)
    mixed = Scripted(fault=other, methods=frozenset({"GET"}), attempts=frozenset({1}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(mixed,)))
    office = open_office(config=config, records=clients(3))
    source, mapping = prepared(office, range(1, 2))
    assert office.run(source, mapping, read="each").summary.counts == {"unchanged": 1}
    assert office.requests() == {"GET": 2}
