"""A run as its results tell it: rows, changes and requests, read from the journal in source order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple, cast

from bulk_sync.errors import Problem
from bulk_sync.journal.encoding import STATUSES, load, load_cells, load_problems
from bulk_sync.journal.plan_tables import CHANGES, OUTCOME_AT, doubtful_changes
from bulk_sync.journal.schema import SUMMED
from bulk_sync.journal.store import Journal
from bulk_sync.planning.values import shown_value
from bulk_sync.records import ChangedField, Json, RequestLine, RowResult, RunSummary, Status

_SENT = frozenset({Status.UPDATED, Status.DIFFERS, Status.FAILED, Status.IN_DOUBT})
_TO_SEND = _SENT | {Status.READY}
_BATCH = 250
"""Rows that are held at once, with what was sent and answered for each."""
_UNSENT = frozenset({Status.SKIPPED, Status.INVALID})
_ROWS = (
    "SELECT rows.*, joined.*, changes.*, outcomes.* FROM rows LEFT JOIN joined ON joined.row = rows.number "
    "LEFT JOIN changes ON changes.id = coalesce(joined.change, rows.number) "
    "LEFT JOIN outcomes ON outcomes.change = changes.id"
)
_LAST = 2**62
"""A row's number that no row has."""
_JOINED = len(SUMMED["rows"]) + 1
_CHANGE = _JOINED + len(SUMMED["joined"]) + 1
"""Where in a line of ``_ROWS`` the entries of ``joined`` and of the change begin."""
_LEFT = "(http_status NOTNULL OR verdict NOT IN ('again', 'failed'))"
"""SQL for a request that left, or may have: without an answer, these verdicts are of those that certainly did not."""
_STATUS = SUMMED["rows"].index("status")
_PROBLEMS = SUMMED["rows"].index("problems")

# A run has a dozen of the first for each row; by their own constructors they take three times as long.
_changed_field = partial(
    cast("Callable[[type[ChangedField], tuple[Any, ...]], ChangedField]", tuple.__new__), ChangedField
)
_row_result = partial(cast("Callable[[type[RowResult], tuple[Any, ...]], RowResult]", tuple.__new__), RowResult)


class _Ended(NamedTuple):
    """What a change says of its rows."""

    first_row: int
    record_id: str
    payload: Mapping[str, Json]
    old: str
    answer: Mapping[str, Json] | None
    status: Status
    code: str
    message: str
    http_status: int | None
    attempts: int
    finished_at: float | None


class JournalBook:
    """The run behind ``journal`` as lines of the results; streams, holds nothing.

    ``readable`` are the fields that the API's answers show, for the values stored (see
    :func:`~bulk_sync.planning.values.shown_value`).
    """

    def __init__(self, journal: Journal, summary: RunSummary, *, readable: frozenset[str] = frozenset()) -> None:
        self._journal = journal
        self.summary = summary
        self.header = journal.header.header
        self.sheet = journal.header.sheet
        self._readable = readable
        self._open_status = open_status(journal)

    def rows(self) -> Iterator[RowResult]:
        """Yield a line for each source row, in source order."""
        for entry, end in self._entries():
            yield self._row(entry, end)

    def rows_with_changes(self) -> Iterator[tuple[RowResult, Sequence[ChangedField]]]:
        """Yield each source row, in source order, with a line for each field of the change that begins with it."""
        for entry, end in self._entries():
            begins = end is not None and end.first_row == entry[0]
            yield self._row(entry, end), self._changed_fields(end) if end and begins else ()

    def row(self, number: int) -> RowResult | None:
        """Return the line of one source row, None where the run has no such row."""
        return next((self._row(entry, end) for entry, end in self._entries(number, number)), None)

    def changes(self, ids: Sequence[int] | None = None) -> Iterator[ChangedField]:
        """Yield a line for each field of each change, or of those given, a unit's parts apart."""
        which = "" if ids is None else f" WHERE changes.id IN ({','.join('?' * len(ids))})"
        with self._journal.faults():
            for entry in self._journal.connection.execute(f"{CHANGES}{which} ORDER BY changes.id", ids or ()):
                yield from self._changed_fields(self._change_end(entry))

    def counts(self) -> Counter[Status]:
        """Return how many rows ended with each status that occurs; their sum is the number of rows."""
        with self._journal.faults():
            connection = self._journal.connection
            own = dict(connection.execute("SELECT status, count(*) FROM rows GROUP BY status").fetchall())
            sent = dict(connection.execute("SELECT status, count(*) FROM sent_rows GROUP BY status").fetchall())
            doubtful = sum(
                connection.execute("SELECT 1 + count(*) FROM joined WHERE change = ?", (change,)).fetchone()[0]
                for change in self._in_doubt
            )
        unended = own.pop(None, 0) - sum(sent.values()) - doubtful
        if unended < 0:
            raise self._journal.damaged("rows have more than one end")
        counts = Counter({Status.IN_DOUBT: doubtful})
        for name, count in (*own.items(), *sent.items()):
            counts[self._status(name)] += count
        counts[self._open_status] += unended
        return +counts

    @cached_property
    def _in_doubt(self) -> frozenset[int]:
        return frozenset(doubtful_changes(self._journal))  # a pass over all requests, which not everyone needs

    def _status(self, name: str) -> Status:
        try:
            return Status(name)
        except ValueError:  # counted by SQL, which checks no entry
            raise self._journal.damaged(f"{name!r} is the status of no row") from None

    def request_counts(self) -> dict[str, int]:
        """Return how many requests left, or may have, by kind."""
        with self._journal.faults():
            found = self._journal.connection.execute(f"SELECT kind, count(*) FROM requests WHERE {_LEFT} GROUP BY kind")
            return dict(found.fetchall())

    def problems(self) -> Iterator[Problem]:
        """Yield every problem, in row order."""
        with self._journal.faults():
            for entry in self._journal.connection.execute("SELECT * FROM rows WHERE problems NOTNULL ORDER BY number"):
                yield from load_problems(self._journal.checked("rows", entry)[_PROBLEMS])

    def requests(self) -> Iterator[RequestLine]:
        """Yield each request that was answered, or that should have been, in the order they left."""
        with self._journal.faults():
            for entry in self._journal.connection.execute("SELECT * FROM requests ORDER BY id"):
                columns = self._journal.checked("requests", entry)
                _, change_id, kind, _, at, _, http_status, seconds, verdict = columns
                yield RequestLine(
                    at=at,
                    kind=kind,
                    http_status=http_status,
                    seconds=seconds or 0.0,
                    verdict=verdict,
                    change_id=change_id,
                )

    def _entries(self, first: int = 0, last: int = _LAST) -> Iterator[tuple[tuple[Any, ...], _Ended | None]]:
        """Yield the rows numbered ``first`` to ``last`` as they are in the journal, with the end of their change."""
        while True:
            with self._journal.faults():
                batch = self._journal.connection.execute(
                    f"{_ROWS} WHERE number BETWEEN ? AND ? ORDER BY number LIMIT ?", (first, last, _BATCH)
                ).fetchall()
            if not batch:
                return
            for line in batch:
                if line[_JOINED] is not None:
                    self._journal.checked("joined", line, _JOINED)
                if line[_CHANGE] is not None:
                    yield line, self._change_end(line, _CHANGE)
                elif line[_JOINED] is not None or (line[_STATUS] is None and self._journal.planned):
                    raise self._journal.without_change(line[0])
                else:
                    yield line, None
            first = batch[-1][0] + 1

    def _change_end(self, line: tuple[Any, ...], first: int = 0) -> _Ended:
        """Return how the change ended whose entry stands at ``first`` in a line, its outcome's behind it."""
        number, record_id, payload, old, note, _ = self._journal.checked("changes", line, first)
        outcome: tuple[Any, ...] = (None, None, "", "", None, 0, None, None)
        if line[first + OUTCOME_AT] is not None:
            outcome = self._journal.checked("outcomes", line, first + OUTCOME_AT)
        _, status, code, message, http_status, attempts, answer, finished_at = outcome
        unended = Status.IN_DOUBT if number in self._in_doubt else self._open_status
        return _Ended(
            number,
            record_id,
            load(payload),
            old,
            load(answer),
            STATUSES[status] if status else unended,
            code,
            f"{message}; {note}" if message and note else message or note,
            http_status,
            attempts,
            finished_at,
        )

    def _row(self, entry: tuple[Any, ...], end: _Ended | None) -> RowResult:
        columns = self._journal.checked("rows", entry)
        number, line, cells, raw, _, _, problem_text, record_id, status, code, message = columns
        problems = load_problems(problem_text)
        told = message or (tell(problems) if problems else "")
        if end is None:
            own_status = STATUSES[status] if status else self._open_status
            return RowResult(
                row_number=number,
                values=load_cells(cells),
                status=own_status,
                code=code,
                client_id=record_id or "",
                message="; ".join(filter(None, (self._stopped(own_status), told))),
                finished_at=self._planned_at() if status else "",
                problems=problems,
                line=line,
                raw=raw,
            )
        merged = self._merged(end) if end.first_row != number else ""
        stopped = self._stopped(end.status)
        client_number = str(end.answer.get("number") or "") if end.answer else ""
        changed = tuple(end.payload) if end.status in _TO_SEND else ()
        beside = merged or stopped or told
        message = "; ".join(filter(None, (merged, stopped, end.message, told))) if beside else end.message
        finished_at = iso(end.finished_at) if end.finished_at else ""
        return _row_result(
            (
                number,
                load_cells(cells),
                end.status,
                end.code or code,
                end.record_id,
                client_number,
                changed,
                end.http_status,
                end.attempts,
                message,
                finished_at,
                problems,
                line,
                raw,
            )
        )

    def _merged(self, end: _Ended) -> str:
        return f"{'sent' if end.status in _SENT else 'goes'} with row {end.first_row}"

    def _stopped(self, status: Status) -> str:
        """Return why a row was not sent, where the run was stopped by something."""
        why = self.summary.stopped_words if status is Status.NOT_SENT else ""
        return f"stopped: {why}" if why else ""

    def _planned_at(self) -> str:
        return iso(self._journal.header.started_at) if self._journal.header.started_at else ""

    def _changed_fields(self, end: _Ended) -> list[ChangedField]:
        first_row, record_id, payload, old_text, answer, status, *_ = end
        if status in _UNSENT:
            return []
        old = load(old_text)
        lines = []
        for field, new in payload.items():
            if not answer:
                shown, stored = False, None
            elif field in answer:  # as most are, which saves the call
                shown, stored = True, answer[field]
            else:
                shown, stored = shown_value(answer, field, readable=self._readable)
            known, before = field in old, old.get(field)
            if type(new) is not dict or field.startswith("cf_"):
                lines.append(_changed_field((first_row, record_id, field, before, new, stored, known, shown)))
                continue
            befores = before if isinstance(before, dict) else {}
            kept = stored if isinstance(stored, dict) else {}
            for part, value in new.items():
                was, stays = befores.get(part), kept.get(part)
                lines.append(_changed_field((first_row, record_id, f"{field}.{part}", was, value, stays, known, shown)))
        return lines


def open_status(journal: Journal) -> Status:
    """Return what a row without an end counts as: ``ready`` where nothing is to be sent yet, else ``not_sent``."""
    header = journal.header
    planned_only = header.kind in {"plan", "check"} and header.state != "sending"
    return Status.READY if planned_only else Status.NOT_SENT


def tell(problems: tuple[Problem, ...]) -> str:
    """Return a row's problems as one message, errors first."""
    ordered = sorted(problems, key=lambda problem: problem.severity != "error")
    return "; ".join(_problem_text(problem) for problem in ordered)


def _problem_text(problem: Problem) -> str:
    where = problem.cell or problem.field
    text = f"{where}: {problem.message}" if where and where not in problem.message else problem.message
    return f"warning: {text}" if problem.severity == "warning" else text


def iso(at: float) -> str:
    """Return a Unix time as ISO 8601 in local time with offset, to the second."""
    return _iso_second(int(at))


@lru_cache(maxsize=64)
def _iso_second(at: int) -> str:
    # Thousands of rows end within the same second; asking for the local offset each time costs as much as the row.
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat()
