"""Carry out a workflow at a desk: signals, the terminal, what goes to stdout, the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bulk_sync.console.messages import tell_error
from bulk_sync.console.plan_text import plan_lines
from bulk_sync.console.summary_text import summary_lines
from bulk_sync.console.terminal import Terminal
from bulk_sync.errors import BulkSyncError
from bulk_sync.sending.ports import Stop, StopReason
from bulk_sync.settings import Settings
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk, default_profiles

Workflow = Callable[[Desk], Awaitable[Ended]]


def carry_out(flags: Mapping[str, object], workflow: Workflow, *, shows_plan: bool = False) -> int:
    """Run a workflow to its end and return the exit code.

    ``shows_plan``: the plan is what was asked for, so it goes to stdout.
    """
    desk, settings = make_desk(flags)
    try:
        ended = asyncio.run(_with_signals(desk, workflow))
    except BulkSyncError as error:
        if settings.json_summary:
            from bulk_sync.results.summary_json import failure_json

            _out(failure_json(error))
        tell_error(error)
        return error.exit_code
    finally:
        desk.talk.end_phase()
    if shows_plan and ended.view and not settings.json_summary:
        _out("\n".join(plan_lines(ended.view)))
    if settings.json_summary:
        from bulk_sync.results.summary_json import summary_json

        _out(summary_json(ended.summary))
    if not settings.quiet or ended.summary.exit_code:
        for line in summary_lines(ended.summary):
            desk.talk.say(line)
    for note in ended.notes:
        desk.talk.warn(note)
    return ended.summary.exit_code


def make_desk(flags: Mapping[str, object]) -> tuple[Desk, Settings]:
    """Return the desk for a command with these flags, and what is known of its settings before a mapping is read."""
    profiles = Path(os.environ.get("BULK_SYNC_PROFILES", "") or default_profiles())
    desk = Desk(talk=Terminal(), flags=flags, profiles=profiles)
    settings = desk.settings()
    desk.talk = Terminal(
        quiet=settings.quiet,
        verbose=settings.verbose,
        log_format=settings.log_format,
        colour="NO_COLOR" not in os.environ,
    )
    return desk, settings


async def _with_signals(desk: Desk, workflow: Workflow) -> Ended:
    with _signals(desk):
        return await workflow(desk)


@contextmanager
def _signals(desk: Desk) -> Iterator[None]:
    """Turn the first signal into a stop between requests; a second one leaves at once, the journal is whole."""
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if desk.stop.is_set():
            desk.talk.end_phase()
            sys.stderr.write("left at once; the journal is whole: bulk-sync resume goes on\n")
            sys.stderr.flush()
            os._exit(130)
        desk.talk.warn("stopping: requests in flight get a few seconds; once more leaves at once")
        desk.stop.set(Stop(StopReason.INTERRUPTED, "interrupted", "bulk-sync resume goes on"))

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {}
    for name in names:
        number = getattr(signal, name)
        try:
            loop.add_signal_handler(number, on_signal)
        except NotImplementedError:  # Windows: the handler runs between bytecodes and wakes the loop
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(on_signal))
    try:
        yield
    finally:
        for name in names:
            number = getattr(signal, name)
            if number in before:
                signal.signal(number, before[number])
            else:
                loop.remove_signal_handler(number)


def _out(text: str) -> None:
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()
