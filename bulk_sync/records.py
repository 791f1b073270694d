"""The shapes a row takes on its way: cell → source row → mapped row → change → outcome → result row.

Rows are named tuples: a million of them pass through, and a named tuple costs a third of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

from bulk_sync.errors import Problem

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
CellValue: TypeAlias = str | int | float | bool | date | datetime | time | timedelta | None


class CellKind(StrEnum):
    """What a cell holds. In a CSV every cell is ``text``."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    DURATION = "duration"
    BLANK = "blank"
    ERROR = "error"
    """An error such as ``#N/A``; the text names it, there is no value."""
    FORMULA = "formula"
    """A formula that was saved without its result: no text, no value."""
    MERGED = "merged"
    """Covered by a merged cell whose value belongs to its top left; blank, and no key."""


class Cell(NamedTuple):
    """One cell: the text a person sees in it, the stored value beside it, and its kind.

    ``unshown`` names a number format whose text this program cannot reproduce; ``text`` is then empty and
    only the stored value may be used.
    """

    text: str
    value: CellValue
    kind: CellKind
    unshown: str = ""


class SourceRow(NamedTuple):
    """A row of the source.

    ``row_number`` is the one a spreadsheet shows. ``values`` has one entry for each header column; a plain
    ``str`` stands for a text cell whose stored value is its text, which is all a CSV has. A refused row has
    no values: its ``problems`` say why and ``raw`` holds its text. ``line`` is the line of the file where
    the row begins, given only where it differs from ``row_number``.
    """

    row_number: int
    values: tuple[str | Cell, ...]
    line: int | None = None
    problems: tuple[Problem, ...] = ()
    raw: str = ""
    hidden: bool = False

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells as (text, value, kind)."""
        return tuple(as_cell(value) for value in self.values)


def as_cell(value: str | Cell) -> Cell:
    """Give a plain text its full shape."""
    if isinstance(value, Cell):
        return value
    return Cell(value, value, CellKind.TEXT) if value else Cell("", None, CellKind.BLANK)


def cell_text(value: str | Cell) -> str:
    """Return the text a person sees."""
    return value if isinstance(value, str) else value.text


def column_letters(index: int) -> str:
    """Return a spreadsheet's name for a column counted from 0: A, …, Z, AA, ….

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(701), column_letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_name(column: int, row_number: int, *, sheet: str = "", line: int | None = None) -> str:
    """Name a cell so that a person finds it.

    >>> cell_name(5, 213), cell_name(5, 213, sheet="Clients"), cell_name(5, 213, line=220)
    ('F213', 'Clients!F213', 'F213 (line 220)')
    >>> cell_name(0, 2, sheet="My clients")
    "'My clients'!A2"
    """
    name = f"{column_letters(column)}{row_number}"
    if sheet:
        plain = sheet.isidentifier()
        quoted = sheet if plain else "'" + sheet.replace("'", "''") + "'"
        name = f"{quoted}!{name}"
    return f"{name} (line {line})" if line is not None and line != row_number else name


class MappedRow(NamedTuple):
    """What the mapping made of a row.

    ``keys`` holds the text of each ``match`` entry in its order. ``payload`` has the API's
    top-level names (``name``, ``billingAddress`` with its parts as an object, ``cf_tier``); None clears, an
    absent name keeps.
    It is meaningful only where no problem is an error.
    """

    row_number: int
    keys: tuple[str, ...]
    payload: dict[str, Json]
    problems: tuple[Problem, ...] = ()

    @property
    def invalid(self) -> bool:
        """Whether the row may not be sent."""
        return any(problem.severity == "error" for problem in self.problems)


class Status(StrEnum):
    """How a row ended."""

    UPDATED = "updated"
    DIFFERS = "differs"
    UNCHANGED = "unchanged"
    INVALID = "invalid"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    NOT_SENT = "not_sent"
    SKIPPED = "skipped"
    READY = "ready"


STATUS_MEANINGS: Mapping[Status, str] = {
    Status.UPDATED: "accepted by the API; where the answer shows a field, it agrees; the message names the others",
    Status.DIFFERS: "accepted, but the answer shows another value, or lacks a custom field that it would show",
    Status.UNCHANGED: "nothing to send: the record has these values, or every mapped cell is blank and kept",
    Status.INVALID: "refused here: never sent",
    Status.FAILED: "refused by the API (a definite 4xx)",
    Status.IN_DOUBT: "it may or may not have been applied, when the attempts were used up",
    Status.NOT_SENT: "the run stopped before this row, or its request never left",
    Status.SKIPPED: "left out by the user's rule, or superseded by a later run",
    Status.READY: "in check and plan only: would be sent",
}

OUTCOMES = frozenset({Status.UPDATED, Status.DIFFERS, Status.UNCHANGED, Status.INVALID, Status.FAILED, Status.SKIPPED})
"""Statuses that ``resume`` never sends again."""


class Change(NamedTuple):
    """One PATCH of one record, made of one row or of several.

    ``attempts`` were used up by an earlier process; ``canary`` marks those sent and verified before the rest.
    ``in_doubt``: an earlier process sent it and may have had it applied. ``payload_json`` is the payload as the journal
    has it, '' where it is not at hand.
    """

    id: int
    record_id: str
    payload: Mapping[str, Json]
    attempts: int = 0
    canary: bool = False
    in_doubt: bool = False
    payload_json: str = ""


class Request(NamedTuple):
    """What is asked of the API. ``kind`` patch and get have a record, page has a cursor ('' is the first).

    ``payload_json`` is the payload as JSON, '' where it is still to be made.
    """

    kind: Literal["patch", "get", "page"]
    record_id: str = ""
    payload: Mapping[str, Json] | None = None
    cursor: str = ""
    payload_json: str = ""


class Reply(NamedTuple):
    """What came back from one attempt, or why nothing did.

    ``fault`` is '' for an HTTP answer, else the kind of fault (see ``sending.policy``). ``left`` is False
    only if the request certainly never left this machine. ``body`` is the parsed JSON, None where it is none;
    ``text`` the beginning of the raw body. ``seconds`` is the time from sending to the last byte. ``body_json`` is
    what ``body`` was parsed from, '' where that is not at hand.
    """

    http_status: int | None
    headers: Mapping[str, str]
    body: Json = None
    text: str = ""
    fault: str = ""
    detail: str = ""
    left: bool = True
    seconds: float = 0.0
    body_json: str = ""


class Outcome(NamedTuple):
    """How a change ended, as the journal keeps it.

    ``record`` is the client that the API answered with, ``record_json`` the same as JSON, '' where it is not at hand.
    """

    change_id: int
    status: Status
    code: str = ""
    message: str = ""
    http_status: int | None = None
    attempts: int = 0
    record: Mapping[str, Json] | None = None
    record_json: str = ""


class RowResult(NamedTuple):
    """A line of the results: the source row as it was, and how it ended.

    ``finished_at`` is ISO 8601 with offset, '' while the row has none.
    """

    row_number: int
    values: tuple[str | Cell, ...]
    status: Status
    code: str = ""
    client_id: str = ""
    client_number: str = ""
    changed: tuple[str, ...] = ()
    http_status: int | None = None
    attempts: int = 0
    message: str = ""
    finished_at: str = ""
    problems: tuple[Problem, ...] = ()
    line: int | None = None
    raw: str = ""


class ChangedField(NamedTuple):
    """A line of the sheet ``Changes``: one field of one change.

    ``old_known`` is False where the old value was never read; ``stored`` is what the API's answer shows,
    with ``stored_shown`` False for a field that no answer shows.
    """

    row_number: int
    client_id: str
    field: str
    old: Json
    new: Json
    stored: Json = None
    old_known: bool = True
    stored_shown: bool = False


class RequestLine(NamedTuple):
    """One request as the journal has it, for reports: ``at`` is Unix time, ``seconds`` the latency."""

    at: float
    kind: Literal["patch", "get", "page"]
    http_status: int | None
    seconds: float
    verdict: str
    change_id: int | None = None


class RunSummary(NamedTuple):
    """What a run did, in figures. ``counts`` has every status that occurred; times are ISO with offset.

    ``stopped_by`` is what ended it early as scripts know it, ``stopped_words`` as a person is told it. ``output`` and
    ``report`` are where the results and the report page came to lie, '' where they are not.
    """

    run: str
    kind: Literal["run", "check", "plan", "retry", "undo"]
    exit_code: int
    stopped_by: str
    counts: Mapping[str, int]
    requests: Mapping[str, int]
    source: str
    sheet: str
    mapping: str
    target: str
    account: str
    started_at: str
    finished_at: str
    seconds: float
    rate: str = ""
    output: str = ""
    sandbox: bool = False
    parent: str = ""
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    quota: Mapping[str, Json] = {}
    problem_groups: tuple[tuple[int, str], ...] = ()
    stopped_words: str = ""
    report: str = ""
