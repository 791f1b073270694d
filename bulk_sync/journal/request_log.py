"""The sending side of a journal: intents before requests leave, outcomes before changes count as done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import TypeAlias, cast

from bulk_sync.journal.encoding import dump, entry_sum, load, storable
from bulk_sync.journal.store import Journal
from bulk_sync.records import Json, Outcome, Reply, Request
from bulk_sync.sending.ports import Then

COMMIT_GAP = 0.004
"""Seconds between two commits when many wait: 250 commits a second cost 8 % of a core, one for each request
would cap at 3,000/s. A lone request is committed at once."""


_INTEND = (
    "INSERT INTO requests (id, change, kind, target, intended_at, replied_at, http_status, seconds, verdict, sum) "
    "VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, '', ?)"
)
_ANSWER = "UPDATE requests SET replied_at = ?, http_status = ?, seconds = ?, verdict = ?, sum = ? WHERE id = ?"
_OUTCOME = "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

_Entry: TypeAlias = "tuple[str | float | None, ...]"
_REQUEST, _CHANGE = itemgetter(-1), itemgetter(0)


class RequestLog:
    """Implements the pool's ``ChangeLog`` over a journal.

    All that is written within the same few milliseconds shares one commit, and until then waits in lists: one
    ``executemany`` for each kind of entry takes a third of the time of a statement for each. After a fault of the disk
    every further call raises it again: nothing more is sent.
    """

    def __init__(self, journal: Journal, *, wall: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._connection = journal.connection
        self._wall = wall
        self._planned = False
        self._waiters: list[asyncio.Future[None]] = []
        self._thens: list[Then] = []
        self._intents: list[_Entry] = []
        self._answers: list[_Entry] = []
        self._outcomes: list[_Entry] = []
        self._last_commit = 0.0
        self._loop: asyncio.AbstractEventLoop
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
        self._intents.append((*intent, entry_sum((*intent, None, None, None, ""))))
        await self._durable()
        return number

    async def answered(self, request_id: int, reply: Reply, verdict: str) -> None:
        """Write down what came of a request."""
        self._answers.append(self._answer_entry(request_id, reply, verdict))
        await self._durable()

    def conclude(self, request_id: int, reply: Reply, verdict: str, outcome: Outcome, then: Then) -> None:
        """Write down what came of a request and how its change has ended; ``then`` hears what came of that.

        Its sender goes on to its next intent meanwhile, which shares the commit: waiting for each costs 7 µs more.
        """
        entries = self._answer_entry(request_id, reply, verdict), self._outcome_entry(outcome)
        self._plan_commit()
        self._answers.append(entries[0])  # together or not at all
        self._outcomes.append(entries[1])
        self._thens.append(then)

    async def finish(self, outcome: Outcome) -> None:
        """Write down an outcome that no single request gave, such as a settled doubt."""
        self._outcomes.append(self._outcome_entry(outcome))
        await self._durable()

    def old_values(self, change_id: int) -> Mapping[str, Json]:
        """Return what the record had in the fields of a change before it, as far as that is known."""
        with self._journal.faults():
            entry = self._connection.execute("SELECT * FROM changes WHERE id = ?", (change_id,)).fetchone()
        if entry is None:
            return {}
        _, _, _, old, _, _ = self._journal.checked("changes", entry)
        return cast("dict[str, Json]", load(str(old)))

    async def flush(self) -> None:
        """Return when all that was written down is on disk."""
        if self._planned or self._fault is not None:
            await self._durable()

    def _answer_entry(self, request_id: int, reply: Reply, verdict: str) -> _Entry:
        intent = self._open.pop(request_id)
        answer = (self._wall(), reply.http_status, float(reply.seconds), str(verdict))
        return (*answer, entry_sum(intent + answer), request_id)

    def _outcome_entry(self, outcome: Outcome) -> _Entry:
        values = (
            outcome.change_id,
            str(outcome.status),  # no StrEnum: marshal, which sums, takes plain texts alone
            str(outcome.code),
            storable(outcome.message),
            outcome.http_status,
            outcome.attempts,
            None if outcome.record is None else outcome.record_json or dump(dict(outcome.record)),
            self._wall(),
        )
        return (*values, entry_sum(values))

    async def _durable(self) -> None:
        """Return when all that waits now is on disk; a waiter that is cancelled takes nothing from the others."""
        self._plan_commit()
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _plan_commit(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._planned:
            return
        self._planned = True
        self._loop = loop = asyncio.get_running_loop()
        delay = self._last_commit + COMMIT_GAP - loop.time()
        if delay <= 0:
            loop.call_soon(self._commit, loop)
        else:
            loop.call_later(min(delay, COMMIT_GAP), self._commit, loop)

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        self._planned = False
        waiters, self._waiters = self._waiters, []
        thens, self._thens = iter(self._thens), []
        self._last_commit = loop.time()
        try:
            self._write()
            for then in thens:
                then(None)
        except Exception as fault:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            self._break(fault, waiters, thens)
            return
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _write(self) -> None:
        intents, answers, outcomes = self._intents, self._answers, self._outcomes
        self._intents, self._answers, self._outcomes = [], [], []
        # In the order of their keys, which splits fewer pages; the later of two outcomes of a change stays the later.
        answers.sort(key=_REQUEST)
        outcomes.sort(key=_CHANGE)
        with self._journal.transaction() as connection:
            connection.executemany(_INTEND, intents)
            connection.executemany(_ANSWER, answers)
            connection.executemany(_OUTCOME, outcomes)

    def _break(self, fault: BaseException, waiters: list[asyncio.Future[None]], thens: Iterable[Then]) -> None:
        self._fault = fault
        for then in thens:
            then(fault)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(fault)
