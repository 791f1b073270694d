"""A plan as lines of text: the same for the terminal's question, for ``plan`` on stdout, and for a log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from bulk_sync.records import Json
from bulk_sync.results.text import on_a_line
from bulk_sync.workflow.view import Difference, PlanView

_VALUE_LIMIT = 60


def plan_lines(view: PlanView) -> Iterator[str]:
    """Yield the plan line by line."""
    yield _heading(view)
    yield f"  rows          {view.rows:>8,}   {_counts(view)}"
    yield f"  changes       {view.changes:>8,}   one request each"
    yield f"  cells set     {view.cells_set:>8,}"
    if view.cells_cleared:
        yield f"  cells cleared {view.cells_cleared:>8,}"
    if view.cells_held_back:
        yield f"  cells kept    {view.cells_held_back:>8,}   held back by overwrite"
    if view.cells_not_restorable:
        named = ", ".join(f"{name} {count:,}" for name, count in view.not_restorable)
        fields = f": {named}" if named else ""
        label = "not restorable" if view.kind == "undo" else "not undoable  "
        yield f"  {label}{view.cells_not_restorable:>8,}   old value unknown, or not to be put back{fields}"
    if view.reading:
        yield f"  reading: {view.reading}"
    yield from _reasons(view)
    yield from _differences(view)
    for note in view.notes:
        yield f"  note: {note}"
    for finding in view.findings:
        word = "GUARD" if finding.stops else "warning"
        allowed = ", allowed" if finding.allowed else ""
        yield f"  {word} {finding.guard}{allowed}: {finding.message}"
        for line in finding.evidence:
            yield f"      {line}"
        if finding.hint and not finding.allowed:
            yield f"      hint: {finding.hint}"
    yield f"  {requests_line(view)}"
    if view.changes:
        yield "  each update may fire a webhook or an automation in the CRM"


def _heading(view: PlanView) -> str:
    where = f"{view.target}{' (a stand-in, no real client is touched)' if view.sandbox else ''}"
    if view.kind == "undo":
        return f"Undo of {view.parent}, as run {view.run}: what {view.source} changed in {where}"
    return f"Plan {view.run}: {view.source} → {where}"


def requests_line(view: PlanView) -> str:
    """Say how many requests are still to send, at which rate, and when they will be done."""
    read = f" ({view.read_requests:,} already spent on reading)" if view.read_requests else ""
    if not view.send_requests:
        return f"requests      {0:>8}{read}"
    pace = "as fast as the API lets" if view.rate == "none" else f"at {view.rate}"
    if view.rate_known and view.left_now:
        pace = f"{pace}, {view.left_now} left now"
    if not view.rate_known:
        pace = f"if {pace}, which the API's headers leave open"
    return (
        f"requests      {view.send_requests:>8,}{read}, {pace}: "
        f"{duration(view.seconds)}, done about {clock(view.finish_at)}"
    )


def duration(seconds: float) -> str:
    """Return a length of time as a person says it.

    >>> duration(0.4), duration(42), duration(600), duration(10020)
    ('1 s', '42 s', '10 min', '2 h 47 min')
    """
    whole = max(1, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def clock(at: float) -> str:
    """Return a Unix time as a local clock time, with the date where it is not today."""
    moment = datetime.fromtimestamp(at, UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M}"


def _counts(view: PlanView) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in view.counts.items() if count) or "none"


def _reasons(view: PlanView) -> Iterator[str]:
    for count, reason in view.reasons:
        yield f"  {count:>6,} {'row' if count == 1 else 'rows'}: {reason}"


def _differences(view: PlanView) -> Iterator[str]:
    if not view.differences:
        return
    yield "  first differences:"
    for difference in view.differences:
        yield f"    row {difference.row_number}, {difference.client_id}, {difference_text(difference)}"


def difference_text(difference: Difference) -> str:
    """Return ``field: old → new``."""
    old = shown(difference.old) if difference.old_known else "(not read)"
    return f"{difference.field}: {old} → {shown(difference.new)}"


def shown(value: Json) -> str:
    """Return a value as one line, cut visibly."""
    if value is None or value == "":
        return "(empty)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = on_a_line(text, _VALUE_LIMIT)
    return f'"{line}"' if isinstance(value, str) else line
