"""The shapes in which rows and changes go into a journal and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bulk_sync.errors import Problem
from bulk_sync.records import Json, MappedRow, SourceRow, Status


class OpenRow(NamedTuple):
    """A row that has no end yet: what the mapping made of it, and the record it is for.

    ``payload_json`` is the payload as it stands in the journal.
    """

    number: int
    keys: tuple[str, ...]
    payload: dict[str, Json]
    problems: tuple[Problem, ...]
    record_id: str | None
    line: int | None = None
    payload_json: str = ""


class RowEntry(NamedTuple):
    """A row on its way into the journal.

    ``mapped`` is None for a row that is not mapped (refused, or left out). ``status`` is None while the row is
    open, ``record_id`` while the record it is for has to be looked up.
    """

    row: SourceRow
    mapped: MappedRow | None = None
    record_id: str | None = None
    status: Status | None = None
    code: str = ""
    message: str = ""


class PlannedChange(NamedTuple):
    """A change as it is planned. ``old`` has the fields whose present value is known.

    ``note`` is said in the message of the rows, beside what the API answers; ``payload_json`` is the payload as
    :func:`~bulk_sync.journal.encoding.dump` gives it, where it is at hand.
    """

    record_id: str
    rows: tuple[int, ...]
    payload: Mapping[str, Json]
    old: Mapping[str, Json]
    note: str = ""
    payload_json: str = ""

    @property
    def id(self) -> int:
        """The number of its first row."""
        return self.rows[0]


class StoredChange(NamedTuple):
    """A change with its outcome, for whoever looks at a plan again. ``status`` None: it has not ended."""

    id: int
    record_id: str
    rows: tuple[int, ...]
    payload: dict[str, Json]
    old: dict[str, Json]
    status: Status | None
    answer: dict[str, Json] | None
    canary: bool


class EndedChange(NamedTuple):
    """A change that has ended: what was sent and what the API answered as JSON, parsed by whoever needs it."""

    record_id: str
    status: Status
    payload: str
    answer: str | None
    finished_at: float
