"""``run --plan``: send a plan that was made earlier, exactly as it was shown, less what was deleted from its file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bulk_sync.errors import Halted, Refused
from bulk_sync.journal import Journal, PlanTables, open_journal
from bulk_sync.planning.stale import check_plan
from bulk_sync.planning.values import is_empty
from bulk_sync.records import Json, Status
from bulk_sync.resources import get_resource
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.asking import ask_to_send, demand_answerable
from bulk_sync.workflow.closing import Ended, outputs, summarise
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.intake import LEFT_OUT
from bulk_sync.workflow.jobs import account_lock
from bulk_sync.workflow.present import read_present
from bulk_sync.workflow.results_tables import kept_fields
from bulk_sync.workflow.resuming import check_same_target, findings_again, resumed_settings
from bulk_sync.workflow.runs import find_run, journal_path, run_lock
from bulk_sync.workflow.sending_off import close_run, send_and_close
from bulk_sync.workflow.session import Session, open_session
from bulk_sync.workflow.target import open_target
from bulk_sync.workflow.viewing import plan_view

PLAN_SECONDS = 24 * 3600.0
"""How long a stored plan may be sent."""


async def run_plan(desk: Desk, name: str) -> Ended:
    """Send a stored plan; a record whose old value has moved since is ``skipped``, code ``stale``.

    ``name`` is the plan's run or its results file; lines deleted from the sheet Changes of the file are left out.
    Raises :class:`Refused` where it is no plan, was sent already, or is older than a day.
    """
    run = find_run(desk, name)
    with ExitStack() as stack:
        stack.enter_context(exclusive(run_lock(desk, run), f"run {run}"))
        journal = open_journal(journal_path(desk, run))
        stack.callback(journal.close)
        header = journal.header
        _check_plan(desk, journal)
        settings = resumed_settings(desk, journal)
        asked = settings.model_copy(update={"sandbox": "keep"}) if header.sandbox else settings
        demand_answerable(desk, asked)
        target = stack.enter_context(open_target(desk, settings, sandbox=header.sandbox))
        check_same_target(journal, target)
        lock = account_lock(desk, header.account, Path(header.mapping_path))
        what = f"account {header.account} with this mapping"
        stack.enter_context(exclusive(lock, what, wait=settings.wait or 0.0))
        place = outputs(desk, settings, source=header.source_path, run=run, kind="run")
        place.check(desk, _existing(header.source_path), _existing(header.mapping_path))
        path = desk.folder / name
        if path.is_file():
            _leave_out(desk, journal, path)
        began = desk.clock.monotonic()
        async with open_session(desk, settings, journal, target) as session:
            try:
                await _compare(desk, session)
            except Halted as error:
                reason = desk.stop.stop.reason.value if desk.stop.stop else "reading"
                ended = close_run(desk, journal, place, began=began, stopped_by=reason)
                return ended._replace(notes=(*ended.notes, error.message))
            _count_again(journal)
            findings = findings_again(journal, settings)
            view = plan_view(session, summarise(journal), findings, question="Send this plan?")
            if stopped_by := ask_to_send(desk, asked, view):
                return close_run(desk, journal, place, began=began, stopped_by=stopped_by)
            journal.update_header(kind="run", facts={**journal.header.facts, "stored_plan": True})
            return await send_and_close(desk, session, place, began=began)


def _existing(name: str) -> Path | None:
    return Path(name) if name and Path(name).exists() else None


def _check_plan(desk: Desk, journal: Journal) -> None:
    header = journal.header
    if header.kind != "plan" or header.state != "planned":
        hint = f"bulk-sync resume {header.run}" if header.state != "done" else "make a new plan: bulk-sync plan"
        raise Refused(f"run {header.run} is not a plan that is still to be sent", hint=hint)
    age = desk.clock.time() - header.created_at
    if age > PLAN_SECONDS:
        raise Refused(
            f"plan {header.run} is {age / 3600:.0f} hours old; a plan is good for 24 hours",
            hint="make a new one: the records may have changed",
        )


def _leave_out(desk: Desk, journal: Journal, path: Path) -> None:
    """Take out of the plan what was deleted from its file."""
    kept = kept_fields(path)
    tables = PlanTables(journal)
    changes = list(tables.changes(only_open=True))
    with journal.transaction():
        for change in changes:
            fields = kept.get(change.record_id, frozenset())
            payload = _kept_payload(change.payload, fields)
            if not payload:
                message = "left out: its lines were deleted from the plan's file"
                tables.drop_change(change.id, Status.SKIPPED, LEFT_OUT, message, at=desk.clock.time())
            elif payload != change.payload:
                tables.reduce_change(change.id, payload)


def _kept_payload(payload: Mapping[str, Json], fields: frozenset[str]) -> dict[str, Json]:
    """Return the fields whose line is still there; a unit is one field, and goes with any of its parts."""
    return {name: value for name, value in payload.items() if _all_there(name, value, fields)}


def _all_there(name: str, value: Json, fields: frozenset[str]) -> bool:
    if isinstance(value, Mapping) and name not in fields:
        return all(f"{name}.{part}" in fields for part in value)
    return name in fields


def _count_again(journal: Journal) -> None:
    """Let the plan's figures be those of what is left of it."""
    counts = {"cells_set": 0, "cells_cleared": 0, "cells_not_restorable": 0}
    for change in PlanTables(journal).changes(only_open=True):
        cleared = sum(is_empty(value) for value in change.payload.values())
        counts["cells_set"] += len(change.payload) - cleared
        counts["cells_cleared"] += cleared
        counts["cells_not_restorable"] += sum(name not in change.old for name in change.payload)
    journal.update_header(facts={**journal.header.facts, **counts})


async def _compare(desk: Desk, session: Session) -> None:
    """Read the records of the plan again and leave out what has moved since."""
    tables = session.tables
    changes = list(tables.changes(only_open=True))
    if not changes or session.journal.header.settings.get("read") == "none":
        return
    wanted = {change.record_id for change in changes}
    await read_present(desk, tables, "auto", ("id",), None, session.read, wanted=wanted)
    readable = get_resource(session.journal.header.resource).readable
    with session.journal.transaction():
        for change in changes:
            found = tables.record(change.record_id)
            checked = check_plan(change.payload, change.old, found[0] if found else None, readable=readable)
            if outcome := checked.outcome(change.payload):
                status, code, message = outcome
                tables.drop_change(change.id, status, code, message, at=desk.clock.time())
