"""The guards, fed from the journal: before the CRM is read, before sending, and again on ``resume``."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bulk_sync.journal import Journal, JournalBook, PlanTables
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
from bulk_sync.workflow.view import Finding

_FROM_PLAN = frozenset({"max-changed", "max-cleared"})


def as_findings(found: Iterable[GuardFinding], allowed: Collection[str]) -> tuple[Finding, ...]:
    """Return guards' findings as a plan shows them."""
    return tuple(
        Finding(item.name, item.message, item.evidence, item.hint, item.severity == "stop", item.name in allowed)
        for item in found
    )


def before_reading(
    book: JournalBook, limits: RunLimits, *, last_rows: int | None, allowed: Collection[str]
) -> tuple[Finding, ...]:
    """Return what can be found without the CRM: too few rows, too many invalid ones, none at all."""
    counts = book.counts()
    figures = RunFigures(
        rows=sum(counts.values()),
        changed=0,
        invalid=counts.get(Status.INVALID, 0),
        cells=0,
        cleared=0,
        last_rows=last_rows,
    )
    left_out = counts.get(Status.SKIPPED, 0)
    found = [item for item in limit_findings(limits, figures) if item.name not in _FROM_PLAN]
    if figures.rows and left_out == figures.rows:
        found.append(GuardFinding("empty", (), "every row is left out", hint="--allow empty goes on"))
    return as_findings(found, allowed)


def limits_on_changes(journal: Journal, book: JournalBook, limits: RunLimits) -> list[GuardFinding]:
    """Return which limits the planned changes exceed."""
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
    )
    return [item for item in limit_findings(limits, figures) if item.name in _FROM_PLAN]


def accidents_again(journal: Journal, *, readable: Collection[str]) -> tuple[GuardFinding, ...]:
    """Look for accidents in the changes that are left, by the old values that were kept."""
    watch = AccidentWatch(readable=readable)
    for change in PlanTables(journal).changes(only_open=True):
        if change.old and change.rows:
            watch.see(change.rows[0], change.payload, change.old, changed=change.payload)
    return watch.findings()


def new_custom_fields(tables: PlanTables, spec: MappingSpec) -> tuple[GuardFinding, ...]:
    """Return the mapping's custom fields that no client has that was read."""
    names = [name for name in spec.policies() if spec.resource.is_custom(name)]
    if not names:
        return ()
    watch = CustomFieldWatch()
    for record in tables.records():
        watch.see(record)
    return watch.findings(names, known=spec.extra_fields)
