"""Carry out a workflow at a desk: the terminal, what goes to stdout, the exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import click

from bulk_sync.cli.signals import listening
from bulk_sync.cli.voice import settle_voice
from bulk_sync.console.patient import patient
from bulk_sync.console.plan_text import plan_lines
from bulk_sync.console.terminal import Terminal
from bulk_sync.errors import BulkSyncError
from bulk_sync.settings import Settings
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk, profiles_file
from bulk_sync.workflow.notifying import tell_ended, tell_failed

Workflow = Callable[[Desk], Awaitable[Ended]]


def carry_out(flags: Mapping[str, object], workflow: Workflow, *, shows_plan: bool = False, job: str = "") -> int:
    """Run a workflow to its end and return the exit code.

    ``shows_plan``: the plan is what was asked for, so it goes to stdout. ``job`` names what runs night after night:
    its end is told to those who asked for it (``BULK_SYNC_NOTIFY``, ``BULK_SYNC_HEARTBEAT``); '' is told to nobody.
    """
    desk, settings, terminal = _open_desk(flags)
    try:
        ended = asyncio.run(_with_signals(desk, workflow, terminal))
    except Exception as error:
        terminal.end_phase()
        if job:
            _quietly(desk, partial(tell_failed, desk, settings, error, job=job))
        raise
    finally:
        terminal.end_phase()
    if shows_plan and ended.view and not settings.json_summary:
        _out(desk, "\n".join(plan_lines(ended.view)))
    if settings.json_summary:
        _out(desk, _summary(ended))
    terminal.ended(ended.summary)
    for note in _notes(desk, settings, ended):
        desk.talk.warn(note)
    if job:
        _quietly(desk, partial(tell_ended, desk, settings, ended, job=job))
    return ended.summary.exit_code


def _summary(ended: Ended) -> str:
    from bulk_sync.results.summary_json import summary_json

    summary = ended.summary._replace(notes=tuple(dict.fromkeys((*ended.summary.notes, *ended.notes))))
    plan = ended.view.to_json() if ended.view else None
    return summary_json(summary, problems=ended.problems, skipped=ended.skipped, files=ended.files, plan=plan)


def _notes(desk: Desk, settings: Settings, ended: Ended) -> tuple[str, ...]:
    """Return what is still to be said: not what a stop says in the API's own words, where no values may be told."""
    if settings.log_format == "text" or settings.verbose or desk.stop.stop is None:
        return ended.notes
    return tuple(note for note in ended.notes if note != desk.stop.stop.message)


def _quietly(desk: Desk, tell: Callable[[], None]) -> None:
    """Tell the end of a run; what goes wrong with that is a warning."""
    try:
        tell()
    except BulkSyncError as error:
        desk.talk.warn(error.message)


def make_desk(flags: Mapping[str, object]) -> tuple[Desk, Settings]:
    """Return the desk for a command with these flags, and what is known of its settings before a mapping is read."""
    desk, settings, _ = _open_desk(flags)
    return desk, settings


def _open_desk(flags: Mapping[str, object]) -> tuple[Desk, Settings, Terminal]:
    desk = Desk(talk=Terminal(), flags=flags, profiles=profiles_file())
    click.get_current_context().call_on_close(desk.close)
    settings = desk.settings()
    settle_voice(json_summary=settings.json_summary, log_json=settings.log_format == "json")
    terminal = Terminal(
        quiet=settings.quiet,
        verbose=settings.verbose,
        log_format=settings.log_format,
        colour="NO_COLOR" not in os.environ,
    )
    desk.talk = terminal
    return desk, settings, terminal


async def _with_signals(desk: Desk, workflow: Workflow, terminal: Terminal) -> Ended:
    with listening(desk, lambda: terminal.asking or desk.waiting):
        return await workflow(desk)


def _out(desk: Desk, text: str) -> None:
    """Write to stdout; where nobody reads it any more, the exit code still tells how the run ended."""

    def lost(error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):  # as a file on a full disk: whoever looks into it finds a part
            desk.talk.warn(f"standard output took no more: {error.strerror or error}")

    out = patient(sys.stdout, lost)
    out.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    out.flush()
