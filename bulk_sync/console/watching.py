"""The pool's hooks turned into what a person follows: counts by status, rate against quota, finish time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from bulk_sync.console.plan_text import clock, duration
from bulk_sync.console.progress import Progress
from bulk_sync.errors import BulkSyncError
from bulk_sync.records import Change, Outcome, Reply, Request, Status
from bulk_sync.sending.ports import Observer
from bulk_sync.workflow.desk import Forecast

_PROBLEMS = frozenset({Status.FAILED, Status.DIFFERS, Status.IN_DOUBT})
_RATE_WINDOW = 60.0


class LastMinute:
    """How many requests left within the last minute, to a tenth of a second: thousands a second need no memory each."""

    _TENTHS = 10

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, now: float) -> None:
        """Count a request that leaves now, in seconds of a monotonic clock."""
        tenth = int(now * self._TENTHS)
        if tenth not in self._counts:
            for old in [each for each in self._counts if each <= self._since(now)]:
                del self._counts[old]
        self._counts[tenth] += 1

    def count(self, now: float) -> int:
        """Return how many there are. Changes nothing: the display asks from a thread of its own."""
        since = self._since(now)
        return sum([count for tenth, count in tuple(self._counts.items()) if tenth > since])

    def _since(self, now: float) -> int:
        return int(now * self._TENTHS) - int(_RATE_WINDOW * self._TENTHS)


class Ends:
    """How many changes have ended with each status; one that was in doubt may end again, and counts once."""

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self._ended = 0
        self._in_doubt: set[int] = set()  # the only ones that may come again: a million others need no memory

    def add(self, change: Change, status: Status) -> int:
        """Count a change; return how many have ended."""
        if change.id in self._in_doubt:
            self._in_doubt.discard(change.id)
            self.counts[Status.IN_DOUBT] -= 1
            self._ended -= 1
        if status is Status.IN_DOUBT:
            self._in_doubt.add(change.id)
        self.counts[status] += 1
        self._ended += 1
        return self._ended


class Watcher(Observer):
    """Keeps the progress display of a run."""

    def __init__(
        self,
        progress: Progress | None,
        forecast: Forecast,
        say: Callable[[str], None],
        *,
        quota: Callable[[], str] = str,
        verbose: bool = False,
    ) -> None:
        self._progress = progress
        self._forecast = forecast
        self._say = say
        self._verbose = verbose
        self._ends = Ends()
        self._left = LastMinute()
        self._quota = quota
        self._total = progress.total if progress else None
        if progress:
            progress.status(self.status)

    @property
    def counts(self) -> Counter[Status]:
        """How many changes have ended with each status."""
        return self._ends.counts

    def started(self, request: Request) -> None:
        """Count towards the rate."""
        self._left.add(time.monotonic())
        if self._verbose:
            self._say(f"→ {_named(request)}")

    def answered(self, request: Request, reply: Reply, verdict: str) -> None:
        """Say it when verbose."""
        if self._verbose:
            what = reply.http_status or reply.fault
            self._say(f"← {_named(request)}: {what}, {verdict}, {reply.seconds:.3f} s")

    def settled(self, change: Change, outcome: Outcome) -> None:
        """Count the change and redraw."""
        ended = self._ends.add(change, outcome.status)
        if self._progress:
            if outcome.status in _PROBLEMS:
                self._progress.problem(f"{outcome.status.value} {change.record_id}: {outcome.message}")
            self._progress.step(ended)

    def again(self, change: Change, reply: Reply, seconds: float) -> None:
        """Say it when verbose."""
        if self._verbose:
            self._say(f"{change.record_id}: {reply.http_status or reply.fault}; again in {seconds:.1f} s")

    def paused(self, reason: str, seconds: float) -> None:
        """Say that the server is out."""
        self._say(f"paused: {reason}; next try in {duration(seconds)}")

    def resumed(self, seconds: float) -> None:
        """Say that it is back."""
        self._say(f"the server is back after {duration(seconds)}")

    def opened(self, canaries: int) -> None:
        """Say that the first changes came back as sent."""
        if canaries:
            first = "first change is" if canaries == 1 else f"first {canaries} changes are"
            self._say(f"the {first} verified; sending the rest")

    def status(self) -> str:
        """Say how far sending is, as it is now: rows that are tried again move the end, although none ends."""
        counts = tuple(self.counts.items())  # at once: the display asks from a thread of its own
        parts = [f"{count:,} {status.value}" for status, count in counts if count]
        allowed = ""
        with suppress(BulkSyncError):  # a quota that cannot be read is for whoever sends to tell
            if self._total:
                left = self._forecast(max(0, self._total - self.counts.total()))
                parts.append(f"done about {clock(time.time() + left)}")
            allowed = self._quota()
        sent = self._left.count(time.monotonic())
        requests = "1 request" if sent == 1 else f"{sent:,} requests"
        parts.append(f"{requests} in the last minute{f' of {allowed}' if allowed else ''}")
        return ", ".join(parts)


def _named(request: Request) -> str:
    return " ".join(filter(None, (request.kind, request.record_id or request.cursor)))


class JsonWatcher(Observer):
    """One line an event, with stable names and no personal values."""

    def __init__(self, event: Callable[..., None], progress: Progress | None = None, *, verbose: bool = False) -> None:
        self._event = event
        self._progress = progress
        self._verbose = verbose
        self._ends = Ends()

    def settled(self, change: Change, outcome: Outcome) -> None:
        """Tell how a change ended."""
        self._event(
            "settled",
            change=change.id,
            status=outcome.status.value,
            code=outcome.code,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
        )
        ended = self._ends.add(change, outcome.status)
        if self._progress:
            self._progress.step(ended)

    def opened(self, canaries: int) -> None:
        """Tell that the first changes came back as sent."""
        self._event("opened", canaries=canaries)

    def answered(self, request: Request, reply: Reply, verdict: str) -> None:
        """Tell each request when verbose."""
        if self._verbose:
            self._event(
                "request",
                kind=request.kind,
                http_status=reply.http_status,
                fault=reply.fault,
                verdict=verdict,
                seconds=round(reply.seconds, 3),
            )

    def paused(self, reason: str, seconds: float) -> None:
        """Tell that the server is out; its own words only when verbose."""
        self._event("paused", reason=reason if self._verbose else reason.partition(":")[0], seconds=round(seconds, 1))

    def resumed(self, seconds: float) -> None:
        """Tell that it is back."""
        self._event("resumed", seconds=round(seconds, 1))
