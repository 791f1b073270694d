"""The sheet Summary: counts with their colours, what to do next, and what the run was."""

from __future__ import annotations

from xlsxwriter import Workbook

from bulk_sync.records import RunSummary
from bulk_sync.results.summary_lines import headline, sections, status_counts
from bulk_sync.results.text import visible
from bulk_sync.results.xlsx_cells import cell_heads, plain_cell
from bulk_sync.results.xlsx_sheets import LineSheet, Styles

_WIDTHS = (26, 60, 10, 44)


def write_summary(workbook: Workbook, styles: Styles, summary: RunSummary) -> None:
    """Write the sheet Summary as the workbook's last."""
    page = _Page(workbook.add_worksheet("Summary", LineSheet), styles)
    page.line([("bulk_sync results", "title")], height=24)
    page.line([(visible(headline(summary)), "subtitle")])
    if summary.sandbox:
        page.line([("SANDBOX - a stand-in was written to, not the CRM", "banner"), *[("", "banner")] * 3], height=22)
    _write_counts(page, summary)
    for section in sections(summary):
        page.heading(section.title)
        for label, value in section.lines:
            figures = isinstance(value, (int, float))
            if len(label) > _WIDTHS[0]:  # a cause is a sentence: its count comes first
                page.line([(value, "count"), (visible(label), "wrapped")], wraps=label)
            elif figures:
                page.line([(label, "label"), (value, "left_count")])
            else:
                page.line([(label, "label"), (visible(str(value)), "wrapped")], wraps=str(value))
    page.finish()


def _write_counts(page: _Page, summary: RunSummary) -> None:
    page.heading("Rows")
    for status, rows, share, meaning in status_counts(summary):
        page.line([(status, status), (rows, "left_count"), (share, "share"), (meaning, "subtitle")])
    page.line([("all rows", "total"), (sum(summary.counts.values()), "left_total"), ("", "total"), ("", "total")])


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
        self.line([(title, "section"), *[("", "section")] * (len(_WIDTHS) - 1)], height=20)

    def line(self, cells: list[tuple[str | float, str]], *, height: float | None = None, wraps: str = "") -> None:
        """Write values with their looks; ``wraps`` is the text that may take several lines."""
        if height is None and len(wraps) > _WIDTHS[1]:
            height = min(15 * (len(wraps) // (_WIDTHS[1] - 4) + 1), 400)
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
