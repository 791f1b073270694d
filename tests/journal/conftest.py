"""A journal with a run in it, as planning leaves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bulk_sync.errors import Problem
from bulk_sync.journal import Journal, PlannedChange, PlanTables, RowEntry, RunHeader, create_journal
from bulk_sync.records import MappedRow, SourceRow, Status

HEADER = RunHeader(
    run="20260102-030405-abcd",
    account="https://api.example/v1 0123",
    base_url="https://api.example/v1",
    header=("ID", "Company"),
    sheet="Clients",
    source_path="/home/me/clients.csv",
    mapping_text="version: 1\n",
    created_at=1767323045.5,
    settings={"workers": 8},
    notes=("read as cp1252",),
)


def entry(number: int) -> RowEntry:
    """Every fifth row is invalid; the others wait."""
    row = SourceRow(number, (f"clt_{number}", f"Company {number}"))
    if number % 5 == 0:
        problem = Problem("bad_email", "not an e-mail address", row=number, cell=f"B{number}", value="x")
        return RowEntry(row, MappedRow(number, (f"clt_{number}",), {}, (problem,)), None, Status.INVALID, "bad_email")
    return RowEntry(row, MappedRow(number, (f"clt_{number}",), {"name": f"Company {number}"}), f"clt_{number}")


@pytest.fixture
def header() -> RunHeader:
    return HEADER


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[Callable[..., Journal]]:
    """Make a journal of so many rows whose plan is whole."""
    with ExitStack() as stack:

        def make(rows: int = 20, *, path: Path | None = None) -> Journal:
            journal = create_journal(path or tmp_path / "run" / "journal.sqlite", HEADER)
            stack.callback(journal.close)
            tables = PlanTables(journal)
            for _ in tables.add_rows(entry(number) for number in range(2, rows + 2)):
                pass
            tables.index_records()
            waiting = list(tables.open_rows())
            with journal.transaction():
                tables.add_changes(
                    [PlannedChange(row.record_id or "", (row.number,), row.payload, {"name": "Old"}) for row in waiting]
                )
            journal.update_header(state="planned", started_at=1767323046.0)
            return journal

        yield make
