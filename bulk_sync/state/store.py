"""What outlives runs: the ledger, what was learned of an account, which files are ours; one SQLite file.

The folder and the file are readable by their owner only.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from bulk_sync.errors import DiskFault
from bulk_sync.records import Json

_PATIENCE, _NAP = 200, 0.05
"""How often, and after how many seconds each, to try what SQLite does not wait for."""

_TABLES = """
-- With row ids: a body is longer than a table without them keeps in a page (a quarter of it), so that each would take
-- a page of its own, and records that come in another order than their ids would tear the pages apart.
CREATE TABLE IF NOT EXISTS ledger (
  account TEXT NOT NULL, record_id TEXT NOT NULL, run TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (account, record_id)
);
-- The greatest run that the ledger names for an account: whether a later run than this one has handled anything there
-- is asked again and again while a run sends.
CREATE TABLE IF NOT EXISTS latest (account TEXT PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS learned (
  account TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outputs (
  path TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, run TEXT NOT NULL
) WITHOUT ROWID;
"""


class StateFault(DiskFault):
    """The state file cannot be read or written."""


class State:
    """The state directory of one user.

    Layout: ``state.sqlite`` (this, and the quota), ``runs/<run>/journal.sqlite``, ``locks/``, ``sandbox/``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "state.sqlite"
        with self._opening():
            make_private(folder)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=10)
            with closed_on_failure(self._connection):
                # Of a file that is new: pages of 4 kB hold two entries of the ledger, and take a third longer to write.
                self._connection.execute("PRAGMA page_size = 16384")
                keep_write_ahead_log(self._connection)
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.executescript(_TABLES)
                self._find_latest()

    @property
    def runs_folder(self) -> Path:
        """Where each run has its folder."""
        return self.folder / "runs"

    @property
    def locks_folder(self) -> Path:
        """Where the lock files are."""
        return self.folder / "locks"

    def known_runs(self) -> tuple[str, ...]:
        """Return the names of the runs that have a folder, and of the latest ones that the ledger tells of."""
        with self._faults():
            folders = self.runs_folder.iterdir() if self.runs_folder.is_dir() else ()
            handled = self._connection.execute("SELECT run FROM latest").fetchall()
            return (*(folder.name for folder in folders), *(run for (run,) in handled))

    def latest_run(self, account: str) -> str:
        """Return the greatest run that the ledger names for an account, '' where it names none."""
        with self._faults():
            found = self._connection.execute("SELECT run FROM latest WHERE account = ?", (account,)).fetchone()
        return "" if found is None else str(found[0])

    def handled_by(self, account: str, record_id: str) -> str:
        """Return the run that handled a record last, '' for none."""
        with self._faults():
            found = self._connection.execute(
                "SELECT run FROM ledger WHERE account = ? AND record_id = ?", (account, record_id)
            ).fetchone()
        return "" if found is None else str(found[0])

    def ledger_entry(self, account: str, record_id: str) -> tuple[str, dict[str, Json]] | None:
        """Return (run that handled the record last, entry), or None."""
        with self._faults():
            found = self._connection.execute(
                "SELECT run, body FROM ledger WHERE account = ? AND record_id = ?", (account, record_id)
            ).fetchone()
        if found is None:
            return None
        try:
            return found[0], cast("dict[str, Json]", json.loads(found[1]))
        except (ValueError, TypeError):
            raise self.damaged(record_id) from None

    def damaged(self, record_id: str) -> StateFault:
        """Return the refusal of a ledger entry that nobody wrote."""
        return StateFault(
            f"{self.path}: what it has of client {record_id} is damaged",
            hint="restore the file from a backup; without it nothing is known any more of what was sent before",
        )

    def ledger_entries(self, account: str, record_ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return (run that handled the record last, entry as JSON) for those of up to 30,000 records that have one.

        One query for all of them: a million look-ups one by one take a minute.
        """
        marks = ",".join("?" * len(record_ids))
        with self._faults():
            found = self._connection.execute(
                f"SELECT record_id, run, body FROM ledger WHERE account = ? AND record_id IN ({marks})",
                (account, *record_ids),
            ).fetchall()
        return {record_id: (run, body) for record_id, run, body in found}

    def write_ledger(self, account: str, entries: Iterable[tuple[str, str, str]]) -> None:
        """Store entries of (record, run, entry as JSON), all or none; a later entry replaces an earlier one."""
        rows = [(account, *entry) for entry in entries]
        with self._faults(), self._transaction():
            # Not OR REPLACE, which deletes and writes anew: three times the work where the nights before left entries.
            self._connection.executemany(
                "INSERT INTO ledger VALUES (?, ?, ?, ?) "
                "ON CONFLICT (account, record_id) DO UPDATE SET run = excluded.run, body = excluded.body",
                rows,
            )
            if rows:
                self._connection.execute(
                    "INSERT INTO latest VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET run = max(run, excluded.run)",
                    (account, max(run for _, _, run, _ in rows)),
                )

    def learned(self, account: str, name: str) -> Json:
        """Return what was learned of an account under ``name``, None for nothing, or what nobody wrote."""
        with self._faults():
            found = self._connection.execute(
                "SELECT value FROM learned WHERE account = ? AND name = ?", (account, _utf8(name))
            ).fetchone()
        with suppress(ValueError, TypeError):
            return cast("Json", json.loads(found[0])) if found else None
        return None

    def learn(self, account: str, name: str, value: Json) -> None:
        """Remember something of an account."""
        with self._faults():
            self._connection.execute(
                "INSERT OR REPLACE INTO learned VALUES (?, ?, ?)", (account, _utf8(name), json.dumps(value))
            )

    def output_fingerprint(self, path: Path) -> str | None:
        """Return the fingerprint of what this tool last wrote at ``path``, None where it wrote nothing."""
        with self._faults():
            found = self._connection.execute(
                "SELECT fingerprint FROM outputs WHERE path = ?", (_utf8(str(path.resolve())),)
            ).fetchone()
        return None if found is None else str(found[0])

    def run_of_output(self, path: Path) -> str | None:
        """Return the run whose results were last written at ``path``."""
        with self._faults():
            found = self._connection.execute(
                "SELECT run FROM outputs WHERE path = ?", (_utf8(str(path.resolve())),)
            ).fetchone()
        return None if found is None else str(found[0])

    def remember_output(self, path: Path, fingerprint: str, run: str) -> None:
        """Remember what this tool wrote at ``path``."""
        with self._faults():
            self._connection.execute(
                "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)", (_utf8(str(path.resolve())), fingerprint, run)
            )

    def forget_account(self, account: str) -> None:
        """Forget what was accepted for and learned of an account whose clients are no more (an emptied sandbox)."""
        with self._faults(), self._transaction():
            self._connection.execute("DELETE FROM ledger WHERE account = ?", (account,))
            self._connection.execute("DELETE FROM latest WHERE account = ?", (account,))
            self._connection.execute("DELETE FROM learned WHERE account = ?", (account,))

    def forget_run(self, run: str) -> None:
        """Forget which files a purged run wrote; the ledger stays, it is about the CRM."""
        with self._faults():
            self._connection.execute("DELETE FROM outputs WHERE run = ?", (run,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _find_latest(self) -> None:
        """Look through a ledger of before its latest runs were kept; once."""
        (missing,) = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM ledger) AND NOT EXISTS (SELECT 1 FROM latest)"
        ).fetchone()
        if missing:
            self._connection.execute(
                "INSERT OR IGNORE INTO latest SELECT account, max(run) FROM ledger GROUP BY account"
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            with self._faults():
                yield
        except StateFault as fault:
            fault.hint += "; a new run may keep its state in another folder: --state-dir"
            raise

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StateFault(f"{self.path}: {error}") from error


def _utf8(name: str) -> str:
    """Return a name with a file's path as SQLite can hold it: the bytes of a path need not be UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


@contextmanager
def closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a database that turns out not to be usable inside."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def keep_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch a database to a write-ahead log.

    SQLite does not wait for another process that does so, or closes the last connection, at the same moment.
    """
    for tries_left in reversed(range(_PATIENCE)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not tries_left or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(_NAP)
        else:
            return


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner only."""
    missing = []
    current = folder
    while not current.exists():
        missing.append(current)
        current = current.parent
    for item in reversed(missing):
        item.mkdir(mode=0o700, exist_ok=True)
