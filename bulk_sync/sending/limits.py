"""What one run may use up, and what came of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from bulk_sync.records import Status
from bulk_sync.sending.breaker import BreakerSettings
from bulk_sync.sending.ports import Stop, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user allows, told as moments, not as durations.

    ``workers``: requests in flight, an upper limit. ``attempts`` for each row in this process. ``max_requests``
    of every kind. ``until`` is Unix time, ``ends_at`` a moment of the monotonic clock. ``grace``: seconds that
    requests in flight get when the run is stopped. ``row_seconds``: how long one row is tried, outages not
    counted. ``readable``: the plain fields that answers show.
    """

    workers: int = 4
    attempts: int = 10
    max_requests: int | None = None
    until: float | None = None
    ends_at: float | None = None
    grace: float = 5.0
    row_seconds: float = 3600.0
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    readable: Collection[str] = frozenset()

    @property
    def bounded(self) -> bool:
        """Whether there is a limit that may forbid a request."""
        return (self.max_requests, self.until, self.ends_at) != (None, None, None)

    def reached(self, *, requests: int, monotonic: float, wall: float) -> Stop | None:
        """Return the limit that forbids another request, None where it may leave."""
        hint = "bulk-sync resume goes on"
        if self.max_requests is not None and requests >= self.max_requests:
            return Stop(StopReason.MAX_REQUESTS, f"--max-requests {self.max_requests} is used up", hint)
        if self.until is not None and wall >= self.until:
            return Stop(StopReason.UNTIL, "the time given by --until has come", hint)
        if self.ends_at is not None and monotonic >= self.ends_at:
            return Stop(StopReason.MAX_DURATION, "--max-duration is over", hint)
        return None

    def next_moment(self, *, monotonic: float, wall: float) -> float | None:
        """Return the seconds until a limit of time is reached, None where there is none."""
        left = []
        if self.until is not None:
            left.append(self.until - wall)
        if self.ends_at is not None:
            left.append(self.ends_at - monotonic)
        return max(0.0, min(left)) if left else None

    def left(self, *, requests: int, monotonic: float, wall: float, per_second: float) -> float:
        """Return how many requests may leave before a limit is reached, at a pace; endless where there is none."""
        seconds = self.next_moment(monotonic=monotonic, wall=wall)
        in_time = math.inf if seconds is None else seconds * per_second
        return in_time if self.max_requests is None else min(in_time, self.max_requests - requests)


@dataclass(slots=True)
class SendReport:
    """What a pool did: changes by how they ended, requests by kind, and why it stopped, if it did.

    Changes without an outcome are in no count: they are ``not_sent``.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    stop: Stop | None = None

    @property
    def stopped_by(self) -> str:
        """The reason as the results show it, '' where all was done."""
        return self.stop.reason if self.stop else ""
