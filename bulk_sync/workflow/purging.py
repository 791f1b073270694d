"""Old runs forgotten: their folders go, what they had accepted stays known."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bulk_sync.errors import BulkSyncError, Busy
from bulk_sync.journal import open_journal
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.accepted import FOLDED, fold_into_ledger
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.runs import journal_path, run_ids, run_lock, unbegun

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


class Purged(NamedTuple):
    """What a purge did: the runs forgotten, the folders removed in which no run began, the runs it could not forget."""

    forgotten: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def purge(desk: Desk, *, older_than: float) -> Purged:
    """Forget runs that began more than ``older_than`` seconds ago and are not at work.

    So go the folders in which none began. A journal that cannot be read is kept: nothing else may know what it sent.
    """
    before = desk.clock.time() - older_than
    oldest = f"{datetime.fromtimestamp(max(before, 0.0), UTC):%Y%m%d-%H%M%S}"  # ids sort by time
    forgotten, removed, kept = [], [], []
    for run in filter(_RUN_ID.fullmatch, run_ids(desk)):
        try:
            if unbegun(desk, run):
                if _touched_at(desk.run_folder(run)) < before and _remove(desk, run):
                    removed.append(run)
            elif _began_at(desk, run) < before and _remove(desk, run, remembering=True):
                desk.state.forget_run(run)
                forgotten.append(run)
        except (BulkSyncError, OSError):  # a journal that cannot be read, or a folder that cannot be removed
            if run < oldest:
                kept.append(run)
    return Purged(tuple(forgotten), tuple(removed), tuple(kept))


def _began_at(desk: Desk, run: str) -> float:
    journal = open_journal(journal_path(desk, run), verify="nothing")
    try:
        return journal.header.created_at
    finally:
        journal.close()


def _touched_at(folder: Path) -> float:
    """Return when anything in a folder was last written: what comes from standard input may come slowly."""
    return max(item.stat().st_mtime for item in (folder, *folder.iterdir()))


def _remove(desk: Desk, run: str, *, remembering: bool = False) -> bool:
    """Remove a run's folder, unless another process works in it; ``remembering`` in the ledger what it had accepted."""
    try:
        with exclusive(run_lock(desk, run), f"run {run}"):
            if remembering:
                _remember(desk, run)
            shutil.rmtree(desk.run_folder(run))
    except Busy:
        return False
    with suppress(OSError):  # whoever waits for it finds no run
        run_lock(desk, run).unlink()
    return True


def _remember(desk: Desk, run: str) -> None:
    """Let the ledger know what a run had accepted that died before it could say so itself."""
    journal = open_journal(journal_path(desk, run), verify="nothing")
    try:
        if journal.header.state in {"sending", "done"} and not journal.header.facts.get(FOLDED):
            fold_into_ledger(journal, desk.state)
    finally:
        journal.close()
