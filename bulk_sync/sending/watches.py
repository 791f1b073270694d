"""What is watched while the workers work or wait: the limits of time, and whether the server still lives.

Rows that wait to be tried again sleep up to half a minute, and a request that hangs takes as long: none of them is
up when a limit is reached, or can tell a dead server from a row that breaks it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Sized
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from bulk_sync.records import Request
from bulk_sync.sending import stops
from bulk_sync.sending.exchange import Exchange, NoMoreRequests, no_outcome
from bulk_sync.sending.limits import Limits
from bulk_sync.sending.pace import MOMENT
from bulk_sync.sending.policy import UNREACHED
from bulk_sync.sending.ports import Clock, Stop, StopSignal
from bulk_sync.sending.rows import Task

Spawn: TypeAlias = Callable[[Callable[[], Awaitable[None]]], object]

_LONGEST_NAP = 30.0
"""Seconds after which the wall clock is looked at again: it may jump, and it goes on while the machine sleeps."""

_LONGEST_ASKING = 1800.0
"""Seconds for which the last rows' failures are taken for their own matter: attempts and pauses take some minutes,
but a row whose requests never leave uses up none."""

_SHORT_NAP = 0.1
"""Seconds after which to look again whether the question has got its place in the quota."""


async def watch_time(limits: Limits, clock: Clock, stop: StopSignal) -> None:
    """Set the stop when a limit of time is reached while nobody sends."""
    while True:
        left = limits.next_moment(monotonic=clock.monotonic(), wall=clock.time())
        if left is None:
            return
        await clock.sleep(max(min(left, _LONGEST_NAP), MOMENT))
        reached = limits.reached(requests=0, monotonic=clock.monotonic(), wall=clock.time())
        if reached is not None:
            stop.set(reached)
            return


class LifeWatch:
    """Asks the server for a sign of life where failures are all that comes; ends a run that gets none for too long.

    The question is a page, which no row can break: a row whose requests fail while the server lives is told from a
    server that has died, however few requests are tried. While it has, the question goes on as the breaker's probe.

    Where pages are all that the server answers, it may be its changes that are out: it is asked once, and the breaker
    waits for those. But when nothing new is left to try (``alone``), and few are left, it is their own matter: asked
    whenever they are all that comes, they come to the end of their attempts. ``left``: who still works or waits.
    """

    def __init__(self, exchange: Exchange, clock: Clock, left: Sized) -> None:
        self._exchange = exchange
        self._clock = clock
        self._left = left
        self._question: Task | None = None
        self._asked_after = -1
        self._asked_since = 0.0
        self.alone = False

    async def watch(self, spawn: Spawn) -> None:
        """Watch until cancelled; ``spawn`` starts work that the stop may end."""
        self.alone = False
        while True:
            await self._exchange.failing.wait()
            self._exchange.failing.clear()
            while (nap := self._look(spawn)) is not None:
                await self._clock.sleep(nap)

    def _look(self, spawn: Spawn) -> float | None:
        """Do what is due, and return the seconds until the next look; None where there is nothing to watch."""
        breaker, now = self._exchange.breaker, self._clock.monotonic()
        if not breaker.failing:
            return None
        if breaker.outlasted(now) and (breaker.open or (self._question and self._question.flying)):
            self._exchange.stop_for_outage()
            return None
        if breaker.doubted(now) and self._question is None and self._may_ask(now):
            self._question = Task(Request("page"))
            spawn(partial(self._ask, self._question))
        # An answer ends the streak, and the next one may begin, while this sleeps.
        return max(min(breaker.next_moment(now), breaker.settings.silence), _SHORT_NAP)

    def _may_ask(self, now: float) -> bool:
        if self._exchange.useful != self._asked_after:
            self._asked_after, self._asked_since = self._exchange.useful, now
            return True
        few = len(self._left) < self._exchange.breaker.settings.streak
        return self.alone and few and now - self._asked_since < _LONGEST_ASKING

    async def refusal_of(self, canaries: Sequence[Task]) -> Stop | None:
        """Return the stop where all canaries were refused, or are missing where there is no list of them either."""
        refusal = stops.canaries_refused(canaries)
        if refusal is not None or self._exchange.proven or not stops.all_missing(canaries):
            return refusal
        question = Task(Request("page"))
        with suppress(NoMoreRequests):
            await self._exchange(question, None, no_outcome)
        return stops.nothing_found(question.last) if question.last.http_status == 404 else None

    async def _ask(self, question: Task) -> None:
        try:
            while True:
                ruling = await self._exchange(question, None, no_outcome)
                if ruling.trouble not in UNREACHED:
                    return
                self._exchange.trip()
        finally:
            self._question = None
