"""Night after night: what no answer shows rests on the ledger, for 30 days, and while nobody touched the client."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.journal import Journal, open_journal
from bulk_sync.records import Status
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted

DAY = 86_400.0
HEADER = ("Client ID", "Company", "Job", "City")
FIELDS = {"name": "Company", "jobTitle": "Job", "billingAddress.city": "City"}


def prepared(open_office: Callable[..., Any], count: int = 6, **config: Any) -> tuple[Any, Any]:
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Company {n}", "cf_a": "x"} for n in range(count)]
    office = open_office(config=SandboxConfig(quota=Quota(rate="none"), **config), records=records)
    return office, office.mapping(match="Client ID", fields=FIELDS, partial=["billingAddress"])


def rows(office: Any, count: int = 6, job: str = "Buyer", name: str = "Company") -> Any:
    return office.source(HEADER, [(f"clt_{n}", f"{name} {n}", job, "Dubai") for n in range(count)])


@pytest.mark.parametrize("prefix", [True, False])
def test_believed_for_thirty_days(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], prefix: bool
) -> None:
    """Write-only fields are sent on the first night and again after 30 days; --trust-ledger shortens that."""
    office, mapping = prepared(open_office, custom_prefix=prefix)
    office.clock = leaping_clock()
    source = rows(office)
    assert office.run(source, mapping).summary.counts == {"updated": 6}
    office.clock.slept += 29 * DAY
    second = office.run(source, mapping)
    assert second.summary.counts == {"unchanged": 6}
    assert "no answer shows jobTitle, billingAddress" in office.rows(second)[0].message
    assert office.run(source, mapping, trust_ledger="7d").summary.counts == {"updated": 6}
    office.clock.slept += 31 * DAY
    assert office.run(source, mapping).summary.counts == {"updated": 6}


def test_not_believed_where_somebody_was(open_office: Callable[..., Any], edit: Callable[..., None]) -> None:
    """A client whose readable fields somebody changed gets its write-only fields again; only that client."""
    office, mapping = prepared(open_office)
    source = rows(office)
    office.run(source, mapping)
    edit(office, "clt_2", phone="+971500000000")
    edit(office, "clt_3", cf_a="y")
    second = office.run(source, mapping)
    assert {each.client_id: each.changed for each in office.rows(second) if each.status is Status.UPDATED} == {
        "clt_2": ("jobTitle", "billingAddress"),
        "clt_3": ("jobTitle", "billingAddress"),
    }


def test_a_stop_and_a_resume_lose_nothing(open_office: Callable[..., Any]) -> None:
    """A run that is stopped and resumed leaves what earlier nights had accepted as it was known."""
    office, mapping = prepared(open_office)
    office.run(rows(office), mapping)
    names = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    renamed = rows(office, name="Renamed")
    stopped = office.run(renamed, names, max_requests=4)
    assert stopped.summary.exit_code == 3 and stopped.summary.counts["updated"] >= 1
    assert office.resume(stopped.summary.run).summary.counts == {"updated": 6}
    assert office.run(renamed, mapping).summary.counts == {"unchanged": 6}


def unanswered(journal: Journal) -> None:
    """Let a run have died with its requests out: their answers, and what they ended, were never written."""
    journal.update_header(entries={**journal.header.entries, "outcomes": 0})
    with journal.transaction() as connection:
        connection.execute("DELETE FROM outcomes")
        journal.update(
            "requests",
            {"replied_at": None, "http_status": None, "seconds": None, "verdict": ""},
            "kind = :kind",
            kind="patch",
        )


@pytest.mark.parametrize("answered", [True, False])
def test_what_a_run_did_that_died_is_known_to_the_next(open_office: Callable[..., Any], *, answered: bool) -> None:
    """It could not tell the ledger: the next plan does, and does not call unchanged what the dead one changed."""
    office, mapping = prepared(open_office)
    office.run(rows(office), mapping)
    state = sqlite3.connect(office.folder / "state" / "state.sqlite")
    known = state.execute("SELECT * FROM ledger").fetchall()
    died = office.run(rows(office, job="Seller"), mapping).summary.run
    with state:
        state.execute("DELETE FROM ledger")
        state.executemany(f"INSERT INTO ledger VALUES ({','.join('?' * len(known[0]))})", known)
    state.close()
    journal = open_journal(office.folder / "state" / "runs" / died / "journal.sqlite")
    journal.update_header(state="sending", facts={**journal.header.facts, "folded": False})
    if not answered:
        unanswered(journal)
    journal.close()
    assert office.run(rows(office), mapping).summary.counts == {"updated": 6}
    assert office.run(rows(office), mapping).summary.counts == {"unchanged": 6}


@pytest.mark.parametrize("body", ["{", "[]", '{"values": {"jobTitle": 1}, "fingerprint": {}}', b"\xff"])
def test_a_damaged_entry_is_named_with_its_client(open_office: Callable[..., Any], body: str | bytes) -> None:
    """By the run that meets it while it closes, which reads nothing before; and by one that plans with it."""
    office, mapping = prepared(open_office)
    office.run(rows(office), mapping)
    with sqlite3.connect(office.folder / "state" / "state.sqlite") as connection:
        connection.execute("UPDATE ledger SET body = ? WHERE record_id = 'clt_2'", (body,))
    connection.close()
    said = "what it has of client clt_2 is damaged"
    blind = office.run(rows(office, job="Seller"), mapping, read="none")
    assert (blind.summary.exit_code, blind.summary.counts, said in blind.notes[0]) == (3, {"updated": 6}, True)
    planned = office.run(rows(office, job="Owner"), mapping)
    assert (planned.summary.exit_code, planned.summary.counts, said in planned.notes[0]) == (3, {"not_sent": 6}, True)


def test_a_damaged_journal_of_a_run_that_died_stops_no_other(open_office: Callable[..., Any]) -> None:
    """What it sent is not known, which is said; the next night goes on."""
    office, mapping = prepared(open_office)
    died = office.run(rows(office), mapping).summary.run
    journal = open_journal(office.folder / "state" / "runs" / died / "journal.sqlite")
    journal.update_header(state="sending", facts={**journal.header.facts, "folded": False})
    journal.connection.execute("UPDATE outcomes SET code = 'odd'")
    journal.close()
    assert office.run(rows(office), mapping).summary.counts == {"unchanged": 6}


def test_only_what_differs_is_sent(open_office: Callable[..., Any]) -> None:
    """A change holds the fields that differ; null, "" and absent are one, numbers go by value, loose forgives."""
    records = [
        {"id": "clt_0", "type": "company", "name": "AL  NOOR", "phone": "+971 50 123 4567", "cf_n": 7, "cf_t": "x"}
    ]
    office = open_office(records=records)
    source = office.source(
        ("Client ID", "Company", "Phone", "N", "Site", "T"), [("clt_0", "Al Noor", "+971501234567", "7.0", "", "x")]
    )
    fields = {
        "name": {"column": "Company", "compare": "loose"},
        "phone": "Phone",
        "cf_n": {"column": "N", "type": "number"},
        "website": {"column": "Site", "blank": "clear"},
        "cf_t": "T",
    }
    ended = office.run(source, office.mapping(match="Client ID", fields=fields))
    assert [each.changed for each in office.rows(ended)] == [("phone",)]
    assert ended.summary.counts == {"updated": 1}


def test_if_ours_keeps_what_others_wrote(open_office: Callable[..., Any], edit: Callable[..., None]) -> None:
    """``overwrite: if_ours`` replaces what this tool wrote last, and nothing else."""
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Company {n}"} for n in range(2)]
    office = open_office(records=records)
    source = office.source(("Client ID", "Site"), [(f"clt_{n}", f"https://{n}.example") for n in range(2)])
    office.run(source, office.mapping("a.yaml", match="Client ID", fields={"website": "Site"}))
    edit(office, "clt_1", website="https://theirs.example")
    later = office.source(("Client ID", "Site"), [(f"clt_{n}", f"https://new{n}.example") for n in range(2)])
    ours = office.mapping("b.yaml", match="Client ID", fields={"website": {"column": "Site", "overwrite": "if_ours"}})
    ended = office.run(later, ours)
    assert [(each.status, each.code) for each in office.rows(ended)] == [("updated", ""), ("skipped", "held_back")]
    assert office.plan(later, ours).view.cells_held_back == 1


@pytest.mark.parametrize("fault", [FaultKind.CLOSE, FaultKind.STATUS])
def test_undo_of_rows_in_doubt(open_office: Callable[..., Any], fault: FaultKind) -> None:
    """A change that nobody confirmed, and that was applied, is taken back like any other."""
    silent = Scripted(fault=Fault(kind=fault, status=500, applied=True), ids=frozenset({"clt_1"}))
    unread = Scripted(
        fault=Fault(kind=FaultKind.STATUS, status=500), ids=frozenset({"clt_1"}), methods=frozenset({"GET"})
    )
    office, _ = prepared(open_office, faults=Faults(script=(silent, unread)))
    before = office.server.records()
    names = office.mapping("names.yaml", match="Client ID", fields={"name": "Company"})
    run = office.run(rows(office, name="Renamed"), names, attempts=1, workers=1)
    assert run.summary.counts == {"updated": 5, "in_doubt": 1}
    assert office.server.records()["clt_1"]["name"] == "Renamed 1"
    undone = office.undo(run.summary.run, attempts=1)
    assert office.server.records() == before
    assert undone.summary.counts == {"updated": 5, "in_doubt": 1}
