"""The journal's promises: what it was told is on disk when it says so, and what does not fit is refused."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.errors import BulkSyncError, Refused
from bulk_sync.journal import (
    Journal,
    JournalBook,
    JournalDamaged,
    JournalFault,
    PlannedChange,
    PlanTables,
    RequestLog,
    RowEntry,
    RunHeader,
    create_journal,
    open_journal,
)
from bulk_sync.records import MappedRow, Outcome, Reply, Request, RunSummary, SourceRow, Status

Planned = Callable[..., Journal]
SUMMARY = RunSummary("r", "run", 0, "", {}, {}, "s", "", "m", "t", "a", "", "", 0.0)
OK = Reply(200, {}, {"id": "clt_2", "name": "Company 2", "number": "C2"}, seconds=0.01)


def everything(journal: Journal) -> tuple[Any, ...]:
    """All that results, undo and resume read from a journal."""
    tables = PlanTables(journal)
    book = JournalBook(journal, SUMMARY, readable=frozenset({"name"}))
    return (
        journal.header,
        list(book.rows()),
        list(book.changes()),
        list(book.rows_with_changes()),
        list(book.requests()),
        list(book.problems()),
        book.counts(),
        book.request_counts(),
        list(tables.changes()),
        tables.begun_changes(),
        list(tables.to_send(tables.begun_changes())),
        list(tables.cells()),
        list(tables.records()),
        list(tables.open_rows()),
        [tables.open_rows_of(f"clt_{number}") for number in range(2, 22)],
        tables.repeated_records(),
    )


def send_some(journal: Journal, count: int) -> None:
    """Send the first changes: updated, failed, in doubt in turn; of the last the answer never came."""

    changes = [change.id for change in PlanTables(journal).changes()][:count]

    async def go() -> None:
        log = RequestLog(journal, wall=lambda: 1767323050.25)
        for change, status in zip(changes, cycle((Status.FAILED, Status.IN_DOUBT, Status.UPDATED)), strict=False):
            number = await log.intend(Request("patch", f"clt_{change}", {"name": "x"}), change)
            if change == changes[-1]:
                return
            record = {"id": f"clt_{change}", "name": "x"} if status is Status.UPDATED else None
            outcome = Outcome(change, status, "code", "message", 200, 1, record)
            log.conclude(number, OK, "done", outcome, lambda _: None)
            await log.flush()

    asyncio.run(go())


def test_the_header_comes_back(tmp_path: Path, header: RunHeader) -> None:
    """Created, closed, opened: the same header; the file and its folder are the owner's only."""
    path = tmp_path / "runs" / "x" / "journal.sqlite"
    create_journal(path, header).close()
    journal = open_journal(path)
    assert journal.header == header
    journal.update_header(state="sending", stopped_by="quota", facts={"a": [1, "b"]})
    journal.close()
    again = open_journal(path)
    assert (again.header.state, again.header.stopped_by, again.header.facts) == ("sending", "quota", {"a": [1, "b"]})
    again.close()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_is_awaited_is_on_disk(planned: Planned) -> None:
    """Intent and outcome are visible to another reader the moment the call returns, also when fifty share a commit."""
    journal = planned(60)
    other = sqlite3.connect(journal.path)

    async def go() -> None:
        log = RequestLog(journal)

        async def one(change: int) -> None:
            number = await log.intend(Request("patch", f"clt_{change}", {"name": "x"}), change)
            seen = other.execute("SELECT change, verdict FROM requests WHERE id = ?", (number,)).fetchone()
            assert seen == (change, "")
            told: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
            updated = Outcome(change, Status.UPDATED, http_status=200, attempts=1)
            log.conclude(number, OK, "done", updated, told.set_result)
            assert await told is None
            seen = other.execute("SELECT status FROM outcomes WHERE change = ?", (change,)).fetchone()
            assert seen == ("updated",)
            number = await log.intend(Request("get", f"clt_{change}"), None)
            await log.answered(number, OK, "done")
            seen = other.execute("SELECT verdict FROM requests WHERE id = ?", (number,)).fetchone()
            assert seen == ("done",)

        await asyncio.gather(*(one(change) for change in range(1, 48)))

    asyncio.run(go())
    other.close()


def test_an_outcome_and_the_next_intent_share_a_commit(planned: Planned) -> None:
    """Whoever sends goes on at once; when its intent is on disk, so is what it left behind, and that has been told."""
    journal = planned(10)
    other = sqlite3.connect(journal.path)

    async def go() -> None:
        log = RequestLog(journal)
        number = await log.intend(Request("patch", "clt_1", {"name": "x"}), 1)
        told: list[BaseException | None] = []
        log.conclude(number, OK, "done", Outcome(1, Status.UPDATED), told.append)
        assert told == []
        await log.intend(Request("patch", "clt_2", {"name": "x"}), 2)
        assert told == [None]
        assert other.execute("SELECT count(*) FROM outcomes").fetchone() == (1,)
        log.conclude(2, OK, "done", Outcome(2, Status.UPDATED), told.append)
        await log.flush()
        assert told == [None, None]
        await log.flush()

    asyncio.run(go())
    other.close()


def test_who_is_told_and_fails_stops_the_log(planned: Planned) -> None:
    """A fault of a display is raised like one of the disk, by whoever writes next; the others hear of it, too."""
    journal = planned(10)

    async def go() -> list[BaseException | None]:
        log = RequestLog(journal)
        numbers = [await log.intend(Request("patch", f"clt_{n}", {"name": "x"}), n) for n in (1, 2, 3, 4)]
        told: list[BaseException | None] = []

        def fail(_: BaseException | None) -> None:
            raise ZeroDivisionError

        for number, then in zip(numbers, (told.append, fail, told.append), strict=False):
            log.conclude(number, OK, "done", Outcome(number, Status.UPDATED), then)
        with pytest.raises(ZeroDivisionError):
            await log.flush()
        with pytest.raises(ZeroDivisionError):
            log.conclude(4, OK, "done", Outcome(4, Status.UPDATED), told.append)
        return told

    first, last = asyncio.run(go())
    assert (first, type(last)) == (None, ZeroDivisionError)
    assert journal.connection.execute("SELECT count(*) FROM outcomes").fetchone() == (3,)


def test_many_waiters_share_commits(planned: Planned) -> None:
    """A thousand intents at once cost a few commits, not a thousand: the file's counter of changes tells."""
    journal = planned(10)
    other = sqlite3.connect(journal.path)
    (before,) = other.execute("PRAGMA data_version").fetchone()
    frames: set[int] = set()

    async def go() -> None:
        log = RequestLog(journal)

        async def one() -> None:
            await log.intend(Request("get", "clt_1"), None)
            frames.add(other.execute("PRAGMA data_version").fetchone()[0])

        await asyncio.gather(*(one() for _ in range(1000)))

    asyncio.run(go())
    assert 1 <= len(frames - {before}) <= 5
    other.close()


def test_one_cancelled_waiter_takes_nothing_from_the_others(planned: Planned) -> None:
    """A worker that is ended while it waits for the disk does not lose the commit of its neighbours."""
    journal = planned(10)

    async def go() -> tuple[bool, int]:
        log = RequestLog(journal)
        await log.intend(Request("get", "clt_1"), None)
        first = asyncio.create_task(log.intend(Request("get", "clt_2"), None))
        second = asyncio.create_task(log.intend(Request("get", "clt_3"), None))
        await asyncio.sleep(0)
        first.cancel()
        number = await second
        return first.cancelled() or first.cancelling() > 0, number

    assert asyncio.run(go()) == (True, 3)
    assert journal.connection.execute("SELECT count(*) FROM requests").fetchone() == (3,)


def test_requests_that_never_left_are_not_counted(planned: Planned) -> None:
    """A server that could not be reached, and a stop before it left, cost no quota; what had no answer may have."""
    journal = planned(2)
    answers = [
        (Reply(429, {}), "again"),
        (Reply(None, {}, fault="timeout"), "again_in_doubt"),
        (Reply(None, {}, fault="stopped", left=False), "again"),
        (Reply(None, {}, fault="unsendable", left=False), "failed"),
        (OK, "done"),
    ]

    async def go() -> None:
        log = RequestLog(journal)
        for reply, verdict in answers:
            await log.answered(await log.intend(Request("patch", "clt_2", {"name": "x"}), 2), reply, verdict)
        await log.intend(Request("get", "clt_2"), None)

    asyncio.run(go())
    assert JournalBook(journal, SUMMARY).request_counts() == {"patch": 3, "get": 1}


def test_an_answer_is_kept_as_it_came(planned: Planned) -> None:
    """Its text, where that is at hand; results read it as they read what was written anew."""
    journal = planned(2)
    record = {"id": "clt_2", "number": "C2", "name": "Company 2"}
    texts = ('{"id": "clt_2", "number": "C2",  "name": "Company 2"}', "")

    async def go() -> None:
        log = RequestLog(journal)
        for change, text in zip((2, 3), texts, strict=True):
            await log.finish(Outcome(change, Status.UPDATED, record=record, record_json=text))

    asyncio.run(go())
    kept = [answer for (answer,) in journal.connection.execute("SELECT answer FROM outcomes ORDER BY change")]
    assert (kept[0], json.loads(kept[1])) == (texts[0], record)
    assert [row.client_number for row in JournalBook(journal, SUMMARY).rows()] == ["C2", "C2"]


def test_the_later_of_two_outcomes_in_one_commit_stands(planned: Planned) -> None:
    """What is written together is put in the order of the changes, and of each change in the order it came."""
    journal = planned(3)

    async def go() -> None:
        log = RequestLog(journal)
        ends = [
            (3, Status.IN_DOUBT),
            (1, Status.UPDATED),
            (3, Status.UPDATED),
            (2, Status.IN_DOUBT),
            (2, Status.FAILED),
        ]
        await asyncio.gather(*(log.finish(Outcome(change, status)) for change, status in ends))

    asyncio.run(go())
    found = journal.connection.execute("SELECT change, status FROM outcomes ORDER BY change").fetchall()
    assert found == [(1, "updated"), (2, "failed"), (3, "updated")]


def test_a_full_disk_raises_and_breaks_the_log(planned: Planned) -> None:
    """No room for another page: JournalFault that names the file, for all who wait and for every call after it."""
    journal = planned(10)
    (pages,) = journal.connection.execute("PRAGMA page_count").fetchone()
    journal.connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    async def go() -> list[BaseException | int]:
        log = RequestLog(journal)
        target = "clt_" + "x" * 3000
        found = await asyncio.gather(
            *(log.intend(Request("get", target), None) for _ in range(50)), return_exceptions=True
        )
        with pytest.raises(JournalFault):
            await log.intend(Request("get", "clt_1"), None)
        with pytest.raises(JournalFault):
            await log.finish(Outcome(1, Status.UPDATED))
        with pytest.raises(JournalFault):
            await log.flush()
        return list(found)

    found = asyncio.run(go())
    assert {type(item) for item in found} == {JournalFault}
    assert all(str(journal.path) in str(item) for item in found)
    assert journal.connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    assert len(everything(journal)[1]) == 10


def test_a_transaction_is_whole_or_not_at_all(planned: Planned) -> None:
    """What fails in the middle leaves nothing behind."""
    journal = planned(10)
    before = everything(journal)

    def fail() -> None:
        with journal.transaction():
            PlanTables(journal).settle_row(2, Status.SKIPPED, "left_out", "x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert everything(journal) == before


def test_an_open_change_counts_as_what_happened_to_it(planned: Planned) -> None:
    """An intent without an answer may have been applied: in_doubt; a change without an intent was not sent."""
    journal = planned(10)
    send_some(journal, 4)
    statuses = [(row.row_number, row.status) for row in JournalBook(journal, SUMMARY).rows()]
    assert statuses == [
        (2, Status.FAILED),
        (3, Status.IN_DOUBT),
        (4, Status.UPDATED),
        (5, Status.INVALID),
        (6, Status.IN_DOUBT),
        (7, Status.NOT_SENT),
        (8, Status.NOT_SENT),
        (9, Status.NOT_SENT),
        (10, Status.INVALID),
        (11, Status.NOT_SENT),
    ]
    left = [change.id for change in PlanTables(journal).changes(only_open=True)]
    assert (left, PlanTables(journal).begun_changes()) == ([3, 6, 7, 8, 9, 11], frozenset({6}))


def test_what_is_to_be_sent_comes_with_what_was_tried_before(planned: Planned) -> None:
    """The canaries first; what ended for good is left out, what may have been applied is in doubt."""
    journal = planned(3000)
    tables = PlanTables(journal)
    tables.mark_canaries([4, 2301])
    ends = [(2, Status.UPDATED), (3, Status.NOT_SENT), (4, Status.IN_DOUBT), (6, Status.IN_DOUBT), (7, Status.FAILED)]

    async def go() -> None:
        log = RequestLog(journal)
        await asyncio.gather(*(log.finish(Outcome(change, status, attempts=change)) for change, status in ends))
        await log.intend(Request("patch", "clt_x", {"name": "x"}), 8)

    asyncio.run(go())
    begun = tables.begun_changes()
    found = list(tables.to_send(begun))
    stored = {change.id: change for change in tables.changes(only_open=True)}
    assert [change.id for change in found] == [4, 2301, *(sorted(stored.keys() - {4, 2301}))]
    assert stored.keys() == {number for number in range(2, 3002) if number % 5} - {2, 7}
    assert all((change.record_id, change.payload) == stored[change.id][1:4:2] for change in found)
    assert [change.id for change in found if change.canary] == [4, 2301]
    assert {change.id: change.attempts for change in found if change.attempts} == {3: 3, 4: 4, 6: 6}
    assert {change.id for change in found if change.in_doubt} == {4, 6, 8}
    assert [change.id for change in tables.to_send() if change.in_doubt] == [4, 6]


def test_a_change_is_told_with_its_first_row(tmp_path: Path, header: RunHeader) -> None:
    """Once, whatever the order of the changes: a refused first row of a client lets its change come before others."""
    journal = create_journal(tmp_path / "journal.sqlite", header)
    tables = PlanTables(journal)
    rows = (RowEntry(SourceRow(number, ()), MappedRow(number, ("k",), {})) for number in range(2, 7))
    assert list(tables.add_rows(rows)) == [5]
    with journal.transaction():
        tables.add_changes(
            [
                PlannedChange("clt_1", (4, 6), {"name": "A", "billingAddress": {"city": "X"}}, {}),
                PlannedChange("clt_2", (3,), {"name": "B"}, {"name": "Old"}),
                PlannedChange("clt_3", (5,), {"name": "C"}, {}),
            ]
        )
        tables.drop_change(5, Status.SKIPPED, "changed_since", "", at=0.0)
    book = JournalBook(journal, SUMMARY)
    told = list(book.rows_with_changes())
    assert [row for row, _ in told] == list(book.rows())
    assert [(row.row_number, [change.field for change in changes]) for row, changes in told] == [
        *((2, []), (3, ["name"]), (4, ["name", "billingAddress.city"]), (5, []), (6, []))
    ]
    assert set(book.changes()) == {change for _, changes in told for change in changes}
    journal.close()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + b"\x00" * 84, b"a letter\n" * 200])
def test_a_file_that_is_no_journal_is_refused(content: bytes, tmp_path: Path) -> None:
    """Empty, a bare beginning, some text: refused with advice."""
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(Refused) as caught:
        open_journal(path)
    assert (str(path) in caught.value.message, bool(caught.value.hint)) == (True, True)


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    """A SQLite file without our mark, and a journal of a version to come."""
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE run (a)")
    connection.close()
    with pytest.raises(JournalDamaged, match="not a journal of bulk_sync"):
        open_journal(path)
    future = create_journal(tmp_path / "2" / "journal.sqlite", RunHeader(run="x"))
    future.connection.execute("PRAGMA user_version = 99")
    future.close()
    with pytest.raises(Refused, match="another version of bulk_sync"):
        open_journal(tmp_path / "2" / "journal.sqlite")


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_byte_is_refused_or_harmless(seed: int, planned: Planned, tmp_path: Path) -> None:
    """Bytes flipped at random places: everything read is as it was, or the journal is refused; never misread."""
    journal = planned(20)
    send_some(journal, 6)
    PlanTables(journal).add_records([("clt_2", {"id": "clt_2", "name": "Old"})], read_at=1767323046.0)
    whole = everything(journal)
    journal.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    journal.close()
    content = journal.path.read_bytes()
    dice = random.Random(seed)
    misread = []
    refused = 0
    for _ in range(250):
        damaged = bytearray(content)
        place = dice.randrange(len(damaged))
        damaged[place] ^= 1 << dice.randrange(8)
        path = tmp_path / "damaged.sqlite"
        path.write_bytes(damaged)
        try:
            found = open_journal(path)
            try:
                if everything(found) != whole:
                    misread.append(place)
            finally:
                found.close()
        except BulkSyncError:
            refused += 1
        for name in ("damaged.sqlite-wal", "damaged.sqlite-shm"):
            path.with_name(name).unlink(missing_ok=True)
    assert (misread, refused > 0) == ([], True)


def test_a_torn_end_is_refused_or_whole(planned: Planned, tmp_path: Path) -> None:
    """Cut anywhere: refused, or all there."""
    journal = planned(20)
    send_some(journal, 6)
    whole = everything(journal)
    journal.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    journal.close()
    content = journal.path.read_bytes()
    for size in range(0, len(content), 1531):
        path = tmp_path / "torn.sqlite"
        path.write_bytes(content[:size])
        try:
            found = open_journal(path)
        except BulkSyncError:
            continue
        assert everything(found) == whole, f"cut at {size}"
        found.close()
    assert size > len(content) - 1531


def test_the_end_of_the_log_may_be_lost_but_not_misread(planned: Planned, tmp_path: Path) -> None:
    """Flips in the write-ahead log, as a torn write leaves it: an earlier whole state, or a refusal."""
    journal = planned(20)
    rows = [row.row_number for row in JournalBook(journal, SUMMARY).rows()]
    send_some(journal, 6)
    copies = {name: journal.path.with_name(name).read_bytes() for name in ("journal.sqlite", "journal.sqlite-wal")}
    dice = random.Random(7)
    for number in range(60):
        folder = tmp_path / f"copy{number}"
        folder.mkdir()
        log = bytearray(copies["journal.sqlite-wal"])
        log[dice.randrange(len(log))] ^= 1 << dice.randrange(8)
        (folder / "journal.sqlite").write_bytes(copies["journal.sqlite"])
        (folder / "journal.sqlite-wal").write_bytes(log)
        try:
            found = open_journal(folder / "journal.sqlite")
            try:
                book = list(JournalBook(found, SUMMARY).rows())
                assert [row.row_number for row in book] in (rows, rows[: len(book)])
            finally:
                found.close()
        except BulkSyncError:
            pass
        shutil.rmtree(folder)
