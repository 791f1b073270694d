"""``retry``: send again what did not succeed, and what was corrected by hand in the results file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bulk_sync.errors import Problem, Refused
from bulk_sync.journal import Journal, JournalBook, PlanTables, RowEntry, RunHeader, create_journal
from bulk_sync.mapping.mapper import RowMapper
from bulk_sync.mapping.spec import parse_mapping
from bulk_sync.records import RowResult, SourceRow, Status, cell_text
from bulk_sync.results.read_back import Edit, ReadBack, RetryRow
from bulk_sync.results.run_property import run_of_workbook
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.asking import demand_answerable
from bulk_sync.workflow.closing import Ended, blank_summary, outputs
from bulk_sync.workflow.desk import Desk, plain_json
from bulk_sync.workflow.intake import LEFT_OUT, chooser, mapped_entry, settle_mapper
from bulk_sync.workflow.jobs import Job, account_lock, run_limits
from bulk_sync.workflow.results_tables import results_tables
from bulk_sync.workflow.resuming import check_same_target, resumed_settings
from bulk_sync.workflow.running import plan_and_send
from bulk_sync.workflow.runs import find_run, journal_path, opened, run_ids, run_lock
from bulk_sync.workflow.target import open_target

AGAIN = frozenset({Status.FAILED, Status.IN_DOUBT, Status.NOT_SENT, Status.INVALID})
"""Statuses that are tried again as they are; an ``invalid`` row only to see whether its problem is still there."""
_EDITS_SHOWN = 20


@dataclass(slots=True)
class _Edits:
    """The edited cells, for the plan: all counted, the first ones told."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, row: int, edits: Iterable[Edit]) -> None:
        for edit in edits:
            self.count += 1
            if len(self.first) < _EDITS_SHOWN:
                old, new = cell_text(edit.old), cell_text(edit.new)
                self.first.append(f'edited: row {row}, {edit.cell}, column "{edit.column}": "{old}" → "{new}"')

    def notes(self) -> tuple[str, ...]:
        more = self.count - len(self.first)
        return (*self.first, f"and {more} more edited cells") if more else tuple(self.first)


async def retry(desk: Desk, name: str, run_name: str | None) -> Ended:
    """Send again the rows of a results file, or of a run, that did not succeed or were edited.

    Raises :class:`Refused` where run or mapping cannot be found, naming where it looked.
    """
    path = desk.folder / name
    file = path if path.is_file() else None
    parent = find_run(desk, run_name) if run_name else _run_of(desk, name, file)
    with ExitStack() as stack:
        stack.enter_context(exclusive(run_lock(desk, parent), f"run {parent}"))
        before = stack.enter_context(opened(desk, parent))
        header = before.header
        if header.kind not in {"run", "retry"}:
            raise Refused(f"run {parent} is of kind {header.kind}; only a run or a retry can be tried again")
        settings = resumed_settings(desk, before)
        asked = settings.model_copy(update={"sandbox": "keep" if header.sandbox else None})
        demand_answerable(desk, asked)
        target = stack.enter_context(open_target(desk, asked, sandbox=header.sandbox))
        check_same_target(before, target)
        lock = account_lock(desk, header.account, Path(header.mapping_path))
        what = f"account {header.account} with this mapping"
        stack.enter_context(exclusive(lock, what, wait=settings.wait or 0.0))
        spec = parse_mapping(header.mapping_text, name=header.mapping_path, environ=desk.environ)
        run = desk.new_run()
        place = outputs(desk, settings, source=header.source_path, run=run, kind="retry")
        place.check(desk, file, None)
        job = Job(run, "retry", path, name, Path(header.mapping_path), spec, asked, run_limits(settings), place)
        mapper = settle_mapper(desk, spec, header.header, header.sheet, _Cells(before))
        edits = _Edits()
        with _rows_to_try(before, file) as rows:
            journal = create_journal(journal_path(desk, run), _header(desk, before, job))
            stack.callback(journal.close)
            stack.enter_context(exclusive(run_lock(desk, run), f"run {run}"))
            by_id = len(spec.match) == 1 and spec.match[0].by == "id"
            tables = PlanTables(journal)
            for _ in tables.add_rows(_entries(rows, mapper, before, chooser(asked), edits, by_id=by_id)):
                pass
            tables.index_records()
        journal.update_header(notes=edits.notes())
        for note in edits.notes():
            desk.talk.say(note)
        ended = await plan_and_send(desk, job, journal, target)
        if not ended.summary.stopped_by:
            before.update_header(state="done")
        return ended


def _run_of(desk: Desk, name: str, file: Path | None) -> str:
    """Find the run that a results file is of: by its properties, else by what the state directory remembers."""
    if file is None:
        return find_run(desk, name)
    found = run_of_workbook(file) if file.suffix.lower() in {".xlsx", ".xlsm"} else None
    if found and found in run_ids(desk):
        return found
    try:
        return find_run(desk, name)
    except Refused:
        where = "its properties, " if file.suffix.lower() == ".xlsx" else ""
        known = f" (its properties name run {found}, which is not in {desk.state.runs_folder})" if found else ""
        raise Refused(
            f"{name}: cannot tell which run these results are of{known}; looked at {where}the remembered paths and "
            "the name",
            hint="name it: bulk-sync retry FILE --run RUN; bulk-sync runs lists them",
        ) from None


class _Cells:
    """The rows as the run read them, from the beginning each time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __iter__(self) -> Iterator[SourceRow]:
        for number, line, values in PlanTables(self._journal).cells():
            yield SourceRow(number, values, line)


def _header(desk: Desk, before: Journal, job: Job) -> RunHeader:
    header = before.header
    return replace(
        header,
        run=job.run,
        kind="retry",
        parent=header.run,
        state="planning",
        settings={name: plain_json(getattr(job.settings, name)) for name in job.settings.model_fields_set},
        output=str(job.outputs.path or ""),
        created_at=desk.clock.time(),
        started_at=0.0,
        finished_at=0.0,
        busy_seconds=0.0,
        exit_code=None,
        stopped_by="",
        notes=(),
        facts={},
    )


@contextmanager
def _rows_to_try(before: Journal, file: Path | None) -> Iterator[Iterator[RetryRow]]:
    """Give the rows of the results file in the source's order, or those of the run itself."""
    book = JournalBook(before, blank_summary(before))
    if file is None:
        yield (RetryRow(row.row_number, row.values, result=row) for row in book.rows())
        return
    with results_tables(file) as tables:
        back = ReadBack(tables, before.header.header, book.row)
        back.survey()
        yield back.rows()


def _entries(
    rows: Iterator[RetryRow],
    mapper: RowMapper,
    before: Journal,
    chosen: Callable[[int, int], bool],
    edits: _Edits,
    *,
    by_id: bool,
) -> Iterator[RowEntry]:
    spare = _last_number(before)
    seen: set[int] = set()
    for place, row in enumerate(rows, 1):
        errors = [problem for problem in row.problems if problem.severity == "error"]
        if errors or row.sync_row is None or row.result is None:
            spare += 1
            source = SourceRow(spare, row.values, None, row.problems or (_no_row(),))
            yield RowEntry(source, None, None, Status.INVALID, source.problems[0].code)
            continue
        seen.add(row.sync_row)
        source = SourceRow(row.sync_row, row.values, row.result.line, row.problems, row.result.raw)
        if not chosen(place, row.sync_row):
            yield RowEntry(source, None, None, Status.SKIPPED, LEFT_OUT, "left out by --rows or --first")
        elif row.edits or row.result.status in AGAIN:
            edits.add(row.sync_row, row.edits)
            yield _again(source, row.result, mapper, edited=bool(row.edits), by_id=by_id)
        else:
            yield _kept(source, row.result, before.header.run)
    yield from _deleted(before, seen)


def _again(source: SourceRow, result: RowResult, mapper: RowMapper, *, edited: bool, by_id: bool) -> RowEntry:
    if not source.values and not edited:
        return RowEntry(source._replace(problems=result.problems), None, None, Status.INVALID, result.code)
    return mapped_entry(source, mapper.map(source._replace(problems=())), by_id=by_id)


def _kept(source: SourceRow, result: RowResult, run: str) -> RowEntry:
    """Keep a row that is not tried again: what had succeeded needs nothing now, the rest is as it was."""
    record = result.client_id or None
    if result.status in {Status.UPDATED, Status.UNCHANGED}:
        return RowEntry(source, None, record, Status.UNCHANGED, "", f"{result.status} by run {run}, and not edited")
    message = f"as run {run} left it: {result.message}" if result.message else f"as run {run} left it"
    return RowEntry(source, None, record, result.status, result.code, message)


def _deleted(before: Journal, seen: set[int]) -> Iterator[RowEntry]:
    for row in _Cells(before):
        if row.row_number not in seen:
            yield RowEntry(row, None, None, Status.SKIPPED, LEFT_OUT, "deleted from the results file")


def _no_row() -> Problem:
    return Problem("sync_row_blank", "the row has no sync_row")


def _last_number(journal: Journal) -> int:
    with journal.faults():
        (number,) = journal.connection.execute("SELECT coalesce(max(number), 1) FROM rows").fetchone()
    return int(number)
