"""What must not be sent without a word: the limits that the user set, and findings in one shape for all guards.

The accidents that are looked for by default (shifted, swapped, permuted, filled) are in :mod:`accidents`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, NamedTuple

from bulk_sync.planning.ledger import custom_values
from bulk_sync.planning.values import is_custom
from bulk_sync.records import Json

MUCH_SMALLER = 0.5
"""A source with fewer rows than this share of the last one of its mapping is a warning."""


class GuardFinding(NamedTuple):
    """What a guard found: its name (for ``--allow``), the evidence line by line, and the finding in a sentence.

    A ``stop`` ends the run before sending unless it is allowed by name; a ``warning`` is only told. ``field`` is
    the field it is about, '' where it is about the whole run.
    """

    name: str
    evidence: tuple[str, ...]
    message: str
    hint: str = ""
    field: str = ""
    severity: Literal["stop", "warning"] = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A count (30) or a share (0.3) of something."""

    count: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read ``30`` as a count and ``0.3`` or ``1.0`` as a share; ValueError for anything else."""
        text = text.strip()
        if text.isascii() and text.isdigit():
            return cls(count=int(text))
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise ValueError(f"expected a count such as 30 or a share such as 0.3, not {text!r}")
        return cls(share=share)

    def exceeded(self, part: int, whole: int) -> bool:
        """Whether ``part`` of ``whole`` is more than allowed."""
        if self.count is not None:
            return part > self.count
        return self.share is not None and part > self.share * whole

    def __str__(self) -> str:
        """Write the limit as in an option."""
        return str(self.count) if self.count is not None else f"{self.share:g}"


class RowRange(NamedTuple):
    """How many rows a source may have; None leaves a side open."""

    least: int | None
    most: int | None

    @classmethod
    def parse(cls, text: str) -> RowRange:
        """Read ``4000..6000``, ``4000..``, ``..6000`` or ``5000``; ValueError for anything else."""
        first, dots, last = text.strip().partition("..")
        least, most = (int(side) if side.isascii() and side.isdigit() else None for side in (first, last))
        broken = (first and least is None) or (last and most is None) or not (first or last)
        if broken or (least is not None and most is not None and least > most):
            raise ValueError(f"expected a range of rows such as 4000..6000, not {text!r}")
        return cls(least, most if dots else least)

    def __str__(self) -> str:
        """Write the range as in an option."""
        if self.least == self.most:
            return str(self.least)
        return f"{'' if self.least is None else self.least}..{'' if self.most is None else self.most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What the user allows a run to do; None: no limit."""

    max_changed: Limit | None = None
    max_cleared: Limit | None = None
    max_invalid: Limit | None = None
    require_valid: bool = False
    expect_rows: RowRange | None = None

    @property
    def on_plan(self) -> bool:
        """Whether any of them looks at the planned changes, or at rows that planning finds invalid."""
        given = (self.max_changed, self.max_cleared, self.max_invalid)
        return self.require_valid or any(limit is not None for limit in given)


class RunFigures(NamedTuple):
    """What the limits are applied to.

    ``rows``: all rows of the source; ``changed``: those that would be sent; ``invalid``: those that are;
    ``cells``: fields that would be sent; ``cleared``: those that would be emptied. ``last_rows``: rows of the last
    source of this mapping, None for the first. ``left_out``: rows that the user left out, which make no share
    smaller.
    """

    rows: int
    changed: int
    invalid: int
    cells: int
    cleared: int
    last_rows: int | None = None
    left_out: int = 0


def limit_findings(limits: RunLimits, run: RunFigures) -> tuple[GuardFinding, ...]:
    """Return which limits a run exceeds; an empty source, and one much smaller than the last, among them.

    ``--max-changed`` and ``--max-invalid`` as a share are of all rows that take part, ``--max-cleared`` of all
    cells that would be sent.
    """
    rows = run.rows - run.left_out
    found = [
        _over("max-changed", limits.max_changed, run.changed, rows, "rows would change"),
        _over("max-cleared", limits.max_cleared, run.cleared, run.cells, "cells would be cleared"),
        _over("max-invalid", limits.max_invalid, run.invalid, rows, "rows are invalid"),
    ]
    if limits.require_valid and run.invalid:
        message = f"{run.invalid:,} of {run.rows:,} rows are invalid, and --require-valid was asked for"
        found.append(_finding("require-valid", message))
    if limits.expect_rows is not None and not _within(limits.expect_rows, run.rows):
        message = f"the source has {run.rows:,} rows; expected were {limits.expect_rows}"
        found.append(_finding("expect-rows", message))
    if not run.rows:
        found.append(_finding("empty", "the source has a header but no rows"))
    elif run.last_rows and run.rows < run.last_rows * MUCH_SMALLER:
        message = f"the source has {run.rows:,} rows; the last one of this mapping had {run.last_rows:,}"
        found.append(GuardFinding("much-smaller", (), message, severity="warning"))
    return tuple(finding for finding in found if finding is not None)


def _over(name: str, limit: Limit | None, part: int, whole: int, what: str) -> GuardFinding | None:
    if limit is None or not limit.exceeded(part, whole):
        return None
    return _finding(name, f"{part:,} of {whole:,} {what}; --{name} allows {limit}")


def _finding(name: str, message: str) -> GuardFinding:
    return GuardFinding(name, (), message, hint=f"--allow {name} goes on")


def _within(expected: RowRange, rows: int) -> bool:
    return (expected.least is None or rows >= expected.least) and (expected.most is None or rows <= expected.most)


class CustomFieldWatch:
    """Notices custom fields that no client read has: the API would answer 200 and drop them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._records = 0

    def see(self, record: Mapping[str, Json]) -> None:
        """Take notice of a record's custom fields, null ones included."""
        self._records += 1
        self._seen.update(custom_values(record)[0])

    def findings(self, wanted: Iterable[str], *, known: Collection[str] = ()) -> tuple[GuardFinding, ...]:
        """Return a finding for each custom field of the mapping that is new; none if nothing was read.

        ``known`` are the fields that ``extra_fields`` names.
        """
        if not self._records:
            return ()
        doubtful = [name for name in wanted if is_custom(name) and name not in self._seen and name not in known]
        return tuple(self._doubt(name) for name in doubtful)

    def _doubt(self, name: str) -> GuardFinding:
        near = get_close_matches(name, sorted(self._seen), n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        return GuardFinding(
            "new-custom-field",
            (),
            f"none of the {self._records:,} clients read has the custom field {name}",
            hint=f"{meant}If it is right: extra_fields: [{name}] in the mapping, or --allow new-custom-field",
            field=name,
        )
