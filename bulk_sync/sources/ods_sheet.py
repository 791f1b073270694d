"""One pass over an OpenDocument spreadsheet's content: what its cells show, and what is stored beside it.

OpenDocument keeps the shown text of every cell (``text:p``) next to its value, so that no number format needs to be
reproduced. An error is a cell that says so (``calcext:value-type``), or a formula that shows one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from bulk_sync.errors import SourceError
from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.number_format import general_text, stored_number
from bulk_sync.sources.serial_date import duration_cell, iso_cell
from bulk_sync.sources.sheet_table import MERGED, RawRow
from bulk_sync.sources.xlsx_sheet import MAX_COLUMNS, MAX_ROWS
from bulk_sync.sources.xml_parts import Attributes, Parts, feed, ignore, parser_for

_CONTENT = "content.xml"
_CHUNK = 1 << 16
_MOST_REPEATED = 1 << 20
"""Cells that a file may hold by only saying that others are repeated."""
_MOST_BLANKS = 1_000_000
_TABLE_DEPTH = 4
_CELLS = frozenset({"table:table-cell", "table:covered-table-cell"})
_PARAGRAPHS = frozenset({"text:p", "text:h"})
_UNREAD = frozenset({"text:list", "table:table"})
_ASIDE = frozenset({"office:annotation", "text:note", "text:ruby-text"})
_WRAPPED = re.compile(r" *[\t\r\n][ \t\r\n]*")
"""White space that a program that lays out XML may have put there; runs of spaces are the cell's own."""
_ERROR = re.compile(r"#[A-Z][A-Z0-9/_]*[!?]?|Err:\d{3}")
_EXPONENT = re.compile(r"\d[Ee][+-]?\d")
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?)?")
_NUMBERS = frozenset({"float", "percentage", "currency"})
_UNSAVED = Cell("", None, CellKind.FORMULA)


class OdsSheet(NamedTuple):
    """A sheet of the file: its name, and whether it is hidden."""

    name: str
    hidden: bool


def sheets_of(parts: Parts) -> tuple[OdsSheet, ...]:
    """Return the sheets in their order; reads the whole content once, so that damage shows before the first row."""
    hidden_styles: set[str] = set()
    sheets: list[OdsSheet] = []
    depth, style = 0, ""

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal depth, style
        depth += 1
        if tag == "style:style":
            style = attributes.get("style:name", "")
        elif tag == "style:table-properties" and attributes.get("table:display") == "false":
            hidden_styles.add(style)
        elif tag == "table:table" and depth == _TABLE_DEPTH:
            name = attributes.get("table:name", "")
            sheets.append(OdsSheet(name, attributes.get("table:style-name", "") in hidden_styles))

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parts.parse(_CONTENT, start, end, ignore)
    return tuple(sheets)


class OdsReader:
    """Reads one sheet; ``rows()`` begins again with each call.

    ``hidden_columns`` are spans of columns (from 0, the end not included), known after the first row.
    """

    def __init__(self, parts: Parts, sheet: str) -> None:
        self._parts = parts
        self._sheet = sheet
        self._begin()

    def _begin(self) -> None:
        """Stand above the first sheet."""
        self._depth = self._cell_depth = self._paragraph_depth = self._aside_depth = 0
        self._inside = self._done = False
        self._row = self._repeats = self._column = self._columns = self._blanks = self._repeated = 0
        self._hidden = False
        self._cells: dict[int, str | Cell] = {}
        self._attributes: Attributes = {}
        self._covered = self._unread = False
        self._paragraphs: list[str] = []
        self._text: list[str] = []
        self._ready: list[tuple[RawRow, int]] = []
        self.hidden_columns: list[tuple[int, int]] = []

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows that hold anything, in their order.

        :raises SourceError: if the sheet is damaged, or larger than a sheet can be.
        """
        self._begin()
        parser = parser_for(self._parts.path, self._start, self._end, self._characters)
        fed = 0
        with self._parts.open(_CONTENT) as stream:
            while not self._done and (chunk := stream.read(_CHUNK)):
                fed = feed(parser, chunk, fed)
                ready, self._ready = self._ready, []
                for row, repeats in ready:
                    for number in range(row.number, row.number + repeats):
                        yield RawRow(number, row.cells, row.hidden)

    def _start(self, tag: str, attributes: Attributes) -> None:
        """Take the beginning of an element."""
        self._depth += 1
        if self._cell_depth:
            self._start_in_cell(tag, attributes)
        elif tag == "table:table" and self._depth == _TABLE_DEPTH:
            self._inside = attributes.get("table:name", "") == self._sheet
        elif not self._inside:
            return
        elif tag in _CELLS:
            self._cell_depth = self._depth
            self._attributes, self._covered = attributes, tag == "table:covered-table-cell"
            self._paragraphs, self._unread = [], False
        elif tag == "table:table-row":
            self._row += 1
            self._repeats = self._count(attributes, "table:number-rows-repeated")
            self._hidden = attributes.get("table:visibility", "visible") != "visible"
            self._cells, self._column = {}, 0
        elif tag == "table:table-column":
            first = self._columns
            self._columns += self._count(attributes, "table:number-columns-repeated")
            if attributes.get("table:visibility", "visible") != "visible":
                self.hidden_columns.append((first, self._columns))

    def _start_in_cell(self, tag: str, attributes: Attributes) -> None:
        """Take what stands in a cell: its paragraphs, but no comments and drawings."""
        if self._aside_depth:
            return
        if self._paragraph_depth:
            if tag == "text:s":
                # A run of spaces that is longer than a cell's text can be is no run of spaces.
                self._text.append(" " * min(self._count(attributes, "text:c"), 1 << 15))
            elif tag == "text:tab":
                self._text.append("\t")
            elif tag == "text:line-break":
                self._text.append("\n")
            elif tag in _ASIDE or tag.startswith("draw:"):
                self._aside_depth = self._depth
        elif self._depth == self._cell_depth + 1:
            if tag in _PARAGRAPHS:
                self._paragraph_depth = self._depth
                self._text = []
            self._unread = self._unread or tag in _UNREAD

    def _characters(self, data: str) -> None:
        """Take text."""
        if self._paragraph_depth and not self._aside_depth:
            self._text.append(_WRAPPED.sub(" ", data))

    def _end(self, tag: str) -> None:
        """Take the end of an element."""
        depth = self._depth
        self._depth -= 1
        if depth == self._aside_depth:
            self._aside_depth = 0
        elif depth == self._paragraph_depth:
            self._paragraphs.append("".join(self._text))
            self._paragraph_depth = 0
        elif depth == self._cell_depth:
            self._cell_depth = 0
            self._end_cell()
        elif not self._inside or self._cell_depth:
            return
        elif tag == "table:table-row":
            self._end_row()
        elif tag == "table:table" and depth == _TABLE_DEPTH:
            self._done = True

    def _end_cell(self) -> None:
        """Put a cell, as often as it is repeated, into its row."""
        times = self._count(self._attributes, "table:number-columns-repeated")
        first = self._column
        self._column += times
        cell = MERGED if self._covered else self._cell()
        if not cell:
            self._count_blanks()
            return
        if self._covered:
            times = min(times, MAX_COLUMNS)
        elif self._column > MAX_COLUMNS:
            raise self._damaged(f"row {self._row} has more than {MAX_COLUMNS} columns")
        self._repeated += times - 1
        self._cells.update(dict.fromkeys(range(first, first + times), cell))

    def _end_row(self) -> None:
        """Hand a row on, as often as it is repeated, unless it is blank."""
        number = self._row
        self._row += self._repeats - 1
        if all(cell is MERGED for cell in self._cells.values()):
            self._count_blanks()
            return
        if self._row > MAX_ROWS:
            raise self._damaged(f"there is no row {self._row}")
        self._repeated += (self._repeats - 1) * len(self._cells)
        if self._repeated > _MOST_REPEATED:
            raise self._damaged(f"more than {_MOST_REPEATED:,} cells are only said to be repeated: refused as a bomb")
        self._blanks = 0
        self._ready.append((RawRow(number, self._cells, self._hidden), self._repeats))

    def _cell(self) -> str | Cell:
        """Return the cell that ends here; '' for a blank one."""
        attributes = self._attributes
        shown = "\n".join(self._paragraphs)
        kind = attributes.get("office:value-type", "")
        formula = "table:formula" in attributes
        if attributes.get("calcext:value-type") == "error" or (formula and _ERROR.fullmatch(shown)):
            return Cell(shown or "#ERROR!", None, CellKind.ERROR)
        if self._unread:
            return Cell("a list or a table inside of the cell", None, CellKind.ERROR)
        if kind in {"", "void"}:
            return shown or (_UNSAVED if formula and not self._paragraphs else "")
        if kind == "string":
            text = attributes.get("office:string-value", "")
            # A paragraph that is empty is what a format such as ;;; shows of a text: nothing.
            hidden = text and self._paragraphs and not shown
            return Cell("", text, CellKind.TEXT, "hidden text") if hidden else shown or text
        reader = _READERS.get(kind)
        stored = attributes.get(_STORED.get(kind, "office:value"))
        if reader is None or stored is None:
            raise self._damaged(f"row {self._row}: a cell of the type {kind[:20]!r} has no value")
        try:
            return reader(stored, shown if self._paragraphs else None)
        except ValueError:
            raise self._damaged(f"row {self._row}: {stored[:40]!r} is no {kind}") from None

    def _count_blanks(self) -> None:
        """Refuse a sheet of tags that hold nothing."""
        self._blanks += 1
        if self._blanks > _MOST_BLANKS:
            raise self._damaged(f"more than {_MOST_BLANKS:,} tags without a value: refused as a bomb")

    def _count(self, attributes: Attributes, name: str) -> int:
        """Read how often something is repeated: once, unless it says otherwise."""
        text = attributes.get(name, "1")
        if not text.isdecimal() or len(text) > 9:
            raise self._damaged(f"{name} is {text[:20]!r}")
        return int(text) or 1

    def _damaged(self, what: str) -> SourceError:
        return SourceError(
            f"{self._parts.path}: sheet {self._sheet} is damaged: {what}", hint="save it again, or save it as .xlsx"
        )


def _number(stored: str, shown: str | None) -> Cell:
    """Return a number with the text that was saved with it."""
    number = float(stored)
    if not math.isfinite(number):
        return Cell(stored, None, CellKind.ERROR)
    value = stored_number(number)
    if shown is None:
        return Cell(general_text(value), value, CellKind.NUMBER)
    text = shown.strip()
    if _EXPONENT.search(text):
        return Cell("", value, CellKind.NUMBER, "scientific")
    if not text.strip("#"):
        return Cell("", value, CellKind.NUMBER, f"shown as {text!r}")
    return Cell(text, value, CellKind.NUMBER)


def _boolean(stored: str, _: str | None) -> Cell:
    if stored not in {"true", "false"}:
        raise ValueError(stored)
    return Cell(stored.upper(), stored == "true", CellKind.BOOLEAN)


def _date(stored: str, shown: str | None) -> Cell:
    """Return a date; its time only if that is shown, as in the other workbooks. One beyond the calendar is unshown."""
    cell = iso_cell(stored)
    if cell is None:
        return Cell("", stored[:40], CellKind.TEXT, "date")
    moment, timed = cell.value, ":" in (shown or "")
    if isinstance(moment, date) and not isinstance(moment, datetime) and timed:
        moment = datetime.combine(moment, time())
        return Cell(moment.isoformat(), moment, CellKind.DATETIME)
    if not isinstance(moment, datetime) or not shown or timed:
        return cell
    if moment.time() == time():
        return Cell(moment.date().isoformat(), moment.date(), CellKind.DATE)
    return Cell(moment.date().isoformat(), moment, CellKind.DATETIME)


def _time(stored: str, _: str | None) -> Cell:
    """Return a time of day for what is less than a day, else a duration. One beyond counting is unshown."""
    length = _length(stored)
    if length is None:
        return Cell("", stored[:40], CellKind.TEXT, "time")
    if not timedelta() <= length < timedelta(days=1):
        return duration_cell(length)
    moment = (datetime.combine(date.min, time()) + length).time()
    return Cell(moment.isoformat(), moment, CellKind.TIME)


def _length(stored: str) -> timedelta | None:
    """Read a duration; None for what programs write where a number is no time, as PT-2147483648H00M00S."""
    match = _DURATION.fullmatch(stored)
    if match is None or len(stored) > 40:
        return None
    sign, days, hours, minutes, seconds, fraction = match.groups(default="0")
    try:
        length = timedelta(
            days=int(days),
            hours=int(hours),
            minutes=int(minutes),
            seconds=int(seconds),
            milliseconds=round(float(f"0.{fraction}") * 1000),
        )
    except OverflowError:
        return None
    return -length if sign == "-" else length


_READERS: dict[str, Callable[[str, str | None], Cell]] = {
    **dict.fromkeys(_NUMBERS, _number),
    "boolean": _boolean,
    "date": _date,
    "time": _time,
}
_STORED = {"boolean": "office:boolean-value", "date": "office:date-value", "time": "office:time-value"}
