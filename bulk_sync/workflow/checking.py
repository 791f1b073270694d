"""``check``: the problems of a source, with no key, no network, and nothing sent."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_sync.errors import ExitCode, Halted
from bulk_sync.journal import Journal, PlanTables
from bulk_sync.planning.merge import PayloadRow, merge_rows
from bulk_sync.records import Status
from bulk_sync.state.scratch import scratch_folder
from bulk_sync.workflow.asking import stopping
from bulk_sync.workflow.closing import Ended, summarise, tell_end
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.guarding import before_reading, guard_notes
from bulk_sync.workflow.intake import open_table, take_in
from bulk_sync.workflow.jobs import Job, MappingGiven, at_work, new_journal, prepare
from bulk_sync.workflow.placing_problems import Place, placer
from bulk_sync.workflow.reasons import OwnReason
from bulk_sync.workflow.runs import JOURNAL_NAME

if TYPE_CHECKING:
    from pandas import DataFrame


async def check(desk: Desk, source: Path | DataFrame, mapping: MappingGiven, *, folder: Path | None = None) -> Ended:
    """Read, map and check every row of a source and write what was found.

    The journal is thrown away, unless a ``folder`` of the caller's is to keep it.

    Raises :class:`Refused` and its kinds, and :class:`Interrupted`.
    """
    job = prepare(desk, source, mapping, kind="check")
    if folder is not None:
        return await _check_in(desk, job, folder)
    with scratch_folder() as passing:
        return await _check_in(desk, job, passing)


async def _check_in(desk: Desk, job: Job, folder: Path) -> Ended:
    began = time.monotonic()
    with at_work(job), ExitStack() as stack:
        table = open_table(desk, job.source, job.spec, job.settings, frame=job.frame)
        stack.callback(table.source.close)
        journal = new_journal(desk, job, table, None, path=folder / JOURNAL_NAME)
        stack.callback(journal.close)
        await take_in(desk, journal, table, job.settings)
        refuse_contradictions(journal, placer(job.spec, table.source.header, table.source.sheet))
        journal.update_header(busy_seconds=time.monotonic() - began, started_at=desk.clock.time())
        return _closed(desk, journal, job)


def _closed(desk: Desk, journal: Journal, job: Job) -> Ended:
    summary = summarise(journal, finished_at=desk.clock.time())
    findings = before_reading(summary.counts, job.limits, last_rows=None, allowed={*job.settings.allow, "empty"})
    try:
        summary, notes = job.outputs.write(desk, journal, summary)
    except Halted as fault:  # nothing is kept of a check, from which they could be written later
        raise Halted(fault.message, hint="free the place, or name another one, and check again") from fault
    if not summary.counts:
        notes = (*notes, "the source has a header and no rows: 0 rows")
    if guards := stopping(findings):
        summary = summary._replace(exit_code=int(ExitCode.GUARD), stopped_by=OwnReason.GUARD.of(guards[0].guard))
    return tell_end(journal, summary, (*notes, *guard_notes(findings)))


def refuse_contradictions(journal: Journal, place: Place) -> None:
    """Refuse the rows of one client that want different values for one field, as sending would."""
    tables = PlanTables(journal)
    for record_id in tables.repeated_records():
        rows = {row.number: row for row in tables.open_rows_of(record_id)}
        if len(rows) < 2:
            continue
        merged = merge_rows(record_id, [PayloadRow(row.number, row.payload) for row in rows.values()])
        with journal.transaction():
            for problem in merged.problems:
                if problem.row is not None:
                    row = rows[problem.row]
                    own = (place(each, row.line) for each in merged.problems if each.row == problem.row)
                    kept = (*row.problems, *own)
                    tables.settle_row(problem.row, Status.INVALID, problem.code, "", problems=kept)
