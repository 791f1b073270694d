"""What a run did, as sections of lines: shared by the workbook's ``Summary`` and the report page."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from bulk_sync.records import RunSummary

Figure: TypeAlias = str | int | float

STATUS_MEANINGS = {
    "updated": "accepted by the API",
    "unchanged": "nothing to send",
    "ready": "would be sent",
    "skipped": "left out by your own rule, handled by a later run, or the client has changed or is gone",
    "differs": "accepted, but the answer shows another value",
    "invalid": "refused here, never sent",
    "failed": "refused by the API",
    "in_doubt": "may or may not have been applied",
    "not_sent": "the run stopped before this row",
}
"""Every status in the order in which the summaries list them, with what it means."""


class Section(NamedTuple):
    """A heading and its lines of label and value."""

    title: str
    lines: tuple[tuple[Figure, Figure], ...]


class StatusCount(NamedTuple):
    """How many rows ended so, and their share of all."""

    status: str
    rows: int
    share: float
    meaning: str


def status_counts(summary: RunSummary) -> tuple[StatusCount, ...]:
    """Return the statuses that occurred, in the order of ``STATUS_MEANINGS``."""
    total = sum(summary.counts.values())
    return tuple(
        StatusCount(status, summary.counts[status], summary.counts[status] / total, meaning)
        for status, meaning in STATUS_MEANINGS.items()
        if summary.counts.get(status)
    )


def headline(summary: RunSummary) -> str:
    """Say in one line what was run, on what, and how it ended."""
    why = summary.stopped_words or summary.stopped_by
    ending = f"stopped: {why}" if why else "finished"
    return f"{summary.kind} {summary.run} of {summary.source or 'a table'} - {ending}"


def sandbox_line(summary: RunSummary) -> str:
    """Say of a run against the sandbox what was written to, '' of any other."""
    if not summary.sandbox:
        return ""
    if summary.requests.get("patch"):
        return "SANDBOX - a stand-in was written to, not the CRM"
    return "SANDBOX - for a stand-in, not the CRM; nothing was written"


def more_causes(count: int, output: str) -> str:
    """Say how many causes are not told, and where the results have them all.

    >>> more_causes(1, "a.xlsx"), more_causes(2, "a.csv")
    ('and 1 more cause: see the sheet Problems', 'and 2 more causes: see sync_message in the results')
    """
    where = ""
    if output:
        is_workbook = output.lower().endswith(".xlsx")
        where = f": see {'the sheet Problems' if is_workbook else 'sync_message in the results'}"
    return f"and {count:,} more {'cause' if count == 1 else 'causes'}{where}"


def sections(summary: RunSummary) -> tuple[Section, ...]:
    """Return what is to be said beside the counts; sections without lines are left out."""
    found = (
        Section("What to do next", _numbered(summary.next_steps or ("nothing is left to do",))),
        Section("Left unsent", _unsent(summary)),
        Section("Problems by cause", tuple(summary.problem_groups)),
        Section("Time and requests", _figures(summary)),
        Section("Quota", tuple((_words(name), _figure(value)) for name, value in summary.quota.items())),
        Section("What was run", _facts(summary)),
        Section("Notes", _numbered(summary.notes)),
    )
    return tuple(section for section in found if section.lines)


def duration(seconds: float) -> str:
    """Return a time span as a person says it.

    >>> duration(0.4), duration(75), duration(10_020), duration(200_000)
    ('0.4 s', '1 min 15 s', '2 h 47 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _unsent(summary: RunSummary) -> tuple[tuple[Figure, Figure], ...]:
    left = [
        (f"rows {status}", summary.counts[status]) for status in ("not_sent", "in_doubt") if summary.counts.get(status)
    ]
    if not left:
        return ()
    return (*left, ("why", summary.stopped_words or summary.stopped_by or "the attempts were used up"))


def _figures(summary: RunSummary) -> tuple[tuple[Figure, Figure], ...]:
    lines: list[tuple[Figure, Figure]] = [
        ("began", summary.started_at),
        ("ended", summary.finished_at),
        ("duration", duration(summary.seconds)),
    ]
    requests = sum(summary.requests.values())
    lines.extend((f"requests: {_words(kind)}", number) for kind, number in summary.requests.items())
    if len(summary.requests) > 1:
        lines.append(("requests in all", requests))
    if requests and summary.seconds:
        lines.append(("requests a minute", round(requests * 60 / summary.seconds, 1)))
    if summary.rate:
        lines.append(("allowed rate", summary.rate))
    return tuple(line for line in lines if line[1] != "")


def _facts(summary: RunSummary) -> tuple[tuple[Figure, Figure], ...]:
    lines: tuple[tuple[Figure, Figure], ...] = (
        ("run", summary.run),
        ("kind", summary.kind),
        ("follows run", summary.parent),
        ("source", summary.source),
        ("sheet", summary.sheet),
        ("mapping", summary.mapping),
        ("target", summary.target),
        ("account", summary.account),
        ("results", summary.output),
        ("exit code", summary.exit_code),
    )
    return tuple(line for line in lines if line[1] != "")


def _numbered(texts: tuple[str, ...]) -> tuple[tuple[Figure, Figure], ...]:
    return tuple((number, text) for number, text in enumerate(texts, 1))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figure(value: object) -> Figure:
    return value if isinstance(value, (str, int, float)) else str(value)
