"""The sheet Changes, which has most of a run's cells: a line for each field of each change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    change_cells,
    server_json,
    shown_json,
)
from bulk_sync.results.text import visible
from bulk_sync.results.xlsx_cells import PLAIN_BEGIN, PLAIN_END, are_plain, cell_tail, plain_tail, text_tail
from bulk_sync.results.xlsx_sheets import SheetSeries, Styles

_change_of = itemgetter(ChangedField._fields.index("row_number"), ChangedField._fields.index("client_id"))
_BLANK = '"/>'
"""The tail of a cell without a value."""


class ChangeSheet:
    """The sheet Changes: what a change's lines share is made once, and their texts are checked at once."""

    def __init__(self, series: SheetSeries, styles: Styles, *, sent: bool) -> None:
        self.series = series
        self._sent = sent
        self._figure = styles["figure"]
        self._mark = styles["mark"]
        self._not_read = self._tail(NOT_READ)
        self._not_shown = self._tail(NOT_SHOWN if sent else None)

    def add_all(self, changes: Iterable[ChangedField]) -> None:
        """Write a line for each field, in their order."""
        for _, fields in groupby(changes, _change_of):
            self.add(list(fields))

    def add(self, fields: Sequence[ChangedField]) -> None:
        """Write the lines of one change."""
        if self.series.measuring:
            for field in fields:
                cells = change_cells(field, sent=self._sent)
                self.series.measure([None if cell is None else str(cell) for cell in cells])
        for first_row, page in self.series.pages(fields):
            self.series.write_lines("".join(self._lines(page, first_row)), len(page))

    def _lines(self, fields: Sequence[ChangedField], first_row: int) -> list[str]:
        """Return the lines for fields of one change, the first of which is to stand at ``first_row``."""
        number_tail = f'"{self._figure}><v>{fields[0].row_number}</v></c>'
        client_tail = text_tail(visible(fields[0].client_id)) or _BLANK
        _, _, _, olds, news, stored_values, *_ = zip(*fields, strict=True)
        shown = news if stored_values == news else news + stored_values  # what was stored as sent is looked at once
        plain = are_plain([value for value in olds + shown if type(value) is str])
        lines = []
        # One expression for a whole line takes half the time of its cells one by one.
        for row, (_, _, name, old, new, stored, old_known, stored_shown) in enumerate(fields, first_row):
            if plain and type(new) is str:
                new_tail = f"{PLAIN_BEGIN}{new}{PLAIN_END}" if new else ""
            else:
                new_tail = self._tail(shown_json(new, CLEARED))
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
