"""Resume of a run whose journal was damaged: what decides about sending is checked before, the rest before results."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n"
COUNT = 40
SENT = 20
NEW = {f"clt_{n}": f"New {n}" for n in range(1, COUNT + 1)}
TWICE = "clt_14"  # its row is 15, and the last
ROWS = [*NEW.items(), (TWICE, NEW[TWICE])]


@pytest.fixture
def server(serve_api: Serve) -> SandboxServer:
    return serve_api(clients=COUNT)


@pytest.fixture
def journal(program: Program, server: SandboxServer) -> Path:
    """The journal of a run that stopped after twenty of forty requests; its results are not there."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("clients.csv", [["ID", "Company"], *map(list, ROWS)])
    ran = program(
        "run", "clients.csv", "-m", "m.yaml", "--yes", "--json", "--output", "r.csv", "--read", "none",
        "--max-requests", str(SENT), "--workers", "1",
    )  # fmt: skip
    assert ran.code == 3, ran.err
    (program.folder / "r.csv").unlink()
    (path,) = program.state.glob("runs/*/journal.sqlite")
    return Path(path)


def damage(path: Path, sql: str) -> None:
    """Change an entry and leave its checksum as it was."""
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(sql).rowcount == 1
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM outcomes WHERE change = 15",
        "UPDATE outcomes SET change = 35 WHERE change = 15",
        "UPDATE outcomes SET status = 'updatee' WHERE change = 15",
        "UPDATE outcomes SET status = 'failed' WHERE change = 15",
        "UPDATE outcomes SET answer = replace(answer, 'New', 'Odd') WHERE change = 15",
        "UPDATE requests SET change = 35 WHERE change = 15",
        "UPDATE run SET value = '\"planned\"' WHERE key = 'state'",
    ],
)
def test_what_decides_about_sending_is_checked_before(
    sql: str, program: Program, server: SandboxServer, journal: Path
) -> None:
    """Exit code 2, named, with advice, and nothing was sent."""
    damage(journal, sql)
    ran = program("resume", journal.parent.name)
    assert (ran.code, str(journal) in ran.err, "hint:" in ran.err) == (2, True, True), ran.err
    assert ("Traceback" in ran.err, server.counters["PATCH"]) == (False, SENT), ran.err


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE rows SET cells = replace(cells, 'New', 'Odd') WHERE number = 15",
        "UPDATE requests SET verdict = 'again' WHERE change = 15",
        "UPDATE changes SET payload = replace(payload, 'New', 'Odd') WHERE id = 15",
        "UPDATE joined SET row = 1000 WHERE change = 15",
        "DELETE FROM joined",
        "DELETE FROM changes WHERE id = 14",
        "DELETE FROM changes WHERE id = 15",
        "DELETE FROM rows WHERE number = 15",
    ],
)
def test_what_only_the_results_tell_is_checked_before_them(
    sql: str, program: Program, server: SandboxServer, journal: Path
) -> None:
    """The open rows are sent as they should be; then exit code 3, and no results of what nobody wrote. Again: 2."""
    damage(journal, sql)
    ran = program("resume", journal.parent.name)
    assert (ran.code, str(journal) in ran.err, "what was sent has no results" in ran.err) == (3, True, True), ran.err
    assert ("Traceback" in ran.err, (program.folder / "r.csv").exists()) == (False, False), ran.err
    assert server.counters["PATCH"] == COUNT
    assert {key: record["name"] for key, record in server.records().items()} == NEW
    again = program("resume", journal.parent.name)
    assert (again.code, str(journal) in again.err, server.counters["PATCH"]) == (2, True, COUNT), again.err


def test_a_flipped_byte_is_never_sent_nor_told(
    program: Program, server: SandboxServer, journal: Path, results: Any
) -> None:
    """Wherever it is: every client gets what the sheet says or keeps what it had, no request is sent twice, and results
    are whole or not there."""
    connection = sqlite3.connect(journal)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()
    whole = journal.read_bytes()
    dice = random.Random(5)
    ends: Counter[int] = Counter()
    for _ in range(40):
        flipped = bytearray(whole)
        flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
        for name in ("journal.sqlite-wal", "journal.sqlite-shm"):
            journal.with_name(name).unlink(missing_ok=True)
        journal.write_bytes(flipped)
        (program.folder / "r.csv").unlink(missing_ok=True)
        before = server.counters["PATCH"]
        ran = program("resume", journal.parent.name)
        ends[ran.code] += 1
        assert "Traceback" not in ran.err
        assert server.counters["PATCH"] - before in ({0, COUNT - SENT} if ran.code else {COUNT - SENT}), ran.err
        named = {key: str(record["name"]) for key, record in server.records().items()}
        assert all(name in {NEW[key], NEW[key].replace("New", "Old")} for key, name in named.items())
        if (program.folder / "r.csv").exists():
            lines = results(program.folder / "r.csv")
            assert [line["Company"] for line in lines] == [name for _, name in ROWS]
            assert {line["sync_status"] for line in lines} <= {"updated"}
    assert ends[0] and ends[2] + ends[3], ends
