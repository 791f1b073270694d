"""Past runs: found by a beginning of their id or by their results file, listed, forgotten."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bulk_sync.errors import BulkSyncError, Busy, Refused
from bulk_sync.journal import Journal, RunHeader, open_journal
from bulk_sync.records import RunSummary
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.accepted import FOLDED, fold_into_ledger
from bulk_sync.workflow.closing import summarise
from bulk_sync.workflow.desk import Desk

JOURNAL_NAME = "journal.sqlite"
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as the list shows it; ``fault`` says why its journal cannot be read."""

    run: str
    header: RunHeader | None
    summary: RunSummary | None = None
    fault: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether ``resume`` has something to go on with. A retry, or an undo, that has no plan yet is begun anew."""
        if self.header is None or self.header.state == "done":
            return False
        if self.header.kind == "undo":
            return self.header.state != "planning"
        return self.header.kind == "run" or (self.header.kind == "retry" and self.header.state == "sending")


def journal_path(desk: Desk, run: str) -> Path:
    """Return where a run's journal is."""
    return desk.run_folder(run) / JOURNAL_NAME


def run_ids(desk: Desk) -> tuple[str, ...]:
    """Return the ids of all runs, oldest first."""
    folder = desk.state.runs_folder
    return tuple(sorted(item.name for item in folder.iterdir() if item.is_dir())) if folder.is_dir() else ()


def past_runs(desk: Desk, *, figures: bool = False) -> Iterator[PastRun]:
    """Yield the runs, oldest first; with ``figures`` each with its summary.

    A folder without a journal is no run yet, or never became one.

    Of a journal only what is read is checked: a list of thirty nightly runs would otherwise take minutes, and whoever
    shows one run or goes on with it verifies it whole.
    """
    for run in run_ids(desk):
        if unbegun(desk, run):
            continue
        try:
            journal = open_journal(journal_path(desk, run), verify="nothing")
        except BulkSyncError as error:
            yield PastRun(run, None, fault=error.message)
            continue
        try:
            summary = summarise(journal, finished_at=journal.header.finished_at) if figures else None
            yield PastRun(run, journal.header, summary)
        except BulkSyncError as error:
            yield PastRun(run, None, fault=error.message)
        finally:
            journal.close()


def find_run(desk: Desk, name: str) -> str:
    """Return the run that ``name`` means: any unique beginning of its id, or its results file.

    Raises :class:`Refused` naming the candidates where there are several, or where to look where there is none.
    """
    ids = run_ids(desk)
    matching = [run for run in ids if run.startswith(name)]
    if name in ids:
        return name
    if len(matching) == 1:
        return matching[0]
    if len(matching) > 1:
        raise Refused(f"{name}: several runs begin so: {', '.join(matching[-5:])}", hint="write more of the id")
    path = desk.folder / name
    if path.exists():
        run = desk.state.run_of_output(path) or _run_in_name(path, ids)
        if run in ids:
            return str(run)
    raise Refused(f"{name}: no such run, nor a results file of one", hint="bulk-sync runs lists them")


def _run_in_name(path: Path, ids: tuple[str, ...]) -> str | None:
    return next((run for run in reversed(ids) if run in path.name), None)


def retried_by(desk: Desk) -> dict[str, str]:
    """Return which run was retried by which: the last retry of each that began to send."""
    return {
        past.header.parent: past.run
        for past in past_runs(desk)
        if past.header and past.header.kind == "retry" and past.header.state in {"sending", "done"}
    }


def find_unfinished(desk: Desk, name: str | None) -> str:
    """Return the run to resume: the one named, else the one unfinished run.

    Raises :class:`Refused` listing the candidates where it is not one, and for a run that was retried.
    """
    closed = retried_by(desk)
    if name:
        run = find_run(desk, name)
        if later := closed.get(run):
            raise Refused(
                f"run {run} was retried by run {later}: what it had left is that run's now",
                hint=f"bulk-sync resume {later}, or bulk-sync retry with its results",
            )
        return run
    open_runs = [past.run for past in past_runs(desk) if past.unfinished and past.run not in closed]
    if len(open_runs) == 1:
        return open_runs[0]
    if not open_runs:
        raise Refused("no run is unfinished", hint="bulk-sync runs lists them")
    raise Refused(
        f"{len(open_runs)} runs are unfinished: {', '.join(open_runs)}", hint="name one: bulk-sync resume RUN"
    )


@contextmanager
def opened(desk: Desk, run: str) -> Iterator[Journal]:
    """Open a run's journal to read it."""
    journal = open_journal(journal_path(desk, run))
    try:
        yield journal
    finally:
        journal.close()


def unbegun(desk: Desk, run: str) -> bool:
    """Whether a run's folder has no journal: it is still to begin, or ended before it did. An empty one is damage."""
    return not journal_path(desk, run).exists()


class Purged(NamedTuple):
    """What a purge did: the runs forgotten, the folders removed in which no run began, the damaged runs kept."""

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
        if unbegun(desk, run):
            if _touched_at(desk.run_folder(run)) < before and _remove(desk, run):
                removed.append(run)
            continue
        try:
            gone = _began_at(desk, run) < before and _remove(desk, run, remembering=True)
        except BulkSyncError:
            if run < oldest:
                kept.append(run)
            continue
        if gone:
            desk.state.forget_run(run)
            forgotten.append(run)
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
    return True


def _remember(desk: Desk, run: str) -> None:
    """Let the ledger know what a run had accepted that died before it could say so itself."""
    journal = open_journal(journal_path(desk, run), verify="nothing")
    try:
        if journal.header.state in {"sending", "done"} and not journal.header.facts.get(FOLDED):
            fold_into_ledger(journal, desk.state)
    finally:
        journal.close()


def run_lock(desk: Desk, run: str) -> Path:
    """Return the lock of a run; outside its folder, which may go."""
    return desk.state.locks_folder / f"run-{run}.lock"
