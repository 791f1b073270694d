"""A plan is a thing to read, to cut down and to send: on the terminal, as a workbook, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bulk_sync.console.plan_text import plan_lines
from bulk_sync.errors import Refused, SourceError
from bulk_sync.journal import JournalBook, PlanTables
from bulk_sync.results import write_results
from bulk_sync.results.summary_json import SUMMARY_SCHEMA, summary_json
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted
from bulk_sync.workflow.view import PlanView

HEADER = ("Client ID", "Company", "E-mail", "Job")


def prepared(open_office: Callable[..., Any], count: int = 6) -> tuple[Any, Any, Any]:
    records = [
        {"id": f"clt_{n}", "type": "company", "name": f"Old {n}", "email": f"old{n}@example.com"} for n in range(count)
    ]
    office = open_office(records=records)
    rows = [(f"clt_{n}", f"New {n}", f"new{n}@example.com", "Buyer" if n == 5 else "") for n in range(count)]
    fields = {"name": "Company", "email": "E-mail", "jobTitle": "Job"}
    return office, office.source(HEADER, rows), office.mapping(match="Client ID", fields=fields)


def plan_of(ended: Any) -> PlanView:
    view: PlanView = ended.view
    return view


def test_the_plan_in_words_and_as_json(open_office: Callable[..., Any]) -> None:
    """Counts, cells, what cannot be put back by name, requests, finish and first differences, in both."""
    office, source, mapping = prepared(open_office)
    ended = office.plan(source, mapping, rate="60/min")
    lines = [line.strip() for line in plan_lines(plan_of(ended))]
    assert "changes              6   one request each" in lines
    assert "cells set           13" in lines
    assert "not undoable         1   old value unknown, or not to be put back: jobTitle 1" in lines
    assert 'row 2, clt_0, name: "Old 0" → "New 0"' in lines
    assert any(line.startswith("requests             6 (1 already spent on reading), at 60/min") for line in lines)

    told = json.loads(summary_json(ended.summary, plan=plan_of(ended).to_json()))
    plan = told["plan"]
    assert set(told) <= set(SUMMARY_SCHEMA["properties"])  # type: ignore[arg-type]  # a mapping of names
    assert (plan["rows"], plan["counts"], plan["changes"]) == (6, {"ready": 6}, 6)
    assert plan["cells"] == {"set": 13, "cleared": 0, "held_back": 0, "not_restorable": 1}
    assert plan["requests"] == {"reading": 1, "sending": 6}
    assert plan["seconds"] >= 4 and plan["finish_at"] > 1e9 and plan["findings"] == []
    assert len(plan["first_differences"]) == 10
    assert plan["first_differences"][0] == {
        "row_number": 2,
        "client_id": "clt_0",
        "field": "name",
        "old": "Old 0",
        "new": "New 0",
        "old_known": True,
    }


def test_the_permissions_asked_for_are_those_of_every_file_of_results(open_office: Callable[..., Any]) -> None:
    """--output-mode goes for the results and for the report page; without it both are the owner's alone."""
    office, source, mapping = prepared(open_office)
    office.run(source, mapping, output="own.csv", report="own.html")
    office.run(source, mapping, output="all.csv", report="all.html", output_mode="644")
    files = [path for path in office.folder.iterdir() if path.stem in {"own", "all"}]
    found = {path.name: path.stat().st_mode & 0o777 for path in files}
    assert found == {"own.csv": 0o600, "own.html": 0o600, "all.csv": 0o644, "all.html": 0o644}


def edited(path: Path, sheet: str, change: Callable[[Any], None]) -> None:
    book = openpyxl.load_workbook(path)
    change(book[sheet])
    book.save(path)


def test_deleted_lines_are_left_out(open_office: Callable[..., Any]) -> None:
    """Lines deleted from Changes take their cells away, rows deleted from Results their whole row."""
    office, source, mapping = prepared(open_office)
    plan = office.plan(source, mapping, output="plan.xlsx")
    path = office.folder / "plan.xlsx"
    edited(path, "Changes", lambda sheet: sheet.delete_rows(4, 2))  # both of clt_1
    edited(path, "Changes", lambda sheet: sheet.delete_rows(2))  # the name of clt_0
    edited(path, "Results", lambda sheet: sheet.delete_rows(4))  # row 4: clt_2
    ended = office.run_plan("plan.xlsx", output="results.xlsx")
    assert ended.summary.run == plan.summary.run
    assert ended.summary.counts == {"updated": 4, "skipped": 2}
    found = {each.client_id: (each.code, each.changed) for each in office.rows(ended)}
    assert (found["clt_0"], found["clt_1"], found["clt_2"]) == (("", ("email",)), ("left_out", ()), ("left_out", ()))
    stored = office.server.records()
    assert [stored[f"clt_{n}"]["name"] for n in range(4)] == ["Old 0", "Old 1", "Old 2", "New 3"]


@pytest.mark.parametrize("name", ["plan.csv", "plan.jsonl"])
def test_rows_deleted_from_a_flat_plan(open_office: Callable[..., Any], name: str) -> None:
    """A plan as CSV or JSON lines is cut down by its rows."""
    office, source, mapping = prepared(open_office)
    office.plan(source, mapping, output=name)
    path = office.folder / name
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b"clt_3" not in line))
    ended = office.run_plan(name, output="results.xlsx")
    assert ended.summary.counts == {"updated": 5, "skipped": 1}
    assert office.server.records()["clt_3"]["name"] == "Old 3"


def test_a_plan_s_changes_as_csv(open_office: Callable[..., Any]) -> None:
    """Cut down by its lines: the apostrophe before what looks like a formula is no edit, and is not sent."""
    office, _, mapping = prepared(open_office)
    rows = [("clt_1", "=1+1", "", ""), ("clt_2", "+971501234567", "", ""), ("clt_3", "-2+3", "", "")]
    plan = office.plan(office.source(HEADER, rows), mapping)
    path = office.folder / f"changes-{plan.summary.run}.csv"
    with office.opened(plan.summary.run) as journal:
        write_results(JournalBook(journal, plan.summary), path, what="changes")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b"clt_3" not in line))
    assert office.run_plan(path.name).summary.counts == {"updated": 2, "skipped": 1}
    stored = office.server.records()
    assert [stored[f"clt_{n}"]["name"] for n in (1, 2, 3)] == ["=1+1", "+971501234567", "Old 3"]


def test_an_edited_value_is_refused(open_office: Callable[..., Any]) -> None:
    """A new value that was edited in the plan's file is not silently something else than what is sent."""
    office, source, mapping = prepared(open_office)
    office.plan(source, mapping, output="plan.xlsx")
    edited(office.folder / "plan.xlsx", "Changes", lambda sheet: sheet.__setitem__("E2", "Mine"))
    with pytest.raises(SourceError, match=r"row 2, name: the new value was edited \('New 0' → 'Mine'\)"):
        office.run_plan("plan.xlsx", output="results.xlsx")
    assert "PATCH" not in office.requests()


def test_what_a_plan_does_not_take(open_office: Callable[..., Any], leaping_clock: Callable[[], Any]) -> None:
    """Not older than a day, not with another choice of rows."""
    office, source, mapping = prepared(open_office)
    plan = office.plan(source, mapping)
    with pytest.raises(Refused, match="--rows: a plan is sent as it was shown"):
        office.run_plan(plan.summary.run, rows="2")
    office.clock = leaping_clock()
    office.clock.slept = 24.5 * 3600
    with pytest.raises(Refused, match="a plan is good for 24 hours"):
        office.run_plan(plan.summary.run)
    assert "PATCH" not in office.requests()


def test_a_later_run_has_the_last_word(open_office: Callable[..., Any]) -> None:
    """What a later run sent, readable or not, is not overwritten by an older plan; what is gone is not tried."""
    office, source, mapping = prepared(open_office)
    plan = office.plan(source, mapping)
    later = office.source(("Client ID", "Job"), [("clt_5", "Owner")], name="later.csv")
    office.run(later, office.mapping("later.yaml", match="Client ID", fields={"jobTitle": "Job"}))
    sent = office.requests()["PATCH"]
    ended = office.run_plan(plan.summary.run)
    assert {each.client_id: each.code for each in office.rows(ended) if each.status == "skipped"} == {
        "clt_5": "superseded"
    }
    assert office.requests()["PATCH"] - sent == 5


def test_canaries_are_chosen_from_what_is_left(open_office: Callable[..., Any]) -> None:
    """Where the plan's canaries were deleted from its file, others try every field first."""
    office, source, mapping = prepared(open_office)
    plan = office.plan(source, mapping, output="plan.xlsx")
    edited(office.folder / "plan.xlsx", "Changes", lambda sheet: sheet.delete_rows(12, 3))  # clt_5, the only canary
    office.run_plan("plan.xlsx", output="results.xlsx", max_requests=1)
    with office.opened(plan.summary.run) as journal:
        assert [set(change.payload) for change in PlanTables(journal).canaries()] == [{"name", "email"}]


def refusing_office(open_office: Callable[..., Any], *clients: str) -> tuple[Any, Any]:
    """Make a plan of three rows; the first changes of these clients will be refused."""
    refused = Fault(kind=FaultKind.STATUS, status=400, message="taken")
    script = Scripted(fault=refused, ids=frozenset(clients), attempts=frozenset({1}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(script,) if clients else ()))
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Old {n}"} for n in range(3)]
    office = open_office(config=config, records=records)
    rows = [(f"clt_{n}", f"New {n}", f"new{n}@example.com", "") for n in range(3)]
    fields = {"name": "Company", "email": "E-mail", "jobTitle": "Job"}
    plan = office.plan(
        office.source(HEADER, rows), office.mapping(match="Client ID", fields=fields), output="plan.xlsx"
    )
    return office, plan


def test_a_retry_leaves_out_what_was_left_out_of_the_plan(open_office: Callable[..., Any]) -> None:
    """The names were deleted from the plan's file: no retry sends one, unless its cell was edited since."""
    office, _ = refusing_office(open_office, "clt_0", "clt_1")

    def delete_names(sheet: Any) -> None:
        for line in (6, 4, 2):
            sheet.delete_rows(line)

    edited(office.folder / "plan.xlsx", "Changes", delete_names)
    ended = office.run_plan("plan.xlsx", output="first.xlsx")
    assert ended.summary.counts == {"failed": 2, "updated": 1}
    edited(office.folder / "first.xlsx", "Results", lambda sheet: sheet.__setitem__("D4", "Buyer"))
    retried = office.retry("first.xlsx", rows="2,4", output="second.xlsx")
    assert retried.summary.counts == {"updated": 2, "skipped": 1}
    edited(office.folder / "second.xlsx", "Results", lambda sheet: sheet.__setitem__("B4", "Mine 2"))
    again = office.retry("second.xlsx", output="third.xlsx")
    assert [each.changed for each in office.rows(again)] == [(), ("email",), ("name",)]
    assert [office.server.records()[f"clt_{n}"]["name"] for n in range(3)] == ["Old 0", "Old 1", "Mine 2"]


def test_a_row_left_out_of_the_plan_is_retried_with_its_edits_alone(open_office: Callable[..., Any]) -> None:
    """Its row was deleted from the plan's file, and one cell of it edited in the results: that field is sent."""
    office, _ = refusing_office(open_office)
    edited(office.folder / "plan.xlsx", "Results", lambda sheet: sheet.delete_rows(3))
    office.run_plan("plan.xlsx", output="first.xlsx")
    before = office.requests()["PATCH"]
    office.retry("first.xlsx", output="second.xlsx")
    assert office.requests()["PATCH"] == before
    edited(office.folder / "second.xlsx", "Results", lambda sheet: sheet.__setitem__("C3", "mine@example.com"))
    retried = office.retry("second.xlsx", output="third.xlsx")
    assert [each.changed for each in office.rows(retried)] == [(), ("email",), ()]
    client = office.server.records()["clt_1"]
    assert (client["name"], client["email"]) == ("Old 1", "mine@example.com")


def test_fields_that_the_plan_was_not_kept_to_can_be_retried(open_office: Callable[..., Any]) -> None:
    """--only-fields of a retry takes the place of the run's, and brings back nothing that was left out of the plan."""
    office, _ = refusing_office(open_office, "clt_0")
    source, mapping = office.folder / "clients.csv", office.folder / "mapping.yaml"
    office.plan(source, mapping, output="plan.xlsx", only_fields="name", overwrite=True)
    edited(office.folder / "plan.xlsx", "Changes", lambda sheet: sheet.delete_rows(3))
    ended = office.run_plan("plan.xlsx", output="first.xlsx")
    assert ended.summary.counts == {"failed": 1, "updated": 1, "skipped": 1}
    retried = office.retry("first.xlsx", output="second.xlsx", only_fields="name,email")
    assert [each.changed for each in office.rows(retried)] == [("name", "email"), (), ()]
