"""The results as a workbook: sheets Results, Changes, Problems and Summary, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from io import BytesIO
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError

from bulk_sync.records import RunSummary
from bulk_sync.results.part_files import scratch_folder
from bulk_sync.results.problem_places import ProblemPlaces
from bulk_sync.results.run_property import KIND_PROPERTY, RUN_PROPERTY
from bulk_sync.results.table import (
    PROBLEM_COLUMNS,
    SYNC_COLUMNS,
    OwnColumns,
    RunBook,
    What,
    dropped_note,
    own_columns,
)
from bulk_sync.results.xlsx_changes import ChangeSheet
from bulk_sync.results.xlsx_package import PackedLines, write_package
from bulk_sync.results.xlsx_results import ProblemSheet, ResultSheet
from bulk_sync.results.xlsx_sheets import EXCEL_COLUMNS, EXCEL_ROWS, Column, LineSheet, SheetSeries, Styles
from bulk_sync.results.xlsx_summary import write_summary


def write_workbook(book: RunBook, path: Path, what: What = "results", *, rows: int = EXCEL_ROWS) -> tuple[str, ...]:
    """Write the workbook of a run to ``path`` and return what is to be said about it.

    ``rows`` is the number of rows a sheet takes. Raises OSError where the file cannot be written.
    """
    with _workbook(path, book.summary) as workbook:
        styles = Styles(workbook)
        notes: tuple[str, ...] = ()
        if what == "results":
            notes = _write_all(workbook, styles, book, rows)
        elif what == "changes":
            changes = _change_sheet(workbook, styles, book, rows)
            changes.add_all(book.changes())
            changes.series.finish()
        else:
            _write_problems(_series(workbook, styles, "Problems", rows), styles, book)
        write_summary(workbook, styles, book.summary._replace(notes=(*book.summary.notes, *notes)))
        return notes


@contextmanager
def _workbook(path: Path, summary: RunSummary) -> Iterator[Workbook]:
    """Open a workbook and write it whole; an error on the way leaves no open file behind."""
    with scratch_folder(path) as folder:
        skeleton = BytesIO()
        workbook = Workbook(skeleton, {"constant_memory": True, "tmpdir": str(folder)})
        # Its parts, which are small without the lines, need no files. As an option this would end constant memory.
        workbook.in_memory = True
        try:
            _describe(workbook, summary)
            yield workbook
            workbook.close()
            write_package(skeleton, _long_sheets(workbook), path)
        except FileCreateError as error:
            raise error.args[0] from None  # the OSError that it stands for
        finally:
            for sheet in workbook.worksheets():
                if isinstance(sheet, LineSheet):
                    sheet.leave()


def _long_sheets(workbook: Workbook) -> dict[str, PackedLines]:
    """Return the lines of the sheets that are written line by line, by the names of their parts in the package."""
    sheets = enumerate(workbook.worksheets(), 1)
    return {f"xl/worksheets/sheet{number}.xml": sheet.lines for number, sheet in sheets if isinstance(sheet, LineSheet)}


def _describe(workbook: Workbook, summary: RunSummary) -> None:
    title = f"Results of {summary.kind} {summary.run}"
    properties: dict[str, object] = {"title": title, "author": "bulk_sync"}
    with suppress(ValueError):
        properties["created"] = datetime.fromisoformat(summary.finished_at)
    workbook.set_properties(properties)
    workbook.set_custom_property(RUN_PROPERTY, summary.run, "text")
    workbook.set_custom_property(KIND_PROPERTY, summary.kind, "text")


def _series(workbook: Workbook, styles: Styles, name: str, rows: int) -> SheetSeries:
    columns = {
        "Changes": (
            Column("row", "sync_header"),
            Column("client", "sync_header", 16),
            Column("field", "sync_header", 18),
            Column("old", "sync_header", 18),
            Column("new", "sync_header", 18),
            Column("stored", "sync_header", 18),
        ),
        "Problems": tuple(
            Column(name, "sync_header", *{"message": (30, 80), "hint": (20, 60)}.get(name, (8, 32)))
            for name in PROBLEM_COLUMNS
        ),
    }
    return SheetSeries(workbook, styles, name, columns[name], rows=rows)


def _change_sheet(workbook: Workbook, styles: Styles, book: RunBook, rows: int) -> ChangeSheet:
    sent = book.summary.kind not in {"plan", "check"}
    return ChangeSheet(_series(workbook, styles, "Changes", rows), styles, sent=sent)


def _write_all(workbook: Workbook, styles: Styles, book: RunBook, rows: int) -> tuple[str, ...]:
    own = own_columns(book.header)
    kept = _fitting(own)
    results = ResultSheet(workbook, styles, book.header, kept, rows=rows, sandbox=book.summary.sandbox)
    changes = _change_sheet(workbook, styles, book, rows)
    problems = ProblemSheet(_series(workbook, styles, "Problems", rows), styles)
    # All in one pass: reading the journal again for the changes takes as long as writing them.
    for result, fields in book.rows_with_changes():
        results.add(result, problems)
        changes.add(fields)
    all_series = (results.series, changes.series, problems.series)
    for series in all_series:
        series.finish()
    _put_in_order(workbook, [name for series in all_series for name in series.names])
    notes = [*dropped_note(own)]
    if len(kept.names) < len(own.names):
        left_out = len(own.names) - len(kept.names)
        notes.append(f"the last {left_out} columns of the source do not fit into a workbook; .csv has them")
    notes.extend(
        f"{series.name} fills {len(series.names)} sheets: {', '.join(series.names)}"
        for series in all_series
        if len(series.names) > 1
    )
    return tuple(notes)


def _put_in_order(workbook: Workbook, names: Sequence[str]) -> None:
    """Let a sheet that was begun because another was full stand next to that."""
    workbook.worksheets_objs.sort(key=lambda sheet: names.index(sheet.name))
    for index, sheet in enumerate(workbook.worksheets()):
        sheet.index = index  # by which the workbook ties filters and printed titles to their sheets


def _write_problems(series: SheetSeries, styles: Styles, book: RunBook) -> None:
    """Write the problems alone; their cells are named as they stand in the results, with no sheet to link to."""
    problems = ProblemSheet(series, styles, linked=False)
    places = ProblemPlaces(book.header, _fitting(own_columns(book.header)))
    for row, result in enumerate(book.rows(), 2):
        for problem in result.problems:
            problems.add(problem, result.row_number, "Results", row, places.first(problem))
    series.finish()


def _fitting(own: OwnColumns) -> OwnColumns:
    """Leave out own columns past Excel's last, so that ours have room."""
    room = EXCEL_COLUMNS - len(SYNC_COLUMNS)
    if len(own.positions) <= room:
        return own
    return OwnColumns(own.positions[:room], own.names[:room], (*own.dropped, *own.names[room:]))
