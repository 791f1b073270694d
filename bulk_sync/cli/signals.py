"""What SIGINT, SIGTERM and SIGHUP do to a command at work.

They are handled between bytecodes and not by the event loop: it stands still while a question is asked and while
results are written, and a person must be able to leave then, too.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from bulk_sync.sending.ports import Stop, StopReason
from bulk_sync.workflow.desk import Desk

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_ONE_EVENT = 0.1
"""Seconds within which signals are one: a closed terminal hangs up twice, service managers send two kinds."""

_STOP = Stop(StopReason.INTERRUPTED, "interrupted", "bulk-sync resume goes on")


@contextmanager
def listening(desk: Desk, asking: Callable[[], bool]) -> Iterator[None]:
    """Turn the first signal into a stop between requests; a second one leaves at once, the journal is whole.

    Where ``asking`` says that an answer, or input, is being waited for, the first one raises Interrupted there. Within
    a running loop, in the main thread. A hang-up that is ignored already (``nohup``) stays ignored.
    """
    loop = asyncio.get_running_loop()
    numbers = [number for name in _NAMES if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.getsignal(number) for number in numbers}
    if before.get(getattr(signal, "SIGHUP", None)) is signal.SIG_IGN:
        del before[signal.SIGHUP]
    listener = _Listener(desk, asking, loop)
    for number in before:
        with suppress(NotImplementedError):  # Windows, whose loop looks up by itself
            loop.add_signal_handler(number, _nothing)  # wakes the loop, whichever thread the signal came to
        signal.signal(number, listener.came)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


class _Listener:
    def __init__(self, desk: Desk, asking: Callable[[], bool], loop: asyncio.AbstractEventLoop) -> None:
        self._desk = desk
        self._asking = asking
        self._loop = loop
        self._first: float | None = None

    def came(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; nothing here may write through a buffer that is perhaps being written to."""
        del number, frame
        now = time.monotonic()
        if self._first is None:
            self._first = now
            asked = self._asking()
            self._loop.call_soon_threadsafe(self._stop, asked)
            if asked:
                raise _STOP.error()
        elif now - self._first > _ONE_EVENT:
            with suppress(OSError):
                os.write(2, b"\nleft at once; the journal is whole: bulk-sync resume goes on\n")
            os._exit(130)

    def _stop(self, asked: bool) -> None:
        self._desk.stop.set(_STOP)  # before anything is said: perhaps nobody can be told
        if not asked:
            self._desk.talk.warn("stopping: requests in flight get a few seconds; once more leaves at once")


def _nothing() -> None:
    return
