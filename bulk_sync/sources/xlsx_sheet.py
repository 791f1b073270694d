"""One pass over a worksheet's XML: rows as they stand there, never more than a few in memory."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from bulk_sync.errors import SourceError
from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.format_code import FormatCode
from bulk_sync.sources.number_format import number_cell
from bulk_sync.sources.serial_date import iso_cell
from bulk_sync.sources.sheet_table import RawRow
from bulk_sync.sources.xlsx_package import Attributes, Package, Sheet, flag, local_name, parser_for, unescaped

MAX_ROWS = 1 << 20
MAX_COLUMNS = 1 << 14
_CHUNK = 1 << 16
_BLANK_CELLS = re.compile(rb'(?:<c r="[A-Z]{1,3}\d+"(?: s="\d+")? ?/>)+')
"""Cells that have a style and nothing else: millions of them stand in sheets whose columns were formatted."""
_TEXTS = frozenset({"v", "t", "f"})
_CACHED_CELLS = 1 << 16
_BOOLEANS = {"1": Cell("TRUE", True, CellKind.BOOLEAN), "0": Cell("FALSE", False, CellKind.BOOLEAN)}
_UNSAVED = Cell("", None, CellKind.FORMULA)


class Look(NamedTuple):
    """What turns stored values into cells: the workbook's strings and number formats."""

    strings: list[str]
    formats: list[FormatCode]
    epoch_1904: bool


class SheetReader:
    """Reads one sheet; ``rows()`` begins again with each call.

    ``hidden_columns`` are spans of columns (from 0, the end not included), known after the first row.
    """

    def __init__(self, package: Package, sheet: Sheet, look: Look) -> None:
        self._package = package
        self._sheet = sheet
        self._look = look
        self._columns: dict[str, int] = {}
        self._numbers: dict[tuple[str, str], Cell] = {}
        self._number_of_row = 0
        self._hidden = self._hidden_rows = False
        self.hidden_columns: list[tuple[int, int]] = []

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows that hold anything, in their order.

        :raises SourceError: if the sheet is damaged or larger than a sheet can be.
        """
        self._number_of_row = 0
        self._hidden_rows = False
        self.hidden_columns = []
        ready: list[RawRow] = []
        parser = self._parser(ready)
        with self._package.open(self._sheet.part) as stream:
            literal = False
            while chunk := stream.read(_CHUNK):
                # In a comment or CDATA such bytes would be text; once one may have begun, nothing is left out.
                literal = literal or b"![" in chunk or b"!-" in chunk or chunk.endswith(b"!")
                parser.Parse(chunk if literal else _BLANK_CELLS.sub(b"", chunk), False)
                yield from ready
                ready.clear()
            parser.Parse(b"", True)
            yield from ready

    def _parser(self, ready: list[RawRow]) -> expat.XMLParserType:  # noqa: C901  # flat dispatch, run for each cell
        """Make the parser. Its handlers share local variables: they run for each cell, and attributes cost time."""
        text: list[str] = []
        inline: list[str] = []
        cells: dict[int, str | Cell] = {}
        column = -1
        formula = phonetic = False
        style = kind = value = ""
        columns, cell_of = self._columns, self._cell

        def start(tag: str, attributes: Attributes) -> None:
            nonlocal column, formula, phonetic, style, kind, value
            if ":" in tag:
                tag = local_name(tag)
            if tag == "c":
                letters = attributes.get("r", "").rstrip("0123456789")
                column = columns[letters] if letters in columns else self._column(letters, column)
                style = attributes.get("s", "0")
                kind = attributes.get("t", "n")
                value = ""
                formula = False
            elif tag in _TEXTS:
                text.clear()
                formula = formula or tag == "f"
            elif tag == "row":
                self._begin_row(attributes)
                column = -1
            elif tag == "rPh":
                phonetic = True
            else:
                self._outside_rows(tag, attributes)

        def end(tag: str) -> None:  # noqa: C901  # as above
            nonlocal cells, value, phonetic
            if ":" in tag:
                tag = local_name(tag)
            if tag == "v":
                value = "".join(text)
            elif tag == "c":
                if inline:
                    value = "".join(inline) if kind == "inlineStr" else value
                    inline.clear()
                if (value or formula) and (cell := cell_of(kind, style, value, formula)):
                    cells[column] = cell
            elif tag == "row":
                if cells:
                    ready.append(RawRow(self._number_of_row, cells, self._hidden))
                    cells = {}
            elif tag == "t":
                if not phonetic:
                    inline.append("".join(text))
            elif tag == "rPh":
                phonetic = False

        return parser_for(self._package.path, start, end, text.append)

    def _begin_row(self, attributes: Attributes) -> None:
        """Take a row's number, which must grow from row to row, and whether it is hidden."""
        before, given = self._number_of_row, attributes.get("r")
        number = before + 1
        if given:
            number = int(given) if given.isdecimal() and len(given) < 9 else 0
        if not before < number <= MAX_ROWS:
            raise self._damaged(f"row {given or number} follows row {before}")
        self._number_of_row = number
        self._hidden = flag(attributes["hidden"]) if "hidden" in attributes else self._hidden_rows

    def _outside_rows(self, tag: str, attributes: Attributes) -> None:
        """Take what stands above the rows: hidden columns, and rows hidden unless they say otherwise."""
        if tag == "col" and flag(attributes.get("hidden")):
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if first.isdecimal() and last.isdecimal():
                self.hidden_columns.append((int(first) - 1, int(last)))
        elif tag == "sheetFormatPr":
            self._hidden_rows = flag(attributes.get("zeroHeight"))

    def _cell(self, kind: str, style: str, value: str, formula: bool) -> str | Cell:
        """Return a cell for what is stored; '' for a blank one."""
        if kind == "s":
            try:
                return self._look.strings[int(value)]
            except (ValueError, IndexError):
                raise self._damaged(f"there is no shared string {value!r}") from None
        if kind == "n" and value:
            cell = self._numbers.get((style, value))
            return self._number(style, value) if cell is None else cell
        if kind in {"inlineStr", "str"}:
            return unescaped(value)
        if not value:
            return _UNSAVED if formula else ""
        return self._rare(kind, value)

    def _rare(self, kind: str, value: str) -> str | Cell:
        """Return a cell of a kind that is neither text nor number."""
        if kind == "b" and value in _BOOLEANS:
            return _BOOLEANS[value]
        if kind == "d":
            return iso_cell(value) or value
        if kind in {"b", "e"}:
            return Cell(value, None, CellKind.ERROR)
        raise self._damaged(f"a cell has the unknown type {kind!r}")

    def _number(self, style: str, value: str) -> str | Cell:
        """Show a number by its style, and remember how: columns repeat themselves."""
        formats = self._look.formats
        try:
            number = float(value)
            code = formats[int(style)] if style.isdecimal() and int(style) < len(formats) else formats[0]
        except ValueError:
            raise self._damaged(f"{value[:40]!r} stands for a number") from None
        if not math.isfinite(number):
            return Cell(value, None, CellKind.ERROR)
        cell = number_cell(number, code, epoch_1904=self._look.epoch_1904)
        if len(self._numbers) >= _CACHED_CELLS:
            self._numbers.clear()
        self._numbers[style, value] = cell
        return cell

    def _column(self, letters: str, before: int) -> int:
        """Return the index of a column's letters, or the next one for a cell without."""
        if not letters:
            return before + 1
        index = 0
        for letter in letters.upper():
            index = index * 26 + ord(letter) - 64
        if not 1 <= index <= MAX_COLUMNS or not letters.isalpha():
            raise self._damaged(f"there is no column {letters[:10]!r}")
        self._columns[letters] = index - 1
        return index - 1

    def _damaged(self, what: str) -> SourceError:
        return SourceError(
            f"{self._package.path}: sheet {self._sheet.name} is damaged: {what}", hint="save it again in Excel"
        )
