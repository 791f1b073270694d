"""Wait for a lock while signals still get through."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bulk_sync.errors import Busy
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.desk import Desk

_LOOK_EVERY = 0.2


async def hold(desk: Desk, stack: ExitStack, path: Path, what: str, *, wait: float | None) -> None:
    """Hold the lock at ``path`` until ``stack`` is left, waiting up to ``wait`` seconds for another process.

    Raises :class:`Busy` naming ``what`` where it is still held then, and the stop's error where that comes first.
    """
    ends = desk.clock.monotonic() + (wait or 0.0)
    while True:
        try:
            stack.enter_context(exclusive(path, what))
        except Busy as busy:
            if desk.clock.monotonic() >= ends:
                raise Busy(busy.message, hint="" if wait else busy.hint) from None
        else:
            return
        if desk.stop.is_set():
            stopped = (await desk.stop.wait()).error()
            stopped.hint = "nothing was done yet: give the command again"
            raise stopped
        await desk.clock.sleep(_LOOK_EVERY)
