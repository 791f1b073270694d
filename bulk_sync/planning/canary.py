"""The first few changes, which together try every field, so that a systemic refusal shows early and cheaply."""

from __future__ import annotations

from collections.abc import Collection

CANARIES = 10

_KINDS_KEPT = 1000
"""Different sets of fields that are remembered; more are rare, and then only those with a new field are kept."""


class CanaryPicker:
    """Picks the canaries from a stream of changes; remembers one change for each set of fields."""

    def __init__(self) -> None:
        self._first: dict[frozenset[str], int] = {}
        self._covered: set[str] = set()

    def see(self, change_id: int, fields: Collection[str]) -> None:
        """Take notice of a change and the fields that it sends."""
        kind = frozenset(fields)
        if kind in self._first:
            return
        if len(self._first) < _KINDS_KEPT or not kind <= self._covered:
            self._first[kind] = change_id
            self._covered |= kind

    def pick(self) -> tuple[int, ...]:
        """Return at most ten changes that together cover every field, in the order of their ids.

        Greedy: each time the change with the most fields not tried yet, the earliest of them. Where ten changes
        cannot cover every field, they cover as many as greed finds.
        """
        left = set(self._covered)
        picked: list[int] = []
        while left and len(picked) < CANARIES:
            kind = max(self._first, key=lambda kind: (len(kind & left), -self._first[kind]))
            picked.append(self._first[kind])
            left -= kind
        return tuple(sorted(picked))
