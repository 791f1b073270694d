"""A clock that was set back between two runs: the one that began later is the later one all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.workflow.office import Listener

HOUR = 3600.0
FIELDS = {"name": "Company", "jobTitle": "Job"}


def prepared(open_office: Callable[..., Any], clock: Any) -> tuple[Any, Any]:
    office = open_office(records=[{"id": f"clt_{n}", "type": "company", "name": f"Old {n}"} for n in range(6)])
    office.clock = clock
    return office, office.mapping(match="ID", fields=FIELDS)


def rows(office: Any, word: str) -> Any:
    return office.source(("ID", "Company", "Job"), [(f"clt_{n}", f"{word} {n}", word) for n in range(6)], f"{word}.csv")


def test_the_ledger_has_the_later_run_s_values(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """What the second run had accepted is believed, and the first run's sheet is sent again by a third."""
    office, mapping = prepared(open_office, leaping_clock())
    office.clock.slept = HOUR
    ahead = office.run(rows(office, "Ahead"), mapping)
    office.clock.slept = 0.0
    right = office.run(rows(office, "Right"), mapping)
    assert right.summary.run > ahead.summary.run
    assert office.run(rows(office, "Right"), mapping).summary.counts == {"unchanged": 6}
    third = office.run(rows(office, "Ahead"), mapping)
    assert third.summary.counts == {"updated": 6}
    assert {each.changed for each in office.rows(third)} == {("name", "jobTitle")}


def test_a_resume_knows_the_later_run(open_office: Callable[..., Any], leaping_clock: Callable[[], Any]) -> None:
    """What the first run has left to send is superseded by the second run, although its clock said earlier."""
    office, mapping = prepared(open_office, leaping_clock())
    office.clock.slept = HOUR
    ahead = office.run(rows(office, "Ahead"), mapping, read="none", workers=1, max_requests=2)
    office.clock.slept = 0.0
    assert office.run(rows(office, "Right"), mapping).summary.counts == {"updated": 6}
    again = office.resume(ahead.summary.run)
    assert again.summary.counts == {"updated": 2, "skipped": 4}
    assert {each.code for each in office.rows(again)} == {"", "superseded"}
    assert {record["name"] for record in office.server.records().values()} == {f"Right {n}" for n in range(6)}


@pytest.mark.parametrize("stored", [True, False])
def test_what_is_read_again_is_believed(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], stored: bool
) -> None:
    """The clock is set back while an undo, or a stored plan, reads what it has left again: that is sent."""
    office, mapping = prepared(open_office, leaping_clock())
    begin, go_on = (office.plan, office.run_plan) if stored else (office.run, office.undo)
    stopped = go_on(begin(rows(office, "New"), mapping).summary.run, max_requests=3)
    assert stopped.summary.counts["not_sent"] >= 3
    office.clock.slept = HOUR

    class Setting(Listener):
        def say(self, text: str) -> None:
            if text.startswith("old values are older"):
                office.clock.slept = 0.0

    office.talk = Setting()
    assert office.resume(stopped.summary.run).summary.counts == {"updated": 6}


def test_a_retry_is_later_than_its_run(open_office: Callable[..., Any], leaping_clock: Callable[[], Any]) -> None:
    """It has that run's journal open while it works, which does not make the two work side by side."""
    office, mapping = prepared(open_office, leaping_clock())
    office.clock.slept = HOUR
    first = office.run(rows(office, "Ahead"), mapping, output="r.csv", read="none", workers=1, max_requests=3)
    assert first.summary.counts == {"updated": 3, "not_sent": 3}
    office.clock.slept = 0.0
    results = office.folder / "r.csv"
    results.write_text(results.read_text(encoding="utf-8-sig").replace("Ahead", "Right"), encoding="utf-8")
    assert office.retry("r.csv").summary.counts == {"updated": 6}
    assert office.plan(rows(office, "Right"), mapping).summary.counts == {"unchanged": 6}
    assert office.plan(rows(office, "Ahead"), mapping).summary.counts == {"ready": 6}
