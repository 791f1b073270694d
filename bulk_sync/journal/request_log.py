"""The sending side of a journal: intents before requests leave, outcomes before changes count as done."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable

from bulk_sync.journal.encoding import dump, entry_sum
from bulk_sync.journal.store import Journal
from bulk_sync.records import Outcome, Reply, Request

COMMIT_GAP = 0.004
"""Seconds between two commits when many wait: 250 commits a second cost 8 % of a core, one for each request
would cap at 3,000/s. A lone request is committed at once."""


class RequestLog:
    """Implements the pool's ``ChangeLog`` over a journal.

    Every method returns only when what it wrote is on disk. All that write within the same few milliseconds
    share one commit. After a fault of the disk every further call raises it again: nothing more is sent.
    """

    def __init__(self, journal: Journal, *, wall: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._connection = journal.connection
        self._wall = wall
        self._waiting: asyncio.Future[None] | None = None
        self._last_commit = 0.0
        self._fault: BaseException | None = None
        self._open: dict[int, tuple[int, int | None, str, str, float]] = {}
        with journal.faults():
            (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM requests").fetchone()
        self._last_id = int(last)

    async def intend(self, request: Request, change_id: int | None) -> int:
        """Write down that a request is about to leave; return its number."""
        self._last_id = number = self._last_id + 1
        target = request.record_id or request.cursor
        self._open[number] = intent = (number, change_id, request.kind, target, self._wall())
        values = (*intent, None, None, None, "")
        self._execute(
            "INSERT INTO requests (id, change, kind, target, intended_at, replied_at, http_status, seconds, verdict, "
            "sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, entry_sum(*values)),
        )
        await self._durable()
        return number

    async def answered(self, request_id: int, reply: Reply, verdict: str, outcome: Outcome | None) -> None:
        """Write down what came of a request and, where its change has ended with it, the outcome."""
        intent = self._open.pop(request_id)
        answer = (self._wall(), reply.http_status, float(reply.seconds), str(verdict))
        self._execute(
            "UPDATE requests SET replied_at = ?, http_status = ?, seconds = ?, verdict = ?, sum = ? WHERE id = ?",
            (*answer, entry_sum(*intent, *answer), request_id),
        )
        if outcome is not None:
            self._write_outcome(outcome)
        await self._durable()

    async def finish(self, outcome: Outcome) -> None:
        """Write down an outcome that no single request gave, such as a settled doubt."""
        self._write_outcome(outcome)
        await self._durable()

    def _write_outcome(self, outcome: Outcome) -> None:
        values = (
            outcome.change_id,
            outcome.status.value,
            str(outcome.code),  # a StrEnum is summed by its name, and read back as its value
            outcome.message.encode("utf-8", "backslashreplace").decode(),
            outcome.http_status,
            outcome.attempts,
            None if outcome.record is None else dump(dict(outcome.record)),
            self._wall(),
        )
        self._execute(
            "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, entry_sum(*values))
        )

    def _execute(self, sql: str, values: tuple[object, ...]) -> None:
        self._raise_fault()
        try:
            with self._journal.faults():
                self._begin()
                self._connection.execute(sql, values)
        except BaseException as fault:
            self._break(fault)
            raise

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    async def _durable(self) -> None:
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            delay = self._last_commit + COMMIT_GAP - loop.time()
            if delay <= 0:
                loop.call_soon(self._commit, loop)
            else:
                loop.call_later(min(delay, COMMIT_GAP), self._commit, loop)
        # Shielded: one waiter that is cancelled must not take the commit from the others.
        await asyncio.shield(self._waiting)

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.done():
            return
        self._last_commit = loop.time()
        try:
            with self._journal.faults():
                if self._connection.in_transaction:
                    self._connection.commit()
        except Exception as fault:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            self._break(fault)
            waiting.set_exception(fault)
        else:
            waiting.set_result(None)

    def _break(self, fault: BaseException) -> None:
        self._fault = fault
        try:
            if self._connection.in_transaction:
                self._connection.rollback()
        except sqlite3.Error:
            pass  # the first fault is the one to tell
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(fault)
            waiting.exception()  # heard here too, in case nobody waits any more

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault
