"""The sandbox's memory: clients and used-up quota in one SQLite file, or in memory.

Several processes may use one file at once, and any of them may be killed: each change is one transaction, and
nothing is kept outside the file. WAL with ``synchronous=NORMAL`` survives a killed process; only a power
failure may lose the last changes, which a sandbox can bear.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import RLock

from bulk_sync.sandbox.clients import Json, Record, new_client
from bulk_sync.sandbox.config import Quota
from bulk_sync.sandbox.quota import Standing, State, judge
from bulk_sync.sandbox.samples import loose

FILE_NAME = "sandbox.sqlite3"

_BATCH = 1000
"""Clients made in one transaction: other processes get their turn between two."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS clients (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS quotas (key TEXT PRIMARY KEY, states TEXT NOT NULL);
"""


class Store:
    """Clients by id in the order they were made, and the state of each key's quotas. Safe between threads.

    :raises OSError: when the folder cannot be used, or the disk takes no more.
    """

    def __init__(self, folder: Path | None, *, time: Callable[[], float]) -> None:
        self._time = time
        self._lock = RLock()
        self._where = ":memory:" if folder is None else str(_private_file(folder))
        self._database = sqlite3.connect(self._where, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            with self._faults():
                self._database.execute("PRAGMA journal_mode=WAL").close()
                self._database.execute("PRAGMA synchronous=NORMAL").close()
                self._database.executescript(_SCHEMA).close()
        except OSError:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn what SQLite says of the file into what the system would say of it."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error), self._where) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._faults():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # SQLite has left it already where the disk is full
                    self._database.execute("ROLLBACK")
                raise

    def _rows(self, sql: str, values: Sequence[Json] = ()) -> list[tuple[int, str]]:
        with self._lock, self._faults():
            return self._database.execute(sql, values).fetchall()

    def admit(self, key: str, quotas: Sequence[Quota]) -> list[Standing]:
        """Judge one request of ``key`` now and remember it."""
        if all(quota.rate == "none" for quota in quotas):
            return []
        with self._writing() as database:
            row = database.execute("SELECT states FROM quotas WHERE key = ?", (key,)).fetchone()
            held: list[State] = json.loads(row[0]) if row else []
            standings, states = judge(quotas, held, self._time())
            database.execute("INSERT OR REPLACE INTO quotas VALUES (?, ?)", (key, json.dumps(states)))
        return standings

    def get(self, client_id: str) -> Record | None:
        """Return the whole record."""
        rows = self._rows("SELECT seq, record FROM clients WHERE id = ?", (client_id,))
        return _record(rows[0][1]) if rows else None

    def other(self, client_id: str) -> Record | None:
        """Return some client that is not this one."""
        rows = self._rows("SELECT seq, record FROM clients WHERE id != ? ORDER BY seq LIMIT 1", (client_id,))
        return _record(rows[0][1]) if rows else None

    def page(self, after: int, limit: int, *, skip: int = 0) -> list[tuple[int, Record]]:
        """Return clients in the order they were made, each with its place, from behind place ``after``."""
        sql = "SELECT seq, record FROM clients WHERE seq > ? ORDER BY seq LIMIT ? OFFSET ?"
        return [(seq, _record(text)) for seq, text in self._rows(sql, (after, limit, skip))]

    def count(self) -> int:
        """Return how many clients there are."""
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM clients").fetchone()[0])

    def records(self) -> dict[str, Record]:
        """Return every whole record by its id."""
        every = (_record(text) for _, text in self._rows("SELECT seq, record FROM clients ORDER BY seq"))
        return {str(record["id"]): record for record in every}

    def shared_by(self, name: str, value: Json, *, client_id: str) -> bool:
        """Whether another client has this value in this field. Looks at every client."""
        sql = "SELECT seq, id FROM clients WHERE id != ? AND json_extract(record, ?) = ? LIMIT 1"
        return bool(self._rows(sql, (client_id, f'$."{name}"', value)))

    def change(self, client_id: str, apply: Callable[[Record], Record]) -> Record | None:
        """Replace a record by what ``apply`` makes of it; None where there is no such client."""
        with self._writing() as database:
            row = database.execute("SELECT record FROM clients WHERE id = ?", (client_id,)).fetchone()
            if row is None:
                return None
            changed = apply(_record(row[0]))
            database.execute("UPDATE clients SET record = ? WHERE id = ?", (_text(changed), client_id))
        return changed

    def add(self, given: Mapping[str, Json]) -> Record:
        """Make a client with an id and a number of its own where none is given."""
        with self._writing() as database:
            (seq,) = _places(database, 1)
            record = new_client(given, seq=seq, created=self._now())
            database.execute("INSERT INTO clients VALUES (?, ?, ?)", (seq, record["id"], _text(record)))
        return record

    def add_all(self, given: Iterable[Mapping[str, Json]]) -> int:
        """Make clients, leaving out those whose id exists. Returns how many were made."""
        created = self._now()
        made = 0
        waiting = iter(given)
        while batch := list(islice(waiting, _BATCH)):
            with self._writing() as database:
                places = _places(database, len(batch))
                records = (new_client(one, seq=seq, created=created) for seq, one in zip(places, batch, strict=True))
                lines = [(seq, record["id"], _text(record)) for seq, record in zip(places, records, strict=True)]
                made += database.executemany("INSERT OR IGNORE INTO clients VALUES (?, ?, ?)", lines).rowcount
        return made

    def values(self, name: str) -> set[Json]:
        """Return every value that a field has; grows with the number of clients."""
        sql = "SELECT 0, json_extract(record, ?) FROM clients"
        return {value for _, value in self._rows(sql, (f'$."{name}"',))}

    def holders(self, name: str) -> dict[str, str]:
        """Return which client has each value of a field, by :func:`loose`; the last one of several."""
        sql = "SELECT json_extract(record, ?), id FROM clients"
        return {loose(value): found for value, found in self._rows(sql, (f'$."{name}"',))}

    def remove(self, client_id: str) -> bool:
        """Remove a client; False where there is none."""
        with self._writing() as database:
            return database.execute("DELETE FROM clients WHERE id = ?", (client_id,)).rowcount == 1

    def empty(self) -> None:
        """Forget every client and all used-up quota."""
        with self._writing() as database:
            for table in ("clients", "counts", "quotas"):
                database.execute(f"DELETE FROM {table}")

    def has_mark(self, name: str) -> bool:
        """Whether this has been marked since the file was emptied."""
        return bool(self._rows("SELECT value, name FROM counts WHERE name = ?", (name,)))

    def mark(self, name: str) -> None:
        """Mark that something has been done, for every process that uses the file."""
        with self._writing() as database:
            database.execute("INSERT OR IGNORE INTO counts VALUES (?, 1)", (name,))

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._time(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _private_file(folder: Path) -> Path:
    """Make the file readable by its owner only: people try the sandbox with their real sheets."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / FILE_NAME
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return path


def _places(database: sqlite3.Connection, count: int) -> range:
    """Reserve places that no client had before, so that a cursor never meets a new client in an old place."""
    sql = (
        "INSERT INTO counts VALUES ('place', ?) ON CONFLICT DO UPDATE SET value = value + excluded.value "
        "RETURNING value"
    )
    last = int(database.execute(sql, (count,)).fetchone()[0])
    return range(last - count + 1, last + 1)


_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _record(text: str) -> Record:
    record: Record = json.loads(text)
    return record


def _text(record: Record) -> str:
    return _ENCODER.encode(record)
