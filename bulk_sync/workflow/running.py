"""``run`` and ``plan``: read, check, look at the CRM, plan, ask, send, settle, write the results."""

from __future__ import annotations

import shlex
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_sync.errors import BulkSyncError, DiskFault, Halted, KeyRefused, Refused
from bulk_sync.journal import Journal, JournalBook, PlanTables
from bulk_sync.journal.store import RunState
from bulk_sync.planning.accidents import AccidentWatch
from bulk_sync.planning.reading import AccountMemory, learned
from bulk_sync.planning.snapshot import ListingFault
from bulk_sync.planning.summary import PlanTally
from bulk_sync.records import Json
from bulk_sync.sending.ports import StopReason
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.advising import advice, advising
from bulk_sync.workflow.asking import ask_to_send, demand_answerable, stopping
from bulk_sync.workflow.closing import Ended, Outputs, blank_summary, summarise, with_cause
from bulk_sync.workflow.deciding import Decision, decide, diff_rules
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.guarding import (
    ACCIDENTS,
    as_findings,
    before_reading,
    guard_notes,
    joined,
    limits_on_plan,
    new_custom_fields,
)
from bulk_sync.workflow.intake import Table, open_table, take_in
from bulk_sync.workflow.jobs import Job, MappingGiven, account_lock, at_work, new_journal, prepare
from bulk_sync.workflow.locking import hold
from bulk_sync.workflow.placing_problems import placer
from bulk_sync.workflow.present import Present
from bulk_sync.workflow.reading_on import read_on, what_is_unread
from bulk_sync.workflow.reasons import OwnReason
from bulk_sync.workflow.repeating import skip_same
from bulk_sync.workflow.runs import journal_path, run_lock
from bulk_sync.workflow.sending_off import close_run, send_and_close
from bulk_sync.workflow.session import Session, open_session
from bulk_sync.workflow.superseding import fold_unfolded
from bulk_sync.workflow.target import Target, accounts_of, open_target
from bulk_sync.workflow.view import Finding, PlanView
from bulk_sync.workflow.viewing import plan_facts, plan_view

if TYPE_CHECKING:
    from pandas import DataFrame


async def run(desk: Desk, source: Path | DataFrame, mapping: MappingGiven) -> Ended:
    """Carry out the whole job.

    Raises :class:`Refused` and its kinds before anything is sent, and :class:`Busy`.
    """
    return await carry_out_job(desk, prepare(desk, source, mapping, kind="run"))


async def plan(desk: Desk, source: Path | DataFrame, mapping: MappingGiven) -> Ended:
    """Plan what :func:`run` would do and keep it as a run; reads the CRM, changes nothing."""
    return await carry_out_job(desk, prepare(desk, source, mapping, kind="plan"))


async def carry_out_job(desk: Desk, job: Job) -> Ended:
    """Take a job from its source to its results."""
    settings = job.settings
    with ExitStack() as stack:
        stack.enter_context(at_work(job))
        if job.kind == "run":
            demand_answerable(desk, settings)
        target = stack.enter_context(open_target(desk, settings, sandbox=settings.sandbox is not None))
        if job.kind == "run":
            lock = account_lock(desk, target.account, job.mapping_path)
            what = f"account {target.account} with the mapping {job.mapping_path.name}"
            await hold(desk, stack, lock, what, wait=settings.wait)
            if ended := skip_same(desk, job, target):
                return ended
        stack.enter_context(exclusive(run_lock(desk, job.run), f"run {job.run}"))
        table = open_table(desk, job.source, job.spec, settings, frame=job.frame)
        stack.callback(table.source.close)
        begun_before = journal_path(desk, job.run).exists()
        journal = _begin(desk, job, table, target)
        stack.callback(journal.close)
        try:
            with advising(lambda: journal.header):
                await take_in(desk, journal, table, settings)
                return await plan_and_send(desk, job, journal, target)
        except Refused:
            sending = journal.header.state == "sending"
            journal.close()
            if not (sending or begun_before):  # nothing was sent: a refused run leaves no trace
                shutil.rmtree(desk.run_folder(job.run), ignore_errors=True)
            raise


def _begin(desk: Desk, job: Job, table: Table, target: Target) -> Journal:
    try:
        return new_journal(desk, job, table, target)
    except DiskFault as fault:
        if journal_path(desk, job.run).exists():  # begun by an earlier process: it is as that one left it
            hint = f"{fault.hint}, then: bulk-sync resume {job.run}"
        else:
            shutil.rmtree(desk.run_folder(job.run), ignore_errors=True)
            hint = f"{fault.hint}, then begin again: nothing was sent"
        raise type(fault)(fault.message, hint=hint) from fault


async def plan_and_send(desk: Desk, job: Job, journal: Journal, target: Target) -> Ended:
    """Take a journal that has its rows to its results: look at the CRM, plan, ask, send, write."""
    began = desk.clock.monotonic()
    early = _early_findings(desk, job, journal, target)
    if stopping(early) and job.kind != "plan" and not desk.talk.interactive:
        stopped_by = OwnReason.GUARD.of(stopping(early)[0].guard)
        ended = close_run(desk, journal, job.outputs, began=began, stopped_by=stopped_by)
        return ended._replace(notes=(*ended.notes, *guard_notes(early)))
    _seed_sandbox(target, job, PlanTables(journal))
    async with open_session(desk, job.settings, journal, target) as session:
        present = None
        try:
            present = await read_on(desk, session, job.settings.read, job.kinds)
            findings = joined(early, await _decide(desk, job, session, present))
        except BulkSyncError as error:
            again = f"nothing was sent; to begin anew: bulk-sync retry {shlex.quote(job.source_name)}{desk.again}"
            steps = (again,) if job.kind == "retry" else ()
            ended = stopped_while_reading(desk, journal, job.outputs, began, error, state="planning", steps=steps)
            stopped = present is None and job.kind == "run" and not _is_elsewhere(desk, error)
            unread = what_is_unread(desk, session) if stopped else ()
            return ended._replace(notes=(*ended.notes, *unread))
        view = plan_view(session, summarise(journal), findings, question="Send it?")
        if job.kind == "plan":
            ended = close_run(desk, journal, job.outputs, began=began, state="planned")
            return ended._replace(view=view)
        if stopped_by := ask_to_send(desk, job.settings, view):
            return with_guards(close_run(desk, journal, job.outputs, began=began, stopped_by=stopped_by), view)
        if job.kind == "run":
            desk.state.learn(target.account, _rows_memory(job), view.rows)
        return await send_and_close(desk, session, job.outputs, began=began)


def _is_elsewhere(desk: Desk, error: BulkSyncError) -> bool:
    """Whether reading ended for what more requests would not help: no API, not as it should be, or a refused key."""
    systemic = desk.stop.stop is not None and desk.stop.stop.reason is StopReason.SYSTEMIC
    return systemic or isinstance(error, (ListingFault, KeyRefused))


def _early_findings(desk: Desk, job: Job, journal: Journal, target: Target) -> tuple[Finding, ...]:
    memory = desk.state.learned(target.account, _rows_memory(job)) if job.kind != "retry" else None
    last_rows = memory if isinstance(memory, int) else None
    allowed = {*job.settings.allow, "empty"} if target.sandbox or job.kind == "plan" else set(job.settings.allow)
    book = JournalBook(journal, blank_summary(journal))
    counts = {status.value: rows for status, rows in book.counts().items()}
    return before_reading(counts, job.limits, last_rows=last_rows, allowed=allowed)


def _rows_memory(job: Job) -> str:
    return f"rows {job.mapping_path.resolve()}"


def stopped_while_reading(
    desk: Desk,
    journal: Journal,
    outputs: Outputs,
    began: float,
    error: BulkSyncError,
    *,
    state: RunState | None = None,
    steps: tuple[str, ...] = (),
) -> Ended:
    """Return the end of a run that a stop, or a fault, cut off while it read the CRM; raises what is neither.

    ``steps``: what to do next, where that is not to resume.
    """
    desk.talk.end_phase()
    if not isinstance(error, Halted) and (isinstance(error, Refused) or not desk.stop.is_set()):
        raise error
    stopped_by = desk.stop.stop.reason.value if desk.stop.stop else OwnReason.READING.value
    ended = close_run(desk, journal, outputs, began=began, stopped_by=stopped_by, state=state)
    if not steps:
        return with_cause(ended, error.message, advice(error, journal.header))
    return with_cause(ended._replace(summary=ended.summary._replace(next_steps=steps)), error.message, hint="")


def with_guards(ended: Ended, view: PlanView) -> Ended:
    """Return the end of a run that was not sent, with its plan, and what stopped it for those who saw no plan."""
    return ended._replace(view=view, notes=(*ended.notes, *guard_notes(view.findings)))


def _seed_sandbox(target: Target, job: Job, tables: PlanTables) -> None:
    """Give the sandbox a record for each client of the source, with all its keys, so that every row finds its own."""
    if target.sandbox is None:
        return
    kinds = [key.by for key in job.spec.match]
    sought = (row for row in tables.open_rows() if row.keys and (kinds[0] == "id" or row.record_id is None))
    if len(kinds) == 1:
        target.seed({kinds[0]: key} for key in dict.fromkeys(row.keys[0] for row in sought))
        return
    records: dict[str, dict[str, Json]] = {}
    for row in sought:
        record = records.setdefault(row.keys[0], {kinds[0]: row.keys[0]})
        for kind, key in zip(kinds, row.keys, strict=True):
            if key:
                record.setdefault(kind, key)
    target.seed(records.values())


async def _decide(desk: Desk, job: Job, session: Session, present: Present) -> tuple[Finding, ...]:
    journal, tables = session.journal, session.tables
    account, accounts = session.target.account, accounts_of(journal.header, session.target)
    memory = AccountMemory.from_json(desk.state.learned(account, "account"))
    if present.how != "none":  # who reads nothing believes nothing
        fold_unfolded(desk, accounts)
    rows = tables.count_open()
    kind = job.spec.resource
    watch = AccidentWatch(readable=kind.readable)
    tally = PlanTally()
    decision = Decision(
        journal=journal,
        tables=tables,
        state=desk.state,
        accounts=accounts,
        kinds=job.kinds,
        rules=diff_rules(job.spec, kind, job.settings),
        present=present,
        now=desk.clock.time(),
        watch=watch,
        place=placer(job.spec, journal.header.header, journal.header.sheet),
        rejoin=job.kind == "retry",
    )
    await decide(desk, decision, tally)
    summary = tally.summary()
    facts: dict[str, Json] = {
        **journal.header.facts,
        **plan_facts(summary, reading=present.reason),
        **session.quota_facts(),
        "planned_at": desk.clock.time(),
        "read_at": present.read_at if present.how != "none" else 0.0,
        "listing_seconds": present.listing_seconds,
    }
    journal.update_header(state="planned", facts=facts, started_at=desk.clock.time())
    _remember(desk, account, present, memory, rows=rows, changes=summary.changes)
    accidents = watch.findings()
    journal.update_header(facts={**facts, ACCIDENTS: [[found.name, found.field] for found in accidents]})
    found = [
        *accidents,
        *new_custom_fields(journal, job.spec),
        *limits_on_plan(journal, JournalBook(journal, blank_summary(journal)), job.limits),
    ]
    return as_findings(found, job.settings.allow)


def _remember(
    desk: Desk,
    account: str,
    present: Present,
    memory: AccountMemory | None,
    *,
    rows: int,
    changes: int,
) -> None:
    """Learn the account's size and its share of changes."""
    after = learned(memory, clients=present.clients, rows=rows, changes=changes)
    if after is not None and present.how != "none":
        desk.state.learn(account, "account", after.to_json())
