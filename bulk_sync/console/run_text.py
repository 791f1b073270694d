"""Past runs as text: a table of all, one in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from bulk_sync.console.plan_text import duration, shown
from bulk_sync.journal import Journal, JournalBook
from bulk_sync.records import ChangedField, RunSummary, Status
from bulk_sync.results.text import visible
from bulk_sync.workflow.closing import readable_fields
from bulk_sync.workflow.viewing import cells_of

if TYPE_CHECKING:
    from bulk_sync.workflow.runs import PastRun

_CHANGES_SHOWN = 50


def runs_table(past: Sequence[PastRun]) -> Iterator[str]:
    """Yield a line for each run, with aligned columns."""
    rows = [("run", "kind", "state", "exit", "rows", "target", "source", "how its rows ended")]
    retried = {
        item.header.parent
        for item in past
        if item.header and item.header.kind == "retry" and item.header.state in {"sending", "done"}
    }
    for item in past:
        if item.header is None or item.summary is None:
            rows.append((item.run, "?", "damaged", "", "", "", "", item.fault))
            continue
        header, summary = item.header, item.summary
        counts = ", ".join(f"{count} {status}" for status, count in summary.counts.items())
        code = "" if header.exit_code is None else str(header.exit_code)
        total = str(sum(summary.counts.values()))
        state = "retried" if item.run in retried else header.state
        rows.append((item.run, header.kind, state, code, total, summary.target, header.source_path, counts))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def run_lines(journal: Journal, summary: RunSummary) -> Iterator[str]:
    """Yield one run in full: what it did, to whom, from which rows."""
    header = journal.header
    facts = (
        ("run", header.run),
        ("kind", header.kind + (f" of {header.parent}" if header.parent else "")),
        ("state", header.state),
        ("exit code", "" if header.exit_code is None else str(header.exit_code)),
        ("stopped by", summary.stopped_words or summary.stopped_by),
        ("target", summary.target),
        ("account", header.account),
        ("source", f"{header.source_path}{f', sheet {header.sheet}' if header.sheet else ''}"),
        ("mapping", header.mapping_path),
        ("started", summary.started_at),
        ("finished", summary.finished_at),
        ("took", duration(summary.seconds)),
        ("requests", ", ".join(f"{count} {kind}" for kind, count in summary.requests.items())),
        ("rows", ", ".join(f"{count} {status}" for status, count in summary.counts.items())),
        ("results", summary.output),
    )
    yield from (f"{name:<11} {value}" for name, value in facts if value)
    for note in header.notes:
        yield f"note        {visible(note)}".replace("\n", f"\n{'':<12}")
    for count, text in summary.problem_groups:
        yield f"  {count:,} {'row' if count == 1 else 'rows'}: {text}"
    book = JournalBook(journal, summary, readable=readable_fields(journal))
    lines = list(islice(book.changes(), _CHANGES_SHOWN + 1))
    if lines:
        yield "changes"
    cells = cells_of(journal)
    for line in lines[:_CHANGES_SHOWN]:
        old = shown(line.old) if line.old_known else "(not read)"
        stored = f"; the CRM holds {shown(line.stored)}" if line.stored_shown and line.stored != line.new else ""
        place = cells(line.row_number, line.field) or f"row {line.row_number}"
        yield f"  {place} → {line.client_id}, {line.field}: {old} → {shown(line.new)}{stored}{_ending(book, line)}"
    if len(lines) > _CHANGES_SHOWN:
        yield f"  … all of them: bulk-sync runs {header.run} --output changes.csv --what changes"
    for step in summary.next_steps:
        yield f"next        {step}"


def _ending(book: JournalBook, line: ChangedField) -> str:
    """Say of a change that did not go through what became of it."""
    row = book.row(line.row_number)
    return "" if row is None or row.status is Status.UPDATED else f" ({row.status.value})"
