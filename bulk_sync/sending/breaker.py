"""Whether to send at all: a state machine in told time. Pure.

Closed, it counts retriable failures in a row. At :attr:`BreakerSettings.streak` of them it opens: one probe at a
time, the first after a second, then twice as long up to half a minute, counted from one probe's beginning to
the next. The first sign of life closes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from bulk_sync.sending.policy import Trouble


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """``streak`` failures in a row open; probes after ``first_probe`` to ``last_probe`` seconds.

    ``max_outage`` seconds without a sign of life end the run. ``systemic_first`` refusals that every row would
    get, before any row was accepted, end it too; ``systemic_later`` in a row do so at any time.
    """

    streak: int = 12
    first_probe: float = 1.0
    last_probe: float = 30.0
    max_outage: float = 1800.0
    systemic_first: int = 5
    systemic_later: int = 50


class Signal(Enum):
    """What an observed reply changed."""

    NOTHING = auto()
    OPENED = auto()
    CLOSED = auto()
    SYSTEMIC = auto()
    LIMITED = auto()


class Breaker:
    """The state; every method is told the present time in seconds of a monotonic clock."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self.settings = settings or BreakerSettings()
        self.open = False
        self.streak = 0
        self.accepted = 0
        self._failing_since: float | None = None
        self._limited_since: float | None = None
        self._limited = 0
        self._delay = 0.0
        self._next_probe = 0.0
        self._systemic = 0

    def observe(self, trouble: Trouble, now: float, *, accepted: bool = False) -> Signal:
        """Take note of a reply; ``accepted`` is a change that the API took."""
        if trouble in {Trouble.OUTAGE, Trouble.TARGET}:
            return self._failure(now)
        if trouble is Trouble.QUOTA:
            return self._quota(now)
        if trouble is Trouble.KEY:
            return Signal.NOTHING
        closed = self._life()
        self._limited_since, self._limited = None, 0
        if accepted:
            self.accepted += 1
        self._systemic = self._systemic + 1 if trouble is Trouble.SYSTEMIC else 0
        if self._systemic >= self.settings.systemic_later or (
            not self.accepted and self._systemic >= self.settings.systemic_first
        ):
            return Signal.SYSTEMIC
        return closed

    def trip(self, now: float) -> Signal:
        """Open at once: someone found out that the server does not answer anything."""
        if self.open:
            return Signal.NOTHING
        self.open = True
        if self._failing_since is None:
            self._failing_since = now
        self._delay = self.settings.first_probe
        self._next_probe = now + self._delay
        return Signal.OPENED

    def probe_wait(self, now: float) -> float:
        """Seconds until the next probe may leave; 0 while closed."""
        return max(0.0, self._next_probe - now) if self.open else 0.0

    def probing(self, now: float) -> None:
        """Take note that a probe leaves now."""
        self._delay = min(self._delay * 2, self.settings.last_probe)
        self._next_probe = now + self._delay

    def outage(self, now: float) -> float:
        """Seconds since the first failure of the present streak; 0 without one."""
        return 0.0 if self._failing_since is None else now - self._failing_since

    def outlasted(self, now: float) -> bool:
        """Whether the outage has lasted longer than anyone wants to wait."""
        return self.open and self.outage(now) >= self.settings.max_outage

    def _failure(self, now: float) -> Signal:
        self.streak += 1
        if self._failing_since is None:
            self._failing_since = now
        return self.trip(now) if self.streak >= self.settings.streak else Signal.NOTHING

    def _quota(self, now: float) -> Signal:
        """Take a 429 for a sign of life; but a server that only ever refuses is not to be waited for."""
        closed = self._life()
        if self._limited_since is None:
            self._limited_since = now
        self._limited += 1
        lasted = now - self._limited_since >= self.settings.max_outage
        return Signal.LIMITED if lasted and self._limited >= self.settings.streak else closed

    def _life(self) -> Signal:
        was_open, self.open = self.open, False
        self.streak = 0
        self._failing_since = None
        return Signal.CLOSED if was_open else Signal.NOTHING
