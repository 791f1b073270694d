"""How a command ended, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from bulk_sync.console.plan_text import duration
from bulk_sync.records import RunSummary
from bulk_sync.results.summary_lines import more_causes
from bulk_sync.workflow.reasons import stopped_words


def summary_lines(summary: RunSummary) -> Iterator[str]:
    """Yield the end of a command line by line."""
    rows = sum(summary.counts.values())
    where = "SANDBOX " if summary.sandbox else ""
    counts = ", ".join(f"{count:,} {status}" for status, count in summary.counts.items()) or "nothing to do"
    yield f"{where}{summary.kind} {summary.run}: {rows:,} {'row' if rows == 1 else 'rows'}: {counts}"
    if summary.stopped_by:
        yield f"stopped: {stopped_words(summary.stopped_by)}"
    if summary.requests:
        total = sum(summary.requests.values())
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary.requests.items())
        yield f"requests: {total:,} ({kinds}) in {duration(summary.seconds)}"
    for count, text in summary.problem_groups[:10]:
        yield f"  {count:,} {'row' if count == 1 else 'rows'}: {text}"
    if len(summary.problem_groups) > 10:
        yield f"  {more_causes(len(summary.problem_groups) - 10, summary.output)}"
    if summary.output:
        yield f"results: {summary.output}"
    for step in summary.next_steps:
        yield f"next: {step}"
