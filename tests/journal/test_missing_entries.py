"""Entries that are gone from a journal, of which no checksum can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from bulk_sync.journal import Journal, JournalDamaged, PlanTables, RequestLog, create_journal, open_journal
from bulk_sync.records import Outcome, Reply, Request, Status

Planned = Callable[..., Journal]
WHOLE: Literal["whole"] = "whole"
FOR_SENDING: Literal["for_sending"] = "for_sending"
REFUSED = Reply(404, {}, {"code": "NOT_FOUND"}, seconds=0.01)
LOST = Reply(None, {}, fault="broken", seconds=0.01)


def refuse(journal: Journal, change: int, *, after: str = "", ended: bool = True) -> None:
    """Send a change that is refused, where ``after`` is named behind a first attempt with that verdict."""

    async def go() -> None:
        log = RequestLog(journal)
        request = Request("patch", f"clt_{change}", {"name": "x"})
        if after:
            await log.answered(await log.intend(request, change), LOST, after)
        number = await log.intend(request, change)
        if ended:
            log.conclude(number, REFUSED, "failed", Outcome(change, Status.FAILED, "NOT_FOUND"), lambda _: None)
            await log.flush()
        else:
            await log.answered(number, REFUSED, "failed")

    asyncio.run(go())


@pytest.mark.parametrize("state", ["sending", "done"])
def test_a_run_that_was_closed_misses_no_outcome(planned: Planned, state: str) -> None:
    """Of a client that a later run has handled no request tells: its change would be sent after all."""
    journal = planned(10)
    with journal.transaction():
        PlanTables(journal).drop_change(3, Status.SKIPPED, "superseded", "by a later run", at=0.0)
    journal.update_header(state=state)
    open_journal(journal.path).close()
    journal.connection.execute("DELETE FROM outcomes WHERE change = 3")
    journal.update_header(state="sending")  # a loss that was not noticed is not forgotten
    for verify in WHOLE, FOR_SENDING:
        with pytest.raises(JournalDamaged, match="outcomes has 0 entries, and had 1"):
            open_journal(journal.path, verify=verify)


def test_another_run_with_the_same_header_has_entries_of_its_own(planned: Planned, tmp_path: Path) -> None:
    """A retry takes its header from the run that it goes on with, which may have more changes."""
    journal = create_journal(tmp_path / "retry" / "journal.sqlite", replace(planned(10).header, run="retry"))
    journal.close()
    open_journal(journal.path).close()


def test_no_row_of_the_source_is_missed(planned: Planned) -> None:
    """Its line would be left out of the results in silence."""
    journal = planned(10)
    journal.connection.execute("DELETE FROM rows WHERE number = 3")
    with pytest.raises(JournalDamaged, match="rows has 9 entries, and had 10"):
        open_journal(journal.path)


@pytest.mark.parametrize(
    ("after", "ended", "missed"),
    [("", True, True), ("again", True, True), ("again_in_doubt", True, False), ("again_in_doubt", False, False)],
)
def test_a_crash_leaves_no_refusal_without_its_outcome(
    planned: Planned, after: Literal["", "again", "again_in_doubt"], ended: bool, missed: bool
) -> None:
    """Both are written at once, but where an earlier attempt may have been applied: then the record is read first."""
    journal = planned(10)
    journal.update_header(state="sending")
    refuse(journal, 3, after=after, ended=ended)
    open_journal(journal.path, verify=FOR_SENDING).close()
    journal.connection.execute("DELETE FROM outcomes")
    if missed:
        with pytest.raises(JournalDamaged, match="the outcome of change 3 is missing"):
            open_journal(journal.path, verify=FOR_SENDING)
    else:
        open_journal(journal.path, verify=FOR_SENDING).close()
