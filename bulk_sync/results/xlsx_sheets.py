"""Sheets that are written line by line in constant memory and go on, past Excel's limit, on the next one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from bulk_sync.results.xlsx_cells import cell_heads, plain_cell
from bulk_sync.results.xlsx_package import PackedLines

EXCEL_ROWS = 1_048_576
EXCEL_COLUMNS = 16_384
EXCEL_LINKS = 65_530
"""Links that Excel takes on one sheet; further ones are written as text."""
PAGE_WIDTH = 200
"""Characters across a printed page that can still be read."""
FORMAT_LIMIT = 2_000
"""Number formats of the source that are kept apart; Excel takes some thousands."""

STATUS_LOOKS: dict[str, dict[str, object]] = {
    "updated": {"bg_color": "#DFF3E4", "font_color": "#14532D"},
    "differs": {"bg_color": "#FFECB8", "font_color": "#6B4300", "bold": True, "italic": True},
    "unchanged": {"bg_color": "#E9EEF3", "font_color": "#3D4D5C"},
    "invalid": {"bg_color": "#FBDCCB", "font_color": "#8A2B00", "bold": True},
    "failed": {"bg_color": "#B3261E", "font_color": "#FFFFFF", "bold": True},
    "in_doubt": {"bg_color": "#E6D9F7", "font_color": "#4A1D80", "bold": True, "italic": True},
    "not_sent": {"bg_color": "#FFFFFF", "font_color": "#4B5563", "italic": True, "border": 4},
    "skipped": {"bg_color": "#F3F4F6", "font_color": "#6B7280", "italic": True},
    "ready": {"bg_color": "#DCEAFB", "font_color": "#0B3D82"},
}
"""A colour for each status; weight, slant and border tell the ones that ask for attention without it."""

LOOKS: dict[str, dict[str, object]] = {
    **STATUS_LOOKS,
    "header": {"bold": True, "bg_color": "#E5E7EB", "font_color": "#1F2937", "bottom": 2, "valign": "top"},
    "sync_header": {"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF", "bottom": 2, "valign": "top"},
    "mark": {"italic": True, "font_color": "#6B7280"},
    "link": {"font_color": "#0B57D0", "underline": 1},
    "title": {"bold": True, "font_size": 16, "font_color": "#1F3A5F"},
    "subtitle": {"font_color": "#4B5563"},
    "section": {"bold": True, "font_size": 12, "font_color": "#1F3A5F", "bottom": 1, "bottom_color": "#1F3A5F"},
    "banner": {"bold": True, "font_size": 12, "bg_color": "#FFD54D", "font_color": "#3B2A00"},
    "label": {"font_color": "#4B5563", "align": "left"},
    "figure": {"align": "left"},
    "count": {"num_format": "#,##0", "align": "left"},
    "total": {"bold": True, "top": 1},
    "count_total": {"num_format": "#,##0", "bold": True, "top": 1, "align": "left"},
    "share": {"num_format": "0.0%", "font_color": "#4B5563", "align": "left"},
}
PROBLEM_LOOKS: dict[str, dict[str, object]] = {
    "": {},
    "error": {"bg_color": "#FDE7DD", "border": 1, "border_color": "#C2410C"},
    "warning": {"bg_color": "#FFF6D6", "border": 1, "border_color": "#D9A300"},
}


class Styles:
    """The workbook's formats by name, as the attribute of a cell. Made when first used."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._formats: dict[str, Format] = {}
        self._named: dict[str, str] = {}
        self._numbers: dict[tuple[str, str], str] = {}

    def __getitem__(self, name: str) -> str:
        """Return the attribute of one of ``LOOKS``; '' has none."""
        if name not in self._named:
            self._named[name] = _attribute(self.format(name)) if name else ""
        return self._named[name]

    def format(self, name: str) -> Format:
        """Return one of ``LOOKS`` for XlsxWriter's own methods."""
        if name not in self._formats:
            self._formats[name] = self._workbook.add_format(LOOKS[name])
        return self._formats[name]

    def number(self, num_format: str, mark: str) -> str:
        """Return the attribute for a number format of the source, under the mark of a problem."""
        if (num_format, mark) not in self._numbers:
            if len(self._numbers) >= FORMAT_LIMIT:
                num_format = ""
            look = PROBLEM_LOOKS[mark] | ({"num_format": num_format} if num_format else {})
            self._numbers[num_format, mark] = _attribute(self._workbook.add_format(look)) if look else ""
        return self._numbers[num_format, mark]


def _attribute(cell_format: Format) -> str:
    # The number that a cell names its format by has no public name; it is final once it was asked for.
    return f' s="{cell_format._get_xf_index()}"'  # noqa: SLF001


class LineSheet(Worksheet):
    """A worksheet that takes whole lines as XML. Comments and links of a line come before the line.

    The lines are kept by us; to XlsxWriter the sheet is empty.
    """

    @cached_property
    def lines(self) -> PackedLines:
        """What was written so far; first asked for by the header, when the sheet knows its workbook's folder."""
        return PackedLines(self.tmpdir)

    def write_line(self, row: int, cells: str, height: float | None = None) -> None:
        """Write a line; ``row`` counts from 0 and only grows."""
        size = "" if height is None else f' ht="{height}" customHeight="1"'
        self.write_lines(row, f'<row r="{row + 1}"{size}>{cells}</row>')

    def write_lines(self, last_row: int, lines: str) -> None:
        """Write whole lines, the last of which is ``last_row``, counted from 0."""
        self.lines.add(lines)
        self.table.clear()  # a link's text, which is in our line already
        # One ahead, so that XlsxWriter finds nothing of its own to write for this row.
        self.previous_row = last_row + 1

    def span(self, rows: int, columns: int) -> None:
        """Tell the sheet its size."""
        self.dim_rowmin = self.dim_colmin = 0
        self.dim_rowmax, self.dim_colmax = max(0, rows - 1), max(0, columns - 1)

    def leave(self) -> None:
        """Let go of the sheet's temporary files."""
        self.lines.file.close()
        self.row_data_fh.close()


class Column(NamedTuple):
    """A column of a sheet: its heading, the look of that, and the least and greatest width in characters."""

    name: str
    look: str = "header"
    least: int = 8
    most: int = 42


_Line = TypeVar("_Line")


class SheetSeries:
    """The sheet ``name`` and, where its lines exceed Excel's limit, ``name 2``, ``name 3`` …, each with the header."""

    _MEASURED_LINES = 500

    def __init__(
        self, workbook: Workbook, styles: Styles, name: str, columns: Sequence[Column], *, rows: int = EXCEL_ROWS
    ) -> None:
        self._workbook = workbook
        self._styles = styles
        self._limit = rows
        self.name = name
        self.columns = columns
        self.heads = cell_heads(len(columns))
        self.names: list[str] = []
        self._widths = [max(column.least, len(column.name) + 4) for column in columns]
        self._measured = 0
        self.lines = 0
        self.sheet = self._begin()

    def next_row(self) -> int:
        """Return the number, counted from 1, of the row that the next line will have; turns the page if need be."""
        if self._row >= self._limit:
            self._finish_sheet()
            self.sheet = self._begin()
        return self._row + 1

    def write(self, cells: str) -> None:
        """Write the line for which :meth:`next_row` gave the number."""
        self.sheet.write_line(self._row, cells)
        self._row += 1
        self.lines += 1

    def pages(self, lines: Sequence[_Line]) -> Iterator[tuple[int, Sequence[_Line]]]:
        """Yield lines with the number of the first one's row, parted where a sheet is full.

        Each part is to be written with :meth:`write_lines` before the next is asked for.
        """
        while lines:
            first = self.next_row()
            room = self._limit - self._row
            yield first, lines[:room]
            lines = lines[room:]

    def write_lines(self, lines: str, count: int) -> None:
        """Write ``count`` whole lines, numbered as :meth:`pages` said."""
        self._row += count
        self.lines += count
        self.sheet.write_lines(self._row - 1, lines)

    def measure(self, texts: Sequence[str | None]) -> None:
        """Widen the columns for a line's texts; only the first lines count."""
        if self._measured < self._MEASURED_LINES:
            self._measured += 1
            for index, text in enumerate(texts):
                if text and len(text) + 2 > self._widths[index]:
                    self._widths[index] = min(len(text) + 2, self.columns[index].most)

    @property
    def measuring(self) -> bool:
        """Whether lines are still to be measured."""
        return self._measured < self._MEASURED_LINES

    def finish(self) -> None:
        """Set filter, frozen header and widths, which is done last because it is known last."""
        self._finish_sheet()

    def _begin(self) -> LineSheet:
        name = f"{self.name} {len(self.names) + 1}" if self.names else self.name
        sheet: LineSheet = self._workbook.add_worksheet(name, LineSheet)
        self.names.append(name)
        heads = zip(self.heads, self.columns, strict=True)
        sheet.write_line(
            0, "".join(plain_cell(head, 1, column.name, self._styles[column.look]) for head, column in heads), 20
        )
        self._row = 1
        return sheet

    def _finish_sheet(self) -> None:
        sheet = self.sheet
        sheet.span(self._row, len(self.columns))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, self._row - 1), len(self.columns) - 1)
        for index, width in enumerate(self._widths):
            sheet.set_column(index, index, width)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.repeat_rows(0)
        sheet.fit_to_pages(1 + sum(self._widths) // PAGE_WIDTH, 0)
        sheet.set_footer("&L&A&RPage &P of &N")
