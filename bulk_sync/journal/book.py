"""A run as its results tell it: rows, changes and requests, read from the journal in source order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, cast

from bulk_sync.errors import Problem
from bulk_sync.journal.encoding import load, load_cells, load_problems
from bulk_sync.journal.plan_tables import doubtful_changes
from bulk_sync.journal.schema import SUMMED
from bulk_sync.journal.store import Journal
from bulk_sync.planning.values import shown_value
from bulk_sync.records import ChangedField, Json, RequestLine, RowResult, RunSummary, Status

_SENT = frozenset({Status.UPDATED, Status.DIFFERS, Status.FAILED, Status.IN_DOUBT, Status.READY})
_BATCH = 1000
_ROWS = "SELECT rows.*, joined.* FROM rows LEFT JOIN joined ON joined.row = rows.number"
_JOINED = len(SUMMED["rows"]) + 1
_CHANGE = _JOINED + SUMMED["joined"].index("change")
"""Where in a line of ``_ROWS`` the entry of ``joined`` begins, and where the change stands."""
_PROBLEMS = SUMMED["rows"].index("problems")


class _Ended(NamedTuple):
    """What a change says of its rows."""

    first_row: int
    record_id: str
    fields: tuple[str, ...]
    status: Status
    code: str
    message: str
    http_status: int | None
    attempts: int
    number: str
    finished_at: float | None


class JournalBook:
    """The run behind ``journal`` as lines of the results; streams, holds nothing.

    ``open_status`` is what a change without an outcome counts as where nothing of it was ever sent:
    ``not_sent``, or ``ready`` in a plan.
    """

    def __init__(self, journal: Journal, summary: RunSummary, *, readable: frozenset[str] = frozenset()) -> None:
        self._journal = journal
        self.summary = summary
        self.header = journal.header.header
        self.sheet = journal.header.sheet
        self._readable = readable
        self._open_status = open_status(journal)
        self._in_doubt = frozenset(doubtful_changes(journal))

    def rows(self) -> Iterator[RowResult]:
        """Yield a line for each source row, in source order."""
        last = -1
        while True:
            with self._journal.faults():
                batch = self._journal.connection.execute(
                    f"{_ROWS} WHERE number > ? ORDER BY number LIMIT ?", (last, _BATCH)
                ).fetchall()
                ended = self._ended(batch)
            if not batch:
                return
            for entry in batch:
                yield self._row(entry, ended)
            last = batch[-1][0]

    def row(self, number: int) -> RowResult | None:
        """Return the line of one source row, None where the run has no such row."""
        with self._journal.faults():
            batch = self._journal.connection.execute(f"{_ROWS} WHERE number = ?", (number,)).fetchall()
            ended = self._ended(batch)
        return self._row(batch[0], ended) if batch else None

    def changes(self) -> Iterator[ChangedField]:
        """Yield a line for each field of each change, a unit's parts apart."""
        with self._journal.faults():
            for entry in self._journal.connection.execute(
                "SELECT changes.*, outcomes.* FROM changes LEFT JOIN outcomes ON outcomes.change = changes.id "
                "ORDER BY changes.id"
            ):
                columns = self._journal.checked("changes", entry[:8])
                outcome = self._journal.checked("outcomes", entry[8:]) if entry[8] is not None else None
                if outcome is None or outcome[1] not in {Status.SKIPPED, Status.INVALID}:
                    yield from self._changed_fields(columns, outcome[6] if outcome else None)

    def counts(self) -> dict[Status, int]:
        """Return how many rows ended with each status; their sum is the number of rows."""
        with self._journal.faults():
            connection = self._journal.connection
            found = connection.execute(
                "SELECT coalesce(rows.status, outcomes.status), count(*) FROM rows "
                "LEFT JOIN joined ON joined.row = rows.number "
                "LEFT JOIN outcomes ON outcomes.change = joined.change GROUP BY 1"
            ).fetchall()
            doubtful = sum(
                connection.execute("SELECT count(*) FROM joined WHERE change = ?", (change,)).fetchone()[0]
                for change in self._in_doubt
            )
        counts = {self._status(name): count for name, count in found if name is not None}
        unended = next((count for name, count in found if name is None), 0)
        for status, count in ((Status.IN_DOUBT, doubtful), (self._open_status, unended - doubtful)):
            if count:
                counts[status] = counts.get(status, 0) + count
        return counts

    def _status(self, name: str) -> Status:
        try:
            return Status(name)
        except ValueError:  # counted by SQL, which checks no entry
            raise self._journal.damaged(f"{name!r} is the status of no row") from None

    def request_counts(self) -> dict[str, int]:
        """Return how many requests left, by kind."""
        with self._journal.faults():
            return dict(self._journal.connection.execute("SELECT kind, count(*) FROM requests GROUP BY kind"))

    def problems(self) -> Iterator[Problem]:
        """Yield every problem, in row order."""
        with self._journal.faults():
            for entry in self._journal.connection.execute("SELECT * FROM rows WHERE problems NOTNULL ORDER BY number"):
                yield from load_problems(cast("str", self._journal.checked("rows", entry)[_PROBLEMS]))

    def requests(self) -> Iterator[RequestLine]:
        """Yield each request that was answered, or that should have been, in the order they left."""
        with self._journal.faults():
            for entry in self._journal.connection.execute("SELECT * FROM requests ORDER BY id"):
                columns = self._journal.checked("requests", entry)
                yield RequestLine(
                    at=cast("float", columns[4]),
                    kind=cast("str", columns[2]),  # type: ignore[arg-type]  # written from the same literal
                    http_status=cast("int | None", columns[6]),
                    seconds=cast("float | None", columns[7]) or 0.0,
                    verdict=str(columns[8]),
                    change_id=cast("int | None", columns[1]),
                )

    def _ended(self, batch: list[tuple[object, ...]]) -> dict[int, _Ended]:
        wanted = sorted({cast("int", entry[_CHANGE]) for entry in batch if entry[_CHANGE] is not None})
        if not wanted:
            return {}
        # Changes are numbered in source order, so a batch's changes lie close together; a repeated row may not.
        marks = ",".join("?" * len(wanted))
        found = self._journal.connection.execute(
            "SELECT changes.*, outcomes.* FROM changes LEFT JOIN outcomes ON outcomes.change = changes.id "
            f"WHERE changes.id IN ({marks})",
            wanted,
        ).fetchall()
        return {cast("int", entry[0]): self._change_end(entry) for entry in found}

    def _change_end(self, entry: tuple[object, ...]) -> _Ended:
        number, record_id, first_row, payload, _, note, _ = self._journal.checked("changes", entry[:8])
        outcome: tuple[object, ...] = (None, None, "", "", None, 0, None, None)
        if entry[8] is not None:
            outcome = self._journal.checked("outcomes", entry[8:])
        _, status_name, code, message, http_status, attempts, answer, finished_at = outcome
        unended = Status.IN_DOUBT if number in self._in_doubt else self._open_status
        status = Status(str(status_name)) if status_name else unended
        sent = cast("Mapping[str, Json]", load(str(payload)))
        record = cast("Mapping[str, Json] | None", load(cast("str | None", answer)))
        return _Ended(
            cast("int", first_row),
            str(record_id),
            tuple(sent) if status in _SENT else (),
            status,
            str(code),
            "; ".join(part for part in (str(message), str(note)) if part),
            cast("int | None", http_status),
            cast("int", attempts),
            str(record.get("number") or "") if record else "",
            cast("float | None", finished_at),
        )

    def _row(self, entry: tuple[object, ...], ended: Mapping[int, _Ended]) -> RowResult:
        columns = self._journal.checked("rows", entry[:_JOINED])
        change = None if entry[_CHANGE] is None else self._journal.checked("joined", entry[_JOINED:])[1]
        number, line, cells, raw, _, _, problem_text, record_id, status_name, code, message = columns
        problems = load_problems(cast("str | None", problem_text))
        told = str(message) or tell(problems)
        if change is None:
            return RowResult(
                row_number=cast("int", number),
                values=load_cells(str(cells)),
                status=Status(str(status_name)) if status_name else self._open_status,
                code=str(code),
                client_id=str(record_id or ""),
                message=told,
                finished_at=self._planned_at() if status_name else "",
                problems=problems,
                line=cast("int | None", line),
                raw=str(raw),
            )
        end = ended[cast("int", change)]
        merged = f"sent with row {end.first_row}" if end.first_row != number else ""
        return RowResult(
            row_number=cast("int", number),
            values=load_cells(str(cells)),
            status=end.status,
            code=end.code or str(code),
            client_id=end.record_id,
            client_number=end.number,
            changed=end.fields,
            http_status=end.http_status,
            attempts=end.attempts,
            message="; ".join(part for part in (merged, end.message, told) if part),
            finished_at=iso(end.finished_at) if end.finished_at else "",
            problems=problems,
            line=cast("int | None", line),
            raw=str(raw),
        )

    def _planned_at(self) -> str:
        return iso(self._journal.header.started_at) if self._journal.header.started_at else ""

    def _changed_fields(self, columns: tuple[object, ...], answered: object) -> Iterator[ChangedField]:
        record_id, first_row = str(columns[1]), cast("int", columns[2])
        payload = cast("dict[str, Json]", load(str(columns[3])))
        old = cast("dict[str, Json]", load(str(columns[4])))
        answer = cast("dict[str, Json] | None", load(cast("str | None", answered)))
        for field, new in payload.items():
            shown, stored = shown_value(answer, field, readable=self._readable) if answer else (False, None)
            known, before = field in old, old.get(field)
            if not isinstance(new, dict) or field.startswith("cf_"):
                yield ChangedField(first_row, record_id, field, before, new, stored, known, shown)
                continue
            for part, value in new.items():
                yield ChangedField(
                    first_row,
                    record_id,
                    f"{field}.{part}",
                    _part(before, part),
                    value,
                    _part(stored, part),
                    known,
                    shown,
                )


def _part(unit: Json, part: str) -> Json:
    """Return a part of a unit, None where the unit is none."""
    return unit.get(part) if isinstance(unit, dict) else None


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
