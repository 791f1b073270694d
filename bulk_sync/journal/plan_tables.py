"""The rows, records and changes of a run while it is planned: written in batches, read back in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from bulk_sync.errors import Problem
from bulk_sync.journal.encoding import (
    STATUSES,
    dump,
    dump_cells,
    dump_problems,
    entry_sum,
    load,
    load_cells,
    load_problems,
    storable,
)
from bulk_sync.journal.entries import OpenRow, PlannedChange, RowEntry, StoredChange
from bulk_sync.journal.schema import SUMMED
from bulk_sync.journal.store import Journal
from bulk_sync.records import OUTCOMES, Cell, Change, Json, Status

BATCH = 2000
"""Rows in one transaction while planning: a crash loses at most the plan, and nothing has been sent."""

OUTCOME_AT = len(SUMMED["changes"]) + 1
"""Where in a line of ``CHANGES`` the entry of the outcome begins."""
CHANGES = "SELECT changes.*, outcomes.* FROM changes LEFT JOIN outcomes ON outcomes.change = changes.id"
"""SQL for changes, each beside its outcome, if it has one."""
_PAYLOAD = SUMMED["rows"].index("payload")
DOUBTFUL = (
    "requests LEFT JOIN outcomes ON outcomes.change = requests.change WHERE outcomes.change IS NULL "
    "AND kind = 'patch' AND (replied_at IS NULL OR verdict IN ('again_in_doubt', 'in_doubt'))"
)
"""SQL for the requests that may have been applied, of changes without an outcome."""
_UNENDED = "(outcomes.status IS NULL OR outcomes.status NOT IN ({}))".format(",".join(f"'{end}'" for end in OUTCOMES))
"""SQL for a change without an outcome that ``resume`` keeps to."""


class PlanTables:
    """The planning side of a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._connection = journal.connection

    def add_rows(self, rows: Iterable[RowEntry]) -> Iterator[int]:
        """Store rows as read, with what the mapping made of them; yield the count after each batch."""
        count = 0
        entries = map(_row_entry, rows)
        while batch := list(islice(entries, BATCH)):
            with self._journal.transaction() as connection:
                connection.executemany(
                    "INSERT INTO rows (number, line, cells, raw, keys, payload, problems, record_id, status, code, "
                    "message, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    batch,
                )
            count += len(batch)
            yield count

    def count_open(self) -> int:
        """Return how many rows have no end and no change yet."""
        return self._number("SELECT count(*) FROM open_rows")

    def open_rows(self) -> Iterator[OpenRow]:
        """Yield the rows without an end or a change, in source order; they may be settled while iterating."""
        last = -1
        while True:
            with self._journal.faults():
                batch = self._connection.execute(
                    "SELECT * FROM open_rows WHERE number > ? ORDER BY number LIMIT ?",
                    (last, BATCH),
                ).fetchall()
            if not batch:
                return
            for entry in batch:
                yield self._open_row(entry)
            last = batch[-1][0]

    def open_rows_of(self, record_id: str) -> list[OpenRow]:
        """Return the open rows for one record, in source order."""
        with self._journal.faults():
            found = self._connection.execute(
                "SELECT * FROM open_rows WHERE record_id = ? ORDER BY number",
                (record_id,),
            ).fetchall()
        return [self._open_row(entry) for entry in found]

    def reopen_kept(self, record_id: str) -> None:
        """Open the rows for one record that had been sent by the run before, within the caller's transaction."""
        self._journal.update(
            "rows",
            {"status": None, "code": "", "message": ""},
            f"record_id = :record_id AND status IN ('{Status.UNCHANGED}', '{Status.DIFFERS}') AND payload <> '{{}}'",
            record_id=record_id,
        )

    def skipped_wishes(self, record_id: str, code: str) -> list[dict[str, Json]]:
        """Return what the rows for one record want that are skipped with ``code``, in source order."""
        with self._journal.faults():
            found = self._connection.execute(
                f"SELECT * FROM rows WHERE record_id = ? AND status = '{Status.SKIPPED}' AND code = ? "
                "AND payload NOTNULL ORDER BY number",
                (record_id, code),
            ).fetchall()
        return [load(self._journal.checked("rows", entry)[_PAYLOAD]) for entry in found]

    def wish(self, number: int) -> dict[str, Json] | None:
        """Return what a row wants, None where it was not mapped."""
        with self._journal.faults():
            found = self._connection.execute("SELECT * FROM rows WHERE number = ?", (number,)).fetchone()
        payload = self._journal.checked("rows", found)[_PAYLOAD] if found else None
        return load(payload) if payload else None

    def reduce_wish(self, number: int, left_out: Collection[str]) -> None:
        """Let a row want less: not the fields in ``left_out``. Within the caller's transaction."""
        wish = {name: value for name, value in (self.wish(number) or {}).items() if name not in left_out}
        self._journal.update("rows", {"payload": dump(wish)}, "number = :number", number=number)

    def index_records(self) -> None:
        """Make look-ups by record fast; called once, after the rows are in."""
        with self._journal.transaction() as connection:
            connection.execute("CREATE INDEX IF NOT EXISTS rows_by_record ON rows (record_id) WHERE record_id NOTNULL")

    def repeated_records(self) -> set[str]:
        """Return the records that more than one row is for, be it open or not, which the index alone tells."""
        with self._journal.faults():
            found = self._connection.execute(
                "SELECT record_id FROM rows WHERE record_id NOTNULL GROUP BY record_id HAVING count(*) > 1"
            )
            return {record_id for (record_id,) in found}

    def wanted_records(self) -> Iterator[str]:
        """Yield each record that an open row is for, once; nothing may be settled while iterating."""
        with self._journal.faults():
            for (record_id,) in self._connection.execute(
                "SELECT DISTINCT record_id FROM open_rows WHERE record_id NOTNULL"
            ):
                yield record_id

    def has_unknown(self) -> bool:
        """Whether the record of an open row is still to be looked up."""
        return bool(self._number("SELECT EXISTS (SELECT 1 FROM open_rows WHERE record_id IS NULL)"))

    def settle_row(
        self,
        number: int,
        status: Status,
        code: str,
        message: str,
        *,
        problems: Sequence[Problem] | None = None,
    ) -> None:
        """End a row without a change, within the caller's transaction. ``problems`` replace its own."""
        values: dict[str, object] = {"status": status.value, "code": code, "message": message}
        if problems is not None:
            values["problems"] = dump_problems(problems)
        self._journal.update("rows", values, "number = :number", number=number)

    def assign_record(self, number: int, record_id: str) -> None:
        """Say which record a row is for, within the caller's transaction."""
        self._journal.update("rows", {"record_id": record_id}, "number = :number", number=number)

    def add_changes(self, changes: Sequence[PlannedChange]) -> None:
        """Store changes and join their rows to them, within the caller's transaction.

        Many at once: statement by statement, with SQLite calling back for each checksum, takes four times as long.
        """
        with self._journal.faults():
            self._connection.executemany(
                "INSERT INTO changes (id, record_id, payload, old, note, canary, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
                map(_change_entry, changes),
            )
            self._connection.executemany(
                "INSERT INTO joined (row, change, sum) VALUES (?, ?, ?)",
                [
                    (row, change.id, entry_sum((row, change.id)))
                    for change in changes
                    if len(change.rows) > 1
                    for row in change.rows[1:]
                ],
            )

    def mark_canaries(self, ids: Collection[int]) -> None:
        """Mark the changes that go first and are verified before the rest."""
        with self._journal.transaction():
            for number in ids:
                self._journal.update("changes", {"canary": 1}, "id = :id", id=number)

    def drop_change(self, number: int, status: Status, code: str, message: str, *, at: float) -> None:
        """Leave a planned change out: its rows end with ``status``. Within the caller's transaction."""
        values = (number, status.value, code, message, None, 0, None, at)
        self._connection.execute(
            "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, entry_sum(values))
        )

    def reduce_change(self, number: int, payload: Mapping[str, Json]) -> None:
        """Let a planned change send less. Within the caller's transaction."""
        self._journal.update("changes", {"payload": dump(dict(payload))}, "id = :id", id=number)

    def renew_change(
        self, number: int, payload: Mapping[str, Json], old: Mapping[str, Json], *, remark: str = ""
    ) -> None:
        """Let a planned change send less, over other old values, and say so. Within the caller's transaction."""
        values = {"payload": dump(dict(payload)), "old": dump(dict(old))}
        if remark:
            (note,) = self._connection.execute("SELECT note FROM changes WHERE id = ?", (number,)).fetchone()
            values["note"] = f"{note}; {remark}" if note else remark
        self._journal.update("changes", values, "id = :id", id=number)

    def count_unended(self) -> int:
        """Return how many changes have no outcome that ``resume`` keeps to."""
        return self._number(
            f"SELECT count(*) FROM changes LEFT JOIN outcomes ON outcomes.change = changes.id WHERE {_UNENDED}"
        )

    def add_records(self, records: Iterable[tuple[str, Mapping[str, Json]]], *, read_at: float) -> None:
        """Keep records as they were read before writing; a later reading replaces an earlier one."""
        entries = [(record_id, dump(dict(body)), read_at) for record_id, body in records]
        with self._journal.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO records (id, body, read_at, sum) VALUES (?, ?, ?, ?)",
                [(*entry, entry_sum(entry)) for entry in entries],
            )

    def record(self, record_id: str) -> tuple[dict[str, Json], float] | None:
        """Return a record as it was read, and when (Unix time)."""
        with self._journal.faults():
            found = self._connection.execute("SELECT * FROM records WHERE id = ?", (record_id,)).fetchone()
        if found is None:
            return None
        _, body, read_at = self._journal.checked("records", found)
        return load(str(body)), cast("float", read_at)

    def read_between(self, since: float, until: float) -> dict[str, float]:
        """Return the records that were read within a time, and when; :meth:`record` checks the entry."""
        with self._journal.faults():
            return dict(
                self._connection.execute(
                    "SELECT id, read_at FROM records WHERE read_at BETWEEN ? AND ?", (since, until)
                )
            )

    def gone_between(self, since: float, until: float) -> dict[str, float]:
        """Return the records of which the API said within a time that there is no such one, and when."""
        with self._journal.faults():
            found = self._connection.execute(
                "SELECT * FROM requests WHERE kind = 'get' AND http_status = 404 AND replied_at BETWEEN ? AND ?",
                (since, until),
            ).fetchall()
        entries = [self._journal.checked("requests", entry) for entry in found]
        return {target: replied_at for _, _, _, target, _, replied_at, *_ in entries}

    def records(self) -> Iterator[dict[str, Json]]:
        """Yield every record that was read."""
        with self._journal.faults():
            for entry in self._connection.execute("SELECT * FROM records"):
                _, body, _ = self._journal.checked("records", entry)
                yield load(str(body))

    def count_records(self) -> int:
        """Return how many records were read."""
        return self._number("SELECT count(*) FROM records")

    def changes(self, *, only_open: bool = False) -> Iterator[StoredChange]:
        """Yield the changes in their order; ``only_open``: those without an outcome that ``resume`` keeps to."""
        for batch in self._change_batches(_UNENDED if only_open else "1"):
            with self._journal.faults():
                further = self._further_rows([entry[0] for entry in batch])
            for entry in batch:
                yield self._stored_change(entry, further)

    def to_send(self, begun: Collection[int] = ()) -> Iterator[Change]:
        """Yield the changes without an outcome that ``resume`` keeps to, the canaries first.

        In doubt are those that were left so, and those in ``begun``. Each entry is checked, but what is not sent is
        not parsed, and its rows are not looked up.
        """
        for canary in (True, False):
            for batch in self._change_batches(f"canary = {canary:d} AND {_UNENDED}"):
                for entry in batch:
                    number, record_id, payload, *_ = self._journal.checked("changes", entry)
                    attempts, doubt = 0, number in begun
                    if entry[OUTCOME_AT] is not None:
                        _, status, _, _, _, attempts, *_ = self._journal.checked("outcomes", entry, OUTCOME_AT)
                        doubt = doubt or status == Status.IN_DOUBT
                    yield Change(number, record_id, load(payload), attempts, canary, doubt, payload)

    def canaries(self) -> list[StoredChange]:
        """Return the changes that go first and have no outcome yet."""
        with self._journal.faults():
            found = self._connection.execute(f"{CHANGES} WHERE canary = 1 ORDER BY changes.id").fetchall()
        stored = [self._stored_change(entry, {}) for entry in found]
        return [change for change in stored if change.status not in OUTCOMES]

    def begun_changes(self) -> frozenset[int]:
        """Return the changes without an outcome of which a request may have been applied (a crash's heirs)."""
        return frozenset(doubtful_changes(self._journal))

    def cells(self) -> Iterator[tuple[int, int | None, tuple[str | Cell, ...]]]:
        """Yield each row's number, line and cells as read, in source order."""
        with self._journal.faults():
            for entry in self._connection.execute("SELECT * FROM rows ORDER BY number"):
                columns = self._journal.checked("rows", entry)
                yield columns[0], columns[1], load_cells(columns[2])

    def _change_batches(self, where: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the entries of the changes that ``where``, SQL of ours, selects, each beside that of its outcome."""
        last = 0
        while True:
            with self._journal.faults():
                batch = self._connection.execute(
                    f"{CHANGES} WHERE changes.id > ? AND {where} ORDER BY changes.id LIMIT ?", (last, BATCH)
                ).fetchall()
            if batch:
                yield batch
            if len(batch) < BATCH:
                return  # asking once more would go through all that ``where`` leaves out
            last = batch[-1][0]

    def _further_rows(self, ids: Sequence[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        marks = ",".join("?" * len(ids))
        for entry in self._connection.execute(f"SELECT * FROM joined WHERE change IN ({marks}) ORDER BY row", ids):
            number, change = self._journal.checked("joined", entry)
            found.setdefault(change, []).append(number)
        return found

    def _stored_change(self, entry: tuple[Any, ...], further: Mapping[int, Sequence[int]]) -> StoredChange:
        number, record_id, payload, old, _, canary = self._journal.checked("changes", entry)
        status = answer = None
        if entry[OUTCOME_AT] is not None:
            _, status, _, _, _, _, answer, _ = self._journal.checked("outcomes", entry, OUTCOME_AT)
        return StoredChange(
            number,
            record_id,
            (number, *further.get(number, ())),
            load(payload),
            load(old),
            STATUSES[status] if status else None,
            load(answer),
            bool(canary),
        )

    def _open_row(self, entry: tuple[Any, ...]) -> OpenRow:
        number, line, _, _, keys, payload, problems, record_id, *_ = self._journal.checked("rows", entry)
        found_keys = cast("tuple[str, ...]", load_cells(keys)) if keys else ()
        found = load(payload) or {}
        return OpenRow(number, found_keys, found, load_problems(problems), record_id, line, payload or "")

    def _number(self, sql: str) -> int:
        with self._journal.faults():
            (number,) = self._connection.execute(sql).fetchone()
        return int(number)


def doubtful_changes(journal: Journal) -> tuple[int, ...]:
    """Return the changes without an outcome of which a request left and was not refused for certain."""
    with journal.faults():
        found = journal.connection.execute(f"SELECT DISTINCT requests.change FROM {DOUBTFUL}").fetchall()
    return tuple(change for (change,) in found)


def _change_entry(change: PlannedChange) -> tuple[str | int, ...]:
    record_id, rows, payload, old, note, payload_json = change
    old_json = dump(dict(old)) if old else "{}"
    entry = (rows[0], record_id, payload_json or dump(dict(payload)), old_json, note, 0)
    return (*entry, entry_sum(entry))


def _row_entry(item: RowEntry) -> tuple[Any, ...]:
    row, mapped, record_id, status, code, message = item
    problems = row.problems
    keys = payload = None
    if mapped is not None:
        problems += mapped.problems
        keys, payload = dump_cells(mapped.keys), dump(mapped.payload)
    entry = (
        row.row_number,
        row.line,
        dump_cells(row.values),
        storable(row.raw),
        keys,
        payload,
        dump_problems(problems),
        record_id,
        status.value if status else None,
        code,
        storable(message),
    )
    return (*entry, entry_sum(entry))
