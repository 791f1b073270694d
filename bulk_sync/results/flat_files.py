"""The results as ``.csv`` for spreadsheets and ``.jsonl`` for programs."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from bulk_sync.errors import Problem
from bulk_sync.records import Cell, CellKind, ChangedField, Json, RowResult, cell_name, column_letters
from bulk_sync.results.number_formats import general_text
from bulk_sync.results.problem_places import ProblemPlaces
from bulk_sync.results.table import (
    CHANGE_COLUMNS,
    PROBLEM_COLUMNS,
    SYNC_COLUMNS,
    Plain,
    RunBook,
    What,
    change_cells,
    dropped_note,
    own_columns,
    problem_cells,
    sync_cells,
)
from bulk_sync.results.text import utf8_text, visible

FORMULA_SIGNS = frozenset("=+-@\t\r\n＝＋－＠|%")
"""What a spreadsheet takes for the beginning of a formula when it opens a CSV."""

JSON_ARRAYS = ("problems", "changes")
"""What a row's object has besides its columns."""
_SIGNED = re.compile(r"[+-][0-9]+(?:[.,][0-9]+)*|\+(?:[ ()-]*[0-9]){7,}[ ()-]*")
"""A number with its sign, or a phone, neither of which is a formula."""
_SERVER_PROBLEM_COLUMNS = frozenset({PROBLEM_COLUMNS.index(name) for name in ("code", "message", "hint")})
# json.dumps makes such an encoder for each call that is not of its usual kind, which costs as much as a short line.
_encode_json = json.JSONEncoder(ensure_ascii=False, default=str).encode


def write_csv(book: RunBook, path: Path, what: What = "results") -> tuple[str, ...]:
    """Write a CSV in UTF-8 with a byte order mark, which Excel needs, and return what is to be said about it.

    Text of the server that a spreadsheet would take for a formula gets an apostrophe before it, and so does a new
    value, which stands beside the old one and the stored one; the source's own columns stay as they are.
    """
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        if what == "changes":
            writer.writerow(CHANGE_COLUMNS)
            writer.writerows(_change_lines(book))
            return ()
        if what == "problems":
            writer.writerow(PROBLEM_COLUMNS)
            writer.writerows(_neutral(cells, _SERVER_PROBLEM_COLUMNS) for cells in _problem_lines(book))
            return ()
        own = own_columns(book.header)
        writer.writerow((*own.names, *SYNC_COLUMNS))
        neutralised = 0
        for result in book.rows():
            added = sync_cells(result, sandbox=book.summary.sandbox)
            safe = [neutral(cell) if type(cell) is str else cell for cell in added]
            neutralised += safe != list(added)
            writer.writerow([*map(flat_text, own.of(result.values)), *safe])
    return (*dropped_note(own), *([_neutral_note(neutralised)] if neutralised else []))


def _neutral_note(rows: int) -> str:
    return (
        f"in the CSV, text of the server that looks like a formula begins with an apostrophe ({rows:,} rows); "
        "your own columns are as they were"
    )


def neutral(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    >>> neutral("=1+1"), neutral("Not found")
    ("'=1+1", 'Not found')
    """
    return f"'{text}" if text[:1] in FORMULA_SIGNS else text


def flat_text(value: str | Cell) -> str:
    """Return a cell as a CSV has it: the text that was seen, else its stored value's."""
    if isinstance(value, str):
        return value
    if value.text or value.value is None:
        return value.text
    return general_text(value.value) if isinstance(value.value, (int, float)) else str(value.value)


def _inert(cell: Plain) -> Plain:
    """As :func:`neutral`, but a signed number and a phone stay as they are."""
    return neutral(cell) if isinstance(cell, str) and not _SIGNED.fullmatch(cell) else cell


def _neutral(cells: Sequence[Plain], columns: frozenset[int]) -> list[Plain]:
    return [_neutral_cell(cell) if index in columns else cell for index, cell in enumerate(cells)]


def _neutral_cell(cell: Plain) -> Plain:
    return neutral(cell) if isinstance(cell, str) else cell


def _change_lines(book: RunBook) -> Iterator[tuple[Plain, ...]]:
    sent = book.summary.kind not in {"plan", "check"}
    for change in book.changes():
        yield tuple(map(_inert, change_cells(change, sent=sent)))


def _problem_lines(book: RunBook) -> Iterator[tuple[Plain, ...]]:
    places = ProblemPlaces(book.header, own_columns(book.header))
    for line, result in enumerate(book.rows(), 2):
        for problem in result.problems:
            yield problem_cells(problem, result.row_number, cell_name(places.first(problem), line))


def write_jsonl(book: RunBook, path: Path, what: What = "results") -> tuple[str, ...]:
    """Write one JSON object a line, and return what is to be said about it.

    A row's object has the source's own columns (a name that occurs again gets a number, an unnamed column its
    letters), the ``sync_…`` columns, and ``problems`` and ``changes`` as arrays.
    """
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        if what == "changes":
            file.writelines(_json_line(_change_object(change)) for change in book.changes())
            return ()
        if what == "problems":
            file.writelines(
                _json_line(problem_object(problem, result.row_number))
                for result in book.rows()
                for problem in result.problems
            )
            return ()
        own = own_columns(book.header)
        names = (*json_names(own.names), *SYNC_COLUMNS)
        for result, changes in book.rows_with_changes():
            own_values = map(json_value, own.of(result.values))
            line: dict[str, Json] = dict(
                zip(names, chain(own_values, _sync_values(result, sandbox=book.summary.sandbox)), strict=False)
            )
            arrays = (
                [problem_object(problem, result.row_number) for problem in result.problems],
                [_change_object(change) for change in changes],
            )
            line.update(zip(JSON_ARRAYS, arrays, strict=True))
            file.write(_json_line(line))
    return dropped_note(own)


def json_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return a distinct key for each own column, none of which is one of ``JSON_ARRAYS``.

    >>> json_names(("Id", "", "Id", "problems"))
    ('Id', 'column B', 'Id (2)', 'problems (2)')
    """
    taken = set(JSON_ARRAYS)
    keys = []
    for index, name in enumerate(names):
        plain = key = name or f"column {column_letters(index)}"
        number = 2
        while key in taken:
            key, number = f"{plain} ({number})", number + 1
        taken.add(key)
        keys.append(key)
    return tuple(keys)


def json_value(value: str | Cell) -> Json:
    """Return a cell for JSON: numbers and booleans as such, a date as ISO text, and `00123` as the text it shows."""
    if isinstance(value, str):
        return value
    if value.kind is CellKind.NUMBER and isinstance(value.value, (int, float)) and math.isfinite(value.value):
        led_by_zero = len(value.text) > 1 and value.text[0] == "0" and value.text[1].isdigit()
        return value.text if led_by_zero else value.value
    if value.kind is CellKind.BOOLEAN and isinstance(value.value, bool):
        return value.value
    return flat_text(value) or None


def problem_object(problem: Problem, row_number: int) -> dict[str, Json]:
    """Return a problem for JSON, its row filled in."""
    return {
        **problem._asdict(),
        "row": problem.row if problem.row is not None else row_number,
        "message": visible(problem.message),
    }


def _sync_values(result: RowResult, *, sandbox: bool) -> tuple[Json, ...]:
    """Return the added values with the fields sent as an array and blanks as null."""
    cells = dict(zip(SYNC_COLUMNS, sync_cells(result, sandbox=sandbox), strict=True))
    return tuple(
        list(result.changed) if name == "sync_changed" else None if value == "" else value
        for name, value in cells.items()
    )


def _change_object(change: ChangedField) -> dict[str, Json]:
    return {"row": change.row_number, "client": change.client_id, **_change_values(change)}


def _change_values(change: ChangedField) -> dict[str, Json]:
    return {
        "field": change.field,
        "old": change.old,
        "new": change.new,
        "stored": change.stored,
        "old_known": change.old_known,
        "stored_shown": change.stored_shown,
    }


def _json_line(value: Json) -> str:
    return utf8_text(_encode_json(value)) + "\n"
