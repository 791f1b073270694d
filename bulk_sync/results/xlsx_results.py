"""The sheets Results and Problems, which are written side by side in one pass over the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xlsxwriter import Workbook

from bulk_sync.errors import Problem
from bulk_sync.records import RowResult, cell_name, cell_text, column_letters
from bulk_sync.results.problem_places import ProblemPlaces
from bulk_sync.results.table import PROBLEM_COLUMNS, SYNC_COLUMNS, OwnColumns, Plain, problem_cells, sync_cells
from bulk_sync.results.text import cut, visible
from bulk_sync.results.xlsx_cells import are_plain, cell_tail, own_tail, plain_cell, plain_cells, plain_tail, text_tail
from bulk_sync.results.xlsx_sheets import EXCEL_LINKS, Column, SheetSeries, Styles

COMMENTS = 1_000
"""Problem cells that get a comment; all are marked, and all stand in Problems."""

_SYNC_WIDTHS = {"sync_message": (24, 80), "sync_changed": (14, 40)}
_STATUS = SYNC_COLUMNS.index("sync_status")
_LINK_COLUMN = PROBLEM_COLUMNS.index("results_cell")


class ResultSheet:
    """The sheet Results: a line for each source row, its problem cells marked."""

    def __init__(
        self, workbook: Workbook, styles: Styles, header: Sequence[str], own: OwnColumns, *, rows: int, sandbox: bool
    ) -> None:
        columns = [Column(name) for name in own.names]
        columns += [Column(name, "sync_header", *_SYNC_WIDTHS.get(name, (8, 30))) for name in SYNC_COLUMNS]
        self.series = SheetSeries(workbook, styles, "Results", columns, rows=rows)
        self._styles = styles
        self._own = own
        self._sandbox = sandbox
        self._figure = styles["figure"]
        self._own_heads = self.series.heads[: len(own.names)]
        self._sync_heads = self.series.heads[len(own.names) :]
        self._places = ProblemPlaces(header, own)
        self._comments = 0

    def add(self, result: RowResult, problems: ProblemSheet) -> None:
        """Write a row, and its problems to their sheet with a link to the cell here."""
        row = self.series.next_row()
        values = self._own.of(result.values)
        marks = self._mark(result, row, problems) if result.problems else {}
        added = sync_cells(result, sandbox=self._sandbox)
        own_texts = [value for value in values if type(value) is str]
        plain = are_plain(own_texts + [value for value in added if type(value) is str])
        as_tail = plain_tail if plain else text_tail
        at = str(row)
        if plain and not marks and len(own_texts) == len(values):
            cells = plain_cells(self._own_heads, at, own_texts)
        else:
            tails = [
                own_tail(value, self._styles, marks.get(column, ""))
                if marks or type(value) is not str
                else as_tail(value)
                for column, value in enumerate(values)
            ]
            cells = [f"{head}{at}{tail}" for head, tail in zip(self._own_heads, tails, strict=False) if tail]
        sync_tails = self._sync_tails(added, as_tail)
        cells += [f"{head}{at}{tail}" for head, tail in zip(self._sync_heads, sync_tails, strict=True) if tail]
        if self.series.measuring:
            self.series.measure([*map(cell_text, values), *(None if v is None else str(v) for v in added)])
        self.series.write("".join(cells))

    def _sync_tails(self, added: tuple[Plain, ...], as_tail: Callable[[str], str]) -> list[str]:
        """Return the cells of :func:`sync_cells` without their heads: figures to the left, the status in its look."""
        figure = f'"{self._figure}><v>'  # row, status and attempts: none is too long for a number
        tails = [
            as_tail(value)
            if type(value) is str
            else f"{figure}{value}</v></c>"
            if type(value) is int
            else cell_tail(value, self._figure)
            for value in added
        ]
        tails[_STATUS] = cell_tail(added[_STATUS], self._styles[str(added[_STATUS])])
        return tails

    def _mark(self, result: RowResult, row: int, problems: ProblemSheet) -> dict[int, str]:
        """Return the mark of each cell that has a problem, and comment them."""
        marks: dict[int, str] = {}
        said: dict[int, list[str]] = {}
        for problem in result.problems:
            for column in self._places.of(problem):
                if marks.get(column) != "error":
                    marks[column] = problem.severity
                said.setdefault(column, []).append(comment_text(problem))
            problems.add(problem, result.row_number, self.series.names[-1], row, self._places.first(problem))
        for column, texts in said.items():
            if self._comments < COMMENTS:
                self._comments += 1
                options = {"author": "bulk_sync", "x_scale": 2, "y_scale": 1.2}
                self.series.sheet.write_comment(row - 1, column, cut("\n\n".join(texts), 2_000), options)
        return marks


def comment_text(problem: Problem) -> str:
    """Say what is wrong with a cell, and below it what was expected."""
    return "\n".join(visible(text) for text in (problem.message, problem.hint, problem.code) if text)


class ProblemSheet:
    """The sheet Problems: a line for each problem, with a link to its cell in Results."""

    def __init__(self, series: SheetSeries, styles: Styles, *, linked: bool = True) -> None:
        self.series = series
        self._looks = [styles["figure"], *[""] * (len(PROBLEM_COLUMNS) - 1)]
        self._link = styles["link"]
        self._format = styles.format("link")
        self._linked = linked

    def add(self, problem: Problem, row_number: int, sheet: str, row: int, column: int) -> None:
        """Write a problem whose cell in the results is at ``row``, from 1, and ``column``, from 0."""
        at = self.series.next_row()
        name = cell_name(column, row, sheet="" if sheet == "Results" else sheet)
        cells = problem_cells(problem, row_number, name)
        linked = self._linked and at < EXCEL_LINKS
        if linked:
            target = f"internal:'{sheet}'!{column_letters(column)}{row}"
            self.series.sheet.write_url(at - 1, _LINK_COLUMN, target, self._format, string=name)
        if self.series.measuring:
            self.series.measure([str(cell) for cell in cells])
        self._looks[_LINK_COLUMN] = self._link if linked else ""
        looked = zip(self.series.heads, cells, self._looks, strict=True)
        self.series.write("".join(plain_cell(head, at, cell, look) for head, cell, look in looked))
