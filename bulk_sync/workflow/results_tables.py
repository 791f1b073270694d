"""A results file of ours opened again: every sheet that holds results, or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bulk_sync.errors import Question, SourceError
from bulk_sync.records import cell_text
from bulk_sync.results.read_back import JsonlTable, PlanLine, ResultsTable, changes_sheets, plan_lines, results_sheets
from bulk_sync.sources import SourceOptions, open_source
from bulk_sync.sources.source import Source

_JSONL = ".jsonl"
_SYNC_ROW = "sync_row"


@contextmanager
def results_tables(path: Path) -> Iterator[list[ResultsTable]]:
    """Open the tables of a results file; raises :class:`SourceError` where there is none."""
    if path.suffix.lower() == _JSONL:
        yield [JsonlTable(path)]
        return
    with _sheets(path, results_sheets, "Results") as sources:
        yield list(sources)


@contextmanager
def _sheets(path: Path, choose: Callable[[Iterable[str]], tuple[str, ...]], what: str) -> Iterator[list[Source]]:
    names = sheet_names(path)
    if names is None:
        source = _open_flat(path)
        try:
            yield [source]
        finally:
            source.close()
        return
    chosen = choose(names)
    if not chosen:
        raise SourceError(
            f"{path} has no sheet {what}: it is not a file that bulk_sync wrote",
            hint="name the results file of a run, or the run itself",
        )
    sources = [open_source(path, SourceOptions(sheet=name, header_row=1)) for name in chosen]
    try:
        yield sources
    finally:
        for source in sources:
            source.close()


def _open_flat(path: Path) -> Source:
    try:
        return open_source(path, SourceOptions(header_row=1))
    except Question as question:
        # The mapping could answer that for the source alone: this file was written as UTF-8 with commas.
        raise SourceError(
            f"{question.message} The results were written as UTF-8: a spreadsheet has saved them in another way",
            hint='save the file anew as "CSV UTF-8", or work on the results workbook instead: '
            "bulk-sync runs RUN --output FILE.xlsx writes it",
        ) from question


def sheet_names(path: Path) -> tuple[str, ...] | None:
    """Return the sheets of a workbook, None for a file that is none.

    Raises :class:`SourceError` for a kind of workbook that results are not read back from.
    """
    from bulk_sync.sources import ods_file, ods_sheet, xlsx_package
    from bulk_sync.sources.content import content_of

    kind = content_of(path).kind
    if kind == "csv":
        return None
    if kind == "xlsx":
        with closing(xlsx_package.Package(path)) as package:
            return tuple(sheet.name for sheet in package.sheets)
    if kind == "ods":
        with closing(ods_file.opened(path)) as parts:
            return tuple(sheet.name for sheet in ods_sheet.sheets_of(parts))
    raise SourceError(
        f"{path} is a workbook of the kind .{kind}: results are read back from .xlsx, .ods, .csv and .jsonl",
        hint="save it as .xlsx",
    )


class KeptLines(NamedTuple):
    """What is still in a plan's file: the new values of the changes by row and field, and the rows of the results.

    Either is None where the file has no such table.
    """

    changes: Mapping[int, Mapping[str, str]] | None
    rows: frozenset[int] | None


def kept_lines(path: Path) -> KeptLines:
    """Return what is still in a plan's file.

    Raises :class:`SourceError` for a file that is no plan, and for a line that names no row.
    """
    changes: dict[int, dict[str, str]] | None = None
    rows: set[int] | None = None
    with _plan_tables(path) as tables:
        for table in tables:
            names = [name.strip().lower() for name in table.header]
            if _SYNC_ROW in names:
                rows = (rows or set()) | _sync_rows(table, names.index(_SYNC_ROW))
                continue
            changes = changes if changes is not None else {}
            for line in plan_lines(table.header, table.rows()):
                if not isinstance(line, PlanLine):
                    raise SourceError(f"{path}, {line.cell}: {line.message}", hint="delete whole lines, nothing else")
                changes.setdefault(line.row_number, {})[line.field] = line.new
    return KeptLines(changes, frozenset(rows) if rows is not None else None)


def _sync_rows(table: ResultsTable, place: int) -> set[int]:
    texts = (cell_text(row.values[place]).strip() for row in table.rows() if place < len(row.values))
    return {int(text) for text in texts if text.isdecimal()}


@contextmanager
def _plan_tables(path: Path) -> Iterator[list[ResultsTable]]:
    if path.suffix.lower() == _JSONL:
        yield [JsonlTable(path)]
        return

    def chosen(names: Iterable[str]) -> tuple[str, ...]:
        listed = tuple(names)
        changes = changes_sheets(listed)
        return (*changes, *results_sheets(listed)) if changes else ()

    with _sheets(path, chosen, "Changes") as sources:
        yield list(sources)
