"""Several rows for one client: one change where they do not contradict, refused by name where they do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from bulk_sync.errors import Problem
from bulk_sync.planning import codes
from bulk_sync.planning.ledger import digest
from bulk_sync.planning.values import is_custom, is_empty, is_object, same_value
from bulk_sync.records import Json

SHOWN_ROWS = 5


class PayloadRow(NamedTuple):
    """A valid row's number and what it wants."""

    row_number: int
    payload: Mapping[str, Json]


class Merged(NamedTuple):
    """One change for one client.

    ``rows`` carry the change, in source order; ``problems`` are those of the other rows, at least one each, which
    are ``invalid``. No rows: nothing to send.
    """

    payload: Mapping[str, Json]
    rows: tuple[int, ...]
    problems: tuple[Problem, ...] = ()


class _Wish(NamedTuple):
    """One value that one row wants in one place: a field, or a part of a unit."""

    row_number: int
    value: Json


_Place = tuple[str, str]
"""A top-level field, and the part of it where it is a unit; the part is '' otherwise."""


def merge_rows(client: str, rows: Iterable[PayloadRow]) -> Merged:
    """Merge the rows of one client into one change.

    Rows contradict that want different values (:func:`same_value`) in one field, or in one part of a unit such
    as billingAddress; all of them are refused, and the rest goes on. The result does not depend on the order in
    which the rows come; where spellings of one value differ (null and "", 1 and 1.0), the first row's is sent.
    """
    ordered = sorted(rows, key=lambda row: row.row_number)
    if len(ordered) == 1:
        return Merged(dict(ordered[0].payload), (ordered[0].row_number,))
    places = _places(ordered)
    clashes = {place: wishes for place, wishes in places.items() if not _agree(wishes)}
    refused = {wish.row_number for wishes in clashes.values() for wish in wishes}
    kept = [row for row in ordered if row.row_number not in refused]
    problems = [each for place, wishes in clashes.items() for each in _contradictions(client, place, wishes)]
    return Merged(_join(kept), tuple(row.row_number for row in kept), tuple(sorted(problems, key=_by_row)))


def whole_units(payload: Mapping[str, Json], sent: Sequence[Mapping[str, Json]]) -> Mapping[str, Json]:
    """Complete the units of a payload by the parts that it lacks and that were sent before, the latter in order.

    A unit that is sent in part may be kept in part, so that what was sent before would be lost.
    """
    if not sent:
        return payload
    joined = _join([PayloadRow(0, payload), *(PayloadRow(0, wish) for wish in sent)])
    whole = {field: joined[field] for field in payload}
    return payload if whole == payload else whole


def _by_row(problem: Problem) -> tuple[int, str]:
    return problem.row or 0, problem.field


def _places(rows: Sequence[PayloadRow]) -> dict[_Place, list[_Wish]]:
    found: dict[_Place, list[_Wish]] = {}
    for number, payload in rows:
        for field, value in payload.items():
            parts = value if is_object(value) and not is_custom(field) else {"": value}
            for part, wanted in parts.items():
                found.setdefault((field, part), []).append(_Wish(number, wanted))
    return found


def _agree(wishes: Sequence[_Wish]) -> bool:
    first = wishes[0].value
    return all(same_value(first, wish.value) for wish in wishes)


def _contradictions(client: str, place: _Place, wishes: Sequence[_Wish]) -> Iterator[Problem]:
    """Yield what is wrong with each row; who wants the same names the same others, which are looked for once."""
    marks = [digest(wish.value) for wish in wishes]
    alike = Counter(marks)
    named: dict[str, str] = {}
    for mark, wish in zip(marks, wishes, strict=True):
        if mark not in named:
            others = (other for other, its in zip(wishes, marks, strict=True) if its != mark)
            shown = ", ".join(f"row {each.row_number} {_shown(each.value)}" for each in islice(others, SHOWN_ROWS))
            left = len(wishes) - alike[mark] - SHOWN_ROWS
            named[mark] = f"{shown} and {left} more {'row' if left == 1 else 'rows'}" if left > 0 else shown
        yield _contradiction(client, place, wish, named[mark])


def _contradiction(client: str, place: _Place, wish: _Wish, others: str) -> Problem:
    field = ".".join(name for name in place if name)
    mine = f"row {wish.row_number} wants {field} {_shown(wish.value)}"
    return Problem(
        code=codes.ROWS_CONTRADICT,
        message=f"rows for client {client} contradict: {mine}, {others}",
        hint="keep one of the rows, or give them the same value",
        row=wish.row_number,
        field=field,
        value="" if wish.value is None else str(wish.value),
    )


def _shown(value: Json) -> str:
    if is_empty(value):
        return "(empty)"
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _join(rows: Sequence[PayloadRow]) -> dict[str, Json]:
    """Lay payloads that do not contradict over each other; the first row's spelling stays."""
    joined: dict[str, Json] = {}
    for _, payload in rows:
        for field, value in payload.items():
            before = joined.get(field)
            if field not in joined:
                joined[field] = value
            elif is_object(before) and is_object(value) and not is_custom(field):
                joined[field] = {**value, **before}
    return joined
