"""Where in the results the cells stand that a problem is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bulk_sync.errors import Problem
from bulk_sync.results.table import SYNC_COLUMNS, OwnColumns

_CELL = re.compile(r"(?:^|[!,\s])\$?([A-Z]{1,3})\$?\d+(?=$|[,\s(])")


class ProblemPlaces:
    """Finds a problem's columns in the results: by the column's name, else by the letters of its cells."""

    def __init__(self, header: Sequence[str], own: OwnColumns) -> None:
        self._results_index = {position: index for index, position in enumerate(own.positions)}
        self._by_name: dict[str, int | None] = {}
        for position, name in enumerate(header):
            self._by_name[name] = None if name in self._by_name else position
        self.status_column = len(own.positions) + SYNC_COLUMNS.index("sync_status")

    def of(self, problem: Problem) -> tuple[int, ...]:
        """Return the own columns, counted in the results from 0; none where the problem is about no cell."""
        position = self._by_name.get(problem.column) if problem.column else None
        positions = (position,) if position is not None else _positions(problem.cell)
        return tuple(self._results_index[at] for at in positions if at in self._results_index)

    def first(self, problem: Problem) -> int:
        """Return the column to look at first: the problem's, else that of the status."""
        return next(iter(self.of(problem)), self.status_column)


def _positions(cells: str) -> tuple[int, ...]:
    """Return the columns of cells as a problem names them, counted from 0.

    >>> _positions("'My A1 list'!F213, Clients!AA213"), _positions("F213 (line 220)"), _positions("")
    ((5, 26), (5,), ())
    """
    return tuple(_position(letters) for letters in _CELL.findall(re.sub(r"'(?:[^']|'')*'", "", cells)))


def _position(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1
