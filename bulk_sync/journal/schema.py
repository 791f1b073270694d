"""The tables of a run's journal."""

from __future__ import annotations

VERSION = 3
APPLICATION_ID = 0x62737963
"""Marks the file as ours (``bsyc``), so that another SQLite file is refused and not misread."""

TABLES = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;

-- A row of the source as it was read and mapped, and how it ended where no change carries that.
CREATE TABLE rows (
  number INTEGER PRIMARY KEY,
  line INTEGER,
  cells TEXT NOT NULL,
  raw TEXT NOT NULL,
  keys TEXT,
  payload TEXT,
  problems TEXT,
  record_id TEXT,
  status TEXT,
  code TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  sum INTEGER NOT NULL
);

-- Reports ask several times for the few rows with problems, and would go through a million others each time.
CREATE INDEX rows_told ON rows (number) WHERE problems NOTNULL;

-- One PATCH of one record, planned. Its id is the number of the first row that is sent with it.
CREATE TABLE changes (
  id INTEGER PRIMARY KEY,
  record_id TEXT NOT NULL,
  payload TEXT NOT NULL,
  old TEXT NOT NULL,
  note TEXT NOT NULL,
  canary INTEGER NOT NULL,
  sum INTEGER NOT NULL
);

-- The further rows that are sent with a change, which most have none of.
CREATE TABLE joined (row INTEGER PRIMARY KEY, change INTEGER NOT NULL, sum INTEGER NOT NULL);

-- Without it each batch of changes reads all rows to find its own: minutes for a million.
CREATE INDEX joined_by_change ON joined (change);

-- How a change ended; one that is in doubt or was not sent may end again. A table of its own, so that an
-- outcome is one insert that reads nothing back.
CREATE TABLE outcomes (
  change INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  http_status INTEGER,
  attempts INTEGER NOT NULL,
  answer TEXT,
  finished_at REAL NOT NULL,
  sum INTEGER NOT NULL
);

-- Rows without an end or a change: none once a run is planned.
CREATE VIEW open_rows AS
  SELECT * FROM rows WHERE status IS NULL
  AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.id = rows.number)
  AND NOT EXISTS (SELECT 1 FROM joined WHERE joined.row = rows.number);

-- How each row ended that a change carries, and how each row ended.
CREATE VIEW sent_rows AS
  SELECT change AS row, status, code, message FROM outcomes
  UNION ALL SELECT joined.row, status, code, message FROM joined JOIN outcomes USING (change);
CREATE VIEW ended_rows AS
  SELECT number AS row, status, code, message FROM rows WHERE status NOTNULL
  UNION ALL SELECT row, status, code, message FROM sent_rows;

-- One attempt: the intent before it left, the reply after it came.
CREATE TABLE requests (
  id INTEGER PRIMARY KEY,
  change INTEGER,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  intended_at REAL NOT NULL,
  replied_at REAL,
  http_status INTEGER,
  seconds REAL,
  verdict TEXT NOT NULL DEFAULT '',
  sum INTEGER NOT NULL
);

-- A record of the CRM as it was read before writing.
CREATE TABLE records (id TEXT PRIMARY KEY, body TEXT NOT NULL, read_at REAL NOT NULL, sum INTEGER NOT NULL)
WITHOUT ROWID;
"""

# Columns that an entry's checksum covers, in order.
SUMMED = {
    "rows": (
        "number", "line", "cells", "raw", "keys", "payload", "problems", "record_id",
        "status", "code", "message",
    ),
    "joined": ("row", "change"),
    "changes": (
        "id", "record_id", "payload", "old", "note", "canary",
    ),
    "outcomes": (
        "change", "status", "code", "message", "http_status", "attempts", "answer", "finished_at",
    ),
    "requests": (
        "id", "change", "kind", "target", "intended_at", "replied_at", "http_status", "seconds", "verdict",
    ),
    "records": ("id", "body", "read_at"),
    "run": ("key", "value"),
}  # fmt: skip
