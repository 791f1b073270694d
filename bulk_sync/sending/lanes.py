"""Lanes: places for requests on their way, as many as the concurrency allows at the moment; first come, first served.

Whoever has one may wait for a permit, have its request out, or stand in between.
"""

from __future__ import annotations

import asyncio
from collections import deque

from bulk_sync.sending.pace import Concurrency


class Lanes:
    """A semaphore whose number of places changes while it is used."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency = concurrency
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a lane and take it."""
        if not self._queue and self._free():
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
        self.hand_out()

    def hand_out(self) -> None:
        """Let in who waits, after the concurrency has changed."""
        while self._queue and self._free():
            turn = self._queue.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)

    def _free(self) -> bool:
        return self._taken < self._concurrency.limit
