"""From rows and the present state to changes: matched, merged, compared, counted; all of it in the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from bulk_sync.errors import Problem
from bulk_sync.journal import Journal, OpenRow, PlannedChange, PlanTables
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.planning import codes
from bulk_sync.planning.accidents import AccidentWatch
from bulk_sync.planning.canary import CanaryPicker
from bulk_sync.planning.differ import Diff, DiffRules, diff, idle_outcome
from bulk_sync.planning.keys import Match, agrees
from bulk_sync.planning.ledger import LedgerEntry
from bulk_sync.planning.merge import Merged, PayloadRow, merge_rows, whole_units
from bulk_sync.planning.summary import PlanTally
from bulk_sync.records import Status
from bulk_sync.resources.fields import Resource
from bulk_sync.settings import Settings
from bulk_sync.state.store import State
from bulk_sync.workflow.accepted import known_of
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.intake import LEFT_OUT
from bulk_sync.workflow.placing_problems import Place
from bulk_sync.workflow.present import Present
from bulk_sync.workflow.target import SANDBOX_ACCOUNT

UNREAD = "unread"

CODES = {UNREAD: "the client could not be read, so that the row's other keys could not be compared"}

_BATCH = 1000
_GONE = "no such client"


def diff_rules(spec: MappingSpec, resource: Resource, settings: Settings) -> DiffRules:
    """Return how payloads of this mapping are compared with records."""
    return DiffRules(
        readable=resource.readable,
        nullable=nullable_fields(resource),
        policies=spec.policies(),
        unit_parts={unit: frozenset(parts) for unit, parts in spec.units().items()},
        trust_seconds=settings.trust_ledger,
    )


def nullable_fields(resource: Resource) -> frozenset[str]:
    """Return the plain fields that null clears, by their top-level name."""
    return frozenset(field.top for field in resource.fields.values() if field.nullable)


@dataclass(slots=True, kw_only=True)
class Decision:
    """What deciding needs to know; see :func:`decide`."""

    journal: Journal
    tables: PlanTables
    state: State
    accounts: tuple[str, ...]
    """The names of the account."""
    kinds: tuple[str, ...]
    rules: DiffRules
    present: Present
    now: float
    watch: AccidentWatch
    place: Place
    rejoin: bool = False
    """Whether rows that an earlier run has sent take part again where a further row of their client is sent."""


async def decide(desk: Desk, decision: Decision, tally: PlanTally) -> None:
    """Give every open row its end or its change.

    Rows of one client become one change where they do not contradict. Raises :class:`Interrupted` between
    batches when a stop is asked for.
    """
    tables, journal = decision.tables, decision.journal
    await _match(desk, decision)
    repeated = tables.repeated_records()
    handled: set[str] = set()
    picker = CanaryPicker()
    desk.talk.phase("planning")
    done = 0
    rows = tables.open_rows()
    while batch := list(islice(rows, _BATCH)):
        made: list[PlannedChange] = []
        with journal.transaction():
            for row in batch:
                record_id = row.record_id or ""
                if record_id not in repeated:
                    made += _decide_client(decision, tally, record_id, [row])
                elif record_id not in handled:
                    handled.add(record_id)
                    if decision.rejoin:
                        tables.reopen_kept(record_id)
                    made += _decide_client(decision, tally, record_id, tables.open_rows_of(record_id))
            tables.add_changes(made)
            for change in made:
                picker.see(change.id, change.payload)
        done += len(batch)
        desk.talk.step(done)
        await _breathe(desk)
    tables.mark_canaries(picker.pick())
    desk.talk.end_phase()


async def _breathe(desk: Desk) -> None:
    await asyncio.sleep(0)
    if desk.stop.is_set():
        raise (await desk.stop.wait()).error()


async def _match(desk: Desk, decision: Decision) -> None:
    """Find the record of each row by its keys, unless it is known; a row without one ends here."""
    if decision.kinds == ("id",) and decision.present.how == "none":
        return
    find = _finder(decision)
    rows = decision.tables.open_rows()
    while batch := list(islice(rows, _BATCH)):
        with decision.journal.transaction():
            for row in batch:
                find(row)
        await _breathe(desk)


def _finder(decision: Decision) -> Callable[[OpenRow], None]:
    by_id = decision.kinds[0] == "id"
    return (lambda row: _check_id(decision, row)) if by_id else (lambda row: _find_key(decision, row))


def _check_id(decision: Decision, row: OpenRow) -> None:
    record_id = row.record_id or ""
    if _refuse_gone(decision, row, record_id) or not any(row.keys[1:]):
        return
    found = decision.tables.record(record_id)
    if found is None:
        why = decision.present.unread.get(record_id, "it was not read")
        message = f"client {record_id} could not be read, so its other keys could not be compared: {why}"
        _refuse(decision, row, Problem(UNREAD, message, row=row.number, value=record_id))
        return
    match = agrees(found[0], decision.kinds, row.keys)
    if match.outcome != "found":
        _refuse_match(decision, row, match)


def _find_key(decision: Decision, row: OpenRow) -> None:
    if row.record_id is not None:
        _refuse_gone(decision, row, row.record_id)
        return
    if decision.present.index is None:
        return
    match = decision.present.index.find(row.keys)
    if match.outcome == "found":
        decision.tables.assign_record(row.number, match.record_id)
    else:
        _refuse_match(decision, row, match)


def _refuse_gone(decision: Decision, row: OpenRow, record_id: str) -> bool:
    """Refuse a row whose client does not exist, and say whether that was so."""
    if record_id not in decision.present.gone:
        return False
    message, hint = f"{_GONE}: {record_id}", ""
    if other := decision.present.others.get(record_id):
        message = f"{message}; the API answers with client {other}"
        hint = "if that is the one, write its id as the API does"
    _refuse(decision, row, Problem(codes.NO_MATCH, message, hint, row=row.number, value=record_id))
    return True


def _refuse_match(decision: Decision, row: OpenRow, match: Match) -> None:
    if match.outcome == "disagree" and SANDBOX_ACCOUNT in decision.accounts:  # it may have made up the other key itself
        match = match._replace(hint=f"{match.hint}; --sandbox=fresh makes the sandbox's clients anew")
    _refuse(decision, row, match.problem(row=row.number, value=row.keys[match.key]), key=match.key)


def _refuse(decision: Decision, row: OpenRow, problem: Problem, *, key: int = 0) -> None:
    problems = (*row.problems, decision.place(problem, row.line, key))
    decision.tables.settle_row(row.number, Status.INVALID, problem.code, "", problems=problems)


def _decide_client(
    decision: Decision, tally: PlanTally, record_id: str, rows: list[OpenRow]
) -> tuple[PlannedChange, ...]:
    """End the rows of one client that send nothing; return the change that the others make, if any."""
    merged = _merge(decision, record_id, rows)
    if not merged.rows:
        return ()
    # A blind run has read no record: a look-up for each row would find that out a million times.
    known = decision.present.how != "none" and record_id not in decision.present.unread
    found = decision.tables.record(record_id) if known else None
    record = found[0] if found else None
    change = diff(merged.payload, record, rules=decision.rules, ledger=_ledger(decision, record_id), now=decision.now)
    if record is not None:
        decision.watch.see(merged.rows[0], merged.payload, record, changed=change.send)
    if not change.send:
        status, code, message = idle_outcome(change)
        tally.add_idle(change, len(merged.rows))
        for number in merged.rows:
            decision.tables.settle_row(number, status, code, message)
        return ()
    tally.add_change(merged.rows, change)
    note = _note(change, decision.present.unread.get(record_id, ""))
    as_stored = rows[0].payload_json if change.send is rows[0].payload else ""
    return (PlannedChange(record_id, merged.rows, change.send, change.old, note, as_stored),)


def _merge(decision: Decision, record_id: str, rows: list[OpenRow]) -> Merged:
    """Merge the rows of one client, and end those that contradict."""
    sent = decision.tables.skipped_wishes(record_id, LEFT_OUT) if decision.rejoin else []
    if len(rows) == 1:
        return Merged(whole_units(rows[0].payload, sent), (rows[0].number,))
    by_number = {row.number: row for row in rows}
    merged = merge_rows(record_id, [PayloadRow(row.number, row.payload) for row in rows])
    for number, problems in _by_row(merged.problems):
        row = by_number[number]
        placed = [decision.place(problem, row.line) for problem in problems]
        decision.tables.settle_row(number, Status.INVALID, problems[0].code, "", problems=(*row.problems, *placed))
    return merged._replace(payload=whole_units(merged.payload, sent))


def _ledger(decision: Decision, record_id: str) -> LedgerEntry | None:
    if decision.present.how == "none":
        return None
    return known_of(decision.state, decision.accounts, record_id, readable=decision.rules.readable)


def _by_row(problems: Iterable[Problem]) -> Iterator[tuple[int, list[Problem]]]:
    found: dict[int, list[Problem]] = {}
    for problem in problems:
        if problem.row is not None:
            found.setdefault(problem.row, []).append(problem)
    yield from found.items()


def _note(change: Diff, unread: str) -> str:
    parts = [f"old values unknown, since the client could not be read: {unread}"] if unread else []
    if change.rests_on_ledger:
        parts.append(f"not sent, since this tool last had it accepted so: {', '.join(change.rests_on_ledger)}")
    if change.held_back:
        parts.append(f"kept as overwrite says: {', '.join(change.held_back)}")
    return "; ".join(parts)
