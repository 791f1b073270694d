"""Past runs: found by a beginning of their id or by their results file, and listed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bulk_sync.errors import BulkSyncError, Refused
from bulk_sync.journal import Journal, RunHeader, open_journal
from bulk_sync.records import RunSummary
from bulk_sync.results.run_property import run_of_workbook
from bulk_sync.workflow.closing import summarise
from bulk_sync.workflow.desk import Desk

JOURNAL_NAME = "journal.sqlite"


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
    if not name:  # an unset variable of a shell script: never some run instead
        raise Refused("'' names no run", hint="bulk-sync runs lists them")
    ids = run_ids(desk)
    matching = [run for run in ids if run.startswith(name)]
    if name in ids:
        return name
    if len(matching) == 1:
        return matching[0]
    if len(matching) > 1:
        raise Refused(f"{name}: several runs begin so: {', '.join(matching[-5:])}", hint="write more of the id")
    path = desk.folder / name
    if path.is_file():
        run = stated_run(desk, name, path) or desk.state.run_of_output(path) or _run_in_name(path, ids)
        if run in ids:
            return str(run)
    raise Refused(f"{name}: no such run, nor a results file of one", hint="bulk-sync runs lists them")


def stated_run(desk: Desk, name: str, file: Path) -> str:
    """Return the run that a results workbook says it is of, wherever it was moved; '' where it does not say.

    What is remembered of its path may be of another file that stood there: it must not be taken for this one. Raises
    :class:`Refused` where the run is not known.
    """
    stated, kind = run_of_workbook(file)
    if not stated or stated in run_ids(desk):
        return stated
    if kind == "check":
        raise Refused(
            f"{name} holds the results of a check, in which nothing was sent",
            hint="correct the source, and run it: bulk-sync run SOURCE --mapping FILE",
        )
    raise Refused(
        f"{name} holds the results of run {stated}, which is not in {desk.state.runs_folder}",
        hint="was it purged, or made with another --state-dir or by another user? Correct the source and run it",
    )


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
    if name is not None:
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


def run_lock(desk: Desk, run: str) -> Path:
    """Return the lock of a run; outside its folder, which may go."""
    return desk.state.locks_folder / f"run-{run}.lock"
