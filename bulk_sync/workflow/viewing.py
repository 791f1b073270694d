"""The plan as the journal has it, made ready to be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, cast

from bulk_sync.errors import MappingError, Problem
from bulk_sync.journal import Journal, JournalBook, PlanTables, Tallies
from bulk_sync.mapping.spec import parse_mapping
from bulk_sync.planning.codes import PLANNING_CODES
from bulk_sync.planning.differ import DiffRules
from bulk_sync.planning.summary import PlanSummary
from bulk_sync.planning.values import is_empty
from bulk_sync.records import Json, RunSummary, Status
from bulk_sync.resources import get_resource
from bulk_sync.workflow.closing import readable_fields
from bulk_sync.workflow.deciding import nullable_fields
from bulk_sync.workflow.placing_problems import placer
from bulk_sync.workflow.session import Session
from bulk_sync.workflow.view import Difference, Finding, PlanView

_FIRST_DIFFERENCES = 10
_PARTIAL = "some mapped parts of billingAddress or primaryContact are blank: the API may keep or erase them"


def plan_facts(summary: PlanSummary, *, reading: str) -> dict[str, Json]:
    """Return a plan's figures as the journal keeps them."""
    return {
        "cells_set": summary.cells_set,
        "cells_cleared": summary.cells_cleared,
        "cells_held_back": summary.cells_held_back,
        "cells_not_restorable": summary.cells_not_restorable,
        "rows_on_ledger": summary.rows_on_ledger,
        "rows_with_partial_units": summary.rows_with_partial_units,
        "rows_merged": summary.rows_merged,
        "reading": reading,
        "fields": {
            name: [tally.set, tally.cleared, tally.held_back, tally.not_restorable]
            for name, tally in summary.fields.items()
        },
    }


class PlanLeft(NamedTuple):
    """What is left of a plan: its figures, named as in the journal's facts, and the ids of its first changes."""

    facts: dict[str, Json]
    first: tuple[int, ...]


def count_again(journal: Journal) -> PlanLeft:
    """Count the changes that are still open; reads each of them once."""
    resource = get_resource(journal.header.resource)
    rules = DiffRules(readable=resource.readable, nullable=nullable_fields(resource), trust_seconds=0.0)
    done: Counter[str] = Counter()
    cleared: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    first: list[int] = []
    undoing = journal.header.kind == "undo"
    if undoing:  # what cannot be put back has no change, or is no part of one: sending the others leaves it as it is
        lost.update(dict(_not_restorable(journal.header.facts)))
    for change in PlanTables(journal).changes(only_open=True):
        if len(first) < _FIRST_DIFFERENCES:
            first.append(change.id)
        done.update(change.payload.keys())
        cleared.update(name for name, value in change.payload.items() if is_empty(value))
        if not undoing:
            lost.update(
                name
                for name in change.payload
                if name not in change.old or not rules.restorable(name, change.old[name])
            )
    facts: dict[str, Json] = {
        "cells_set": done.total() - cleared.total(),
        "cells_cleared": cleared.total(),
        "cells_not_restorable": lost.total(),
        "fields": {name: [done[name] - cleared[name], cleared[name], 0, lost[name]] for name in done | lost},
    }
    return PlanLeft(facts, tuple(first))


def plan_view(
    session: Session,
    summary: RunSummary,
    findings: tuple[Finding, ...],
    *,
    question: str,
    left: PlanLeft | None = None,
) -> PlanView:
    """Return the plan with the forecast for what is left to send.

    ``left``: what was counted again, where the plan is no longer whole; else its figures are those of planning.
    """
    journal = session.journal
    header = journal.header
    facts = {**header.facts, **left.facts} if left else header.facts
    unended = session.tables.count_unended()
    seconds = session.seconds_for(unended) if unended else 0.0
    book = JournalBook(journal, summary, readable=readable_fields(journal))
    counts = dict(summary.counts)
    if Status.NOT_SENT in counts:
        counts = {Status.READY.value: counts.pop(Status.NOT_SENT), **counts}
    return PlanView(
        run=header.run,
        kind=header.kind,
        source=header.source_path,
        target=session.target.name,
        sandbox=header.sandbox,
        rows=sum(summary.counts.values()),
        counts=counts,
        changes=unended,
        cells_set=_figure(facts, "cells_set"),
        cells_cleared=_figure(facts, "cells_cleared"),
        cells_not_restorable=_figure(facts, "cells_not_restorable"),
        cells_held_back=_figure(facts, "cells_held_back"),
        read_requests=sum(count for kind, count in book.request_counts().items() if kind != "patch"),
        send_requests=unended,
        rate=session.rate,
        rate_known=session.quota.foretells(),
        seconds=seconds,
        finish_at=session.desk.clock.time() + seconds,
        reading=str(facts.get("reading", "")),
        differences=tuple(_differences(book, left.first if left else None)),
        reasons=(*_reasons(journal, counts), *summary.problem_groups[:10]),
        findings=findings,
        notes=tuple(_notes(journal)),
        question=question,
        parent=header.parent,
        left_now=session.left_now,
        not_restorable=tuple(_not_restorable(facts)),
    )


def _not_restorable(facts: Mapping[str, Json]) -> Iterator[tuple[str, int]]:
    fields = facts.get("fields")
    for name, figures in fields.items() if isinstance(fields, dict) else ():
        if isinstance(figures, list) and isinstance(count := figures[-1], int) and count:
            yield name, count


def cells_of(journal: Journal) -> Callable[[int, str], str]:
    """Return what names the cells that a field of a row came from, '' where it came from none."""
    header = journal.header
    try:
        spec = parse_mapping(header.mapping_text, name=header.mapping_path, environ={})
    except MappingError:  # written for another version of this program
        return lambda _row, _field: ""
    place = placer(spec, header.header, header.sheet)
    return lambda row, field: place(Problem("", "", row=row, field=field), None).cell


def _figure(facts: Mapping[str, Json], name: str) -> int:
    return cast("int", facts.get(name, 0))


def _differences(book: JournalBook, changes: tuple[int, ...] | None) -> Iterator[Difference]:
    for line in islice(book.changes(changes), _FIRST_DIFFERENCES):
        yield Difference(line.row_number, line.client_id, line.field, line.old, line.new, line.old_known)


def _reasons(journal: Journal, counts: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    if not (counts.get(Status.UNCHANGED) or counts.get(Status.SKIPPED)):
        return
    for count, status, code in Tallies(journal).planned_codes((Status.UNCHANGED, Status.SKIPPED)):
        meaning = PLANNING_CODES.get(code, code.replace("_", " "))
        yield count, f"{status}{': ' + meaning if meaning else ''}"


def _notes(journal: Journal) -> Iterator[str]:
    if journal.header.kind == "retry":
        yield from journal.header.notes
    if count := _figure(journal.header.facts, "rows_on_ledger"):
        yield f"{_rows(count)} resting on what this tool sent before, for fields that no answer shows"
    if count := _figure(journal.header.facts, "rows_with_partial_units"):
        yield f"{_rows(count)}: {_PARTIAL}"
    if count := _figure(journal.header.facts, "rows_merged"):
        yield f"{_rows(count)} for a client that another row is for, too"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
