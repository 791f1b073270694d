"""A run that was stopped while it read the CRM goes on with what it has read, and says what is still to be read."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.errors import Busy, Refused
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow import resuming
from bulk_sync.workflow.desk import WallClock
from bulk_sync.workflow.jobs import account_lock

HEADER = ("ID", "E-mail", "Company")


def prepared(open_office: Callable[..., Any], *, clients: int = 40, rows: int = 40, by: str = "id") -> tuple[Any, ...]:
    records = [{"id": f"clt_{n:03}", "name": f"Old {n}", "email": f"c{n}@example.com"} for n in range(clients)]
    office = open_office(records=records)
    source = office.source(HEADER, [(f"clt_{n:03}", f"c{n}@example.com", f"New {n}") for n in range(rows)])
    match = {"column": "ID" if by == "id" else "E-mail", "by": by}
    ignored = "E-mail" if by == "id" else "ID"
    return office, source, office.mapping(match=match, fields={"name": "Company"}, ignore=[ignored])


def test_single_reads_come_to_an_end(open_office: Callable[..., Any]) -> None:
    """With a limit that is smaller than what reading takes, each resume reads others, and the last one sends."""
    office, source, mapping = prepared(open_office, rows=50)  # ten of them are of nobody
    ended = office.run(source, mapping, read="each", max_requests=15)
    told = [ended.notes]
    while ended.summary.exit_code == 3 and office.requests() == {"GET": 15 * len(told)}:
        ended = office.resume(ended.summary.run, max_requests=15)
        told.append(ended.notes)
    assert office.requests() == {"GET": 50, "PATCH": 10} and len(told) == 4
    assert "15 of 50 clients are read; nothing is sent before the others are" in told[0][-1]
    assert "45 of 50 clients are read" in told[2][-1]
    last = office.resume(ended.summary.run)
    assert last.summary.counts == {"updated": 40, "invalid": 10}
    assert last.summary.requests["get"] == 50
    undone = office.undo(last.summary.run)
    assert undone.summary.counts["updated"] == 40
    assert {record["name"] for record in office.server.records().values()} == {f"Old {n}" for n in range(40)}


class MovedClock(WallClock):
    """It is so much later."""

    def __init__(self) -> None:
        self.later = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.later

    def time(self) -> float:
        return super().time() + self.later


def test_what_is_old_is_read_again(open_office: Callable[..., Any]) -> None:
    """Half an hour later, what was read before the stop is not good enough for a plan; what was read since is."""
    office, source, mapping = prepared(open_office)
    office.clock = MovedClock()
    run = office.run(source, mapping, read="each", max_requests=10).summary.run
    office.clock.later = 20 * 60
    office.resume(run, max_requests=10)
    office.clock.later = 40 * 60
    assert office.resume(run).summary.counts == {"updated": 40}
    assert office.requests() == {"GET": 10 + 10 + 30, "PATCH": 40}


def test_a_slow_quota_may_read_for_longer(open_office: Callable[..., Any], leaping_clock: Callable[[], Any]) -> None:
    """Where all single reads take hours, so may the reading that is stopped and goes on at once."""
    office, source, mapping = prepared(open_office)
    office.clock = leaping_clock()
    flags = {"read": "each", "rate": "20/h", "workers": 1}
    run = office.run(source, mapping, max_requests=18, **flags).summary.run
    office.resume(run, max_requests=18, **flags)
    ended = office.resume(run, **flags)
    assert ended.summary.counts == {"updated": 40}
    first_patch = next(n for n, entry in enumerate(office.server.log) if entry.method == "PATCH")
    assert first_patch <= 42  # forty, and what one of them is read again for being too old to write over


def test_another_api_is_refused(open_office: Callable[..., Any]) -> None:
    """A run that has only read is of the API that it read, too; what it has read stays for when that is asked again."""
    office, source, mapping = prepared(open_office)
    other, *_ = prepared(open_office)
    run = office.run(source, mapping, read="each", max_requests=15).summary.run
    with pytest.raises(Refused, match=f"{office.server.base_url}, not of {other.server.base_url}"):
        office.resume(run, base_url=other.server.base_url)
    assert (other.requests(), office.resume(run).summary.counts) == ({}, {"updated": 40})
    assert office.requests() == {"GET": 40, "PATCH": 40}


def test_another_account_is_read_from_the_beginning(open_office: Callable[..., Any]) -> None:
    """What was read with one key says nothing of what another one sees."""
    config = SandboxConfig(quota=Quota(rate="none"), keys=("heffl_user_a", "heffl_user_b"))
    office, source, mapping = prepared(partial(open_office, config))
    run = office.run(source, mapping, read="each", max_requests=15).summary.run
    with office.desk() as desk:
        desk.environ = {"HEFFL_API_KEY": "heffl_user_b"}
        assert asyncio.run(resuming.resume(desk, run)).summary.counts == {"updated": 40}
    assert office.requests() == {"GET": 15 + 40, "PATCH": 40}


def test_a_list_begins_anew_and_that_is_said(open_office: Callable[..., Any]) -> None:
    """Nobody can tell what moved between its pages: the limit that it needs is told, and with it the run goes on."""
    office, source, mapping = prepared(open_office, clients=350, rows=20, by="email")
    stopped = office.run(source, mapping, max_requests=3)
    assert stopped.summary.counts == {"not_sent": 20}
    assert "the list of clients was not read to its end in 3 requests" in stopped.notes[-1]
    assert "resume reads it from its beginning: it needs more of them" in stopped.notes[-1]
    again = office.resume(stopped.summary.run, max_requests=3)
    assert again.notes == stopped.notes
    assert office.resume(stopped.summary.run).summary.counts == {"updated": 20}
    assert office.requests() == {"GET": 3 + 3 + 4, "PATCH": 20}


def test_an_old_value_that_cannot_be_read_again_is_not_believed(open_office: Callable[..., Any]) -> None:
    """Read an hour ago as what the file says; the second reading is refused: the row is sent, its old value unknown."""
    refusal = Scripted(
        fault=Fault(kind=FaultKind.STATUS, status=403, message="No permission for this client"),
        ids=frozenset({"clt_0"}),
        methods=frozenset({"GET"}),
        attempts=frozenset({2}),
    )
    records = [{"id": f"clt_{n}", "name": f"Same {n}"} for n in range(4)]
    office = open_office(SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(refusal,))), records=records)
    office.clock = MovedClock()
    source = office.source(("ID", "Company"), [(f"clt_{n}", f"Same {n}") for n in range(4)])
    mapping = office.mapping(match="ID", fields={"name": "Company"})
    run = office.run(source, mapping, read="each", workers=1, max_requests=2).summary.run
    office.clock.later = 60 * 60
    ended = office.resume(run)
    assert ended.summary.counts == {"updated": 1, "unchanged": 3}
    (sent,) = (row for row in office.rows(ended) if row.status == "updated")
    assert sent.client_id == "clt_0" and "old values unknown, since the client could not be read" in sent.message


class Watched(WallClock):
    """Knows how often each thread has waited for anything."""

    def __init__(self) -> None:
        self.waited: Counter[int] = Counter()

    async def sleep(self, seconds: float) -> None:
        self.waited[threading.get_ident()] += 1
        await super().sleep(seconds)


def test_of_two_resumes_the_late_one_is_told(open_office: Callable[..., Any]) -> None:
    """Both have seen a run whose plan is not whole, and wait for the account: one sends, the other sends nothing."""
    office, source, mapping = prepared(open_office)
    run = office.run(source, mapping, read="each", max_requests=15).summary.run
    office.clock = Watched()
    with office.desk() as desk, office.opened(run) as journal:
        lock = account_lock(desk, journal.header.account, Path(journal.header.mapping_path))

    def again() -> Any:
        try:
            return office.resume(run, wait=60.0).summary.counts
        except Busy as busy:
            return busy.message

    with ThreadPoolExecutor(2) as threads:
        with exclusive(lock, "the account"):
            both = [threads.submit(again) for _ in range(2)]
            # The first wait may be for the run itself, which the other has for a moment.
            while [count > 1 for count in office.clock.waited.values()] != [True, True]:
                assert not any(each.done() for each in both)
                time.sleep(0.01)
        ends = [each.result() for each in both]
    assert f"another process has gone on with run {run}" in ends and {"updated": 40} in ends
    assert office.requests()["PATCH"] == 40
