"""What the report page shows of the rows: the rows themselves up to a bound, and problems grouped by cause."""

from __future__ import annotations

from collections import Counter
from heapq import merge
from typing import NamedTuple

from bulk_sync.records import RowResult, Status, cell_text
from bulk_sync.results.table import OwnColumns, RunBook, own_columns, row_message
from bulk_sync.results.text import cut, visible

ROWS_SHOWN = 2_000
"""Rows on the page; those that ask for attention come before the others where there are more."""
COLUMNS_SHOWN = 5
CAUSES_SHOWN = 100
CELL_LIMIT = 200
_ATTENTION = frozenset({Status.INVALID, Status.FAILED, Status.DIFFERS, Status.IN_DOUBT, Status.NOT_SENT})


class Cause(NamedTuple):
    """Problems of one code and column: how many, the first message, and the first cells."""

    code: str
    column: str
    field: str
    message: str
    hint: str
    cells: list[str]


class PageRow(NamedTuple):
    """A row as the page shows it."""

    row_number: int
    status: str
    cells: tuple[str, ...]
    client: str
    code: str
    changed: str
    message: str


class PageRows(NamedTuple):
    """The rows of the page and what was counted on the way."""

    columns: tuple[str, ...]
    more_columns: int
    rows: list[PageRow]
    total: int
    causes: tuple[tuple[int, Cause], ...]
    more_causes: int
    attempts: tuple[tuple[int, int], ...]


def gather_rows(book: RunBook, *, limit: int = ROWS_SHOWN) -> PageRows:
    """Read every row once and keep at most ``limit``, first of all those that ask for attention."""
    own = own_columns(book.header)
    urgent: list[PageRow] = []
    others: list[PageRow] = []
    causes = _Causes()
    attempts: Counter[int] = Counter()
    total = 0
    for result in book.rows():
        total += 1
        causes.add(result)
        if result.attempts:
            attempts[result.attempts] += 1
        kept = urgent if result.status in _ATTENTION else others
        if len(kept) < limit:
            kept.append(_page_row(result, own))
    rows = list(merge(urgent, others[: limit - len(urgent)]))
    return PageRows(
        own.names[:COLUMNS_SHOWN],
        max(0, len(own.names) - COLUMNS_SHOWN),
        rows,
        total,
        causes.most_common(CAUSES_SHOWN),
        max(0, causes.number - CAUSES_SHOWN),
        tuple(sorted(attempts.items())),
    )


def _page_row(result: RowResult, own: OwnColumns) -> PageRow:
    cells = tuple(visible(cut(cell_text(value), CELL_LIMIT)) for value in own.of(result.values)[:COLUMNS_SHOWN])
    return PageRow(
        result.row_number,
        result.status.value,
        cells,
        visible(result.client_number or result.client_id),
        visible(result.code),
        ", ".join(result.changed),
        cut(row_message(result), CELL_LIMIT * 3),
    )


class _Causes:
    """Problems grouped by code and column; past a bound, new groups are only counted."""

    _MOST = 1_000
    _CELLS = 8

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._first: dict[tuple[str, str, str], Cause] = {}
        self.number = 0

    def add(self, result: RowResult) -> None:
        for problem in result.problems:
            where = problem.cell or f"row {result.row_number}"
            self._add((problem.code, problem.column, problem.field), problem.message, problem.hint, where)
        if result.status is Status.FAILED or (result.status in _ATTENTION and result.code and not result.problems):
            self._add((result.code, "", ""), result.message, "", f"row {result.row_number}")

    def most_common(self, number: int) -> tuple[tuple[int, Cause], ...]:
        return tuple((count, self._first[key]) for key, count in self._counts.most_common(number))

    def _add(self, key: tuple[str, str, str], message: str, hint: str, cell: str) -> None:
        if key not in self._first:
            if len(self._first) >= self._MOST:
                return
            self.number += 1
            self._first[key] = Cause(*key, message, hint, [])
        self._counts[key] += 1
        if len(self._first[key].cells) < self._CELLS:
            self._first[key].cells.append(cell)
