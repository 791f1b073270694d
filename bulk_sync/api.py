"""bulk_sync for programs: the same workflow as the command line, with a path or a DataFrame as source.

A program's call is its consent: it is not asked about the plan, but every guard holds unless ``allow`` names it.
What the command line would say goes to the logger ``bulk_sync``. The key comes from the environment
(``HEFFL_API_KEY``, ``BULK_SYNC_KEY_COMMAND``) or the key ring, as always.

Every function raises :class:`bulk_sync.errors.BulkSyncError` and its kinds for what ends a command with a code of
its own before anything is sent; how rows ended is in the :class:`Result`.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from bulk_sync.errors import Question, SourceError
from bulk_sync.journal import JournalBook, open_journal
from bulk_sync.records import ChangedField, RowResult, RunSummary
from bulk_sync.sending.ports import Observer
from bulk_sync.sources import SourceOptions
from bulk_sync.sources import open_source as open_path
from bulk_sync.sources.source import Source
from bulk_sync.state.scratch import make_scratch
from bulk_sync.workflow import checking, resuming, retrying, running, runs, undoing
from bulk_sync.workflow.closing import Ended, readable_fields
from bulk_sync.workflow.desk import Desk, Forecast, profiles_file
from bulk_sync.workflow.view import PlanView

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")
SourceGiven: TypeAlias = "str | Path | DataFrame"
MappingGiven: TypeAlias = "str | Path | Mapping[str, object]"
_log = logging.getLogger("bulk_sync")


class _Logged:
    """Talks to the log, and answers nothing."""

    interactive = False

    def say(self, text: str) -> None:
        _log.info("%s", text)

    def warn(self, text: str) -> None:
        _log.warning("%s", text)

    def ask(self, question: Question) -> str | None:
        del question
        return None

    def confirm(self, view: PlanView) -> bool:
        del view
        return False

    def show(self, view: PlanView) -> None:
        _log.info("plan %s: %s changes, %s requests", view.run, view.changes, view.send_requests)

    def phase(self, name: str, total: int | None = None) -> None:
        _log.debug("%s %s", name, total or "")

    def step(self, done: int) -> None:
        del done

    def observer(self, forecast: Forecast, quota: Callable[[], str]) -> Observer:
        del forecast, quota
        return Observer()

    def end_phase(self) -> None:
        return


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Result:
    """How a run ended.

    ``counts`` has a number for each status that occurred, ``exit_code`` is what the command line would end with,
    ``notes`` what it would have said. The rows stay in the run's journal and are read from there; those of
    :func:`check` are kept as long as its result is.
    """

    summary: RunSummary
    notes: tuple[str, ...]
    _journal: Path = field(repr=False)

    @property
    def run(self) -> str:
        """The run's id."""
        return self.summary.run

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows by status."""
        return self.summary.counts

    @property
    def exit_code(self) -> int:
        """0 where every row is as it should be; see the README."""
        return self.summary.exit_code

    def rows(self) -> Iterator[RowResult]:
        """Yield a line for each source row, in source order."""
        with self._book() as book:
            yield from book.rows()

    def changes(self) -> Iterator[ChangedField]:
        """Yield each field of each change: old, new, and what the API's answer shows."""
        with self._book() as book:
            yield from book.changes()

    def to_frame(self) -> DataFrame:
        """Return the results sheet as a DataFrame: the source's columns as texts and stored values, then ours."""
        import pandas as pd

        from bulk_sync.results.table import SYNC_COLUMNS, own_columns, sync_cells

        with self._book() as book:
            columns = own_columns(book.header)
            lines = [
                (*(_plain(value) for value in columns.of(row.values)), *sync_cells(row, sandbox=self.summary.sandbox))
                for row in book.rows()
            ]
        return pd.DataFrame(lines, columns=[*columns.names, *SYNC_COLUMNS])

    @contextmanager
    def _book(self) -> Iterator[JournalBook]:
        journal = open_journal(self._journal)
        try:
            yield JournalBook(journal, self.summary, readable=readable_fields(journal))
        finally:
            journal.close()


def _plain(value: object) -> object:
    """Return a cell as pandas takes it: its stored value where it has one of its own, else its text."""
    stored = getattr(value, "value", value)
    shown = getattr(value, "text", None) if stored is None else stored
    return None if shown == "" else shown


async def sync_async(source: SourceGiven, mapping: MappingGiven, **options: Any) -> Result:
    """Do :func:`sync` in the running loop."""
    with _desk(options) as desk:
        return _result(desk, await running.run(desk, _source(source), _mapping(mapping)))


def sync(source: SourceGiven, mapping: MappingGiven, **options: Any) -> Result:
    """Update the clients that ``source`` names.

    ``source`` is the path of a CSV file or workbook, or a pandas DataFrame; ``mapping`` the path of a mapping file,
    or its content as a dict. ``options`` are those of ``bulk-sync run``, named with underscores: ``sandbox=True``,
    ``output="results.xlsx"``, ``rate="30/min"``, ``allow=("filled",)``. Without ``output`` no file is written.

    >>> result = sync("clients.csv", "clients.yaml", sandbox="fresh")
    >>> result.exit_code, dict(result.counts)
    (1, {'updated': 2, 'invalid': 1})
    >>> [(row.row_number, row.status.value, row.code) for row in result.rows()]
    [(2, 'updated', ''), (3, 'updated', ''), (4, 'invalid', 'bad_email')]
    >>> result.to_frame()[["Company", "sync_status"]].values.tolist()
    [['Acme', 'updated'], ['Bravo', 'updated'], ['Charlie', 'invalid']]
    """
    return _wait(sync_async(source, mapping, **options))


async def plan_async(source: SourceGiven, mapping: MappingGiven, **options: Any) -> Result:
    """Do :func:`plan` in the running loop."""
    with _desk(options) as desk:
        return _result(desk, await running.plan(desk, _source(source), _mapping(mapping)))


def plan(source: SourceGiven, mapping: MappingGiven, **options: Any) -> Result:
    """Plan what :func:`sync` would do; reads the CRM, changes nothing. The options are those of ``bulk-sync plan``.

    >>> planned = plan("clients.csv", "clients.yaml", sandbox="fresh")
    >>> planned.counts["ready"], planned.counts["invalid"]
    (2, 1)
    >>> for change in planned.changes():
    ...     print(change.row_number, change.client_id, change.field, "→", change.new)
    2 clt_a name → Acme
    2 clt_a email → info@acme.example
    3 clt_b name → Bravo
    """
    return _wait(plan_async(source, mapping, **options))


async def check_async(source: SourceGiven, mapping: MappingGiven, **options: Any) -> Result:
    """Do :func:`check` in the running loop."""
    folder = make_scratch()
    try:
        with _desk(options) as desk:
            ended = await checking.check(desk, _source(source), _mapping(mapping), folder=folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    result = Result(ended.summary, ended.notes, folder / runs.JOURNAL_NAME)
    weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


def check(source: SourceGiven, mapping: MappingGiven, **options: Any) -> Result:
    """Find the problems of a source; no key, no network. The options are those of ``bulk-sync check``.

    >>> found = check("clients.csv", "clients.yaml")
    >>> [(problem.cell, problem.code) for row in found.rows() for problem in row.problems]
    [('C4', 'bad_email')]
    """
    return _wait(check_async(source, mapping, **options))


async def resume_async(run: str | None = None, **options: Any) -> Result:
    """Do :func:`resume` in the running loop."""
    with _desk(options) as desk:
        return _result(desk, await resuming.resume(desk, None if run is None else str(run)))


def resume(run: str | None = None, **options: Any) -> Result:
    """Go on with a run that stopped: the one named, else the one that is unfinished.

    >>> stopped = sync("clients.csv", "clients.yaml", sandbox="fresh", max_requests=2)
    >>> stopped.exit_code, stopped.summary.stopped_by, dict(stopped.counts)
    (3, 'max_requests', {'updated': 1, 'invalid': 1, 'not_sent': 1})
    >>> dict(resume(stopped.run).counts)
    {'updated': 2, 'invalid': 1}
    """
    return _wait(resume_async(run, **options))


async def retry_async(results: str | Path, *, run: str | None = None, **options: Any) -> Result:
    """Do :func:`retry` in the running loop."""
    with _desk(options) as desk:
        return _result(desk, await retrying.retry(desk, str(results), None if run is None else str(run)))


def retry(results: str | Path, *, run: str | None = None, **options: Any) -> Result:
    """Send again what did not succeed, or was corrected by hand in ``results``: a results file, or a run's id.

    >>> first = sync("clients.csv", "clients.yaml", sandbox=True)
    >>> again = retry(first.run)
    >>> again.summary.parent == first.run, dict(again.counts)
    (True, {'unchanged': 2, 'invalid': 1})
    """
    return _wait(retry_async(results, run=run, **options))


async def undo_async(run: str, **options: Any) -> Result:
    """Do :func:`undo` in the running loop."""
    with _desk(options) as desk:
        return _result(desk, await undoing.undo(desk, str(run)))


def undo(run: str, **options: Any) -> Result:
    """Put back what a run changed, where the record still has what the run left there.

    >>> done = sync("clients.csv", "clients.yaml", sandbox="fresh")
    >>> dict(undo(done.run).counts)
    {'updated': 2, 'skipped': 1}
    """
    return _wait(undo_async(run, **options))


def open_source(
    path: str | Path,
    *,
    sheet: str | int | None = None,
    header_row: int | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Source:
    """Open a CSV file or workbook as the commands would read it; use as a context manager.

    The :class:`~bulk_sync.sources.source.Source` has ``header`` and ``rows()``: each row has ``row_number`` and
    ``cells`` of (text, value, kind), or ``problems`` where it was refused. What is not given is detected.

    Raises :class:`~bulk_sync.errors.SourceError`, and :class:`~bulk_sync.errors.Question` for what must be given.

    >>> with open_source("clients.csv") as table:
    ...     for row in table.rows():
    ...         print(row.row_number, [cell.text for cell in row.cells])
    2 ['clt_a', 'Acme', 'info@acme.example']
    3 ['clt_b', 'Bravo', '']
    4 ['clt_c', 'Charlie', 'no address']
    """
    options = SourceOptions(sheet=sheet, header_row=header_row, encoding=encoding, delimiter=delimiter)
    return open_path(_path(path, "a path"), options)


def _desk(options: Mapping[str, Any]) -> Desk:
    flags = {"yes": True, **{name: value for name, value in options.items() if value is not None}}
    if isinstance(flags.get("sandbox"), bool):
        flags["sandbox"] = "keep" if flags["sandbox"] else None
    return Desk(talk=_Logged(), flags=flags, profiles=profiles_file(), writes_files=False)


def _source(source: SourceGiven) -> Path | DataFrame:
    """Return a path or a DataFrame; Refused for anything else."""
    pandas = sys.modules.get("pandas")  # whoever has a DataFrame has loaded it
    if pandas is not None and isinstance(source, pandas.DataFrame):
        return cast("DataFrame", source)
    return _path(source, "a path or a pandas DataFrame")


def _path(given: object, expected: str) -> Path:
    if isinstance(given, (str, PathLike)) and isinstance(path := fspath(given), str):
        return Path(path)
    library, name = type(given).__module__.partition(".")[0], type(given).__name__
    makes = "pandas.DataFrame(…) makes a table with named columns of lists, dicts and series"
    raise SourceError(
        f"the source is of the type {name if library == 'builtins' else f'{library}.{name}'}: expected {expected}",
        hint="give its .to_pandas()" if "pandas" in expected and hasattr(given, "to_pandas") else makes,
    )


def _mapping(mapping: MappingGiven) -> Path | Mapping[str, object]:
    return Path(mapping) if isinstance(mapping, str) else mapping


def _result(desk: Desk, ended: Ended) -> Result:
    return Result(ended.summary, ended.notes, runs.journal_path(desk, ended.summary.run))


def _wait(work: Awaitable[T]) -> T:
    """Run to the end, in a thread of its own where a loop already runs (a notebook)."""

    async def whole() -> T:
        return await work

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(whole())
    run: Callable[[], T] = lambda: asyncio.run(whole())  # noqa: E731
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


__all__ = [
    "Result",
    "check",
    "check_async",
    "open_source",
    "plan",
    "plan_async",
    "resume",
    "resume_async",
    "retry",
    "retry_async",
    "sync",
    "sync_async",
    "undo",
    "undo_async",
]
