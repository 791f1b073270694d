"""How many requests in flight, how long until a row is tried again, how many rows may wait for it. Pure."""

from __future__ import annotations

from bulk_sync.sending.policy import Trouble

BACKOFF = 0.5
"""Seconds: the longest wait before the second attempt; it doubles with each further one."""
BACKOFF_CAP = 30.0
MOMENT = 0.01
"""Seconds that whoever waits for a moment sleeps at least: a shorter sleep may not move a clock of floats."""


def backoff(tries: int, dice: float, *, at_least: float = 0.0) -> float:
    """Return the seconds to wait after the ``tries``-th failure: exponential with full jitter.

    ``dice`` is from 0 up to 1, ``at_least`` what the server asked for: jitter comes on top of it, so that
    rows that were told the same do not come back together.
    """
    return at_least + dice * min(BACKOFF_CAP, BACKOFF * 2.0 ** min(tries - 1, 16))


class Concurrency:
    """How many requests may be in flight: grows while answers stay quick, shrinks when they slow down or fail.

    Each answer as quick as the best adds one, which doubles the number every round trip (slow start); answers
    much slower than the best take it back, a failure halves it, at most once for each round trip.
    """

    SLACK = 0.05
    """Seconds of latency that say nothing: our own loop's share of it."""

    def __init__(self, most: int, *, start: int = 4) -> None:
        self.most = most
        self.limit = min(start, most)
        self._best: float | None = None
        self._halved_at = float("-inf")

    def observe(self, trouble: Trouble, seconds: float, now: float) -> None:
        """Learn from one reply that took ``seconds``."""
        if trouble is Trouble.OUTAGE:
            if now - self._halved_at >= max(seconds, self.SLACK):
                self.limit = max(1, self.limit // 2)
                self._halved_at = now
            return
        if trouble is not Trouble.NONE:
            return
        # The best is forgotten slowly, so that one lucky answer does not set the measure for ever.
        self._best = seconds if self._best is None else min(seconds, self._best * 1.01)
        if seconds <= 2 * self._best + self.SLACK:
            if self.limit < self.most:
                self.limit += 1
        elif seconds > 4 * self._best + self.SLACK:
            self.limit = max(1, self.limit - 1)


class RetryBudget:
    """Second and later attempts as a share of all: in a partial outage they are delayed, never refused.

    Every success earns half a retry, every second one; a retry costs one.
    """

    EARNED = 0.5
    PER_SECOND = 1.0

    def __init__(self, most: float, now: float) -> None:
        self._most = most
        self._credit = most
        self._at = now

    def earn(self) -> None:
        """Take note of a success."""
        self._credit = min(self._most, self._credit + self.EARNED)

    def wait(self, now: float) -> float:
        """Take one retry and return 0, or return the seconds after which to ask again."""
        self._credit = min(self._most, self._credit + (now - self._at) * self.PER_SECOND)
        self._at = now
        if self._credit >= 1.0:
            self._credit -= 1.0
            return 0.0
        return max((1.0 - self._credit) / self.PER_SECOND, MOMENT)
