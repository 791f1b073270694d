"""A binary workbook (.xlsb) as a source.

Read by a pass of our own over its records, which are as simple as they are documented: calamine shows errors as
blanks and knows no number formats, pyxlsb (LGPL, last released in 2022) neither formats nor hidden rows.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from bulk_sync.errors import SourceError
from bulk_sync.records import Cell, CellKind, column_letters
from bulk_sync.sources.content import Content
from bulk_sync.sources.number_format import Numbers
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.sheet_table import Covered, RawRow
from bulk_sync.sources.streamed_sheet import StreamedSource
from bulk_sync.sources.xlsb_records import XlsbPackage, wide_string
from bulk_sync.sources.xlsx_merged import Merged, MergedCells
from bulk_sync.sources.xlsx_package import Sheet
from bulk_sync.sources.xlsx_sheet import MAX_COLUMNS, MAX_ROWS

_ROW = 0
_BLANK = frozenset({1, 12})
_COLUMN_INFO = 60
_RICH_STRING = 62
_MERGED = 176
_ROW_DEFAULTS = 485
_LAST_SHORT = 18
_ERRORS = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}  # fmt: skip
_KINDS = {
    2: "rk", 3: "error", 4: "boolean", 5: "real", 6: "text", 7: "shared", 8: "text", 9: "real", 10: "boolean",
    11: "error", 13: "rk", 14: "error", 15: "boolean", 16: "real", 17: "text", 18: "shared", _RICH_STRING: "rich",
}  # fmt: skip
"""Record type → what it holds; 8 to 11 are the results of formulas, 12 to 18 have no column of their own."""
_BOOLEANS = (Cell("FALSE", False, CellKind.BOOLEAN), Cell("TRUE", True, CellKind.BOOLEAN))
_U32 = struct.Struct("<I").unpack_from
_REAL = struct.Struct("<d").unpack_from
_RECTANGLE = struct.Struct("<IIII").unpack_from


class XlsbSource(StreamedSource["XlsbReader"]):
    """A sheet, read in one pass over its records; the file stays open until ``close``."""

    kind = "xlsb"

    def __init__(self, path: Path, content: Content, options: SourceOptions, needs: Collection[str] = ()) -> None:
        self._package = XlsbPackage(path)
        try:
            package = self._package
            strings = package.shared_strings()
            numbers = Numbers(package.formats(), epoch_1904=package.epoch_1904)
            sheets = {sheet.name: sheet for sheet in package.sheets}
            super().__init__(
                path,
                content,
                options,
                needs,
                sheets={name: sheet.state != "visible" for name, sheet in sheets.items()},
                read=lambda name: XlsbReader(package, sheets[name], strings, numbers),
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._package.close()

    def _covered(self) -> Covered:
        return MergedCells(self._reader.merged())


class XlsbReader:
    """Reads one sheet; ``rows()`` begins again with each call.

    ``hidden_columns`` are spans of columns (from 0, the end not included), known after the first row.
    """

    def __init__(self, package: XlsbPackage, sheet: Sheet, strings: list[str], numbers: Numbers) -> None:
        self._package = package
        self._sheet = sheet
        self._strings = strings
        self._numbers = numbers
        self._merged: list[Merged] | None = None
        self.hidden_columns: list[tuple[int, int]] = []

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows that hold anything, in their order.

        :raises SourceError: if the sheet is damaged.
        """
        self.hidden_columns = []
        with self._package.cut_off(self._sheet.part):
            yield from self._rows()

    def _rows(self) -> Iterator[RawRow]:
        """Read the records; where one is too short for what it is to hold, :class:`struct.error` or IndexError."""
        cells: dict[int, str | Cell] = {}
        number, column, hidden, default_hidden = 0, -1, False, False
        for kind, data in self._package.records(self._sheet.part):
            if kind in _KINDS or kind in _BLANK:
                short = kind <= _LAST_SHORT and kind > 11
                column = column + 1 if short else _U32(data)[0]
                if kind in _KINDS and (cell := self._cell(_KINDS[kind], data, 4 if short else 8)):
                    self._take(cells, column, cell, number)
            elif kind == _ROW:
                if cells:
                    yield RawRow(number, cells, hidden)
                    cells = {}
                number, column = self._next_row(number, _U32(data)[0] + 1), -1
                hidden = bool(data[11] & 0x10) or default_hidden
            elif kind == _COLUMN_INFO:
                first, last, _, _ = _RECTANGLE(data)
                if data[16] & 1:
                    self.hidden_columns.append((first, min(last, MAX_COLUMNS) + 1))
            elif kind == _ROW_DEFAULTS:
                default_hidden = bool(data[8] & 2)
        if cells:
            yield RawRow(number, cells, hidden)

    def merged(self) -> list[Merged]:
        """Return the merged ranges, which stand behind the rows."""
        if self._merged is None:
            part = self._sheet.part
            with self._package.cut_off(part):
                ranges = [_RECTANGLE(data) for kind, data in self._package.records(part) if kind == _MERGED]
            self._merged = [Merged(top + 1, left, bottom + 1, right) for top, bottom, left, right in ranges]
        return self._merged

    def _cell(self, kind: str, data: bytes, at: int) -> str | Cell:
        """Return a cell for what is stored; '' for a blank text."""
        style = int.from_bytes(data[at - 4 : at - 1], "little")
        if kind == "shared":
            index = int(_U32(data, at)[0])
            if index >= len(self._strings):
                raise self._damaged(f"there is no shared string {index}")
            return self._numbers.text(style, self._strings[index])
        if kind in {"text", "rich"}:
            return self._numbers.text(style, wide_string(data, at + (kind == "rich"))[0])
        if kind == "boolean":
            return _BOOLEANS[bool(data[at])]
        if kind == "error":
            return Cell(_ERRORS.get(data[at], "#ERROR!"), None, CellKind.ERROR)
        number = float(_REAL(data, at)[0]) if kind == "real" else rk_number(_U32(data, at)[0])
        return self._numbers.cell(style, number)

    def _next_row(self, before: int, number: int) -> int:
        """Check a row's number, which must grow from row to row."""
        if not before < number <= MAX_ROWS:
            raise self._damaged(f"row {number} follows row {before}")
        return number

    def _take(self, cells: dict[int, str | Cell], column: int, cell: str | Cell, number: int) -> None:
        if column >= MAX_COLUMNS:
            raise self._damaged(f"there is no column {column + 1}")
        if cells.setdefault(column, cell) != cell:
            raise self._damaged(f"cell {column_letters(column)}{number} is there twice, with different values")

    def _damaged(self, what: str) -> SourceError:
        return SourceError(
            f"{self._package.path}: sheet {self._sheet.name} is damaged: {what}", hint="save it again in Excel"
        )


def rk_number(packed: int) -> float:
    """Unpack a number of 30 bits (MS-XLSB, 2.5.122): an integer or the upper half of a float, perhaps of a hundredth.

    >>> rk_number(0x3FF00000), rk_number((123 << 2) | 2), rk_number((12345 << 2) | 3)
    (1.0, 123.0, 123.45)
    """
    if packed & 2:
        number = float((packed >> 2) - (1 << 30 if packed & 0x80000000 else 0))
    else:
        (number,) = _REAL(struct.pack("<II", 0, packed & 0xFFFFFFFC))
    return number / 100 if packed & 1 else number
