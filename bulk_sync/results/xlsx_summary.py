"""The sheet Summary: counts with their colours, what to do next, and what the run was."""

from __future__ import annotations

from textwrap import wrap

from xlsxwriter import Workbook

from bulk_sync.records import RunSummary
from bulk_sync.results.summary_lines import Figure, headline, sandbox_line, sections, status_counts
from bulk_sync.results.text import cut, visible
from bulk_sync.results.xlsx_cells import cell_heads, plain_cell
from bulk_sync.results.xlsx_sheets import LineSheet, Styles

_WIDTHS = (22, 12, 10, 90)
_TEXT_WIDTH = 105
"""Characters of a text that runs over the columns beside its label."""
_CELL_LIMIT = 2_000


def write_summary(workbook: Workbook, styles: Styles, summary: RunSummary) -> None:
    """Write the sheet Summary as the workbook's last."""
    page = _Page(workbook.add_worksheet("Summary", LineSheet), styles)
    page.line(("bulk_sync results", "title"), height=24)
    page.line((_inert(headline(summary)), "subtitle"))
    if sandbox := sandbox_line(summary):
        page.band(sandbox, "banner")
    page.heading("Rows")
    for status, rows, share, meaning in status_counts(summary):
        page.line((status, status), (rows, "count"), (share, "share"), (meaning, "subtitle"))
    total = sum(summary.counts.values())
    page.line(("all rows", "total"), (total, "count_total"), ("", "total"), ("", "total"))
    for section in sections(summary):
        page.heading(section.title)
        for label, value in section.lines:
            page.pair(label, value)
    page.finish()


def _inert(text: str) -> str:
    return visible(cut(text, _CELL_LIMIT))


class _Page:
    """A sheet of four columns, filled from the top."""

    def __init__(self, sheet: LineSheet, styles: Styles) -> None:
        self._sheet = sheet
        self._styles = styles
        self._heads = cell_heads(len(_WIDTHS))
        self._row = 0

    def heading(self, title: str) -> None:
        """Leave a line out and write a heading."""
        self._row += 1
        self.band(title, "section")

    def band(self, text: str, look: str) -> None:
        """Write a line whose look goes across the sheet."""
        self.line((text, look), *[("", look)] * (len(_WIDTHS) - 1), height=21)

    def pair(self, label: Figure, value: Figure) -> None:
        """Write a label and its value; a text of many lines, or of a long one, goes on below itself."""
        if isinstance(value, str):
            first, *rest = [part for line in _inert(value).splitlines() for part in wrap(line, _TEXT_WIDTH)] or [""]
            self.line((label, "label"), (first, ""))
            for text in rest:
                self.line(("", ""), (text, ""))
        else:
            self.line((label, "label"), (value, "figure"))

    def line(self, *cells: tuple[Figure, str], height: float | None = None) -> None:
        """Write values with their looks."""
        self._sheet.write_line(
            self._row,
            "".join(
                plain_cell(head, self._row + 1, value, self._styles[look])
                for head, (value, look) in zip(self._heads, cells, strict=False)
            ),
            height,
        )
        self._row += 1

    def finish(self) -> None:
        """Set widths and the printed page."""
        self._sheet.span(self._row, len(_WIDTHS))
        for index, width in enumerate(_WIDTHS):
            self._sheet.set_column(index, index, width)
        self._sheet.hide_gridlines(2)
        self._sheet.set_landscape()
        self._sheet.set_paper(9)
        self._sheet.fit_to_pages(1, 0)
