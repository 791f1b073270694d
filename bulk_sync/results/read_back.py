"""A results file read back: which rows it still has, and which of their cells were edited by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from bulk_sync.errors import Problem, SourceError
from bulk_sync.records import Cell, RowResult, SourceRow, as_cell, cell_name, cell_text
from bulk_sync.results.edits import is_edited, json_text
from bulk_sync.results.flat_files import JSON_ARRAYS, flat_text, json_names, neutral
from bulk_sync.results.scars import scar
from bulk_sync.results.table import CHANGE_COLUMNS, SYNC_COLUMNS, is_sync_column, own_columns, sync_cells

_RESULTS_SHEET = re.compile(r"Results(?: \d+)?")
_CHANGES_SHEET = re.compile(r"Changes(?: \d+)?")
_COMPARED = ("sync_status", "sync_code", "sync_client_id", "sync_client_number")


class ResultsTable(Protocol):
    """One table of a results file, as a source reader opens it."""

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        ...

    @property
    def sheet(self) -> str:
        """The sheet, '' where there are none."""
        ...

    @property
    def kind(self) -> str:
        """``csv``, ``jsonl``, or a kind of workbook."""
        ...

    def rows(self) -> Iterator[SourceRow]:
        """Read from the first row; each call begins again."""
        ...


class Edit(NamedTuple):
    """A cell that was edited: where it stands in the results file, and its content before and after."""

    column: str
    cell: str
    old: str | Cell
    new: str | Cell


class RetryRow(NamedTuple):
    """A row of a results file.

    ``sync_row`` is the source's row number, None where that cell is no use. ``values`` are the cells of the
    source with the edits in them, ``result`` is how the run left the row (both empty where an error among
    the ``problems`` forbids it). Warnings do not forbid anything.
    """

    sync_row: int | None
    values: tuple[str | Cell, ...] = ()
    edits: tuple[Edit, ...] = ()
    problems: tuple[Problem, ...] = ()
    result: RowResult | None = None


def results_sheets(names: Iterable[str]) -> tuple[str, ...]:
    """Return the sheets of a workbook that hold results: ``Results``, ``Results 2`` …."""
    return tuple(name for name in names if _RESULTS_SHEET.fullmatch(name))


def changes_sheets(names: Iterable[str]) -> tuple[str, ...]:
    """Return the sheets of a workbook that hold changes: ``Changes``, ``Changes 2`` …."""
    return tuple(name for name in names if _CHANGES_SHEET.fullmatch(name))


class ReadBack:
    """The rows of a results file beside what the run remembers of them.

    ``header`` is that of the run's source; ``find`` gives the run's line for a row number, None for a foreign
    one. Raises SourceError where the file has no ``sync_row``. Call :meth:`survey` once before :meth:`rows`.
    """

    def __init__(
        self,
        tables: Sequence[ResultsTable],
        header: tuple[str, ...],
        find: Callable[[int], RowResult | None],
    ) -> None:
        self._tables = [_Columns(table, header) for table in tables]
        self._find = find
        self._repeated: set[int] = set()
        self.notes = tuple(dict.fromkeys(note for columns in self._tables for note in columns.notes))

    def survey(self) -> None:
        """Find the repeated row numbers, and refuse a CSV that a spreadsheet has damaged. Raises SourceError."""
        seen = bytearray()
        for columns in self._tables:
            for row in columns.table.rows():
                number = columns.sync_row(row)
                if number is None:
                    continue
                result = self._find(number)
                if result is None:
                    continue
                if number >= len(seen):
                    seen.extend(bytes(number + 1 - len(seen) + 4096))
                if seen[number]:
                    self._repeated.add(number)
                seen[number] = 1
                if columns.table.kind == "csv":
                    columns.refuse_scars(row, result)

    def rows(self) -> Iterator[RetryRow]:
        """Yield each row of the file, in the file's order."""
        for columns in self._tables:
            for row in columns.table.rows():
                yield self._row(columns, row)

    def _row(self, columns: _Columns, row: SourceRow) -> RetryRow:
        if not row.values:
            return RetryRow(None, problems=row.problems)
        number = columns.sync_row(row)
        if number is None:
            shown = columns.sync_row_text(row)
            code, message = "sync_row_blank", "the row has no sync_row"
            if shown:
                code, message = "sync_row_unknown", f'sync_row "{shown}" is no row number'
            return RetryRow(None, problems=(columns.problem(row, code, message, shown),))
        result = self._find(number)
        if result is None:
            message = f"sync_row {number} is not a row of this run"
            return RetryRow(number, problems=(columns.problem(row, "sync_row_unknown", message, str(number)),))
        if number in self._repeated:
            message = f"sync_row {number} occurs more than once"
            return RetryRow(number, problems=(columns.problem(row, "sync_row_repeated", message, str(number)),))
        edits = tuple(columns.edits(row, result))
        values = list(result.values)
        for position, edit in edits:
            values[position] = edit.new
        found = columns.sync_edits(row, result)
        return RetryRow(number, tuple(values), tuple(edit for _, edit in edits), found, result)


class _Columns:
    """Where the columns of the run stand in a results file, which may have been moved or deleted."""

    def __init__(self, table: ResultsTable, header: tuple[str, ...]) -> None:
        self.table = table
        self._header = header
        names = [name.strip().lower() for name in table.header]
        if SYNC_COLUMNS[0] not in names:
            where = f'the sheet "{table.sheet}"' if table.sheet else "the file"
            raise SourceError(
                f"{where} is not a results file of this tool: it has no column sync_row",
                hint="name the results file of a run, or the run itself",
            )
        self._sync = {name: names.index(name) for name in (SYNC_COLUMNS[0], *_COMPARED) if name in names}
        self._own = dict(self._match(header))
        gone = [name for position, name in enumerate(header) if position not in self._own and not is_sync_column(name)]
        known = {*self._own.values(), *(index for index, name in enumerate(names) if is_sync_column(name))}
        arrays = JSON_ARRAYS if table.kind == "jsonl" else ()
        new = [name for index, name in enumerate(table.header) if index not in known and name and name not in arrays]
        self.notes = (
            *([f"columns that the results file no longer has count as unedited: {_listed(gone)}"] if gone else []),
            *([f"columns that the run does not know are ignored: {_listed(new)}"] if new else []),
        )

    def _match(self, header: tuple[str, ...]) -> Iterator[tuple[int, int]]:
        """Join the source's columns to the file's, by name and occurrence."""
        own = own_columns(header)
        names = json_names(own.names) if self.table.kind == "jsonl" else own.names
        places: dict[str, list[int]] = {}
        for index, name in enumerate(self.table.header):
            places.setdefault(name, []).append(index)
        for position, name in zip(own.positions, names, strict=True):
            if places.get(name):
                yield position, places[name].pop(0)

    def sync_row_text(self, row: SourceRow) -> str:
        return cell_text(row.values[self._sync["sync_row"]]).strip() if row.values else ""

    def sync_row(self, row: SourceRow) -> int | None:
        """Return the row number that a line carries; None for what is none."""
        if not row.values:
            return None
        value = as_cell(row.values[self._sync["sync_row"]]).value
        if isinstance(value, str):
            text = value.strip()
            value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value) or value < 1:
            return None
        return int(value)

    def edits(self, row: SourceRow, result: RowResult) -> Iterator[tuple[int, Edit]]:
        """Yield the edited cells by their position in the source; a damaged row has none to compare."""
        for position, index in self._own.items():
            if position < len(result.values):
                was, found = result.values[position], row.values[index]
                if is_edited(was, found, self.table.kind):
                    yield position, Edit(self._header[position], self._cell(index, row), was, found)

    def sync_edits(self, row: SourceRow, result: RowResult) -> tuple[Problem, ...]:
        """Return a warning where a column of ours says otherwise than the run."""
        ours = dict(zip(SYNC_COLUMNS, sync_cells(result), strict=True))
        for name in _COMPARED:
            if name in self._sync:
                found, was = cell_text(row.values[self._sync[name]]), str(ours[name])
                if found not in {was, neutral(was)}:
                    message = f'{name} says "{found}", the run says "{was}": edits of sync_ columns are ignored'
                    cell = self._cell(self._sync[name], row)
                    return (
                        Problem(
                            "sync_column_edited",
                            message,
                            row=result.row_number,
                            cell=cell,
                            column=name,
                            value=found,
                            severity="warning",
                        ),
                    )
        return ()

    def problem(self, row: SourceRow, code: str, message: str, value: str) -> Problem:
        """Return the problem of a row whose ``sync_row`` is no use."""
        return Problem(
            code,
            message,
            "sync_row tells which row of the source this is: copy the line from the run's results anew",
            row=row.row_number,
            cell=self._cell(self._sync["sync_row"], row),
            column="sync_row",
            value=value,
        )

    def refuse_scars(self, row: SourceRow, result: RowResult) -> None:
        """Refuse a file whose cells look damaged by a spreadsheet rather than edited."""
        for position, edit in self.edits(row, result):
            was, found = flat_text(edit.old), cell_text(edit.new)
            words = scar(was, found, was_wrong=_is_problem(position, result))
            if words:
                raise SourceError(
                    f'the column "{edit.column}" came back damaged by a spreadsheet: {words}; '
                    f'cell {edit.cell} has "{found}" where the run had "{was}"',
                    hint="edit the results workbook instead: bulk-sync runs RUN --output FILE.xlsx writes it",
                )

    def _cell(self, index: int, row: SourceRow) -> str:
        return cell_name(index, row.row_number, sheet=self.table.sheet, line=row.line)


def _is_problem(position: int, result: RowResult) -> bool:
    """Whether the cell at a position of the source is what made the row invalid."""
    own = cell_name(position, result.row_number, line=result.line)
    wrong = (problem.cell for problem in result.problems if problem.severity == "error")
    return any(name.rpartition("!")[2] == own for cells in wrong for name in cells.split(", "))


class JsonlTable:
    """A ``.jsonl`` results file as a table. Its header is that of its first line; a line is a row."""

    kind = "jsonl"
    sheet = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        first = next(self._objects(), (0, None))[1]
        self.header: tuple[str, ...] = tuple(first or ())

    def rows(self) -> Iterator[SourceRow]:
        """Read from the first line; each call begins again. Raises SourceError for a line that is no object."""
        for number, line in self._objects():
            yield SourceRow(number, tuple(json_text(line.get(name)) for name in self.header))

    def _objects(self) -> Iterator[tuple[int, Mapping[str, object]]]:
        with self._path.open(encoding="utf-8-sig") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    try:
                        line = json.loads(text)
                    except ValueError as error:
                        raise SourceError(f'"{self._path}", line {number}: not JSON: {error}') from error
                    if not isinstance(line, dict):
                        raise SourceError(f'"{self._path}", line {number}: expected an object')
                    yield number, line


class PlanLine(NamedTuple):
    """A line of a plan's sheet Changes that was left in: it is to be sent. ``new`` is the text seen there."""

    row_number: int
    client_id: str
    field: str
    new: str


def plan_lines(header: Sequence[str], rows: Iterable[SourceRow]) -> Iterator[PlanLine | Problem]:
    """Read the changes that were left in a plan's workbook; a line that names no row is a problem.

    Raises SourceError where a column of the sheet is missing.
    """
    names = [name.strip().lower() for name in header]
    missing = [name for name in CHANGE_COLUMNS[:3] if name not in names]
    if missing:
        raise SourceError(
            f"the sheet is not a plan's Changes: it has no column {_listed(missing)}",
            hint="give the workbook that bulk-sync plan wrote, with lines deleted but columns left",
        )
    row_at, client_at, field_at = (names.index(name) for name in CHANGE_COLUMNS[:3])
    new_at = names.index("new") if "new" in names else None
    for row in rows:
        texts = [cell_text(value).strip() for value in row.values]
        if not any(texts):
            continue
        if not texts[row_at].isdigit():
            cell = cell_name(row_at, row.row_number)
            yield Problem("plan_line_unknown", f'"{texts[row_at]}" is no row number', row=row.row_number, cell=cell)
            continue
        new = texts[new_at] if new_at is not None else ""
        yield PlanLine(int(texts[row_at]), texts[client_at], texts[field_at], new)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' if name else "an unnamed one" for name in names)
