"""When what was seen of a field is an accident and not a wish.

The thresholds were set so that a thousand random honest edits pass (reformatting, one value for all, new values
for some, corrections, filling gaps) and each accident is found, also where it took only part of the rows.

What tells them apart: an honest new value of a name, an e-mail or a phone comes from outside, so it hardly ever is
the present value of *another* client who gets a different one at the same moment. In columns with few different
values (a tier, a city) that happens all the time; there only what chance can hardly do counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from bulk_sync.planning.guards import GuardFinding
from bulk_sync.planning.shapes import wrong_shapes
from bulk_sync.planning.traces import FieldTrace, Sample
from bulk_sync.planning.values import is_custom

REACH = 3
"""How many rows away a value is looked for: one distance is the accident, the others tell what chance does."""

_DISTANCES = (*range(-REACH, 0), *range(1, REACH + 1))

FEWEST = 3
"""Cells below which nothing is called an accident."""

SHOWN = 3

_NAMES = frozenset({"name", "firstName", "lastName"})
_FILLED_FIELDS = _NAMES | {"email", "phone", "website", "taxNumber"}
_OWN_VALUES = frozenset({"name", "email", "phone", "website", "taxNumber"})
"""Fields whose values as a rule belong to one client."""

_CHANCE = 1e-6


def judge(traces: Sequence[FieldTrace], *, rows: int) -> tuple[GuardFinding, ...]:
    """Return the findings for all fields; a field that is shifted or swapped is not called permuted besides."""
    found: list[GuardFinding] = []
    for trace in traces:
        if trace.changed < FEWEST:
            continue
        moved = _shifted(trace) or _swapped(trace, rows) or _wrong_kind(trace) or _permuted(trace)
        found += [finding for finding in (moved, _filled(trace)) if finding is not None]
    return tuple(found)


def _shifted(trace: FieldTrace) -> GuardFinding | None:
    """Find changed cells that hold what the row one place away has at present, the same way for all.

    Half of them are enough where the neighbours lose these values and hardly any cell fits at another distance;
    where few values are shared by many, nearly all must fit, and far fewer elsewhere. (Serial numbers that go up
    by one fit their neighbours, too, but those keep theirs.)
    """
    moving = {distance: len(trace.neighbours.moving.get(distance, ())) for distance in _DISTANCES}
    best, others = _best(moving)
    alone = _own(trace) if moving[best] < 10 else others <= 0.2 * moving[best]
    if alone and moving[best] >= max(FEWEST, 0.5 * trace.changed):
        return _shift_finding(trace, best, moving[best])
    best, others = _best(trace.neighbours.all)
    fitting = trace.neighbours.all[best]
    fewest = 5 if trace.name in _NAMES else 8
    if _own(trace) or trace.changed < fewest or fitting < 0.9 * trace.changed or others > 0.6 * trace.changed:
        return None
    counts = Counter(trace.new)
    mixed = len(counts) >= 3 and max(counts.values()) <= 0.5 * trace.changed
    return _shift_finding(trace, best, fitting) if mixed else None


def _best(counts: Mapping[int, int]) -> tuple[int, int]:
    """Return the distance with the highest count, and the highest count at any other."""
    best = max(_DISTANCES, key=lambda distance: counts.get(distance, 0))
    return best, max(counts.get(distance, 0) for distance in _DISTANCES if distance != best)


def _shift_finding(trace: FieldTrace, distance: int, count: int) -> GuardFinding:
    where = f"{'row' if abs(distance) == 1 else f'row {abs(distance)} places'} {'above' if distance < 0 else 'below'}"
    message = f"{trace.name}: {_of(count, trace.changed)} hold the present value of the client in the {where}"
    hint = "is the column moved against the ids? --allow shifted goes on"
    marks = set(trace.neighbours.moving.get(distance, ())) or set(trace.new)
    return GuardFinding("shifted", _evidence(trace, lambda s: s.mark in marks), message, hint, trace.name)


def _swapped(trace: FieldTrace, rows: int) -> GuardFinding | None:
    """Find cells that get what their own client has in another field, which gets another value.

    Not where the two fields share their values anyway (two ratings with the same levels).
    """
    if not trace.partners:
        return None
    partner, marks = max(trace.partners.items(), key=lambda item: len(item[1]))
    if len(marks) < max(FEWEST, 0.4 * trace.changed, 0.05 * min(rows, trace.cells)):
        return None
    own = set(trace.old)
    if sum(mark in own for mark in marks) > 0.5 * len(marks):
        return None
    message = f"{trace.name}: {_of(len(marks), trace.changed)} hold what the same client has in {partner} at present"
    hint = f"are the columns {trace.name} and {partner} swapped? --allow swapped goes on"
    came = set(marks)
    return GuardFinding("swapped", _evidence(trace, lambda s: s.mark in came), message, hint, trace.name)


def _wrong_kind(trace: FieldTrace) -> GuardFinding | None:
    """Find values of another kind than the present ones, such as e-mails arriving in phone."""
    wrong = wrong_shapes(trace.name)
    kind, count = max(
        ((kind, trace.new_shapes[kind]) for kind in sorted(wrong)), key=lambda item: item[1], default=("", 0)
    )
    present = trace.old_shapes.total()
    if is_custom(trace.name):
        kind, count = _changed_kind(trace)
    if count < max(FEWEST, 0.4 * trace.changed) or trace.old_shapes[kind] > 0.2 * present:
        return None
    named = {"email": "e-mail addresses", "phone": "phone numbers", "digits": "numbers", "text": "plain text"}
    message = f"{trace.name}: {_of(count, trace.changed)} are {named.get(kind, 'web addresses')}"
    hint = f"is another column mapped to {trace.name}? --allow swapped goes on"
    return GuardFinding("swapped", _evidence(trace, lambda _: True), message, hint, trace.name)


def _changed_kind(trace: FieldTrace) -> tuple[str, int]:
    """Return the kind that arrives in a custom field that holds values of another plain kind throughout."""
    kinds = ("email", "phone", "url")
    held = max(kinds, key=lambda kind: trace.old_shapes[kind])
    steady = trace.old_shapes[held] >= max(FEWEST, 0.8 * trace.changed)
    arriving = max((kind for kind in kinds if kind != held), key=lambda kind: trace.new_shapes[kind])
    return (arriving, trace.new_shapes[arriving]) if steady else ("", 0)


def _permuted(trace: FieldTrace) -> GuardFinding | None:
    """Find changed cells whose new values are their present values in another order."""
    old = Counter(mark for mark in trace.old if mark)
    new = Counter(trace.new)
    moved = sum((old & new).values())
    if moved < FEWEST:
        return None
    enough = max(FEWEST, (0.5 if trace.name in _OWN_VALUES else 0.75) * trace.changed)
    different = len(old.keys() & new.keys())
    if not (different >= enough if _own(trace) else _beyond_chance(trace, old, moved)):
        return None
    message = f"{trace.name}: {_of(moved, trace.changed)} hold the present value of another client that loses it"
    hint = "was one column sorted without the rest? --allow permuted goes on"
    return GuardFinding("permuted", _evidence(trace, lambda s: s.mark in old), message, hint, trace.name)


def _own(trace: FieldTrace) -> bool:
    """Whether the values of a field are each client's own."""
    return trace.variety >= (0.5 if trace.name in _OWN_VALUES else 0.9)


def _beyond_chance(trace: FieldTrace, old: Counter[int], moved: int) -> bool:
    """Whether values that many clients share are redistributed so that not one is gained or lost.

    Two honest draws of the same values have equal counts of a value held n times with a chance of about
    1/sqrt(4 pi n). In a small file a column that comes in order is counted as evidence, too.
    """
    if not moved == trace.changed == old.total() or len(old) < 2:
        return False
    counts = sorted(old.values())[:-1]
    chance = math.fsum(-0.5 * math.log(4 * math.pi * count) for count in counts)
    ordered = trace.ascending or trace.descending
    return chance < math.log(_CHANCE) or (ordered and moved >= 5)


def _filled(trace: FieldTrace) -> GuardFinding | None:
    """One value goes over most of a column whose present values differ.

    The cell that the value was filled down from has it already. A field that no answer shows (taxNumber) is taken
    to differ.
    """
    if trace.name not in _FILLED_FIELDS:
        return None
    mark, count = Counter(trace.new).most_common(1)[0]
    with_source = count + 1
    if count < FEWEST or with_source <= 0.5 * trace.cells:
        return None
    replaced = Counter(old for old, new in zip(trace.old, trace.new, strict=True) if new == mark and old)
    differ = len(replaced) >= FEWEST and max(replaced.values()) <= 0.5 * replaced.total()
    if not differ and trace.unknown < count:
        return None
    message = f"{trace.name}: {count:,} of {trace.cells:,} cells get one and the same value"
    hint = "was a value filled down? --allow filled goes on"
    return GuardFinding("filled", _evidence(trace, lambda s: s.mark == mark), message, hint, trace.name)


def _of(count: int, changed: int) -> str:
    return f"{count:,} of {changed:,} changed cells"


def _evidence(trace: FieldTrace, fits: Callable[[Sample], bool]) -> tuple[str, ...]:
    chosen = [sample for sample in trace.samples if fits(sample)] or trace.samples
    return tuple(f"row {sample.row_number}: {trace.name} {sample.old!r} → {sample.new!r}" for sample in chosen[:SHOWN])
