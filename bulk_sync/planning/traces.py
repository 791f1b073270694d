"""What the guards remember of a plan while it streams by: small marks for each changed cell, and counters."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from bulk_sync.planning.shapes import form, shape
from bulk_sync.planning.values import is_empty, shown_value
from bulk_sync.records import Json

SAMPLES = 200
"""Cells of a field that are kept: changed ones to show some as evidence, present values for their variety."""


def mark_of(value: Json) -> int:
    """Return a number that stands for a value's form; 0 for nothing."""
    text = form(value)
    return (hash(text) or 1) if text else 0


class Sample(NamedTuple):
    """One changed cell as evidence; ``old_mark`` and ``mark`` stand for its values."""

    row_number: int
    old: Json
    new: Json
    old_mark: int
    mark: int


class WatchedRow:
    """A row with its record; marks are made as they are needed."""

    __slots__ = ("_new", "_old", "_readable", "changed", "number", "payload", "record")

    def __init__(
        self,
        number: int,
        payload: Mapping[str, Json],
        record: Mapping[str, Json],
        readable: Collection[str],
    ) -> None:
        self.number = number
        self.payload = payload
        self.record = record
        self.changed: list[str] = []
        """Fields with a new value that differs in more than its formatting."""
        self._readable = readable
        self._new: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def present(self, field: str) -> tuple[bool, Json]:
        """Return whether the record shows a field, and its value."""
        return shown_value(self.record, field, readable=self._readable)

    def new_mark(self, field: str) -> int:
        """Return the mark of the value that the row wants; 0 for none."""
        if field not in self._new:
            self._new[field] = mark_of(self.payload.get(field))
        return self._new[field]

    def old_mark(self, field: str) -> int:
        """Return the mark of the record's present value; 0 for none."""
        if field not in self._old:
            self._old[field] = mark_of(self.present(field)[1])
        return self._old[field]

    def loses(self, field: str) -> bool:
        """Whether the present value moves on: another one comes, or the row's cell is blank."""
        return field not in self.payload or field in self.changed


class Neighbours:
    """How many changed cells hold the present value of the row some places above (negative) or below."""

    __slots__ = ("all", "moving")

    def __init__(self) -> None:
        self.all: Counter[int] = Counter()
        self.moving: dict[int, array[int]] = {}
        """Distance → marks of those values whose present holder loses them in this plan."""

    def count(self, distance: int, mark: int, *, moving: bool) -> None:
        """Count one cell."""
        self.all[distance] += 1
        if moving:
            self.moving.setdefault(distance, array("q")).append(mark)


class FieldTrace:
    """What was seen of one field; a *changed* cell differs in more than its formatting."""

    __slots__ = (
        "_last", "ascending", "cells", "descending", "name", "neighbours", "new", "new_shapes",
        "old", "old_shapes", "partners", "present", "samples", "unknown",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells = 0
        """Cells with a value, changed or not."""
        self.present: list[int] = []
        """Marks of the present values of the first rows that have one, changed or not."""
        self.old = array("q")
        """Marks of the changed cells' present values; 0 for nothing or unknown."""
        self.new = array("q")
        self.unknown = 0
        """Changed cells whose present value no answer shows."""
        self.samples: list[Sample] = []
        self.new_shapes: Counter[str] = Counter()
        self.old_shapes: Counter[str] = Counter()
        self.neighbours = Neighbours()
        self.partners: dict[str, array[int]] = {}
        """Other field → marks of values that came from it within one record, while it got another value."""
        self.ascending = True
        """Whether the new values came in order so far."""
        self.descending = True
        self._last: tuple[int, float, str] | None = None

    @property
    def variety(self) -> float:
        """How many of the present values are different ones, as a share; 0 where none is known."""
        return len(set(self.present)) / len(self.present) if self.present else 0.0

    @property
    def changed(self) -> int:
        """The number of changed cells."""
        return len(self.new)

    def meet(self, row: WatchedRow) -> None:
        """Take in a cell with a value, changed or not."""
        self.cells += 1
        if self.cells <= SAMPLES and (mark := row.old_mark(self.name)):
            self.present.append(mark)

    def take(self, row: WatchedRow) -> None:
        """Take in a changed cell."""
        shown, old = row.present(self.name)
        new, mark, old_mark = row.payload[self.name], row.new_mark(self.name), row.old_mark(self.name)
        self.new.append(mark)
        self.old.append(old_mark)
        self.unknown += not shown
        self.new_shapes[shape(new)] += 1
        if not is_empty(old):
            self.old_shapes[shape(old)] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(Sample(row.number, old, new, old_mark, mark))
        place = _place(new)
        if self._last is not None:
            self.ascending = self.ascending and self._last <= place
            self.descending = self.descending and self._last >= place
        self._last = place


def _place(value: Json) -> tuple[int, float, str]:
    """Return a value's place in a sorted column: numbers before texts."""
    if isinstance(value, int | float):
        return 0, float(value), ""
    return 1, 0.0, form(value)
