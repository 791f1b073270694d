"""Cells, problems and answers as text, mostly JSON, and back.

A lone surrogate in somebody's cell, which UTF-8 cannot hold, is written as its JSON escape.

pydantic's encoder and parser take a third of the time of the standard library's, and a row passes them some
twenty times; they refuse lone surrogates, which then take the standard library's way.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from isal import isal_zlib
from pydantic_core import PydanticSerializationError, from_json, to_json

from bulk_sync.errors import Problem
from bulk_sync.records import Cell, CellKind, Status

STATUSES = {status.value: status for status in Status}
"""The statuses by their text; a look-up takes a tenth of the time of calling the enum."""

_BEFORE = "\x1f"
"""Stands before each cell of a row of plain texts: ASCII's unit separator, which no JSON begins with."""

_dump = json.JSONEncoder(separators=(",", ":")).encode
_FROM_ISO = {
    CellKind.DATE: date.fromisoformat,
    CellKind.DATETIME: datetime.fromisoformat,
    CellKind.TIME: time.fromisoformat,
}


def dump(value: object) -> str:
    """Return ``value`` as compact JSON."""
    try:
        return to_json(value).decode()
    except PydanticSerializationError:
        return _dump(value)


def load(text: str | None) -> Any:  # noqa: ANN401 - what was dumped; a cast at each of a row's ten calls costs a µs
    """Return what :func:`dump` was given; None for no text."""
    if text is None:
        return None
    return {} if text == "{}" else _parse(text)  # as most old values are where nothing is read before writing


def _parse(text: str) -> Any:  # noqa: ANN401 - as above
    try:
        return from_json(text, cache_strings="keys")
    except ValueError:
        return json.loads(text)


def dump_cells(values: Sequence[str | Cell]) -> str:
    """Return the cells of a row as JSON: a plain text as itself, a typed cell as [text, kind, value, unshown].

    Plain texts alone, as all of a CSV file's are, stand as they are, each behind a separator that none of them has: a
    fifth of JSON's time.
    """
    try:
        text = _BEFORE + _BEFORE.join(cast("Sequence[str]", values))
        if text.count(_BEFORE) == len(values) and "\0" not in text:
            text.encode()
            return text
    except (TypeError, UnicodeEncodeError):
        pass
    return dump([value if type(value) is str else _cell_parts(cast("Cell", value)) for value in values])


def _cell_parts(cell: Cell) -> list[object]:
    value: object = cell.value
    if isinstance(value, (date, time)):
        value = value.isoformat()
    elif isinstance(value, timedelta):
        value = value.total_seconds()
    return [cell.text, cell.kind.value, value, cell.unshown]


def load_cells(text: str) -> tuple[str | Cell, ...]:
    """Return what :func:`dump_cells` was given."""
    if text[0] == _BEFORE:
        return tuple(text[1:].split(_BEFORE))
    return tuple([part if type(part) is str else _load_cell(part) for part in _parse(text)])


def _load_cell(parts: list[Any]) -> Cell:
    text, kind_name, value, unshown = parts
    kind = CellKind(kind_name)
    if value is not None:
        if kind in _FROM_ISO:
            value = _FROM_ISO[kind](value)
        elif kind is CellKind.DURATION:
            value = timedelta(seconds=value)
    return Cell(text, value, kind, unshown)


def dump_problems(problems: Iterable[Problem]) -> str | None:
    """Return problems as JSON, None for none (most rows have none)."""
    listed = [list(problem) for problem in problems]
    return dump(listed) if listed else None


def load_problems(text: str | None) -> tuple[Problem, ...]:
    """Return what :func:`dump_problems` was given."""
    return tuple(Problem(*parts) for parts in json.loads(text)) if text else ()


def storable(text: str) -> str:
    """Return a text as UTF-8 can hold it, with halves of surrogates written out; most are ASCII, or empty."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def entry_sum(parts: tuple[str | float | None, ...]) -> int:
    """Return the checksum of an entry's columns, told apart by type and place.

    CRC-32 finds what it is for: a flipped byte or a torn page, which ``integrity_check`` does not see.
    """
    # marshal's format 2 tells types apart as repr does, in a third of the time; ISA-L sums in a third of zlib's. A row
    # needs some fifteen sums.
    return isal_zlib.crc32(marshal.dumps(parts, 2))
