"""The result sheets as plain rows, shared by every writer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from bulk_sync.errors import Problem
from bulk_sync.records import Cell, ChangedField, Json, RequestLine, RowResult, RunSummary
from bulk_sync.results.text import MESSAGE_LIMIT, cut, visible

What: TypeAlias = Literal["results", "changes", "problems"]
Plain: TypeAlias = str | int | float | bool | None

SYNC_PREFIX = "sync_"
SYNC_COLUMNS = (
    "sync_row",
    "sync_status",
    "sync_code",
    "sync_client_id",
    "sync_client_number",
    "sync_changed",
    "sync_http_status",
    "sync_attempts",
    "sync_message",
    "sync_finished_at",
)
CHANGE_COLUMNS = ("row", "client", "field", "old", "new", "stored")
PROBLEM_COLUMNS = (
    "row",
    "cell",
    "results_cell",
    "column",
    "field",
    "value",
    "code",
    "message",
    "hint",
)


class RunBook(Protocol):
    """What the results of a run are written from. Each method may be called again and reads anew."""

    @property
    def header(self) -> tuple[str, ...]:
        """The source's column names, '' for an unnamed column."""
        ...

    @property
    def sheet(self) -> str:
        """The source's sheet, '' for a CSV."""
        ...

    @property
    def summary(self) -> RunSummary:
        """What the run did, in figures."""
        ...

    def rows(self) -> Iterator[RowResult]:
        """Every row of the source, in source order."""
        ...

    def rows_with_changes(self) -> Iterator[tuple[RowResult, Sequence[ChangedField]]]:
        """Every row of the source, in source order, with the fields of the change that begins with it."""
        ...

    def changes(self) -> Iterator[ChangedField]:
        """Every changed field, change by change."""
        ...

    def requests(self) -> Iterator[RequestLine]:
        """Every request, in the order of sending."""
        ...


class Mark(str):
    """A word of ours in the place of a value, so that ``(empty)`` is not taken for a text that says so."""

    __slots__ = ()


NOT_READ = Mark("(not read)")
EMPTY = Mark("(empty)")
CLEARED = Mark("(cleared)")
NOT_SHOWN = Mark("(not shown)")


class OwnColumns(NamedTuple):
    """The source's own columns as the results carry them: positions in the source, names, and what is left out."""

    positions: tuple[int, ...]
    names: tuple[str, ...]
    dropped: tuple[str, ...]

    def of(self, values: Sequence[str | Cell]) -> Sequence[str | Cell]:
        """Pick the own columns of a source row; a damaged row has none."""
        if not values:
            return ("",) * len(self.positions)
        return values if not self.dropped else [values[position] for position in self.positions]


def own_columns(header: Sequence[str]) -> OwnColumns:
    """Leave out the source's ``sync_…`` columns, which would stand against ours.

    >>> own_columns(("Id", "sync_row", "Name"))
    OwnColumns(positions=(0, 2), names=('Id', 'Name'), dropped=('sync_row',))
    """
    kept = [index for index, name in enumerate(header) if not is_sync_column(name)]
    return OwnColumns(
        tuple(kept),
        tuple(header[index] for index in kept),
        tuple(name for name in header if is_sync_column(name)),
    )


def is_sync_column(name: str) -> bool:
    """Whether a column's name is of the kind that this tool adds."""
    return name.strip().lower().startswith(SYNC_PREFIX)


def dropped_note(columns: OwnColumns) -> tuple[str, ...]:
    """Say which of the source's columns the results leave out."""
    if not columns.dropped:
        return ()
    names = ", ".join(f'"{name}"' for name in columns.dropped)
    return (f"the results leave out the source's {names}: names that begin with sync_ are this tool's own",)


def sync_cells(result: RowResult, *, sandbox: bool = False) -> tuple[Plain, ...]:
    """Return what follows the own columns, in the order of ``SYNC_COLUMNS``. '' and None are blank cells.

    In the sandbox every message says so, since a flat file has no other place for it.
    """
    message = row_message(result)
    return (
        result.row_number,
        result.status.value,
        visible(result.code),
        visible(result.client_id),
        visible(result.client_number),
        ", ".join(result.changed),
        result.http_status,
        result.attempts,
        f"SANDBOX {message}".rstrip() if sandbox else message,
        result.finished_at,
    )


def row_message(result: RowResult) -> str:
    """Return a row's message, cut visibly if it is very long; a damaged row's ends with its raw text."""
    message = visible(cut(result.message, MESSAGE_LIMIT))
    if not result.raw:
        return message
    raw = "the row as it stands in the file: " + visible(cut(result.raw, MESSAGE_LIMIT))
    return f"{message} - {raw}" if message else raw


def change_cells(change: ChangedField, *, sent: bool = True) -> tuple[Plain, ...]:
    """Return a line of ``Changes``. ``sent`` is False for a plan, which has no answers to show."""
    old = server_json(change.old, EMPTY) if change.old_known else NOT_READ
    unseen = NOT_SHOWN if sent else None
    stored = server_json(change.stored, EMPTY) if change.stored_shown else unseen
    client = visible(change.client_id)
    return (change.row_number, client, change.field, old, shown_json(change.new, CLEARED), stored)


def shown_json(value: Json, nothing: Mark) -> Plain:
    """Show a JSON value in a cell: numbers and booleans as they are, lists and objects as JSON text."""
    if value is None:
        return nothing
    if isinstance(value, (str, int, float)):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def server_json(value: Json, nothing: Mark) -> Plain:
    """Show a JSON value of the server in a cell, with what a reader could not see as its escape."""
    if value is None:
        return nothing
    shown = shown_json(value, nothing)
    return visible(shown) if isinstance(shown, str) else shown


def problem_cells(problem: Problem, row_number: int, results_cell: str) -> tuple[Plain, ...]:
    """Return a line of ``Problems``; a warning's message says that it is one."""
    message = visible(cut(problem.message, MESSAGE_LIMIT))
    return (
        problem.row if problem.row is not None else row_number,
        problem.cell,
        results_cell,
        problem.column,
        problem.field,
        problem.value,
        problem.code,
        message if problem.severity == "error" else f"warning: {message}",
        visible(problem.hint),
    )
