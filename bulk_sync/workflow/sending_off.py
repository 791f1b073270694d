"""The last part of every run that sends: send, settle, remember, write the results."""

from __future__ import annotations

from contextlib import suppress

from bulk_sync.errors import BulkSyncError, Halted
from bulk_sync.journal import Journal
from bulk_sync.journal.store import JournalDamaged, RunState
from bulk_sync.planning.snapshot import ListingFault
from bulk_sync.workflow.accepted import FOLDED, fold_into_ledger
from bulk_sync.workflow.advising import advice
from bulk_sync.workflow.closing import Ended, Outputs, next_steps, summarise, tell_end, with_cause
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.overlapping import BESIDE, runs_beside
from bulk_sync.workflow.reasons import OwnReason
from bulk_sync.workflow.session import Session
from bulk_sync.workflow.target import KNOWN_AS, accounts_of


async def send_and_close(desk: Desk, session: Session, outputs: Outputs, *, began: float) -> Ended:
    """Send every change that has no outcome and write the results, whatever happens on the way."""
    journal = session.journal
    stopped_by, message, hint = "", "", ""
    try:
        # What is accepted from here on is not in the ledger yet, be it a resume of a run that had ended.
        names = accounts_of(journal.header, session.target)
        now = {FOLDED: False, KNOWN_AS: list(names), BESIDE: runs_beside(desk, journal, names)}
        journal.update_header(state="sending", facts={**journal.header.facts, **now})
        report = await session.send()
        journal.update_header(facts={**journal.header.facts, **session.quota_facts()})
        stopped_by = str(report.stopped_by)
        if report.stop is not None:
            message, hint = report.stop.message, report.stop.hint
    except (Halted, JournalDamaged) as fault:  # journal or state: the disk refuses, or holds what nobody wrote
        elsewhere = isinstance(fault, ListingFault)  # met where old values were read again
        stopped_by, message = (OwnReason.READING if elsewhere else OwnReason.LOCAL_FAULT).value, fault.message
        hint = advice(fault, journal.header)
    try:
        ended = close_run(
            desk, journal, outputs, began=began, stopped_by=stopped_by, state="sending" if stopped_by else "done"
        )
    except JournalDamaged as fault:
        raise _ended_in_damage(desk, session, fault) from fault
    return with_cause(ended, message, hint) if stopped_by else ended


def _ended_in_damage(desk: Desk, session: Session, fault: JournalDamaged) -> BulkSyncError:
    """Keep what can still be believed of a run without results, and return how the command ends for it."""
    with suppress(Halted, JournalDamaged):
        session.journal.update_header(stopped_by=OwnReason.LOCAL_FAULT.value)
        fold_into_ledger(session.journal, desk.state)  # an entry is checked before it is told, up to the first bad one
    if not session.pool.report.requests["patch"]:
        return fault
    return Halted(f"{fault.message}; what was sent has no results", hint=fault.hint)


def close_run(
    desk: Desk,
    journal: Journal,
    outputs: Outputs,
    *,
    began: float,
    stopped_by: str = "",
    state: RunState | None = None,
) -> Ended:
    """Write results and ledger and keep how the run ended.

    ``began`` is the monotonic moment at which this process began with the run. A disk that refuses the journal
    still leaves the results, which are read from it. Raises :class:`JournalDamaged` for one that holds what nobody
    wrote: neither figures nor results would be true.
    """
    desk.talk.end_phase()
    journal.verify()
    finished_at = desk.clock.time()
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    busy = journal.header.busy_seconds + desk.clock.monotonic() - began
    try:
        journal.update_header(
            busy_seconds=busy,
            finished_at=finished_at,
            stopped_by=stopped_by,
            **({"state": state} if state and state != "done" else {}),
        )
        fold_into_ledger(journal, desk.state)
        journal.update_header(facts={**journal.header.facts, FOLDED: True})
    except (Halted, JournalDamaged) as fault:
        stopped_by = stopped_by or OwnReason.LOCAL_FAULT.value
        notes, hints = (fault.message,), (advice(fault, journal.header),)
    summary = summarise(journal, stopped_by=stopped_by, finished_at=finished_at)
    try:
        summary, said = outputs.write(desk, journal, summary)
        notes = (*notes, *said)
        # Only now: a run that dies over ledger or results, or cannot write them, is resume's to end.
        done = {"state": state} if state == "done" and not stopped_by else {}
        journal.update_header(exit_code=summary.exit_code, output=summary.output, **done)
    except BulkSyncError as fault:
        # The rows' ends are in the journal: a results file that cannot be written is told, not lost.
        notes, hints = (*notes, fault.message), (*hints, advice(fault, journal.header))
        summary = summary._replace(output="", exit_code=summary.exit_code or int(fault.exit_code))
        summary = summary._replace(next_steps=next_steps(summary, desk.again, whole=journal.planned))
    steps = (*dict.fromkeys(filter(None, hints)), *summary.next_steps)
    return tell_end(journal, summary._replace(next_steps=steps), notes)
