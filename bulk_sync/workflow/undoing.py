"""``undo``: put back what a run changed, where the record still has what the run left there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice

from bulk_sync.errors import BulkSyncError, Question, Refused
from bulk_sync.journal import Journal, PlannedChange, PlanTables, RowEntry, RunHeader, StoredChange, create_journal
from bulk_sync.mapping.spec import MappingSpec, parse_mapping
from bulk_sync.planning.canary import CanaryPicker
from bulk_sync.planning.codes import NOT_RESTORABLE, NOTHING_TO_UNDO
from bulk_sync.planning.merge import SHOWN_ROWS
from bulk_sync.planning.reading import AccountMemory
from bulk_sync.planning.undo import APPLIED, DoneChange, Undo, UndoRules, plan_undo
from bulk_sync.planning.values import is_empty
from bulk_sync.records import Json, SourceRow, Status
from bulk_sync.resources import get_resource
from bulk_sync.settings import Settings
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.accepted import known_of
from bulk_sync.workflow.asking import ask_to_send, demand_answerable
from bulk_sync.workflow.closing import GONE, NOT_RESTORED, Ended, Outputs, outputs, summarise
from bulk_sync.workflow.deciding import nullable_fields
from bulk_sync.workflow.desk import Desk, kept_settings
from bulk_sync.workflow.intake import LEFT_OUT, chooser, only_fields
from bulk_sync.workflow.jobs import hold_account
from bulk_sync.workflow.present import Present, read_known
from bulk_sync.workflow.resuming import aimed_as, check_same_target
from bulk_sync.workflow.running import stopped_while_reading
from bulk_sync.workflow.runs import find_run, journal_path, opened, past_runs, run_lock
from bulk_sync.workflow.sending_off import close_run, send_and_close
from bulk_sync.workflow.session import Session, open_session
from bulk_sync.workflow.target import KNOWN_AS, accounts_of, names_of, open_target
from bulk_sync.workflow.viewing import plan_view

_BATCH = 500
_OF_SENDING = frozenset({"rate", "quota_share", "workers", "attempts", "timeout", "max_outage"})
"""Settings of the run that hold for its undo, too."""


async def undo(desk: Desk, name: str | None) -> Ended:
    """Put back the values that a run replaced; what someone changed since stays, and its row says so.

    Raises :class:`Refused` where there is nothing to undo or nobody to ask, :class:`Busy`.
    """
    parent = find_run(desk, name) if name is not None else _last_that_changed(desk)
    with ExitStack() as stack:
        done = stack.enter_context(opened(desk, parent))
        before = done.header
        if before.kind in {"plan", "check"}:
            raise Refused(f"run {parent} is a {before.kind}: it changed nothing")
        settings = _settings(desk, done)
        demand_answerable(desk, settings)
        target = stack.enter_context(open_target(desk, settings, sandbox=before.sandbox))
        check_same_target(done, target)
        await hold_account(desk, stack, before, target, wait=settings.wait)
        run = desk.new_run()
        place = outputs(desk, settings, source=before.source_path, run=run, kind="undo")
        place.check_again(desk, before)
        stack.enter_context(exclusive(run_lock(desk, run), f"run {run}"))
        journal = create_journal(journal_path(desk, run), _header(desk, before, run, settings, place))
        stack.callback(journal.close)
        began = desk.clock.monotonic()
        torn = _copy_rows(done, journal, settings)
        async with open_session(desk, settings, journal, target) as session:
            try:
                await _decide(desk, session, done, settings, torn)
            except BulkSyncError as error:
                steps = (f"nothing was put back; to begin anew: bulk-sync undo {parent}{desk.again}",)
                return stopped_while_reading(desk, journal, place, began, error, steps=steps)
            view = plan_view(session, summarise(journal), (), question=f"Undo run {parent}?")
            if stopped_by := ask_to_send(desk, settings, view):
                return close_run(desk, journal, place, began=began, stopped_by=stopped_by)
            return await send_and_close(desk, session, place, began=began)


def _settings(desk: Desk, done: Journal) -> Settings:
    """Return the settings of an undo: it sends as gently, and from where, as the run that it takes back."""
    header = done.header
    kept = {name: value for name, value in header.settings.items() if name in _OF_SENDING}
    given = desk.settings({**kept, **({"base_url": header.base_url} if header.base_url else {})})
    settings = aimed_as(header, given)
    only_fields(_spec(desk, done), settings)  # refuses what the mapping does not have
    return settings


def _spec(desk: Desk, done: Journal) -> MappingSpec:
    return parse_mapping(done.header.mapping_text, name=done.header.mapping_path, environ=desk.environ)


def _last_that_changed(desk: Desk) -> str:
    """Name the last run that changed something; asked about, since it is not what the user wrote."""
    for past in reversed(list(past_runs(desk, figures=True))):
        counts = past.summary.counts if past.summary else {}
        if past.header and any(counts.get(status) for status in APPLIED):
            question = Question(
                f"the last run that changed something is {past.run} ({past.header.source_path}); undo it?",
                setting="RUN",
                choices=("yes", "no"),
                hint=f"name the run: bulk-sync undo {past.run}{desk.again}",
            )
            if desk.talk.ask(question) != "yes":
                raise question
            return past.run
    raise Refused("no run has changed anything", hint="bulk-sync runs lists them")


def _header(desk: Desk, before: RunHeader, run: str, settings: Settings, place: Outputs) -> RunHeader:
    return RunHeader(
        run=run,
        kind="undo",
        parent=before.run,
        resource=before.resource,
        base_url=before.base_url,
        account=before.account,
        sandbox=before.sandbox,
        source_path=before.source_path,
        source_sha256=before.source_sha256,
        source_kind=before.source_kind,
        sheet=before.sheet,
        header=before.header,
        mapping_path=before.mapping_path,
        mapping_text=before.mapping_text,
        mapping_sha256=before.mapping_sha256,
        settings=kept_settings(settings),
        facts={KNOWN_AS: list(names_of(before))},
        output=str(place.path or ""),
        created_at=desk.clock.time(),
    )


def _copy_rows(done: Journal, journal: Journal, settings: Settings) -> int:
    """Take over the rows of the run whose changes were, or may have been, applied; the others are skipped.

    Returns how many were chosen of changes that were not chosen whole.
    """
    chosen = chooser(settings)
    tables = PlanTables(done)
    torn = {} if settings.rows is None and settings.first is None else _torn(tables, chosen)
    applied = {row: change.record_id for change in _applied(tables) for row in change.rows}

    def entries() -> Iterator[RowEntry]:
        for place, (number, line, values) in enumerate(tables.cells(), 1):
            row = SourceRow(number, values, line)
            if number not in applied:
                yield RowEntry(row, None, None, Status.SKIPPED, NOTHING_TO_UNDO, "the run changed nothing here")
            elif not chosen(place, number):
                yield RowEntry(row, None, None, Status.SKIPPED, LEFT_OUT, "left out by --rows or --first")
            elif number in torn:
                yield RowEntry(row, None, None, Status.SKIPPED, LEFT_OUT, f"left out: {_belong_together(torn[number])}")
            else:
                yield RowEntry(row, None, applied[number])

    for _ in PlanTables(journal).add_rows(entries()):
        pass
    PlanTables(journal).index_records()
    return len(torn)


def _torn(tables: PlanTables, chosen: Callable[[int, int], bool]) -> dict[int, tuple[int, ...]]:
    """Return the chosen rows of which others that were sent with them are not, each with all rows of its change.

    A change is undone as a whole or not at all, since what each of its rows added to it cannot be told apart.
    """
    together = [change.rows for change in _applied(tables) if len(change.rows) > 1]
    if not together:
        return {}
    members = {row for rows in together for row in rows}
    places = enumerate(tables.cells(), 1)
    taken = {number for place, (number, *_) in places if number in members and chosen(place, number)}
    return {row: rows for rows in together if not taken.issuperset(rows) for row in rows if row in taken}


def _belong_together(rows: tuple[int, ...]) -> str:
    more = len(rows) - SHOWN_ROWS
    shown = [*map(str, rows[:SHOWN_ROWS]), *([f"{more} more"] if more > 0 else [])]
    listed = f"{', '.join(shown[:-1])} and {shown[-1]}"
    return f"rows {listed} were sent as one change, which is undone as a whole: choose them all"


def _applied(tables: PlanTables) -> Iterator[StoredChange]:
    """Yield the changes that were, or may have been, applied."""
    begun = tables.begun_changes()
    return (change for change in tables.changes() if change.status in APPLIED or change.id in begun)


async def _decide(desk: Desk, session: Session, done: Journal, settings: Settings, torn: int) -> None:
    tables = session.tables
    account = session.journal.header.account
    memory = AccountMemory.from_json(desk.state.learned(account, "account"))
    how = "auto" if settings.read == "none" else settings.read
    present = await read_known(desk, tables, memory, session.read, how=how)
    rules = _rules(desk, done, settings)
    changes = _applied(PlanTables(done))
    figures = _Figures()
    figures.left.update({"rows that were sent as one change are not all chosen": torn} if torn else {})
    while batch := list(islice(changes, _BATCH)):
        with session.journal.transaction():
            for change in batch:
                _decide_change(desk, session, change, present, rules, figures)
        await asyncio.sleep(0)
        if desk.stop.is_set():
            raise (await desk.stop.wait()).error()
    tables.mark_canaries(figures.picker.pick())
    session.journal.update_header(
        state="planned",
        started_at=desk.clock.time(),
        facts={
            **session.journal.header.facts,
            **figures.facts(),
            **session.quota_facts(),
            "reading": present.reason,
            "planned_at": desk.clock.time(),
            "read_at": present.read_at,
            "listing_seconds": present.listing_seconds,
        },
    )


@dataclass(slots=True)
class _Figures:
    """What the undo's plan comes to, by field, what it leaves as it is, and its canaries."""

    restored: Counter[str] = field(default_factory=Counter)
    cleared: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    picker: CanaryPicker = field(default_factory=CanaryPicker)

    def see(self, undoing: Undo, rows: int) -> None:
        """Count the fields of a change, and the rows by what is left as it is."""
        empty = [name for name, value in undoing.send.items() if is_empty(value)]
        self.restored.update(undoing.send.keys() - set(empty))
        self.cleared.update(empty)
        self.lost.update(undoing.not_restorable.keys())
        if undoing.gone:
            self.left[GONE] += rows
        for name in undoing.kept:
            self.left[f"{name} (changed since)"] += rows
        for name, why in undoing.not_restorable.items():
            self.left[f"{name} ({why})"] += rows

    def facts(self) -> dict[str, Json]:
        """Return the figures as the journal keeps a plan's."""
        names = self.restored.keys() | self.cleared.keys() | self.lost.keys()
        return {
            "cells_set": self.restored.total(),
            "cells_cleared": self.cleared.total(),
            "cells_not_restorable": self.lost.total(),
            NOT_RESTORED: dict(self.left),
            "fields": {name: [self.restored[name], self.cleared[name], 0, self.lost[name]] for name in sorted(names)},
        }


def _rules(desk: Desk, done: Journal, settings: Settings) -> UndoRules:
    spec = only_fields(_spec(desk, done), settings)
    resource = get_resource(done.header.resource)
    return UndoRules(
        readable=resource.readable,
        nullable=nullable_fields(resource),
        empty_text=frozenset(
            program.field.top for program in spec.programs.values() if program.mapping.clear_as == "empty"
        ),
        include_unverified=settings.include_unverified,
        only_fields=spec.only,
    )


def _decide_change(
    desk: Desk,
    session: Session,
    change: StoredChange,
    present: Present,
    rules: UndoRules,
    figures: _Figures,
) -> None:
    tables = session.tables
    sent = frozenset(change.rows)
    rows = [row.number for row in tables.open_rows_of(change.record_id) if row.number in sent]
    if not rows:
        return
    found = tables.record(change.record_id)
    if found is None and change.record_id not in present.gone:
        why = present.unread.get(change.record_id, "it was not shown")
        figures.left["the client could not be read"] += len(rows)
        for number in rows:
            tables.settle_row(number, Status.SKIPPED, NOT_RESTORABLE, f"the client could not be read: {why}")
        return
    done = DoneChange(change.record_id, change.payload, change.old, change.status, change.answer)
    names = accounts_of(session.journal.header, session.target)
    ledger = known_of(desk.state, names, change.record_id, readable=rules.readable)
    undoing = plan_undo(done, found[0] if found else None, rules=rules, ledger=ledger)
    figures.see(undoing, len(rows))
    if undoing.send:
        planned = PlannedChange(change.record_id, tuple(rows), undoing.send, undoing.old, undoing.remark())
        tables.add_changes([planned])
        figures.picker.see(planned.id, undoing.send)
        return
    status, code, message = undoing.idle_outcome()
    if not (undoing.gone or undoing.kept or undoing.not_restorable or undoing.nothing):
        status, code, message = Status.SKIPPED, LEFT_OUT, "left out by --only-fields"
    for number in rows:
        tables.settle_row(number, status, code, message)
