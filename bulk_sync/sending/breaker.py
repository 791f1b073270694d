"""Whether to send at all: a state machine in told time. Pure.

Closed, it counts retriable failures in a row. At :attr:`BreakerSettings.streak` of them it opens: one probe at a
time, the first after a second, then twice as long up to half a minute, counted from one probe's beginning to
the next. The first sign of life closes it.

Where few requests are in flight so many failures take minutes. A streak that lasts is therefore doubted: someone is
to ask whether the server answers anything at all (``sending.watches``), and to trip the breaker if it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from bulk_sync.sending.policy import UNREACHED, Trouble


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """``streak`` failures in a row open; probes after ``first_probe`` to ``last_probe`` seconds.

    After ``silence`` seconds of nothing but failures the server is asked for a sign of life.
    ``max_outage`` seconds without one, since the first failure, end the run. ``systemic_first`` refusals that every
    row would get, before any row was accepted, end it too; ``systemic_later`` in a row do so at any time.
    """

    streak: int = 12
    first_probe: float = 1.0
    last_probe: float = 30.0
    silence: float = 10.0
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
        if trouble in UNREACHED:
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

    @property
    def failing(self) -> bool:
        """Whether the latest that was heard, if anything, is a failure."""
        return self._failing_since is not None

    def doubted(self, now: float) -> bool:
        """Whether failures have been all that came for so long that the server is to be asked for a sign of life."""
        return self.failing and self.outage(now) >= self._patience

    def outlasted(self, now: float) -> bool:
        """Whether the outage has lasted longer than anyone wants to wait."""
        return self.failing and self.outage(now) >= self.settings.max_outage

    def next_moment(self, now: float) -> float:
        """Seconds until the present streak is doubted or outlasted; 0 where both have come."""
        lasted = self.outage(now)
        return next((at - lasted for at in (self._patience, self.settings.max_outage) if at > lasted), 0.0)

    @property
    def _patience(self) -> float:
        # The question needs time for its answer before the outage has lasted too long.
        return min(self.settings.silence, self.settings.max_outage / 2)

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
