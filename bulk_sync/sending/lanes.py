"""Lanes: places for requests in flight, as many as the concurrency allows at the moment; first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque

from bulk_sync.sending.pace import Concurrency
from bulk_sync.sending.policy import Trouble


class Lanes:
    """A semaphore whose number of places changes while it is used."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency = concurrency
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a lane and take it."""
        if not self._queue and self._taken < self._concurrency.limit:
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give a lane back."""
        self._taken -= 1
        self._hand_out()

    def observe(self, trouble: Trouble, seconds: float, now: float) -> None:
        """Let one reply change the number of lanes."""
        self._concurrency.observe(trouble, seconds, now)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._queue and self._taken < self._concurrency.limit:
            turn = self._queue.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
