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
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bulk_sync.errors import Question
from bulk_sync.journal import JournalBook
from bulk_sync.records import RowResult, RunSummary
from bulk_sync.sending.ports import Observer
from bulk_sync.sources import SourceOptions
from bulk_sync.sources import open_source as open_path
from bulk_sync.sources.source import Source
from bulk_sync.workflow import checking, resuming, running, runs, undoing
from bulk_sync.workflow.closing import Ended, readable_fields
from bulk_sync.workflow.desk import Desk, Forecast, default_profiles
from bulk_sync.workflow.view import PlanView

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")
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


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    ``counts`` has a number for each status that occurred, ``exit_code`` is what the command line would end with,
    ``notes`` what it would have said. The rows stay in the run's journal and are read from there.
    """

    summary: RunSummary
    notes: tuple[str, ...]
    _desk: Desk

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
        """Yield a line for each source row, in source order; not for :func:`check`, which keeps no journal."""
        with runs.opened(self._desk, self.run) as journal:
            yield from JournalBook(journal, self.summary, readable=readable_fields(journal)).rows()

    def to_frame(self) -> DataFrame:
        """Return the results sheet as a DataFrame: the source's columns as texts and stored values, then ours."""
        import pandas as pd

        from bulk_sync.results.table import SYNC_COLUMNS, own_columns, sync_cells

        with runs.opened(self._desk, self.run) as journal:
            book = JournalBook(journal, self.summary, readable=readable_fields(journal))
            columns = own_columns(book.header)
            lines = [
                (*(_plain(value) for value in columns.of(row.values)), *sync_cells(row, sandbox=self.summary.sandbox))
                for row in book.rows()
            ]
        return pd.DataFrame(lines, columns=[*columns.names, *SYNC_COLUMNS])


def _plain(value: object) -> object:
    """Return a cell as pandas takes it: its stored value where it has one of its own."""
    stored = getattr(value, "value", value)
    return None if stored in {"", None} else stored


async def sync_async(
    source: str | Path | DataFrame, mapping: str | Path | Mapping[str, object], **options: Any
) -> Result:
    """Do :func:`sync` in the running loop."""
    desk = _desk(options)
    return _result(desk, await running.run(desk, _source(source), _mapping(mapping)))


def sync(source: str | Path | DataFrame, mapping: str | Path | Mapping[str, object], **options: Any) -> Result:
    """Update the clients that ``source`` names.

    ``source`` is the path of a CSV file or workbook, or a pandas DataFrame; ``mapping`` the path of a mapping file,
    or its content as a dict. ``options`` are those of ``bulk-sync run``, named with underscores: ``sandbox="fresh"``,
    ``output="results.xlsx"``, ``rate="30/min"``, ``allow=("filled",)``. Without ``output`` no file is written.

    >>> result = sync("clients.xlsx", "clients.yaml", sandbox="keep")  # doctest: +SKIP
    >>> result.counts["updated"]  # doctest: +SKIP
    16
    """
    return _wait(sync_async(source, mapping, **options))


def plan(source: str | Path | DataFrame, mapping: str | Path | Mapping[str, object], **options: Any) -> Result:
    """Plan what :func:`sync` would do; reads the CRM, changes nothing."""
    desk = _desk(options)
    return _wait(_carry_out(desk, running.plan(desk, _source(source), _mapping(mapping))))


def check(source: str | Path | DataFrame, mapping: str | Path | Mapping[str, object], **options: Any) -> Result:
    """Find the problems of a source; no key, no network."""
    desk = _desk(options)
    return _wait(_carry_out(desk, checking.check(desk, _source(source), _mapping(mapping))))


def resume(run: str | None = None, **options: Any) -> Result:
    """Go on with a run that stopped: the one named, else the one that is unfinished."""
    desk = _desk(options)
    return _wait(_carry_out(desk, resuming.resume(desk, run)))


def undo(run: str, **options: Any) -> Result:
    """Put back what a run changed, where the record still has what the run left there."""
    desk = _desk(options)
    return _wait(_carry_out(desk, undoing.undo(desk, run)))


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

    >>> with open_source("clients.xlsx") as table:  # doctest: +SKIP
    ...     for row in table.rows():
    ...         print(row.row_number, [cell.text for cell in row.cells])
    """
    options = SourceOptions(sheet=sheet, header_row=header_row, encoding=encoding, delimiter=delimiter)
    return open_path(Path(path), options)


def _desk(options: Mapping[str, Any]) -> Desk:
    flags = {"yes": True, **{name: value for name, value in options.items() if value is not None}}
    if flags.get("sandbox") is True:
        flags["sandbox"] = "keep"
    profiles = Path(os.environ.get("BULK_SYNC_PROFILES", "") or default_profiles())
    return Desk(talk=_Logged(), flags=flags, profiles=profiles, writes_files=False)


def _source(source: str | Path | DataFrame) -> Path | DataFrame:
    return Path(source) if isinstance(source, str) else source


def _mapping(mapping: str | Path | Mapping[str, object]) -> Path | Mapping[str, object]:
    return Path(mapping) if isinstance(mapping, str) else mapping


async def _carry_out(desk: Desk, work: Awaitable[Ended]) -> Result:
    return _result(desk, await work)


def _result(desk: Desk, ended: Ended) -> Result:
    return Result(ended.summary, ended.notes, desk)


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


__all__ = ["Result", "check", "open_source", "plan", "resume", "sync", "sync_async", "undo"]
