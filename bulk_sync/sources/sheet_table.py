"""From the cells of a sheet to rows below a header, the same for every kind of workbook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from bulk_sync.errors import Problem, SourceError
from bulk_sync.records import Cell, CellKind, SourceRow, cell_name, cell_text, column_letters
from bulk_sync.sources.header import SEARCHED_ROWS, folded_header, header_index
from bulk_sync.sources.number_format import EXACT_DIGITS
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.source import OpenSource

WIDEST_HEADER = 4096
_WIDEST_GAP = 1000
"""Blank rows below which no header is looked for any more."""
MERGED = Cell("", None, CellKind.MERGED)
"""Stands for what a merged cell covers; always this one object."""


class RawRow(NamedTuple):
    """A row of a sheet: its number, its cells by column (blank ones left out), whether it is hidden."""

    number: int
    cells: Mapping[int, str | Cell]
    hidden: bool = False


class Covered(Protocol):
    """Tells which columns merged cells cover; asked row by row from the top."""

    def covered(self, row: int, width: int) -> Sequence[int]:
        """Return the covered columns of a row, top left cells left out."""
        ...


class SheetSource(OpenSource, ABC):
    """A sheet as a source; a subclass gives its rows, first to last, as often as asked."""

    kind = ""

    def __init__(self, path: Path, sheet: str, options: SourceOptions, needs: Collection[str]) -> None:
        self._path = path
        self.sheet = sheet
        self._visible_only = options.rows == "visible"
        self._whole: list[RawRow] | None = None
        self._header_row, names = self._find_header(options.header_row, needs)
        self.header: tuple[str, ...] = folded_header(names)
        if len(self.header) > WIDEST_HEADER:
            raise SourceError(
                f"{path}: the header of sheet {sheet} reaches to column {column_letters(len(self.header) - 1)}, "
                f"more than {WIDEST_HEADER} columns",
                hint="delete what stands far to the right, or set source.header_row",
            )
        self.notes: tuple[str, ...] = ()
        self._hidden_rows = 0
        self._beyond = ""

    def _find_header(self, header_row: int | None, needs: Collection[str]) -> tuple[int, list[str]]:
        """Return the header's row number and its texts; keep the rows of a short sheet, blank ones are a whole pass.

        :raises SourceError: if the sheet is blank, or the row that was named is.
        """
        where = f"{self._path}: sheet {self.sheet}"
        if header_row is not None:
            for row in self._raw_rows():
                if row.number >= header_row:
                    if row.number == header_row and row.cells:
                        return header_row, texts(row)
                    break
            raise SourceError(f"{where}: row {header_row} is blank", hint="correct source.header_row")
        first = first_rows(self._raw_rows())
        index = header_index([texts(row) for row in first.rows], needs)
        if index is None:
            raise SourceError(f"{where} is blank: it has no header", hint="the first row names the columns")
        if first.whole:
            self._whole = first.rows
        return first.rows[index].number, texts(first.rows[index])

    @abstractmethod
    def _raw_rows(self) -> Iterator[RawRow]:
        """Read the sheet from its first row."""

    @abstractmethod
    def _covered(self) -> Covered:
        """Return the merged cells, to be asked from the top."""

    @property
    def detected(self) -> Mapping[str, str | int]:
        """Sheet and header row, as the mapping's ``source:`` block takes them."""
        return {"sheet": self.sheet, "header_row": self._header_row}

    def rows(self) -> Iterator[SourceRow]:
        """Read from the first row below the header."""
        self._hidden_rows, self._beyond = 0, ""
        covered = self._covered().covered
        width = len(self.header)
        for number, cells, hidden in self._raw_rows() if self._whole is None else self._whole:
            if number <= self._header_row or not cells:
                continue
            values = self._placed(number, cells, covered(number, width))
            if not any(value and value is not MERGED and not _only_space(value) for value in values):
                continue
            self._hidden_rows += hidden
            yield SourceRow(number, tuple(values), None, self._damaged_ids(number, values), "", hidden)

    def _placed(self, number: int, cells: Mapping[int, str | Cell], merged: Sequence[int]) -> list[str | Cell]:
        """Put a row's cells under the header; what stands outside of it is remembered, not read."""
        width = len(self.header)
        values: list[str | Cell] = [""] * width
        for column, cell in cells.items():
            if column < width:
                values[column] = cell
            elif not self._beyond and cell is not MERGED:
                self._beyond = cell_name(column, number, sheet=self.sheet)
        for column in merged:
            values[column] = MERGED
        return values

    def closing_notes(self) -> tuple[str, ...]:
        """Say how many rows the workbook hides, and whether values stand outside of the header."""
        notes = []
        if self._hidden_rows:
            rows = "1 row is" if self._hidden_rows == 1 else f"{self._hidden_rows} rows are"
            left_out = "left out" if self._visible_only else "read all the same; source.rows: visible leaves them out"
            notes.append(f"{rows} hidden in sheet {self.sheet} (by hand or by a filter): {left_out}")
        if self._beyond:
            notes.append(f"{self._beyond} and perhaps more cells stand in a column without a header: not read")
        return tuple(notes)

    def _damaged_ids(self, number: int, values: Iterable[str | Cell]) -> tuple[Problem, ...]:
        """Warn about whole numbers so long that the spreadsheet has lost their last digits."""
        return tuple(
            Problem(
                "long_number",
                f"a number of {len(cell.text.lstrip('-'))} digits: a spreadsheet keeps only the first {EXACT_DIGITS}",
                "format the column as text and enter the number again",
                row=number,
                cell=cell_name(column, number, sheet=self.sheet),
                column=self.header[column],
                value=cell.text,
                severity="warning",
            )
            for column, cell in enumerate(values)
            if type(cell) is Cell and len(cell.text) > EXACT_DIGITS and _too_long(cell)
        )


def _only_space(value: str | Cell) -> bool:
    return type(value) is str and value.isspace()


def _too_long(cell: Cell) -> bool:
    return cell.kind is CellKind.NUMBER and type(cell.value) is int and abs(cell.value) >= 10**EXACT_DIGITS


class FirstRows(NamedTuple):
    """The first rows of a sheet that hold anything; ``whole`` if it has no others."""

    rows: list[RawRow]
    whole: bool


def first_rows(rows: Iterable[RawRow]) -> FirstRows:
    """Return the rows among which a header is looked for."""
    filled: list[RawRow] = []
    for row in rows:
        if len(filled) == SEARCHED_ROWS or (filled and row.number > filled[-1].number + _WIDEST_GAP):
            return FirstRows(filled, whole=False)
        if row.cells:
            filled.append(row)
    return FirstRows(filled, whole=True)


def first_texts(rows: Iterable[RawRow]) -> list[list[str]]:
    """Return the texts of the rows among which a header is looked for."""
    return [texts(row) for row in first_rows(rows).rows]


def texts(row: RawRow) -> list[str]:
    """Return a row's texts by column."""
    last = max((column for column in row.cells if column < 2 * WIDEST_HEADER), default=-1)
    return [cell_text(row.cells.get(column, "")) for column in range(last + 1)]


def hidden_sheet_note(sheet: str, hidden: Collection[str]) -> tuple[str, ...]:
    """Say that the sheet that is read is one of those that the workbook hides."""
    return (f"sheet {sheet} is hidden in the workbook, and read all the same",) if sheet in hidden else ()


def hidden_columns_note(sheet: str, spans: Iterable[tuple[int, int]], width: int) -> tuple[str, ...]:
    """Say which columns below a header the workbook hides; ``spans`` are from 0, the end not included."""
    hidden = [column_letters(column) for first, end in spans for column in range(first, min(end, width))]
    if not hidden:
        return ()
    names = f"column {hidden[0]} is" if len(hidden) == 1 else f"columns {', '.join(hidden)} are"
    return (f"{names} hidden in sheet {sheet}, and read all the same",)
