"""What a plan comes to, counted while it streams by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from bulk_sync.planning.differ import Diff

_Shape: TypeAlias = "tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]"
"""What a change does, by its fields alone: those that it sends, clears, holds back, and cannot put back."""
_SHAPES_KEPT = 1000
"""Different changes (by their fields alone) that are counted as such before they are counted field by field."""


class FieldTally(NamedTuple):
    """What a plan does to one field: cells set, cleared, held back, and those undo could not put back."""

    set: int = 0
    cleared: int = 0
    held_back: int = 0
    not_restorable: int = 0


class PlanSummary(NamedTuple):
    """A plan in figures.

    ``changes`` is the number of PATCHes. Cells are fields of changes, a unit counting as one. How many rows have
    which status, and why, the journal tells.
    """

    changes: int
    cells_set: int
    cells_cleared: int
    cells_held_back: int
    cells_not_restorable: int
    rows_on_ledger: int
    rows_with_partial_units: int
    rows_merged: int
    fields: Mapping[str, FieldTally]


class PlanTally:
    """Counts a plan; holds counters, no rows."""

    def __init__(self) -> None:
        self._shapes: Counter[_Shape] = Counter()
        self._set: Counter[str] = Counter()
        self._cleared: Counter[str] = Counter()
        self._held_back: Counter[str] = Counter()
        self._not_restorable: Counter[str] = Counter()
        self._changes = self._on_ledger = self._partial = self._merged = 0

    def add_idle(self, change: Diff, rows: int) -> None:
        """Count the rows of a client for whom nothing is to be sent."""
        self._held_back.update(change.held_back)
        self._on_ledger += rows if change.rests_on_ledger else 0

    def add_change(self, rows: Sequence[int], change: Diff) -> None:
        """Count a change that is to be sent for the given rows."""
        self._changes += 1
        self._merged += len(rows) if len(rows) > 1 else 0
        self._on_ledger += len(rows) if change.rests_on_ledger else 0
        self._partial += len(rows) if change.partial_units else 0
        shape = (tuple(change.send), change.cleared, change.held_back, change.not_restorable)
        self._shapes[shape] += 1
        if len(self._shapes) > _SHAPES_KEPT:
            self._count_fields()

    def _count_fields(self) -> None:
        """Count the changes so far field by field; nearly all have one of a few shapes."""
        for (sent, cleared, held_back, not_restorable), times in self._shapes.items():
            for tally, fields in (
                (self._set, [field for field in sent if field not in cleared]),
                (self._cleared, cleared),
                (self._held_back, held_back),
                (self._not_restorable, not_restorable),
            ):
                for field in fields:
                    tally[field] += times
        self._shapes.clear()

    def summary(self) -> PlanSummary:
        """Return the figures so far."""
        self._count_fields()
        tallies = (self._set, self._cleared, self._held_back, self._not_restorable)
        names = sorted(set().union(*tallies))
        return PlanSummary(
            changes=self._changes,
            cells_set=self._set.total(),
            cells_cleared=self._cleared.total(),
            cells_held_back=self._held_back.total(),
            cells_not_restorable=self._not_restorable.total(),
            rows_on_ledger=self._on_ledger,
            rows_with_partial_units=self._partial,
            rows_merged=self._merged,
            fields={name: FieldTally(*(tally[name] for tally in tallies)) for name in names},
        )
