"""The pool over a real journal: what is on disk when a request leaves, and when the disk fails."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.journal import Journal, JournalFault, PlanTables, RequestLog, RunHeader, create_journal
from bulk_sync.records import Request
from bulk_sync.sending.limits import Limits

MakeWorld = Callable[..., Any]

FAULTS: tuple[str | int, ...] = ("lost", "reset", 429, 500, 503, 404)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(create_journal(tmp_path / "journal.sqlite", RunHeader(run="x"))) as journal:
        yield journal


@pytest.mark.parametrize("seed", range(8))
def test_what_a_crash_could_leave_open_is_never_more_than_the_workers(
    make_world: MakeWorld, journal: Journal, seed: int
) -> None:
    """At each request that leaves: its intent is on disk, and of those before no more are open than workers."""
    dice = random.Random(seed)
    workers = dice.choice([1, 3, 10])
    most_open = 0

    def script(request: Request, number: int, now: float) -> str | int:
        nonlocal most_open
        with closing(sqlite3.connect(journal.path)) as other:
            (intended,) = other.execute(
                "SELECT count(*) FROM requests WHERE kind = ? AND target = ? AND verdict = ''",
                (request.kind, request.record_id),
            ).fetchone()
            (still_open,) = other.execute("SELECT count(*) FROM requests WHERE verdict = ''").fetchone()
        assert intended == 1
        most_open = max(most_open, still_open)
        return dice.choice(FAULTS) if dice.random() < 0.2 else "ok"

    world = make_world(60, script, latency=0.003, canaries=2)
    world.log = RequestLog(journal)
    report = world.send(Limits(workers=workers, attempts=3), stop_after=dice.choice([None, 0.05]))
    found = Counter(dict(journal.connection.execute("SELECT status, count(*) FROM outcomes GROUP BY 1")))
    assert most_open <= workers
    assert found == {str(status): count for status, count in report.counts.items() if count}
    assert report.stop or sum(found.values()) == 60
    held = {id_ for id_, record in world.server.records.items() if record["name"] != "old"}
    updated = {
        f"clt_{id_}" for (id_,) in journal.connection.execute("SELECT change FROM outcomes WHERE status = 'updated'")
    }
    assert updated <= held
    assert PlanTables(journal).begun_changes() == frozenset()


@pytest.mark.parametrize("pages", [0, 4, 20, 60])
def test_a_disk_that_fills_up_ends_the_run(make_world: MakeWorld, journal: Journal, pages: int) -> None:
    """No room for so many pages more: the fault is raised, and all that left but what was out has its outcome."""
    (used,) = journal.connection.execute("PRAGMA page_count").fetchone()
    journal.connection.execute(f"PRAGMA max_page_count = {used + pages}").fetchone()
    world = make_world(60, latency=0.003, readable=frozenset({"name", "note"}))
    for record in world.server.records.values():
        record["note"] = "x" * 20_000
    world.log = RequestLog(journal)
    with pytest.raises(JournalFault):
        world.send(Limits(workers=4))
    (ended,) = journal.connection.execute("SELECT count(*) FROM outcomes").fetchone()
    (intended,) = journal.connection.execute("SELECT count(*) FROM requests").fetchone()
    left = len(world.server.requests)
    assert ended + 4 >= left >= ended
    assert left + 4 >= intended >= left
    assert left < 60
    assert (ended > 0) == (pages > 0)
