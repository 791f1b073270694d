"""Which runs of an account were at work at the same time: only of those do the clocks tell whose word came last."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from bulk_sync.errors import BulkSyncError, Busy
from bulk_sync.journal import Journal, RunHeader, open_journal
from bulk_sync.state.locks import exclusive
from bulk_sync.state.store import State
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.runs import JOURNAL_NAME, journal_path, run_ids, run_lock
from bulk_sync.workflow.target import names_of

BESIDE = "beside"
"""Fact of a run: which runs of its account were at work when a process began to send it."""


def runs_beside(desk: Desk, journal: Journal, accounts: Collection[str]) -> list[str]:
    """Return the runs that were at work beside this one, now or when an earlier process began to send it.

    ``accounts``: the names that its account has by now.
    Of two runs that send at the same time, at least the one that begins to send last sees the other.
    """
    before = cast("list[str]", journal.header.facts.get(BESIDE, []))
    return sorted({*before, *(run for run in run_ids(desk) if _at_work(desk, run, journal.header, accounts))})


def _at_work(desk: Desk, run: str, header: RunHeader, accounts: Collection[str]) -> bool:
    path = journal_path(desk, run)
    # A journal that nobody has open has no log beside it: the hundreds of runs that ended need not be opened.
    if run in {header.run, header.parent} or not path.with_name(f"{path.name}-wal").exists():
        return False
    other = _header(desk.state, run)
    if other is None or other.state == "done" or set(names_of(other)).isdisjoint(accounts):
        return False
    try:
        with exclusive(run_lock(desk, run), f"run {run}"):
            return False
    except Busy:
        return True


def _header(state: State, run: str) -> RunHeader | None:
    """Return a run's header, None where it is purged or cannot be read."""
    try:
        journal = open_journal(state.runs_folder / run / JOURNAL_NAME, verify="nothing")
    except BulkSyncError:
        return None
    try:
        return journal.header
    except BulkSyncError:
        return None
    finally:
        journal.close()


class Overlap:
    """Says of other runs whether they were at work at the same time as this one; each is asked once."""

    def __init__(self, journal: Journal, state: State) -> None:
        self._run = journal.header.run
        self._state = state
        self._known = dict.fromkeys(cast("list[str]", journal.header.facts.get(BESIDE, [])), True)

    def __contains__(self, run: str) -> bool:
        """Whether one of the two has seen the other at work."""
        if run not in self._known:
            other = _header(self._state, run)
            self._known[run] = other is not None and self._run in cast("list[str]", other.facts.get(BESIDE, []))
        return self._known[run]
