"""``retry``: send again what did not succeed, and what was corrected by hand in the results file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast
from zipfile import is_zipfile

from bulk_sync.errors import BulkSyncError, Refused
from bulk_sync.journal import Journal, JournalBook, PlanTables, RowEntry, RunHeader, create_journal, open_journal
from bulk_sync.mapping.mapper import RowMapper
from bulk_sync.mapping.spec import MappingSpec, parse_mapping
from bulk_sync.records import RowResult, SourceRow
from bulk_sync.results.read_back import ReadBack, RetryRow
from bulk_sync.settings import Settings
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.asking import demand_answerable
from bulk_sync.workflow.closing import Ended, blank_summary, outputs
from bulk_sync.workflow.desk import Desk, kept_settings
from bulk_sync.workflow.intake import NOT_CHOSEN, REDUCED, SETTLED, chooser, file_sha256, only_fields, settle_mapper
from bulk_sync.workflow.jobs import Job, hold_account, run_limits
from bulk_sync.workflow.locking import hold
from bulk_sync.workflow.results_tables import results_tables
from bulk_sync.workflow.resuming import check_same_target, resumed_settings
from bulk_sync.workflow.retry_rows import Findings, RetryRules, retry_entries
from bulk_sync.workflow.running import plan_and_send
from bulk_sync.workflow.runs import find_run, journal_path, opened, retried_by, run_lock, stated_run
from bulk_sync.workflow.target import KNOWN_AS, open_target


async def retry(desk: Desk, name: str, run_name: str | None) -> Ended:
    """Send again the rows of a results file, or of a run, that did not succeed or were edited.

    Raises :class:`Refused` where run or mapping cannot be found, naming where it looked.
    """
    path = desk.folder / name
    file = path if path.is_file() else None
    parent = find_run(desk, run_name) if run_name is not None else _run_of(desk, name, file)
    with ExitStack() as stack:
        await hold(desk, stack, run_lock(desk, parent), f"run {parent}", wait=desk.settings().wait)
        before = stack.enter_context(opened(desk, parent))
        header = before.header
        if header.kind not in {"run", "retry"}:
            raise Refused(
                f"run {parent} is of kind {header.kind}; only a run or a retry can be tried again",
                hint=f"to send the plan: bulk-sync run --plan {parent}" if header.kind == "plan" else "",
            )
        settings = _settings(desk, before)
        demand_answerable(desk, settings)
        target = stack.enter_context(open_target(desk, settings, sandbox=header.sandbox))
        check_same_target(before, target)
        await hold_account(desk, stack, header, target, wait=settings.wait)
        whole = parse_mapping(header.mapping_text, name=header.mapping_path, environ=desk.environ)
        spec = only_fields(whole, settings)
        run = desk.new_run()
        place = outputs(desk, settings, source=header.source_path, run=run, kind="retry")
        place.check_again(desk, header, file)
        job = Job(run, "retry", path, name, Path(header.mapping_path), spec, settings, run_limits(settings), place)
        settled = {
            str(name): str(answer) for name, answer in cast("dict[str, str]", header.facts.get(SETTLED, {})).items()
        }
        mapper = settle_mapper(desk, spec, header.header, header.sheet, _Cells(before), settled)
        moved = _warned(desk, _what_moved(desk, before))
        with _rows_to_try(desk, before, file) as (rows, book, notes):
            journal = create_journal(journal_path(desk, run), _header(desk, before, job))
            stack.callback(journal.close)
            stack.enter_context(exclusive(run_lock(desk, run), f"run {run}"))
            rules = RetryRules(
                before=before,
                book=book,
                mapper=mapper,
                chosen=chooser(settings),
                mapper_before=_mapper_before(desk, before, whole, settings, settled),
            )
            _take_in(journal, retry_entries(rows, rules, found := Findings()))
            try:
                _refuse_torn(PlanTables(journal), found)
            except Refused:
                shutil.rmtree(desk.run_folder(run), ignore_errors=True)
                raise
        journal.update_header(notes=(*moved, *notes, *found.notes()))
        return await plan_and_send(desk, job, journal, target)


def _settings(desk: Desk, before: Journal) -> Settings:
    """Return the run's settings with what is given anew; the fields it was kept to still hold."""
    settings = resumed_settings(desk, before)
    return settings if settings.only_fields else _kept_to(before, settings)


def _kept_to(before: Journal, settings: Settings) -> Settings:
    """Return ``settings`` with the fields that the run was kept to, if it was."""
    kept = before.header.settings.get("only_fields")
    fields = tuple(str(name) for name in kept) if isinstance(kept, list) else ()
    return settings.model_copy(update={"only_fields": fields} if fields or settings.only_fields else {})


def _mapper_before(
    desk: Desk, before: Journal, whole: MappingSpec, settings: Settings, settled: dict[str, str]
) -> RowMapper | None:
    """Return what tells the fields that the run's plan had before some were left out of it, None where none were."""
    header = before.header
    if not header.facts.get(REDUCED):
        return None
    spec = only_fields(whole, _kept_to(before, settings))
    return settle_mapper(desk, spec, header.header, header.sheet, _Cells(before), settled)


def _take_in(journal: Journal, entries: Iterator[RowEntry]) -> None:
    tables = PlanTables(journal)
    for _ in tables.add_rows(entries):
        pass
    tables.index_records()


def _refuse_torn(tables: PlanTables, found: Findings) -> None:
    """Refuse to choose some of the rows that were sent as one change: its units would go out in part."""
    for number, client in found.unchosen:
        for row in tables.open_rows_of(client):
            raise Refused(
                f"rows {number} and {row.number} are for one client and were sent as one change",
                hint="choose both with --rows, or neither",
            )


def _warned(desk: Desk, notes: Iterable[str]) -> tuple[str, ...]:
    """Say what deserves attention, and return it for the journal."""
    said = tuple(notes)
    for note in said:
        desk.talk.warn(note)
    return said


def _what_moved(desk: Desk, before: Journal) -> Iterator[str]:
    """Yield what is another by now than the run knew: the retry goes by the mapping that the run had."""
    header = before.header
    path = Path(header.mapping_path)
    if header.mapping_sha256 and path.is_file() and file_sha256(path) != header.mapping_sha256:
        yield f"{path} has changed since run {header.run}: the retry goes by the mapping that the run had"
    if later := retried_by(desk).get(header.run):
        yield f"run {header.run} was retried before, by run {later}"


def _run_of(desk: Desk, name: str, file: Path | None) -> str:
    """Find the run that a results file is of: by its properties, else by what the state directory remembers."""
    if file is None:
        return _named(desk, name)
    if run := stated_run(desk, name, file):
        return run
    try:
        return find_run(desk, name)
    except Refused:
        looked = ("its document properties", "the paths that are remembered", "its name")[
            0 if is_zipfile(file) else 1 :
        ]
        raise Refused(
            f"{name}: cannot tell which run these results are of; looked at {', '.join(looked)}, "
            f"for the runs in {desk.state.runs_folder}",
            hint=f"name the run: bulk-sync retry {name} --run RUN; bulk-sync runs lists them",
        ) from None


def _named(desk: Desk, name: str) -> str:
    try:
        return find_run(desk, name)
    except Refused as error:
        if not name or error.message.startswith(f"{name}: several"):
            raise
        raise Refused(
            f"{name}: no such file in {desk.folder}, and no run in {desk.state.runs_folder} begins so",
            hint="name the results file or the run; bulk-sync runs lists them",
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
        settings=kept_settings(job.settings),
        output=str(job.outputs.path or ""),
        created_at=desk.clock.time(),
        started_at=0.0,
        finished_at=0.0,
        busy_seconds=0.0,
        exit_code=None,
        stopped_by="",
        notes=(),
        facts={name: header.facts[name] for name in (SETTLED, REDUCED, KNOWN_AS) if name in header.facts},
    )


@contextmanager
def _rows_to_try(
    desk: Desk, before: Journal, file: Path | None
) -> Iterator[tuple[Iterator[RetryRow], JournalBook, tuple[str, ...]]]:
    """Give the rows of the results file in its order, or those of the run itself; the run's lines; what was said."""
    book = JournalBook(before, blank_summary(before))
    if file is None:
        yield (RetryRow(row.row_number, row.values, result=row) for row in book.rows()), book, ()
        return
    with results_tables(file) as tables, _earlier(desk, before) as earlier:
        back = ReadBack(tables, before.header.header, partial(_row, book, earlier))
        notes = _warned(desk, back.notes)
        back.survey()
        yield back.rows(), book, notes


@contextmanager
def _earlier(desk: Desk, before: Journal) -> Iterator[tuple[JournalBook, ...]]:
    """Give the runs that a retry's rows come from, the last one first, as far as they are still known."""
    with ExitStack() as stack:
        books: list[JournalBook] = []
        header = before.header
        with suppress(BulkSyncError):
            while header.kind == "retry":
                journal = open_journal(journal_path(desk, header.parent), verify="nothing")
                stack.callback(journal.close)
                books.append(JournalBook(journal, blank_summary(journal)))
                header = journal.header
        yield tuple(books)


def _row(book: JournalBook, earlier: tuple[JournalBook, ...], number: int) -> RowResult | None:
    """Return a row of the run; one that it left out has the problems of the run that judged it last.

    They tell a correction from what a spreadsheet does to cells.
    """
    row = book.row(number)
    if row is not None and row.code == NOT_CHOSEN:
        judged = (was for each in earlier if (was := each.row(number)) and was.code != NOT_CHOSEN)
        return row._replace(problems=was.problems if (was := next(judged, None)) else ())
    return row
