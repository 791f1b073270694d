"""A workbook of Excel 5 to 2003 (.xls) as a source, read by xlrd.

xlrd is the one reader that tells errors from blanks and gives number formats, hidden rows and merged cells of this
format (0.1 s to import, no dependency of its own). Second best: calamine, ten times as fast and blind to all four.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import xlrd

from bulk_sync.errors import SourceError
from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.content import Content
from bulk_sync.sources.format_code import FormatCode, format_code
from bulk_sync.sources.number_format import Numbers
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.sheet_choice import chosen_sheet
from bulk_sync.sources.sheet_table import (
    Covered,
    RawRow,
    SheetSource,
    first_texts,
    hidden_columns_note,
    hidden_sheet_note,
)
from bulk_sync.sources.xlsx_merged import Merged, MergedCells

_BLANK = frozenset({xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK})
_BOOLEANS = (Cell("FALSE", False, CellKind.BOOLEAN), Cell("TRUE", True, CellKind.BOOLEAN))


class XlsSource(SheetSource):
    """A sheet of an .xls workbook; the sheet is held in memory, which the format limits to 65,536 rows."""

    kind = "xls"

    def __init__(self, path: Path, content: Content, options: SourceOptions, needs: Collection[str] = ()) -> None:
        self._book = XlsBook(path)
        try:
            name = chosen_sheet(
                str(path),
                sheets=self._book.names,
                hidden=self._book.hidden,
                wanted=options.sheet,
                needs=needs,
                peek=self._peek,
            )
            super().__init__(path, name, options, needs)
        except BaseException:
            self.close()
            raise
        columns = hidden_columns_note(name, self._book.hidden_columns(name), len(self.header))
        self.notes = (*content.notes, *hidden_sheet_note(name, self._book.hidden), *columns)

    def close(self) -> None:
        """Close the file."""
        self._book.close()

    def _raw_rows(self) -> Iterator[RawRow]:
        return self._book.rows(self.sheet)

    def _covered(self) -> Covered:
        return MergedCells(self._book.merged(self.sheet))

    def _peek(self, name: str) -> Sequence[Sequence[str]]:
        """Return the texts of a sheet's first rows."""
        return first_texts(self._book.rows(name))


class XlsBook:
    """An open .xls file. A sheet is loaded when it is asked for, and takes the place of the one before.

    :raises SourceError: from every method, for a file that is damaged or encrypted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._book: Any = xlrd.open_workbook(
                file_contents=path.read_bytes(),
                logfile=io.StringIO(),
                formatting_info=True,
                on_demand=True,
                ragged_rows=True,
            )
        except Exception as error:  # noqa: BLE001  # xlrd raises all kinds on damage: AssertionError, struct.error, …
            raise self._refusal(error) from None
        self.names: tuple[str, ...] = tuple(self._book.sheet_names())
        formats = [self._format(index) for index in range(len(self._book.xf_list))]
        self._numbers = Numbers(formats, epoch_1904=bool(self._book.datemode))
        self._sheet: Any = None

    @property
    def hidden(self) -> frozenset[str]:
        """The names of the sheets that the workbook hides."""
        return (
            frozenset(name for name in self.names if self._loaded(name).visibility)
            if len(self.names) > 1
            else frozenset()
        )

    def close(self) -> None:
        """Let go of the file."""
        self._sheet = None
        self._book.release_resources()

    def rows(self, name: str) -> Iterator[RawRow]:
        """Yield a sheet's rows that hold anything."""
        sheet = self._loaded(name)
        for index in range(sheet.nrows):
            cells = self._cells(sheet, index)
            if cells:
                info = sheet.rowinfo_map.get(index)
                hidden = bool(info.hidden if info else sheet.default_row_hidden)
                yield RawRow(index + 1, cells, hidden)

    def merged(self, name: str) -> list[Merged]:
        """Return a sheet's merged ranges."""
        ranges = self._loaded(name).merged_cells
        return [Merged(top + 1, left, bottom, right - 1) for top, bottom, left, right in ranges]

    def hidden_columns(self, name: str) -> list[tuple[int, int]]:
        """Return the columns that a sheet hides, as spans (from 0, the end not included)."""
        columns = self._loaded(name).colinfo_map
        return [(column, column + 1) for column, info in sorted(columns.items()) if info.hidden]

    def _loaded(self, name: str) -> Any:  # noqa: ANN401  # xlrd has no types
        if self._sheet is None or self._sheet.name != name:
            try:
                if self._sheet is not None:
                    self._book.unload_sheet(self._sheet.name)
                self._sheet = self._book.sheet_by_name(name)
            except Exception as error:  # noqa: BLE001  # as above
                raise self._refusal(error) from None
        return self._sheet

    def _cells(self, sheet: Any, row: int) -> dict[int, str | Cell]:  # noqa: ANN401  # xlrd has no types
        """Return a row's cells by column."""
        cells: dict[int, str | Cell] = {}
        number = self._numbers.cell
        kinds, values = sheet.row_types(row), sheet.row_values(row)
        for column, (kind, value) in enumerate(zip(kinds, values, strict=True)):
            if kind in _BLANK:
                continue
            if kind == xlrd.XL_CELL_TEXT:
                if value:
                    cells[column] = self._numbers.text(sheet.cell_xf_index(row, column), value)
            elif kind == xlrd.XL_CELL_BOOLEAN:
                cells[column] = _BOOLEANS[bool(value)]
            elif kind == xlrd.XL_CELL_ERROR:
                cells[column] = Cell(xlrd.error_text_from_code.get(value, "#ERROR!"), None, CellKind.ERROR)
            else:
                cells[column] = number(sheet.cell_xf_index(row, column), value)
        return cells

    def _format(self, index: int) -> FormatCode:
        """Return the number format of a cell style."""
        key = self._book.xf_list[index].format_key
        known = self._book.format_map.get(key)
        return format_code(known.format_str if known else "General", key)

    def _refusal(self, error: Exception) -> SourceError:
        """Say why the workbook cannot be read."""
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if "encrypted" in reason.lower():
            return SourceError(
                f"{self._path} is encrypted: it opens only with a password", hint="save it in Excel without a password"
            )
        return SourceError(f"{self._path} is damaged, truncated or foreign: {reason}", hint="save it again as .xlsx")
