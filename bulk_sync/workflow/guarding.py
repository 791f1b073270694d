"""The guards, fed from the journal: before the CRM is read, before sending, and again on ``resume``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bulk_sync.journal import Journal, JournalBook, PlanTables, Tallies
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.planning.accidents import AccidentWatch
from bulk_sync.planning.guards import (
    CustomFieldWatch,
    GuardFinding,
    RunFigures,
    RunLimits,
    limit_findings,
)
from bulk_sync.planning.values import is_empty
from bulk_sync.records import Status
from bulk_sync.workflow.intake import LEFT_OUT, NOT_CHOSEN
from bulk_sync.workflow.view import Finding

ACCIDENTS = "accidents"
"""Fact of a run: the accidents that its whole plan looked like, as (guard, field)."""

_FROM_PLAN = frozenset({"max-changed", "max-cleared"})
_FROM_ROWS = frozenset({"max-invalid", "require-valid"})
"""Limits that hold after matching and merging, too, which find further rows invalid."""


def as_findings(found: Iterable[GuardFinding], allowed: Collection[str]) -> tuple[Finding, ...]:
    """Return guards' findings as a plan shows them."""
    return tuple(
        Finding(item.name, item.message, item.evidence, item.hint, item.severity == "stop", item.name in allowed)
        for item in found
    )


def joined(early: Iterable[Finding], late: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of before and after reading; of a limit that is exceeded at both times the later one."""
    later = tuple(late)
    again = {finding.guard for finding in later} & _FROM_ROWS
    return (*(finding for finding in early if finding.guard not in again), *later)


def guard_notes(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Say in a line each what stopped a run: for who is quiet, reads a log, or looks at the JSON."""
    return tuple(
        f"guard {found.guard}: {'; '.join((found.message, *found.evidence))} ({found.hint})"
        for found in findings
        if found.stops and not found.allowed
    )


def before_reading(
    counts: Mapping[str, int], limits: RunLimits, *, last_rows: int | None, allowed: Collection[str]
) -> tuple[Finding, ...]:
    """Return what the rows of each status tell without the CRM: too few, too many that are invalid, none at all."""
    figures = RunFigures(
        rows=sum(counts.values()),
        changed=0,
        invalid=counts.get(Status.INVALID, 0),
        cells=0,
        cleared=0,
        last_rows=last_rows,
        left_out=counts.get(Status.SKIPPED, 0),
    )
    left_out = counts.get(Status.SKIPPED, 0)
    found = [item for item in limit_findings(limits, figures) if item.name not in _FROM_PLAN]
    if figures.rows and left_out == figures.rows:
        found.append(GuardFinding("empty", (), "every row is left out", hint="--allow empty goes on"))
    return as_findings(found, allowed)


def limits_on_plan(journal: Journal, book: JournalBook, limits: RunLimits) -> list[GuardFinding]:
    """Return which limits the planned changes exceed, and the rows that turned out to be invalid."""
    if not limits.on_plan:
        return []  # counting cells reads the whole plan once more
    tables = PlanTables(journal)
    changed = cells = cleared = 0
    for change in tables.changes(only_open=True):
        changed += len(change.rows)
        cells += len(change.payload)
        cleared += sum(is_empty(value) for value in change.payload.values())
    counts = book.counts()
    figures = RunFigures(
        rows=sum(counts.values()),
        changed=changed,
        invalid=counts.get(Status.INVALID, 0),
        cells=cells,
        cleared=cleared,
        left_out=_rows_left_out(journal),
    )
    return [item for item in limit_findings(limits, figures) if item.name in _FROM_PLAN | _FROM_ROWS]


def _rows_left_out(journal: Journal) -> int:
    """Count the rows that the user left out; those that a rule of the mapping kept as they are took part."""
    tallies = Tallies(journal)
    return sum(tallies.rows_planned(Status.SKIPPED, code) for code in (LEFT_OUT, NOT_CHOSEN))


def accidents_again(journal: Journal, *, readable: Collection[str]) -> tuple[GuardFinding, ...]:
    """Look for accidents in the changes that are left, by the old values that were kept.

    Only for those that the whole plan looked like: a few cells that are left over prove nothing new. What an undo
    puts back is no accident.
    """
    header = journal.header
    known = header.facts.get(ACCIDENTS)
    if header.kind == "undo" or known == []:
        return ()
    watch = AccidentWatch(readable=readable)
    for change in PlanTables(journal).changes(only_open=True):
        if change.old and change.rows:
            watch.see(change.rows[0], change.payload, change.old, changed=change.payload)
    found = watch.findings()
    if not isinstance(known, list):  # of a version that did not keep them
        return found
    return tuple(item for item in found if [item.name, item.field] in known)


def new_custom_fields(journal: Journal, spec: MappingSpec) -> tuple[GuardFinding, ...]:
    """Return the custom fields to be sent that no client has that was read; the sandbox knows none and takes all."""
    fields = journal.header.facts.get("fields")
    names = [name for name in fields if spec.resource.is_custom(name)] if isinstance(fields, dict) else []
    if not names or journal.header.sandbox:
        return ()
    watch = CustomFieldWatch()
    for record in PlanTables(journal).records():
        watch.see(record)
    return watch.findings(names, known=spec.extra_fields)
