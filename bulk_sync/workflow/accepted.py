"""What a run got accepted goes to the ledger, so that the next night knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import cast

from bulk_sync.journal import EndedChange, Journal, PlanTables
from bulk_sync.journal.encoding import dump, load
from bulk_sync.planning.ledger import LedgerEntry, first_accepted, record_accepted
from bulk_sync.records import Json, Status
from bulk_sync.resources import get_resource
from bulk_sync.state.store import State

FOLDED = "folded"
"""Fact of a run whose every outcome the ledger knows."""

_ACCEPTED = frozenset({Status.UPDATED, Status.DIFFERS})
_BATCH = 1000


def fold_into_ledger(journal: Journal, state: State) -> None:
    """Store what the API accepted in this run; doing it twice changes nothing.

    A change that may have been applied, but was never confirmed, leaves the run's name behind and no value: it is
    known to be handled, and nothing is believed of it.
    """
    tables = PlanTables(journal)
    header = journal.header
    readable = get_resource(header.resource).readable
    changes = (each for each in tables.ended_changes() if each.status in _ACCEPTED or each.status is Status.IN_DOUBT)
    while batch := list(islice(changes, _BATCH)):
        state.write_ledger(header.account, _entries(batch, tables, state, header.account, header.run, readable))


def _entries(
    changes: list[EndedChange],
    tables: PlanTables,
    state: State,
    account: str,
    run: str,
    readable: frozenset[str],
) -> Iterator[tuple[str, str, str]]:
    known = state.ledger_entries(account, [change.record_id for change in changes])
    was_read = tables.count_records() > 0  # a blind run read none: no look-up for each change
    for change in changes:
        found = known.get(change.record_id)
        first = _first(change)
        if found is None:
            yield change.record_id, run, first
            continue
        if found[0] > run or found == (run, first):
            continue  # a later run has handled the record: its word stands; or this one was folded before
        before = LedgerEntry.from_json(_object(found[1]), readable=readable)
        if found[0] == run and _folded(before, change):
            continue
        read = tables.record(change.record_id) if was_read else None
        # A record that was read again after its change shows our own hand, and nothing of what others did before.
        then = read[0] if read and read[1] <= change.finished_at else None
        yield change.record_id, run, dump(_entry(change, before, then, readable).to_json())


def _first(change: EndedChange) -> str:
    """Return the first entry of a client: as the journal has it, since most runs end with thousands of them."""
    if change.status not in _ACCEPTED or change.answer is None:
        return dump(LedgerEntry({}, {}).to_json())
    return first_accepted(change.payload, change.answer, change.finished_at)


def _folded(entry: LedgerEntry, change: EndedChange) -> bool:
    """Whether an entry has a change already: a run that is stopped and resumed is folded twice."""
    known = [entry.values.get(name) for name in _object(change.payload)]
    return change.status in _ACCEPTED and all(value and value.at == change.finished_at for value in known)


def _entry(
    change: EndedChange, before: LedgerEntry, read: Mapping[str, Json] | None, readable: frozenset[str]
) -> LedgerEntry:
    sent = _object(change.payload)
    if change.status not in _ACCEPTED or change.answer is None:
        values = {name: value for name, value in before.values.items() if name not in sent}
        return LedgerEntry(values, before.fingerprint)
    return record_accepted(
        before, sent=sent, answer=_object(change.answer), at=change.finished_at, readable=readable, before=read
    )


def _object(text: str) -> dict[str, Json]:
    return cast("dict[str, Json]", load(text))
