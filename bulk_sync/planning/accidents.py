"""Watches a plan go by for accidents with columns: shifted, swapped, permuted, filled.

Rows come in source order, each with its record. Kept are two 64-bit marks for each changed cell, the few rows
before the present one, and counters; the judging at the end is in :mod:`accident_rules`.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection, Mapping

from bulk_sync.planning.accident_rules import REACH, judge
from bulk_sync.planning.guards import GuardFinding
from bulk_sync.planning.traces import FieldTrace, WatchedRow
from bulk_sync.planning.values import is_empty, is_object
from bulk_sync.records import Json


class AccidentWatch:
    """Watches the rows of a plan; :meth:`findings` at the end.

    ``readable``: plain fields that answers show.
    """

    def __init__(self, *, readable: Collection[str]) -> None:
        self._readable = readable
        self._traces: dict[str, FieldTrace] = {}
        self._window: deque[WatchedRow] = deque(maxlen=REACH)
        self._rows = 0

    def see(
        self,
        row_number: int,
        payload: Mapping[str, Json],
        record: Mapping[str, Json],
        *,
        changed: Collection[str],
    ) -> None:
        """Take notice of a row, in source order; unchanged rows, too, since values may come from them.

        ``changed`` names the fields that would be sent. On ``resume`` only those are left: ``payload`` and
        ``record`` may then hold just them, with their old values.
        """
        self._rows += 1
        row = WatchedRow(row_number, payload, record, self._readable)
        for field, value in payload.items():
            if is_empty(value) or is_object(value):
                continue
            trace = self._traces.get(field)
            if trace is None:
                trace = self._traces[field] = FieldTrace(field)
            trace.meet(row)
            if field in changed and row.new_mark(field) != row.old_mark(field):
                row.changed.append(field)
                trace.take(row)
        self._look_around(row)
        if len(row.changed) > 1:
            self._look_across(row)
        self._window.append(row)

    def _look_around(self, row: WatchedRow) -> None:
        """Compare the changed cells with the present values of the rows above, and theirs with this row's."""
        for distance, above in enumerate(reversed(self._window), start=1):
            self._compare(row, above, -distance)
            self._compare(above, row, distance)

    def _compare(self, taker: WatchedRow, holder: WatchedRow, distance: int) -> None:
        for field in taker.changed:
            mark = taker.new_mark(field)
            if mark and mark == holder.old_mark(field):
                self._traces[field].neighbours.count(distance, mark, moving=holder.loses(field))

    def _look_across(self, row: WatchedRow) -> None:
        """Find changed cells that hold the present value of another changed field of the same record."""
        holders = {row.old_mark(field): field for field in row.changed if row.old_mark(field)}
        for field in row.changed:
            holder = holders.get(row.new_mark(field))
            if holder is not None and holder != field and row.old_mark(field):
                marks = self._traces[field].partners.setdefault(holder, array("q"))
                marks.append(row.new_mark(field))

    def findings(self) -> tuple[GuardFinding, ...]:
        """Return what looks like an accident, field by field."""
        return judge(tuple(self._traces.values()), rows=self._rows)
