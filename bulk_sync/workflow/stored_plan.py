"""``run --plan``: send a plan that was made earlier, exactly as it was shown, less what was deleted from its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from bulk_sync.errors import BulkSyncError, Refused, SourceError
from bulk_sync.journal import Journal, PlanTables, StoredChange, open_journal
from bulk_sync.planning import codes
from bulk_sync.planning.reading import AccountMemory
from bulk_sync.planning.stale import check_plan
from bulk_sync.planning.values import is_custom
from bulk_sync.records import Json, Status
from bulk_sync.resources import get_resource
from bulk_sync.results.flat_files import neutral
from bulk_sync.workflow.asking import ask_to_send, demand_answerable
from bulk_sync.workflow.closing import Ended, outputs, summarise
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.intake import LEFT_OUT, REDUCED
from bulk_sync.workflow.jobs import hold_account
from bulk_sync.workflow.locking import hold
from bulk_sync.workflow.present import Present, read_known
from bulk_sync.workflow.results_tables import KeptLines, kept_lines
from bulk_sync.workflow.resuming import check_same_target, choose_canaries, findings_again, resumed_settings
from bulk_sync.workflow.running import stopped_while_reading, with_guards
from bulk_sync.workflow.runs import find_run, journal_path, run_lock
from bulk_sync.workflow.sending_off import close_run, send_and_close
from bulk_sync.workflow.session import Session, open_session
from bulk_sync.workflow.superseding import supersede
from bulk_sync.workflow.target import open_target
from bulk_sync.workflow.viewing import count_again, plan_view

PLAN_SECONDS = 24 * 3600.0
"""How long a stored plan may be sent."""

_COMPARED = 1000
"""Characters up to which a new value in a plan's file is compared with the plan's."""
_CHOSEN_BEFORE = ("rows", "first", "only_fields", "read", "trust_ledger", "sheet")
"""Options that a plan was made with: it is sent as it was shown."""


async def run_plan(desk: Desk, name: str) -> Ended:
    """Send a stored plan; a record whose old value has moved since is ``skipped``, code ``stale``.

    ``name`` is the plan's run or its results file; lines deleted from the sheet Changes of the file are left out.
    Raises :class:`Refused` where it is no plan, was sent already, or is older than a day.
    """
    if given := [name for name in _CHOSEN_BEFORE if desk.flags.get(name) is not None]:
        raise Refused(
            f"--{given[0].replace('_', '-')}: a plan is sent as it was shown",
            hint="make another plan with it, or delete lines from the plan's file: run --plan FILE",
        )
    run = find_run(desk, name)
    with ExitStack() as stack:
        await hold(desk, stack, run_lock(desk, run), f"run {run}", wait=desk.settings().wait)
        journal = open_journal(journal_path(desk, run))
        stack.callback(journal.close)
        header = journal.header
        _check_plan(desk, journal)
        settings = resumed_settings(desk, journal)
        demand_answerable(desk, settings)
        target = stack.enter_context(open_target(desk, settings, sandbox=header.sandbox))
        check_same_target(journal, target)
        await hold_account(desk, stack, header, target, wait=settings.wait)
        place = outputs(desk, settings, source=header.source_path, run=run, kind="run")
        place.check_again(desk, header)
        path = desk.folder / name
        if path.is_file():
            _leave_out(desk, journal, path)
        supersede(desk, journal, target)
        began = desk.clock.monotonic()
        async with open_session(desk, settings, journal, target) as session:
            try:
                await _compare(desk, session)
            except BulkSyncError as error:
                return stopped_while_reading(desk, journal, place, began, error)
            choose_canaries(session.tables)
            left = count_again(journal)
            journal.update_header(facts={**journal.header.facts, **left.facts})
            summary = summarise(journal)
            findings = findings_again(desk, journal, settings, summary.counts)
            view = plan_view(session, summary, findings, question="Send this plan?", left=left)
            if stopped_by := ask_to_send(desk, settings, view):
                return with_guards(close_run(desk, journal, place, began=began, stopped_by=stopped_by), view)
            facts = {**journal.header.facts, "stored_plan": True}
            journal.update_header(kind="run", output=str(place.path or ""), facts=facts)
            return await send_and_close(desk, session, place, began=began)


def _check_plan(desk: Desk, journal: Journal) -> None:
    header = journal.header
    if header.kind != "plan" or header.state != "planned":
        begun = header.kind not in {"plan", "check"} and header.state != "done"
        raise Refused(
            f"run {header.run} is not a plan that is still to be sent",
            hint=f"bulk-sync resume {header.run}" if begun else "make a new plan: bulk-sync plan",
        )
    age = desk.clock.time() - header.created_at
    if age > PLAN_SECONDS:
        raise Refused(
            f"plan {header.run} is {age / 3600:.0f} hours old; a plan is good for 24 hours",
            hint="make a new one: the records may have changed",
        )


def _leave_out(desk: Desk, journal: Journal, path: Path) -> None:
    """Take out of the plan what was deleted from its file: lines of the changes, or rows of the results."""
    kept = kept_lines(path)
    tables = PlanTables(journal)
    changes = list(tables.changes(only_open=True))
    reduced = False
    with journal.transaction():
        for change in changes:
            payload = _kept_payload(path, change, kept)
            if left_out := change.payload.keys() - payload.keys():
                reduced = True
                for row in change.rows:
                    tables.reduce_wish(row, left_out)
            if not payload:
                message = "left out: its lines were deleted from the plan's file"
                tables.drop_change(change.id, Status.SKIPPED, LEFT_OUT, message, at=desk.clock.time())
            elif payload != change.payload:
                tables.reduce_change(change.id, payload)
    if reduced:
        journal.update_header(facts={**journal.header.facts, REDUCED: True})


def _kept_payload(path: Path, change: StoredChange, kept: KeptLines) -> dict[str, Json]:
    """Return the fields whose line is still there; a unit is one field, and goes with any of its parts.

    A change made of several rows goes with any of them. Raises :class:`SourceError` for an edited value.
    """
    if kept.rows is not None and not kept.rows.issuperset(change.rows):
        return {}
    if kept.changes is None:
        return change.payload
    lines = kept.changes.get(change.rows[0], {})
    for name, value in _lines_of(change.payload):
        if name in lines and isinstance(value, str) and _plain(value) and lines[name] not in {value, neutral(value)}:
            raise SourceError(
                f"{path}: row {change.rows[0]}, {name}: the new value was edited ({value!r} → {lines[name]!r})",
                hint="a plan is sent as it was shown; correct the source and plan again",
            )
    left = {name for name, _ in _lines_of(change.payload) if name not in lines}
    gone = {name.partition(".")[0] for name in left} | left
    return {name: value for name, value in change.payload.items() if name not in gone}


def _lines_of(payload: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Yield the fields as the sheet Changes has them: the parts of a unit each on a line."""
    for name, value in payload.items():
        if isinstance(value, Mapping) and not is_custom(name):
            yield from ((f"{name}.{part}", wanted) for part, wanted in value.items())
        else:
            yield name, value


def _plain(value: str) -> bool:
    """Whether a spreadsheet gives a text back as it was."""
    return value.isprintable() and value == value.strip() and 0 < len(value) <= _COMPARED


async def _compare(desk: Desk, session: Session) -> None:
    """Read the records of the plan again and leave out what has moved since, or is gone."""
    tables, journal = session.tables, session.journal
    changes = list(tables.changes(only_open=True))
    if not changes or journal.header.settings.get("read") == "none":
        return
    wanted = {change.record_id for change in changes}
    memory = AccountMemory.from_json(desk.state.learned(journal.header.account, "account"))
    present = await read_known(desk, tables, memory, session.read, wanted)
    readable = get_resource(journal.header.resource).readable
    with journal.transaction():
        for change in changes:
            _compare_change(tables, change, present, readable, at=desk.clock.time())
    read = {"read_at": present.read_at, "listing_seconds": present.listing_seconds, "reading": present.reason}
    journal.update_header(facts={**journal.header.facts, **read})


def _compare_change(
    tables: PlanTables, change: StoredChange, present: Present, readable: frozenset[str], *, at: float
) -> None:
    """End a change that is not to be sent; what cannot be read cannot be known to be as it was.

    A field that has its new value by now is not sent: its old value is somebody else's, and not for undo to put back.
    """
    if change.record_id in present.gone:
        message = f"client {change.record_id} no longer exists"
        tables.drop_change(change.id, Status.SKIPPED, codes.CLIENT_GONE, message, at=at)
    elif why := present.unread.get(change.record_id):
        message = f"the client could not be read again: {why}; plan again"
        tables.drop_change(change.id, Status.SKIPPED, codes.STALE, message, at=at)
    else:
        found = tables.record(change.record_id)
        checked = check_plan(change.payload, change.old, found[0] if found else None, readable=readable)
        if outcome := checked.outcome(change.payload):
            status, code, message = outcome
            tables.drop_change(change.id, status, code, message, at=at)
        elif checked.done:
            left = [name for name in change.payload if name not in checked.done]
            old = {name: change.old[name] for name in left if name in change.old}
            tables.renew_change(change.id, {name: change.payload[name] for name in left}, old)
