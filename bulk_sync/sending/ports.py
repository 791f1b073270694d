"""What sending needs from others, as small protocols: clock, dice, sender, gate, log; and the signal to stop.

One request goes through them in this order, and an implementation may rely on it::

    permit = await gate.acquire()               # a place in the quota
    number = await log.intend(request, change)  # the intent is durable
    reply = await sender.send(request)          # never raises for what the network or the server do
    gate.report(permit, reply)                  # at once, so that headers lead
    log.conclude(number, reply, …, then)        # durable when ``then`` is called with None: the row is done
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from bulk_sync.errors import BulkSyncError, ExitCode, Halted, KeyRefused, Refused
from bulk_sync.records import Change, Json, Outcome, Reply, Request


class Clock(Protocol):
    """Time, told. ``monotonic`` measures intervals in seconds, ``time`` is Unix time for the wall clock."""

    def monotonic(self) -> float:
        """Seconds that never jump, from an arbitrary beginning."""
        ...

    def time(self) -> float:
        """Unix time: it may jump, and it goes on while the machine sleeps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; 0 or less lets others go on."""
        ...


class Dice(Protocol):
    """Chance, told."""

    def __call__(self) -> float:
        """Return a number from 0 up to but not including 1."""
        ...


class Sender(Protocol):
    """One request, one reply."""

    async def send(self, request: Request) -> Reply:
        """Send once. What the network or the server do comes back as a Reply, never as an exception."""
        ...


Permit: TypeAlias = Hashable
"""A place in the quota. What it is, is the gate's own affair; the pool only hands it back."""


class Gate(Protocol):
    """The quota: says when the next request may leave."""

    async def acquire(self) -> Permit:
        """Wait until a request may leave now. When cancelled while waiting, its place is free again."""
        ...

    def report(self, permit: Permit, reply: Reply | None) -> None:
        """Say what became of a permit, exactly once, as soon as it is known.

        ``reply`` carries the headers; with ``reply.left`` False the request cost no quota. None: the permit
        was not used after all, its place is free again. A 429 holds everybody back until its time has come.
        """
        ...


Then: TypeAlias = Callable[[BaseException | None], None]
"""Hears that something is durable, by None, or what broke the log."""


class ChangeLog(Protocol):
    """The memory of a run. Each method but ``conclude`` returns when what it was told is durable.

    What is told first is durable first, or with what is told later: when an intent is, so is every answer told before
    it. When something cannot be kept, that is raised from then on, and nothing more may be sent.
    """

    async def intend(self, request: Request, change_id: int | None) -> int:
        """Keep that a request is about to leave, for a change or for none; return the request's number."""
        ...

    async def answered(self, request_id: int, reply: Reply, verdict: str) -> None:
        """Keep what came back and the verdict (see ``policy.Verdict``), where that did not end a change."""
        ...

    def conclude(self, request_id: int, reply: Reply, verdict: str, outcome: Outcome, then: Then) -> None:
        """Keep what came back and the outcome that it gave; whoever sent it need not wait.

        ``then`` is called once: with None when both are durable, else with what broke the log.
        """
        ...

    async def finish(self, outcome: Outcome) -> None:
        """Keep an outcome that no single request gave: a doubt settled by reading, a row refused unsent.

        An outcome of status ``in_doubt`` may be followed by a better one.
        """
        ...

    def old_values(self, change_id: int) -> Mapping[str, Json]:
        """Return what the record had in the fields of a change before it, as far as that is known."""
        ...

    async def flush(self) -> None:
        """Return when every outcome is durable and each ``then`` has been called; raises what broke the log."""
        ...


Handled: TypeAlias = Callable[[Change], Outcome | None]
"""Says, before each attempt of a change, how it ended where someone else has handled its record; None: it may leave."""


def by_nobody(_change: Change) -> None:
    """Say that nobody else has handled the record of a change."""


class Observer:
    """Hooks for progress and logs; each is called in the loop and must be cheap. Override what is wanted."""

    def started(self, request: Request) -> None:
        """Tell that a request leaves now."""

    def answered(self, request: Request, reply: Reply, verdict: str) -> None:
        """Tell that a request came back."""

    def settled(self, change: Change, outcome: Outcome) -> None:
        """Tell that a change has ended, durably (``in_doubt`` may be settled once more)."""

    def again(self, change: Change, reply: Reply, seconds: float) -> None:
        """Tell that a change waits ``seconds`` to be tried again, and why."""

    def paused(self, reason: str, seconds: float) -> None:
        """Tell that the server seems to be out: nothing is sent until a probe after ``seconds``."""

    def resumed(self, seconds: float) -> None:
        """Tell that the server is back after ``seconds``."""

    def opened(self, canaries: int) -> None:
        """Tell that the canaries are verified and that the rest may go."""


class StopReason(StrEnum):
    """Why no more requests are sent although there are rows left."""

    INTERRUPTED = "interrupted"
    KEY_REFUSED = "key_refused"
    TARGET_REFUSED = "target_refused"
    SYSTEMIC = "systemic"
    OUTAGE = "outage"
    QUOTA = "quota"
    UNTIL = "until"
    MAX_REQUESTS = "max_requests"
    MAX_DURATION = "max_duration"


_ERRORS: dict[StopReason, type[BulkSyncError]] = {
    StopReason.KEY_REFUSED: KeyRefused,
    StopReason.TARGET_REFUSED: Refused,
}


class Stop(NamedTuple):
    """A reason to stop, in words."""

    reason: StopReason
    message: str
    hint: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends for it."""
        if self.reason is StopReason.INTERRUPTED:
            return ExitCode.INTERRUPTED
        return _ERRORS.get(self.reason, Halted).exit_code

    def error(self) -> BulkSyncError:
        """Return it as an exception, for work that has no results to write."""
        if self.reason is StopReason.INTERRUPTED:
            return Interrupted(self.message, hint=self.hint)
        return _ERRORS.get(self.reason, Halted)(self.message, hint=self.hint)


class Interrupted(Halted):
    """Stopped by a signal; ``resume`` goes on."""

    exit_code = ExitCode.INTERRUPTED


class StopSignal:
    """Set once, by a signal handler or by the pool itself; the first reason stays."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.stop: Stop | None = None

    def set(self, stop: Stop) -> None:
        """Ask for the end: no new request, those in flight get a few seconds."""
        if self.stop is None:
            self.stop = stop
            self._event.set()

    def is_set(self) -> bool:
        """Whether the end was asked for."""
        return self.stop is not None

    async def wait(self) -> Stop:
        """Wait until the end is asked for."""
        await self._event.wait()
        if self.stop is None:
            raise AssertionError("the event is only set with a reason")
        return self.stop
