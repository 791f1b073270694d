"""One pass over a worksheet's XML: rows as they stand there, never more than a few in memory.

Plain rows are read by pattern, all others by the XML parser (see ``xlsx_pieces``); both come to the same cells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from string import ascii_letters
from typing import NamedTuple
from xml.parsers import expat

from bulk_sync.errors import SourceError
from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.format_code import FormatCode, Shows
from bulk_sync.sources.number_format import EXACT_DIGITS, number_cell, text_cell, worded
from bulk_sync.sources.serial_date import iso_cell
from bulk_sync.sources.sheet_table import RawRow
from bulk_sync.sources.xlsx_merged import Merged, merged_range
from bulk_sync.sources.xlsx_package import Package, Sheet, unescaped
from bulk_sync.sources.xlsx_pieces import PLAIN_TEXT, Pieces
from bulk_sync.sources.xml_parts import Attributes, flag, local_name, parser_for

MAX_ROWS = 1 << 20
MAX_COLUMNS = 1 << 14
_MOST_BLANKS = 1_000_000
"""Tags without a value, one after the other, that are read before a sheet counts as a bomb."""
_ATTRIBUTES = r'(?: [A-Za-z][A-Za-z0-9:]*="[^"<&>]*")*'
_ROW_END = "</row>"
_ROW_TAG = '<row r="'
_ROW = re.compile(rf'<row r="([1-9][0-9]{{0,6}})"({_ATTRIBUTES})>')
_EMPTY_ROWS = re.compile(rf'(?:<row r="[1-9][0-9]{{0,6}}"{_ATTRIBUTES} ?/>)+')
_EMPTY_ROW = re.compile(r'<row r="([0-9]+)"')
_ATTRIBUTE = re.compile(r' ([A-Za-z][A-Za-z0-9:]*)="([^"]*)"')
_CELL = re.compile(
    r'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="([0-9]{1,5})")?(?: t="([A-Za-z]+)")?'
    rf"(?: ?/>|>(?:<v>({PLAIN_TEXT})</v>|<is><t(?: xml:space=\"preserve\")?>({PLAIN_TEXT})</t></is>)?</c>)"
)
_CELL_PARTS = 7
"""Text between two cells (none, in a plain row), letters, row, style, type, value, inline text."""
_KNOWN_ATTRIBUTES = 1 << 10
_TEXTS = frozenset({"v", "t", "f"})
_CACHED_CELLS = 1 << 16
_BOOLEANS = {"1": Cell("TRUE", True, CellKind.BOOLEAN), "0": Cell("FALSE", False, CellKind.BOOLEAN)}
_UNSAVED = Cell("", None, CellKind.FORMULA)


class Look(NamedTuple):
    """What turns stored values into cells: the workbook's strings and number formats."""

    strings: list[str]
    formats: list[FormatCode]
    epoch_1904: bool


def _only_blank_cells(piece: str) -> bool:
    """Whether every tag of a row but its own is a cell that ends at once: such a row holds no value, however written.

    By counting, which takes a tenth of matching: sheets whose columns were formatted have millions of such cells.
    """
    cells = piece.count("<c ")
    return piece.startswith(_ROW_TAG) and piece.count("<") == cells + 1 and piece.count("/>") == cells


def _misplaced(parts: list[str], number: str) -> bool:
    """Whether a cell of a row stands there twice, or is one of another row."""
    letters, numbers = parts[1::_CELL_PARTS], parts[2::_CELL_PARTS]
    return len({*letters}) < len(letters) or numbers.count(number) < len(numbers)


class SheetReader:
    """Reads one sheet; ``rows()`` begins again with each call.

    ``hidden_columns`` are spans of columns (from 0, the end not included), known after the first row; ``merged``
    the merged ranges, known after the last.
    ``by_pattern`` False shows every row to the XML parser, which must come to the same.
    """

    def __init__(self, package: Package, sheet: Sheet, look: Look, *, by_pattern: bool = True) -> None:
        self._package = package
        self._sheet = sheet
        self._look = look
        self._worded = {str(style): code for style, code in worded(look.formats).items()}
        self._by_pattern = by_pattern and not self._worded
        self._columns: dict[str, int] = {}
        self._numbers: dict[tuple[str, str], Cell] = {}
        self._codes: dict[str, FormatCode] = {}
        self._begin()

    def _begin(self) -> None:
        """Stand above the first row."""
        self._ready: list[RawRow] = []
        self._number_of_row = 0
        self._hidden = self._hidden_rows = self._between = False
        self._row_hidden: dict[str, bool | None] = {}
        self._blanks = 0
        self.hidden_columns: list[tuple[int, int]] = []
        self.merged: list[Merged] = []

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows that hold anything, in their order.

        :raises SourceError: if the sheet is damaged or larger than a sheet can be.
        """
        self._begin()
        pieces = Pieces(
            self._parser(),
            container="sheetData",
            piece="row",
            take=self._plain_row if self._by_pattern else lambda _: False,
            between=lambda: self._between,
            lead=self._blank_lead if self._by_pattern else lambda _: 0,
        )
        with self._package.open(self._sheet.part) as stream:
            for _ in pieces.read(stream):
                ready, self._ready = self._ready, []
                yield from ready

    def _plain_row(self, piece: str) -> bool:
        """Take a row by pattern; False if it is not plain, and wants the parser."""
        if "</" not in piece and _only_blank_cells(piece):
            self._count_to(piece[len(_ROW_TAG) : piece.find('"', len(_ROW_TAG))])
            return True
        tag = _ROW.match(piece)
        if tag is None:
            before, skipped = self._number_of_row, self._empty_rows(piece)
            if skipped and self._plain_row(piece[skipped:]):
                return True
            self._number_of_row = before
            return False
        parts = _CELL.split(piece[tag.end() :])
        hidden = self._plain_hidden(tag[2])
        if hidden is None or any(parts[::_CELL_PARTS]) or _misplaced(parts, tag[1]):
            return False
        cells = self._plain_cells(parts)
        if cells is None:
            return False
        self._count_to(tag[1])
        if cells:
            self._ready.append(RawRow(self._number_of_row, cells, hidden))
        return True

    def _plain_cells(self, parts: list[str]) -> dict[int, str | Cell] | None:
        """Turn the parts of a row's cells into cells by column; None if one wants the parser."""
        cells: dict[int, str | Cell] = {}
        columns, numbers, strings = self._columns, self._numbers, self._look.strings
        before = -1
        cell: str | Cell
        groups = (parts[at::_CELL_PARTS] for at in (1, *range(3, _CELL_PARTS)))
        for letters, style, kind, value, inline in zip(*groups, strict=True):
            column = columns.get(letters, -1)
            if column < 0:
                column = self._column(letters, before)
            before = column
            if value is None or inline is not None:
                if inline is None:
                    continue
                if kind != "inlineStr":
                    return None
                value = inline  # noqa: PLW2901  # the one place of two that holds it
            if not value:
                continue
            if kind is None:
                cell = numbers.get((style or "0", value)) or self._number(style or "0", value)
            elif kind == "s" and value.isdecimal() and int(value) < len(strings):
                cell = strings[int(value)]
            else:
                cell = self._cell(kind, style or "0", value, False)
            if cell:
                cells[column] = cell
        return cells

    def _plain_hidden(self, attributes: str) -> bool | None:
        """Tell from a row's attributes whether it is hidden; None if one stands there twice."""
        if attributes not in self._row_hidden:
            if len(self._row_hidden) >= _KNOWN_ATTRIBUTES:
                self._row_hidden.clear()
            found = _ATTRIBUTE.findall(attributes)
            named = dict(found)
            once = len(named) == len(found) and "r" not in named
            hidden = flag(named["hidden"]) if "hidden" in named else self._hidden_rows
            self._row_hidden[attributes] = hidden if once else None
        return self._row_hidden[attributes]

    def _blank_lead(self, text: str) -> int:
        """Take rows that hold nothing from the beginning of a text, all at once; return how many characters."""
        filled = text.find("</c")
        end = text.rfind(_ROW_END, 0, filled if filled >= 0 else None) + len(_ROW_END)
        if end < len(_ROW_END):
            return self._empty_rows(text)
        lead = text[:end]
        cells, rows, ends = lead.count("<c "), lead.count(_ROW_TAG), lead.count(_ROW_END)
        if lead.count("<") != cells + rows + ends or lead.count("/>") != cells + rows - ends:
            return 0
        for number in _EMPTY_ROW.findall(lead):
            self._count_to(number)
        return end + self._empty_rows(text[end:])

    def _empty_rows(self, text: str) -> int:
        """Take rows without any cell from the beginning of a text; return how many characters they have."""
        run = _EMPTY_ROWS.match(text)
        if run is None:
            return 0
        for number in _EMPTY_ROW.findall(run[0]):
            self._count_to(number)
        return run.end()

    def _count_to(self, given: str) -> None:
        """Take a row's number, which must grow from row to row."""
        before = self._number_of_row
        number = int(given) if given.isdecimal() and len(given) < 9 else 0
        if not before < number <= MAX_ROWS:
            raise self._damaged(f"row {given} follows row {before}")
        self._number_of_row = number

    def _parser(self) -> expat.XMLParserType:  # noqa: C901, PLR0915  # flat dispatch, run for each cell
        """Make the parser. Its handlers share local variables: they run for each cell, and attributes cost time."""
        text: list[str] = []
        inline: list[str] = []
        cells: dict[int, str | Cell] = {}
        column = -1
        formula = phonetic = False
        style = kind = value = reference = ""
        columns, cell_of = self._columns, self._cell

        def start(tag: str, attributes: Attributes) -> None:
            nonlocal column, formula, phonetic, style, kind, value, reference
            if ":" in tag:
                tag = local_name(tag)
            if tag == "c":
                reference = attributes.get("r", "")
                letters = reference.rstrip("0123456789")
                column = columns[letters] if letters in columns else self._column(letters, column)
                style = attributes.get("s", "0")
                kind = attributes.get("t", "n")
                value = ""
                formula = phonetic = False
                inline.clear()
                self._count_blank()
            elif tag in _TEXTS:
                text.clear()
                formula = formula or tag == "f"
            elif tag == "row":
                self._begin_row(attributes)
                column = -1
                cells.clear()
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
                if (value or formula) and (cell := cell_of(kind, style, value, formula)):
                    self._check_place(reference, cells.setdefault(column, cell) == cell)
            elif tag == "row":
                self._between = True
                if cells:
                    self._blanks = 0
                    self._ready.append(RawRow(self._number_of_row, cells, self._hidden))
                    cells = {}
            elif tag == "t":
                if not phonetic:
                    inline.append("".join(text))
            elif tag == "rPh":
                phonetic = False

        return parser_for(self._package.path, start, end, text.append)

    def _check_place(self, reference: str, alone: bool) -> None:
        """Refuse a cell that stands in the row of another, or where there is another one."""
        if not alone:
            raise self._damaged(f"cell {reference[:20]} is there twice, with different values")
        if reference.lstrip(ascii_letters) not in {"", str(self._number_of_row)}:
            raise self._damaged(f"cell {reference[:20]} stands in row {self._number_of_row}")

    def _count_blank(self) -> None:
        """Refuse a sheet of tags that hold nothing."""
        self._blanks += 1
        if self._blanks > _MOST_BLANKS:
            raise self._damaged(f"more than {_MOST_BLANKS:,} tags without a value: refused as a bomb")

    def _begin_row(self, attributes: Attributes) -> None:
        """Take a row's number, and whether it is hidden."""
        self._count_to(attributes.get("r") or str(self._number_of_row + 1))
        self._count_blank()
        self._between = False
        self._hidden = flag(attributes["hidden"]) if "hidden" in attributes else self._hidden_rows

    def _outside_rows(self, tag: str, attributes: Attributes) -> None:
        """Take what stands above and below the rows: hidden columns, whether rows are hidden, merged cells."""
        self._count_blank()
        self._between = tag == "sheetData"
        if tag == "col" and flag(attributes.get("hidden")):
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if first.isdecimal() and last.isdecimal():
                self.hidden_columns.append((int(first) - 1, int(last)))
        elif tag == "mergeCell":
            self.merged += merged_range(attributes)
        elif tag == "sheetFormatPr":
            self._hidden_rows = flag(attributes.get("zeroHeight"))

    def _cell(self, kind: str, style: str, value: str, formula: bool) -> str | Cell:
        """Return a cell for what is stored; '' for a blank one."""
        if kind == "s":
            if not value.isdecimal() or int(value) >= len(self._look.strings):
                raise self._damaged(f"there is no shared string {value[:20]!r}")
            return self._text(style, self._look.strings[int(value)])
        if kind == "n" and value:
            return self._number(style, value)
        if kind in {"inlineStr", "str"}:
            return self._text(style, unescaped(value))
        if not value:
            return _UNSAVED if formula else ""
        return self._rare(kind, value)

    def _text(self, style: str, text: str) -> str | Cell:
        """Show a text by its style; by pattern only where every style shows it as it is."""
        return text_cell(text, self._worded[style]) if text and style in self._worded else text

    def _rare(self, kind: str, value: str) -> str | Cell:
        """Return a cell of a kind that is neither text nor number."""
        if kind == "b" and value in _BOOLEANS:
            return _BOOLEANS[value]
        if kind == "d":
            return iso_cell(value) or value
        if kind in {"b", "e"}:
            return Cell(value, None, CellKind.ERROR)
        raise self._damaged(f"a cell has the unknown type {kind!r}")

    def _number(self, style: str, value: str) -> Cell:
        """Show a number by its style, and remember how: columns repeat themselves."""
        cell = self._numbers.get((style, value))
        if cell is not None:
            return cell
        code = self._codes.get(style)
        if code is None:
            formats = self._look.formats
            code = formats[int(style)] if style.isdecimal() and int(style) < len(formats) else formats[0]
            self._codes[style] = code
        if code.shows is Shows.GENERAL and value.isdecimal() and len(value) <= EXACT_DIGITS:
            whole = int(value)
            cell = Cell(str(whole), whole, CellKind.NUMBER)
        else:
            cell = self._shown(value, code)
        if len(self._numbers) >= _CACHED_CELLS:
            self._numbers.clear()
        self._numbers[style, value] = cell
        return cell

    def _shown(self, value: str, code: FormatCode) -> Cell:
        """Show a number by its format; what is infinite or none is an error."""
        try:
            number = float(value)
        except ValueError:
            raise self._damaged(f"{value[:40]!r} stands for a number") from None
        if not math.isfinite(number):
            return Cell(value, None, CellKind.ERROR)
        return number_cell(number, code, epoch_1904=self._look.epoch_1904)

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
