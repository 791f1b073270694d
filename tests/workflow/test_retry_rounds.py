"""A retry of a retry of a retry: what an earlier round left out is as it was when it was judged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.errors import OutputError, Refused, SourceError
from bulk_sync.records import RunSummary
from bulk_sync.workflow import runs
from bulk_sync.workflow.closing import next_steps
from tests.workflow.office import Office


@pytest.fixture
def office(open_office: Callable[..., Any]) -> Office:
    """An office whose first run refused the codes of two rows."""
    made: Office = open_office(records=[{"id": f"clt_{n}", "name": "Old", "cf_code": "1"} for n in range(1, 4)])
    mapping = made.mapping(
        match="ID", fields={"cf_code": {"column": "Code", "transform": [{"extract": r"^[1-9]\d*$"}]}}
    )
    rows = [("clt_1", "0123"), ("clt_2", "0555"), ("clt_3", "789")]
    made.run(made.source(("ID", "Code"), rows), mapping, output="r0.csv")
    return made


def correct(office: Office, name: str, was: str, now: str) -> None:
    path = office.folder / name
    path.write_text(path.read_text("utf-8-sig").replace(was, now), encoding="utf-8")


def test_a_row_that_was_left_out_twice_is_corrected_like_one_that_was_not(office: Office) -> None:
    """Zeros that were what was wrong may go, in any round; those of a cell that was right are lost to a spreadsheet."""
    for round_ in (1, 2):
        office.retry(f"r{round_ - 1}.csv", rows="2", output=f"r{round_}.csv")
    correct(office, "r2.csv", "clt_2,0555", "clt_2,555")
    assert office.retry("r2.csv", output="r3.csv").summary.counts == {"updated": 1, "invalid": 1, "unchanged": 1}
    assert office.server.records()["clt_2"]["cf_code"] == "555"


def test_a_correction_that_was_left_out_may_be_corrected_again(office: Office) -> None:
    """It was edited by hand on purpose before."""
    correct(office, "r0.csv", "clt_2,0555", "clt_2,00556")
    office.retry("r0.csv", rows="2", output="r1.csv")
    correct(office, "r1.csv", "clt_2,00556", "clt_2,556")
    assert office.retry("r1.csv", output="r2.csv").summary.counts == {"updated": 1, "invalid": 1, "unchanged": 1}


def test_what_was_right_is_still_guarded(office: Office) -> None:
    """A row that was left out with nothing wrong in that cell."""
    office.retry("r0.csv", rows="2", output="r1.csv")
    correct(office, "r1.csv", "clt_3,789", "clt_3,7.89E+02")
    with pytest.raises(SourceError, match="damaged by a spreadsheet"):
        office.retry("r1.csv", output="r2.csv")


def test_an_earlier_round_may_be_forgotten(office: Office) -> None:
    """Then nothing tells a correction from damage, and the workbook is the way."""
    retried = office.retry("r0.csv", rows="2", output="r1.csv").summary
    (office.folder / "state" / "runs" / retried.parent / "journal.sqlite").unlink()
    correct(office, "r1.csv", "clt_2,0555", "clt_2,555")
    with pytest.raises(SourceError) as caught:
        office.retry("r1.csv", output="r2.csv")
    assert caught.value.hint.startswith("edit the results workbook instead")


def test_results_of_which_nothing_was_sent(office: Office) -> None:
    """A check's name the way to send, a plan's the way to send that; results are not written over what is read."""
    source, mapping = office.folder / "clients.csv", office.folder / "mapping.yaml"
    office.check(source, mapping, output="check.xlsx")
    with pytest.raises(Refused, match="holds the results of a check, in which nothing was sent"):
        office.retry("check.xlsx")
    plan = office.plan(source, mapping, output="plan.xlsx").summary.run
    with pytest.raises(Refused) as caught:
        office.retry("plan.xlsx")
    assert caught.value.hint == f"to send the plan: bulk-sync run --plan {plan}"
    with pytest.raises(OutputError, match='would overwrite the results file that is retried "'):
        office.retry("r0.csv", output="r0.csv")


@pytest.mark.parametrize("command", ["undo", "show"])
def test_a_workbook_names_its_run_wherever_it_lies(office: Office, command: str) -> None:
    """Under a new name, and in the place of another run's results, which is what the path was remembered for."""
    source, mapping = office.folder / "clients.csv", office.folder / "mapping.yaml"
    first = office.run(source, mapping, output="first.xlsx").summary.run
    second = office.run(source, mapping, output="second.xlsx").summary.run
    for place in ("second.xlsx", "moved.xlsx"):
        shutil.copy(office.folder / "first.xlsx", office.folder / place)
        found = runs.find_run(office.desk(), place) if command == "show" else office.undo(place).summary.parent
        assert (found, found == second) == (first, False)
    shutil.rmtree(office.folder / "state" / "runs" / first)
    with pytest.raises(Refused, match=f"holds the results of run {first}, which is not in"):
        runs.find_run(office.desk(), "second.xlsx")


def test_a_retry_that_sent_nothing_has_nothing_to_take_back() -> None:
    """Though rows of the run before differ."""
    summary = RunSummary(
        "R", "retry", 1, "", {"differs": 1}, {}, "c.csv", "", "m.yaml", "x", "a", "", "", 0.0, output="r.csv"
    )  # fmt: skip
    assert [step.partition(":")[0] for step in next_steps(summary)] == ["look at the rows that differ"]
    assert len(next_steps(summary._replace(requests={"patch": 1}))) == 2


def test_columns_that_are_called_like_a_line_s_own_arrays(open_office: Callable[..., Any]) -> None:
    """In .jsonl they keep their values under another name and are no edits; of the arrays nothing is said."""
    office = open_office(records=[{"id": "clt_1", "name": "Old"}])
    mapping = office.mapping(match="ID", fields={"name": "changes", "email": "problems"})
    office.run(office.source(("ID", "changes", "problems"), [("clt_1", "New", "none")]), mapping, output="r0.jsonl")
    line = json.loads((office.folder / "r0.jsonl").read_text())
    assert (line["changes (2)"], line["problems (2)"], line["problems"][0]["code"]) == ("New", "none", "bad_email")
    assert office.retry("r0.jsonl", output="r1.jsonl").summary.notes == ()
    correct(office, "r1.jsonl", '"problems (2)": "none"', '"problems (2)": "a@x.example"')
    assert office.retry("r1.jsonl", output="r2.jsonl").summary.counts == {"updated": 1}
    assert office.server.records()["clt_1"]["name"] == "New"
