"""The question before sending: who must be able to answer, and what an answer covers."""

from __future__ import annotations

from bulk_sync.errors import Refused
from bulk_sync.sending.ports import Interrupted, StopReason
from bulk_sync.settings import Settings
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.reasons import OwnReason
from bulk_sync.workflow.view import Finding, PlanView


def demand_answerable(desk: Desk, settings: Settings) -> None:
    """Refuse, before anything is read, a run that nobody could say yes to."""
    if not (settings.yes or settings.sandbox or desk.talk.interactive):
        raise Refused(
            "there is no terminal to ask on, and --yes was not given",
            hint="look at the plan with: bulk-sync plan; then run with --yes, or try it with --sandbox",
        )


def stopping(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings that stop a run."""
    return tuple(finding for finding in findings if finding.stops and not finding.allowed)


def ask_to_send(desk: Desk, settings: Settings, view: PlanView) -> str:
    """Show the plan and ask; return '' for yes, else what the run is stopped by.

    On a terminal guards are part of the question, and are overridden only by typing their names; elsewhere
    they stop the run. ``--yes`` answers the question, never a guard.
    """
    guards = stopping(view.findings)
    if desk.talk.interactive and not view.changes:
        desk.talk.show(view)  # somebody sees that there is nothing to send: there is nothing to ask either
        return ""
    if desk.talk.interactive and not settings.sandbox and (guards or not settings.yes):
        try:
            return "" if desk.talk.confirm(view) else OwnReason.DECLINED.value
        except Interrupted:
            return StopReason.INTERRUPTED.value
    desk.talk.show(view)
    return OwnReason.GUARD.of(guards[0].guard) if guards else ""
