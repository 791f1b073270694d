"""Lanes: places for requests in flight, as many as the concurrency allows at the moment; first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque

from bulk_sync.sending.pace import Concurrency


class Lanes:
    """A semaphore whose number of places changes while it is used, and that can be closed."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency = concurrency
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def enter(self) -> bool:
        """Wait for a lane and take it; False, with none taken, where the lanes are closed."""
        if self._closed:
            return False
        if not self._queue and self._free():
            self._taken += 1
            return True
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise
        if self._closed:
            self.leave()
        return not self._closed

    def close(self) -> None:
        """Let nobody in any more, those who wait included."""
        self._closed = True
        self.hand_out()

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
        return self._closed or self._taken < self._concurrency.limit
