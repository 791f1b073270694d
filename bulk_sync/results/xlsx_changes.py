"""The sheet Changes, which has most of a run's cells: a line for each field of each change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from bulk_sync.records import ChangedField
from bulk_sync.results.table import (
    CLEARED,
    EMPTY,
    NOT_READ,
    NOT_SHOWN,
    Mark,
    Plain,
    RunBook,
    change_cells,
    server_json,
    shown_json,
)
from bulk_sync.results.text import visible
from bulk_sync.results.xlsx_cells import are_plain, cell_tail, plain_tail
from bulk_sync.results.xlsx_sheets import SheetSeries, Styles

_change_of = itemgetter(ChangedField._fields.index("row_number"), ChangedField._fields.index("client_id"))
_BLANK = '"/>'
"""The tail of a cell without a value."""


def write_changes(series: SheetSeries, styles: Styles, book: RunBook) -> None:
    """Write a line for each changed field, in the order of the book."""
    sent = book.summary.kind not in {"plan", "check"}
    lines = _Lines(styles, sent=sent)
    for _, group in groupby(book.changes(), _change_of):
        fields = list(group)
        if series.measuring:
            for field in fields:
                series.measure([None if cell is None else str(cell) for cell in change_cells(field, sent=sent)])
        for first_row, page in series.pages(fields):
            series.write_lines("".join(lines.of(page, first_row)), len(page))
    series.finish()


class _Lines:
    """Makes the lines of one change at a time: what they share is made once, and their texts are checked at once."""

    def __init__(self, styles: Styles, *, sent: bool) -> None:
        self._figure = styles["figure"]
        self._mark = styles["mark"]
        self._not_read = self._tail(NOT_READ)
        self._not_shown = self._tail(NOT_SHOWN if sent else None)

    def of(self, fields: Sequence[ChangedField], first_row: int) -> list[str]:
        """Return the lines for fields of one change, the first of which is to stand at ``first_row``."""
        number_tail = cell_tail(fields[0].row_number, self._figure)
        client_tail = self._tail(visible(fields[0].client_id)) or _BLANK
        plain = are_plain([value for field in fields for value in field[3:6] if type(value) is str])
        lines = []
        # One expression for a whole line takes half the time of its cells one by one.
        for row, (_, _, name, old, new, stored, old_known, stored_shown) in enumerate(fields, first_row):
            new_tail = plain_tail(new) if plain and type(new) is str else self._tail(shown_json(new, CLEARED))
            if not old_known:
                old_tail = self._not_read
            elif plain and type(old) is str:
                old_tail = plain_tail(old)
            else:
                old_tail = self._tail(server_json(old, EMPTY))
            if not stored_shown:
                stored_tail = self._not_shown
            elif plain and type(stored) is str:
                stored_tail = new_tail if stored == new else plain_tail(stored)
            else:
                stored_tail = self._tail(server_json(stored, EMPTY))
            at = str(row)
            lines.append(
                f'<row r="{at}"><c r="A{at}{number_tail}<c r="B{at}{client_tail}<c r="C{at}{_name_tail(name)}'
                f'<c r="D{at}{old_tail or _BLANK}<c r="E{at}{new_tail or _BLANK}'
                f'<c r="F{at}{stored_tail or _BLANK}</row>'
            )
        return lines

    def _tail(self, cell: Plain) -> str:
        return cell_tail(cell, self._mark if type(cell) is Mark else "")


@lru_cache(maxsize=256)
def _name_tail(name: str) -> str:
    return cell_tail(name) or _BLANK
