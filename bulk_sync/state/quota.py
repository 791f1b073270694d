"""One quota for all processes of this machine that use one key: the gate that every request passes.

What is known stands in one row of ``state.sqlite`` for each origin and key; every process reserves there before a
request leaves and reports there what came back. The decisions are ``sending.limiter``'s, the lessons
``sending.quota_learning``'s; here are the row, the clock and the waiting.

Each gate holds a lock of the operating system while it lives: the places of a process that has died come back as soon
as another one finds its lock free.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from filelock import FileLock, Timeout

from bulk_sync.records import Reply
from bulk_sync.sending.finish import Sending, finish_in, finish_known
from bulk_sync.sending.headers import NOTHING, read_allowance
from bulk_sync.sending.limiter import (
    FREE_SPELL,
    Grant,
    effective_rate,
    join,
    leave_queue,
    opens_at,
    reserve,
    take_back,
)
from bulk_sync.sending.ports import Clock, Permit
from bulk_sync.sending.quota_learning import Answer, learn
from bulk_sync.sending.quota_state import QuotaState, Terms, forget, from_json, shift, to_json
from bulk_sync.sending.rate import Rate
from bulk_sync.state.store import StateFault, closed_on_failure, keep_write_ahead_log, make_private

_TABLE = """
CREATE TABLE IF NOT EXISTS quota (
  origin TEXT NOT NULL, key_hash TEXT NOT NULL, body TEXT NOT NULL, monotonic REAL NOT NULL, wall REAL NOT NULL,
  PRIMARY KEY (origin, key_hash)
) WITHOUT ROWID;
"""

_LONGEST_SLEEP = 30.0
"""Seconds: nobody sleeps longer without asking again, since the machine may have slept meanwhile."""

_SHORTEST_SLEEP = 0.0005
_SWEEP_EVERY = 1.0
_BUSY_BLOCK = 0.02
_LARGEST_BLOCK = 256
_MOST_PENDING = 64

_Result = TypeVar("_Result")


class Place(NamedTuple):
    """A place in the quota, as a permit. ``places`` is 0 in a free spell, where nothing is counted."""

    number: int
    taken_at: float
    probe: bool
    places: int


class Standing(NamedTuple):
    """What is known of the quota: None and 0 stand for unknown. ``reset_in`` in seconds."""

    limit: int
    window: float
    remaining: int | None
    reset_in: float
    told: bool | None


class SharedQuota:
    """The :class:`~bulk_sync.sending.ports.Gate` of one process; any number may share ``folder``.

    ``origin`` and ``key_hash`` name the quota. ``on_correction`` is called with the old and the new rate when the
    server's headers contradict what was assumed. ``clock.monotonic`` must be one that all processes share, as
    that of an operating system is. Use as a context manager, or call :meth:`close`: then what was reserved is
    free at once. Raises :class:`~bulk_sync.state.store.StateFault` where the file cannot be read or written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        origin: str,
        key_hash: str,
        terms: Terms,
        clock: Clock,
        on_correction: Callable[[Rate, Rate], None] | None = None,
    ) -> None:
        self._row = (origin, key_hash)
        self._terms = terms
        self._clock = clock
        self._on_correction = on_correction
        self._assumed = terms.own
        self._path = folder / "state.sqlite"
        self._locks = folder / "locks"
        self._member = secrets.token_hex(6)
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stock: deque[Place] = deque()
        self._pending: list[Answer] = []
        self._numbers = 0
        self._out = 0
        self._waiting = 0
        self._block = 1
        self._granted_at = 0.0
        self._free_until = 0.0
        self._swept_at = clock.monotonic()
        with self._faults():
            make_private(self._locks)
            self._alive = FileLock(self._lock_path(self._member), timeout=0, mode=0o600)
            self._alive.acquire()
            # Made here for its owner only: what SQLite puts beside it has the same mode.
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600))
            self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
            with closed_on_failure(self._connection):
                keep_write_ahead_log(self._connection)
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.executescript(_TABLE)
        with closed_on_failure(self._connection):
            self._update(self._enter)

    async def acquire(self) -> Place:
        """Wait until a request may leave now. When cancelled, nothing stays reserved."""
        if not self._turn.locked():
            place = self._from_stock() or self._ask()
            if isinstance(place, Place):
                return place
        self._waiting += 1
        try:
            async with self._turn:
                while not isinstance(place := self._from_stock() or self._ask(), Place):
                    await self._pause(place.ask_at)
                return place
        except asyncio.CancelledError:
            if self._waiting == 1:
                with suppress(StateFault):
                    self._leave_queue()
            raise
        finally:
            self._waiting -= 1

    def report(self, permit: Permit, reply: Reply | None) -> None:
        """Say what became of a permit, exactly once; None or ``left`` False: it cost no quota."""
        if not isinstance(permit, Place):
            raise TypeError(f"{permit!r} is no permit of this gate")
        self._out -= 1
        now = self._clock.monotonic()
        if reply is None:
            answer = Answer(self._member, permit.taken_at, now, NOTHING, None, False, permit.probe, permit.places)
        else:
            allowance = read_allowance(reply.headers, wall_time=self._clock.time()) if reply.headers else NOTHING
            if not permit.places and allowance.remaining is None and reply.http_status != 429:
                return
            answer = Answer(
                self._member, permit.taken_at, now, allowance, reply.http_status, reply.left, permit.probe,
                permit.places, reply.seconds,
            )  # fmt: skip
        self._pending.append(answer)
        if self._may_wait(answer):
            return
        self._update(self._settle)
        self._wake.set()

    def forecast(self, requests: int, lanes: int = 0) -> float:
        """Return the seconds until so many more requests are done, by what is known now.

        Those that are out are among them; ``lanes`` is how many may be, 0 for any number.
        """
        who = Sending(self._member, lanes)
        return finish_in(self._read(), self._terms, self._clock.monotonic(), requests, who)

    def foretells(self) -> bool:
        """Tell whether the forecast rests on more than an assumption, see :func:`finish_known`."""
        return finish_known(self._read(), self._terms)

    def rate(self) -> Rate:
        """Return the rate that can be kept up, by what is known now."""
        return effective_rate(self._read(), self._terms)

    def standing(self) -> Standing:
        """Return what is known of the quota."""
        state, now = self._read(), self._clock.monotonic()
        reset_in = max(0.0, opens_at(state) - now) if state.seen else 0.0
        return Standing(state.limit, state.window, state.remaining, reset_in, state.seen)

    def close(self) -> None:
        """Give back what was reserved and leave. Permits that are still out count as spent."""
        try:
            self._update(self._exit)
        finally:
            self._connection.close()
            self._alive.release()
            with suppress(OSError):
                self._lock_path(self._member).unlink()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _from_stock(self) -> Place | None:
        now = self._clock.monotonic()
        if self._stock and now - self._granted_at < FREE_SPELL:
            self._out += 1
            return self._stock.popleft()._replace(taken_at=now)
        if self._stock:
            self._update(self._give_back)
        return self._take(now, probe=False, places=0) if now < self._free_until else None

    def _take(self, now: float, *, probe: bool, places: int) -> Place:
        self._numbers += 1
        self._out += 1
        return Place(self._numbers, now, probe, places)

    def _ask(self) -> Place | Grant:
        """Reserve; return a place that may leave now, or the grant that says when to ask again."""
        now = self._clock.monotonic()
        busy = now - self._granted_at < _BUSY_BLOCK
        self._block = min(self._block * 2, _LARGEST_BLOCK) if busy else 1
        wanted = max(self._block, self._waiting)
        grant = self._update(lambda state, at: reserve(self._learned(state), self._terms, at, self._member, wanted))
        now = self._clock.monotonic()
        if grant.free_until:
            self._free_until = grant.free_until
            return self._take(now, probe=False, places=0)
        if not grant.places:
            self._sweep(now)
            return grant
        self._granted_at = now
        for _ in range(grant.places - 1):
            self._numbers += 1
            self._stock.append(Place(self._numbers, now, probe=False, places=1))
        return self._take(now, probe=grant.probe, places=1)

    def _may_wait(self, answer: Answer) -> bool:
        """Tell whether a report can be told together with later ones: nobody here waits for what it says."""
        return (
            bool(self._stock)
            and self._out > 0
            and not self._waiting
            and not answer.probe
            and answer.status != 429
            and len(self._pending) < _MOST_PENDING
        )

    def _learned(self, state: QuotaState) -> QuotaState:
        for answer in self._pending:
            state = learn(state, self._terms, answer)
        if any(answer.status == 429 for answer in self._pending):
            self._free_until = 0.0
        self._pending.clear()
        if state.seen:
            self._free_until = 0.0
        return state

    def _settle(self, state: QuotaState, now: float) -> tuple[QuotaState, None]:
        state = self._learned(state)
        if not self._out or now < state.blocked_until:
            return self._give_back(state, now)
        return state, None

    def _give_back(self, state: QuotaState, now: float) -> tuple[QuotaState, None]:
        """Return places in stock: nobody here needs them soon, or a 429 elsewhere may have made them void."""
        places = len(self._stock)
        self._stock.clear()
        return (take_back(state, self._terms, now, self._member, places) if places else state), None

    def _enter(self, state: QuotaState, now: float) -> tuple[QuotaState, None]:
        dead = [each.member for each in state.holds if not self._lives(each.member)]
        return join(forget(state, dead, now), self._member, now), None

    def _exit(self, state: QuotaState, now: float) -> tuple[QuotaState, None]:
        self._out = 0
        state, _ = self._settle(state, now)
        return forget(state, [self._member], now), None

    def _leave_queue(self) -> None:
        self._update(lambda state, _: (leave_queue(state, self._member), None))

    def _sweep(self, now: float) -> None:
        """Look, once in a while, whether those that hold what is waited for are alive."""
        if now - self._swept_at < _SWEEP_EVERY:
            return
        self._swept_at = now
        others = [each.member for each in self._read().holds if each.member != self._member]
        dead = [member for member in others if not self._lives(member)]
        if dead:
            self._update(lambda state, at: (forget(state, dead, at), None))

    def _lives(self, member: str) -> bool:
        path = self._lock_path(member)
        if not path.exists():
            return False
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
        with suppress(OSError):
            path.unlink()
        return False

    def _lock_path(self, member: str) -> Path:
        return self._locks / f"quota-{member}.lock"

    async def _pause(self, until: float) -> None:
        """Sleep until a moment, or until something is reported here."""
        self._wake.clear()
        seconds = min(max(until - self._clock.monotonic(), _SHORTEST_SLEEP), _LONGEST_SLEEP)
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _update(self, change: Callable[[QuotaState, float], tuple[QuotaState, _Result]]) -> _Result:
        """Change the shared state in one transaction, and say it if the rate is not what was assumed."""
        with self._faults():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                # The clock is read inside: no other process can have written a later moment.
                now = self._clock.monotonic()
                before = self._load(now)
                state, result = change(before, now)
                if state != before:
                    self._store(state, now)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()  # if there is still something: SQLite itself rolls back on a full disk
                raise
        self._correct(state)
        return result

    def _read(self) -> QuotaState:
        with self._faults():
            return self._load(self._clock.monotonic())

    def _load(self, now: float) -> QuotaState:
        found = self._connection.execute(
            "SELECT body, monotonic, wall FROM quota WHERE origin = ? AND key_hash = ?", self._row
        ).fetchone()
        if found is None:
            return QuotaState()
        body, monotonic, wall = found
        try:
            state = from_json(json.loads(body))
        except (ValueError, TypeError, KeyError):
            return QuotaState()  # written by another version: what it knew is learned again
        if now >= monotonic:
            return state
        # The machine was started again. Its wall clock tells how long it was away, unless it was put back.
        away = max(0.0, self._clock.time() - wall)
        return shift(state, now - monotonic - away)

    def _store(self, state: QuotaState, now: float) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO quota VALUES (?, ?, ?, ?, ?)",
            (*self._row, json.dumps(to_json(state), separators=(",", ":")), now, self._clock.time()),
        )

    def _correct(self, state: QuotaState) -> None:
        if not (state.seen and state.limit and state.window) or self._terms.rate.unpaced:
            return
        rate = effective_rate(state, self._terms)
        if abs(rate.per_second / self._assumed.per_second - 1) > 0.01:
            old, self._assumed = self._assumed, rate
            if self._on_correction is not None:
                self._on_correction(old, rate)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StateFault(f"{self._path}: {error}") from error
