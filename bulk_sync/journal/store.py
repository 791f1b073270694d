"""Open, create and close a journal; its header; faults of the disk in our words."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from bulk_sync.errors import DiskFault, Refused
from bulk_sync.journal.encoding import dump, entry_sum, load
from bulk_sync.journal.schema import APPLICATION_ID, SUMMED, TABLES, VERSION
from bulk_sync.records import Json

RunKind = Literal["run", "check", "plan", "retry", "undo"]
RunState = Literal["planning", "planned", "sending", "done"]

_PAGE = 16384
"""Bytes of a page, four times SQLite's own: an entry with its answer has some 700, and who goes through a million of
them waits a third less."""
_WIDTHS = {table: len(columns) for table, columns in SUMMED.items()}
_LASTING = ("rows", "changes", "joined", "outcomes")
"""Tables that lose no entry once a plan is whole."""
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class JournalDamaged(Refused):
    """The journal's file is torn, flipped or not a journal; nothing of it is believed."""


class JournalFault(DiskFault):
    """The disk refused a write or a sync: nothing more is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What a run is: everything ``resume`` needs but the key. Times are Unix seconds."""

    run: str
    kind: RunKind = "run"
    parent: str = ""
    state: RunState = "planning"
    resource: str = "clients"
    base_url: str = ""
    account: str = ""
    sandbox: bool = False
    source_path: str = ""
    source_sha256: str = ""
    source_kind: str = ""
    sheet: str = ""
    header: tuple[str, ...] = ()
    mapping_path: str = ""
    mapping_text: str = ""
    mapping_sha256: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)
    output: str = ""
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    busy_seconds: float = 0.0
    exit_code: int | None = None
    stopped_by: str = ""
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What planning found out and the results tell: forecast, guards, requests spent on reading."""
    entries: Mapping[str, int] = field(default_factory=dict)
    """How many entries tables had when the state was last set, the plan being whole: none of them ever goes."""


class Journal:
    """The open journal of one run.

    Raises :class:`JournalFault` where the disk refuses, :class:`JournalDamaged` where an entry's checksum
    does not fit or SQLite finds the file corrupt.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, verified: bool) -> None:
        self.path = path
        self.connection = connection
        self._header: RunHeader | None = None
        self._verified = verified

    @property
    def header(self) -> RunHeader:
        """What the run is."""
        if self._header is None:
            self._header = self._read_header()
        return self._header

    @property
    def planned(self) -> bool:
        """Whether every row has its end or its change."""
        return self.header.state != "planning"

    def update_header(self, **changes: object) -> RunHeader:
        """Change entries of the header, durably."""
        if changes.get("state", "planning") != "planning":
            known = self.header.entries
            changes["entries"] = {table: max(self._count(table), known.get(table, 0)) for table in _LASTING}
        self._header = replace(self.header, **changes)  # type: ignore[arg-type]  # names are checked by replace
        with self.transaction():
            self.write_header(changes)
        return self._header

    def begin_again(self, header: RunHeader, *, keep_reading: bool) -> None:
        """Forget the rows of a run whose plan was never whole, and what was planned of them; nothing of it was sent.

        ``keep_reading``: what was read of the CRM stays, and the requests that it took.
        """
        read = () if keep_reading else ("records", "requests")
        with self.transaction() as connection:
            for table in ("joined", "changes", "rows", *read):
                connection.execute(f"DELETE FROM {table}")
            self.write_header({item.name: getattr(header, item.name) for item in fields(header)})
        self._header = header

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is committed together and durably, or not at all."""
        with self.faults():
            if self.connection.in_transaction:
                self.connection.commit()  # what others wait for must not go down with this
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.rollback()
                raise
            self.connection.commit()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, here and nowhere else."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._fault(error) from error
        except UnicodeDecodeError as error:
            raise self.damaged("it has text that nobody wrote") from error

    def update(self, table: str, values: Mapping[str, object], where: str, **params: object) -> int:
        """Set columns of the entries that ``where`` selects and renew their checksums; return how many.

        ``where`` is SQL of ours that names ``params`` as ``:name``. Within the caller's transaction.
        """
        sets = ", ".join(f"{column} = :new_{column}" for column in values)
        summed = ", ".join(f":new_{column}" if column in values else column for column in SUMMED[table])
        sql = f"UPDATE {table} SET {sets}, sum = entry_sum({summed}) WHERE {where}"
        new = {f"new_{column}": value for column, value in values.items()}
        return self.connection.execute(sql, {**new, **params}).rowcount

    def checked(self, table: str, line: tuple[Any, ...], first: int = 0) -> tuple[Any, ...]:
        """Return an entry's summed columns, in order, if its checksum fits.

        ``line`` is what SQL returned, with the entry at ``first`` in it, its ``sum`` last.
        """
        last = first + _WIDTHS[table]
        entry = line[first:last]
        if entry_sum(entry) != line[last]:
            raise self.damaged(f"an entry of {table} ({SUMMED[table][0]} {entry[0]}) does not fit its checksum")
        return entry

    def verify(self) -> None:
        """Read everything once: entries by their checksums, pages and indexes by SQLite's own check.

        Costs about 15 s for a million rows; nothing where it was done before, or where this process began the run.
        Raises :class:`JournalDamaged`.
        """
        if self._verified:
            return
        self._check_pages("integrity_check")
        for table in SUMMED:
            _exhaust(self._checked_entries(f"SELECT * FROM {table}", table))
        lost = "SELECT row FROM joined WHERE change NOT IN (SELECT id FROM changes)"
        if self.planned:
            lost += " UNION ALL SELECT number FROM open_rows"
        with self.faults():
            found = self.connection.execute(f"{lost} LIMIT 1").fetchone()
        if found is not None:
            raise self.without_change(found[0])
        self._check_counts(*_LASTING)
        self._verified = True

    def verify_for_sending(self) -> None:
        """Check what decides which changes are sent again: :meth:`verify` is still to be called before the results.

        That is which changes have an outcome, and the requests of those that have none; a change is checked when it is
        read. Costs about a third of :meth:`verify`. Raises :class:`JournalDamaged`.
        """
        unended = (
            "SELECT requests.* FROM requests LEFT JOIN outcomes USING (change) WHERE outcomes.status IS NULL "
            "ORDER BY requests.id"
        )
        self._check_pages("quick_check")
        _exhaust(self._checked_entries("SELECT * FROM outcomes", "outcomes"))
        self._check_counts("outcomes")
        doubtful = set()  # of these a refusal is no outcome
        for _, change, kind, _, _, replied_at, *_, verdict in self._checked_entries(unended, "requests"):
            if kind != "patch":
                continue
            if verdict == "done" or (verdict == "failed" and change not in doubtful):
                raise self.damaged(f"the outcome of change {change} is missing")
            if replied_at is None or verdict in {"again_in_doubt", "in_doubt"}:
                doubtful.add(change)

    def _check_counts(self, *tables: str) -> None:
        """Notice entries that are gone, of which no other entry tells."""
        for table in tables:
            known, found = self.header.entries.get(table, 0), self._count(table)
            if found < known:
                raise self.damaged(f"{table} has {found} entries, and had {known}")

    def _count(self, table: str) -> int:
        with self.faults():
            (count,) = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)

    def _check_pages(self, pragma: Literal["integrity_check", "quick_check"]) -> None:
        with self.faults():
            (verdict,) = self.connection.execute(f"PRAGMA {pragma}(1)").fetchone()
        if verdict != "ok":
            raise self.damaged(f"SQLite says {' '.join(str(verdict).split())}")

    def _checked_entries(self, sql: str, table: str) -> Iterator[tuple[object, ...]]:
        with self.faults():
            for entry in self.connection.execute(sql):
                yield self.checked(table, entry)

    def damaged(self, what: str) -> JournalDamaged:
        """Return the refusal of a journal that cannot be believed."""
        return JournalDamaged(
            f"{self.path}: {what}: this journal cannot be believed",
            hint="restore the file from a backup, or start a new run: rows that were sent compare as unchanged",
        )

    def without_change(self, row: int) -> JournalDamaged:
        """Return the refusal of a journal in which a row has lost its change, or its end."""
        return self.damaged(f"the change of row {row} is missing")

    def close(self) -> None:
        """Close the file; everything committed is on disk already."""
        self.connection.close()

    def _read_header(self) -> RunHeader:
        with self.faults():
            entries = self.connection.execute("SELECT key, value, sum FROM run").fetchall()
        known = {item.name for item in fields(RunHeader)}
        values: dict[str, Any] = {
            str(key): load(str(value)) for key, value in (self.checked("run", e) for e in entries)
        }
        if "run" not in values:
            raise self.damaged("it has no header")
        for name in ("header", "notes"):
            values[name] = tuple(values.get(name, ()))
        return RunHeader(**{name: value for name, value in values.items() if name in known})

    def write_header(self, entries: Mapping[str, object]) -> None:
        """Write entries of the header, within the caller's transaction."""
        texts = [(key, dump(value)) for key, value in entries.items()]
        self.connection.executemany(
            "INSERT OR REPLACE INTO run (key, value, sum) VALUES (?, ?, ?)",
            [(key, text, entry_sum((key, text))) for key, text in texts],
        )

    def _fault(self, error: sqlite3.Error) -> BaseException:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGE:
            return self.damaged(f"SQLite says {error}")
        return JournalFault(f"{self.path}: cannot be written: {error}")


def _exhaust(entries: Iterable[object]) -> None:
    deque(entries, maxlen=0)


def create_journal(path: Path, header: RunHeader, *, durable: bool = True) -> Journal:
    """Make a new journal in a folder that only its owner can read; nothing is left of one that cannot be made.

    It is made beside its name and then put in place: a process that is killed meanwhile leaves no journal, and so no
    run, instead of one that nobody can read. ``durable`` False is for ``check``, whose journal is thrown away at its
    end.
    """
    making = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(making, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise JournalFault(f"{path}: cannot be made: {error.strerror or error}") from error
    try:
        _write_tables(making, header)
        _put_in_place(making, path, durable=durable)
        return Journal(path, _connect(path, durable=durable), verified=True)
    except BaseException:
        for name in (making.name, path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        raise


def _write_tables(path: Path, header: RunHeader) -> None:
    journal = Journal(path, _connect(path, durable=False), verified=True)
    try:
        with journal.faults():
            journal.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            journal.connection.execute(f"PRAGMA user_version = {VERSION}")
            journal.connection.executescript(f"BEGIN; {TABLES} COMMIT;")
        with journal.transaction():
            fresh = replace(header, entries={})  # where it is another run's, as of a retry
            journal.write_header({item.name: getattr(fresh, item.name) for item in fields(fresh)})
    finally:
        journal.close()


def _put_in_place(making: Path, path: Path, *, durable: bool) -> None:
    try:
        if durable:
            with making.open("rb+") as file:
                os.fsync(file.fileno())
        making.rename(path)
    except OSError as error:
        raise JournalFault(f"{path}: cannot be made: {error.strerror or error}") from error


def open_journal(path: Path, *, verify: Literal["whole", "for_sending", "nothing"] = "whole") -> Journal:
    """Open a run's journal, checked for being one, of a version that this program reads, and whole.

    Of one that is opened ``for_sending`` the rest is to be verified later (:meth:`Journal.verify`). Where ``nothing``
    is verified only what is read is checked: enough for a list of runs.
    """
    if not path.is_file():
        raise Refused(f"{path}: no such journal", hint="bulk-sync runs lists the runs there are")
    journal = Journal(path, _connect(path, durable=True), verified=False)
    try:
        _check_kind(journal)
        if verify == "whole":
            journal.verify()
        elif verify == "for_sending":
            journal.verify_for_sending()
    except BaseException:
        journal.close()
        raise
    return journal


def _check_kind(journal: Journal) -> None:
    path = journal.path
    with journal.faults():
        (application,) = journal.connection.execute("PRAGMA application_id").fetchone()
        (version,) = journal.connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise journal.damaged("it is not a journal of bulk_sync")
    if version != VERSION:
        raise Refused(
            f"{path}: written by another version of bulk_sync (journal {version}, this program reads {VERSION})",
            hint="finish the run with the version that began it",
        )


def _connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.create_function("entry_sum", -1, lambda *parts: entry_sum(parts), deterministic=True)
    try:
        with Journal(path, connection, verified=False).faults():
            connection.execute(f"PRAGMA page_size = {_PAGE}")  # of a file that is new
            connection.execute(f"PRAGMA journal_mode = {'WAL' if durable else 'OFF'}")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    except BaseException:
        connection.close()
        raise
    return connection
