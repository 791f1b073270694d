"""What a run got accepted goes to the ledger, so that the next night knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from bulk_sync.journal import Journal, PlanTables, StoredChange
from bulk_sync.planning.ledger import LedgerEntry, record_accepted
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
    changes = (change for change in tables.changes() if change.status in _ACCEPTED or change.status is Status.IN_DOUBT)
    while batch := list(islice(changes, _BATCH)):
        state.write_ledger(header.account, _entries(batch, tables, state, header.account, header.run, readable))


def _entries(
    changes: list[StoredChange],
    tables: PlanTables,
    state: State,
    account: str,
    run: str,
    readable: frozenset[str],
) -> Iterator[tuple[str, str, Mapping[str, Json]]]:
    known = state.ledger_entries(account, [change.record_id for change in changes])
    was_read = tables.count_records() > 0  # a blind run read none: no look-up for each change
    for change in changes:
        found = known.get(change.record_id)
        if found and found[0] > run:
            continue  # a later run has handled the record: its word stands
        before = LedgerEntry.from_json(found[1]) if found else None
        if before is not None and found and found[0] == run and _folded(before, change):
            continue
        read = tables.record(change.record_id) if was_read else None
        # A record that was read again after its change shows our own hand, and nothing of what others did before.
        then = read[0] if read and read[1] <= (change.finished_at or 0.0) else None
        entry = _entry(change, before, then, readable)
        yield change.record_id, run, entry.to_json()


def _folded(entry: LedgerEntry, change: StoredChange) -> bool:
    """Whether an entry has a change already: a run that is stopped and resumed is folded twice."""
    known = [entry.values.get(name) for name in change.payload]
    return change.status in _ACCEPTED and all(value and value.at == change.finished_at for value in known)


def _entry(
    change: StoredChange, before: LedgerEntry | None, read: Mapping[str, Json] | None, readable: frozenset[str]
) -> LedgerEntry:
    if change.status not in _ACCEPTED or change.answer is None:
        values = {name: value for name, value in before.values.items() if name not in change.payload} if before else {}
        return LedgerEntry(values, before.fingerprint if before else {})
    return record_accepted(
        before,
        sent=change.payload,
        answer=change.answer,
        at=change.finished_at or 0.0,
        readable=readable,
        before=read,
    )
