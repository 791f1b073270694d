"""What a run got accepted goes to the ledger, so that the next night knows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from typing import cast

from bulk_sync.journal import EndedChange, Journal, PlanTables, handled_changes
from bulk_sync.journal.encoding import dump, load
from bulk_sync.planning.ledger import LedgerEntry, first_accepted, record_accepted, record_doubtful, without_older
from bulk_sync.records import Json, Status
from bulk_sync.resources import get_resource
from bulk_sync.state.store import State
from bulk_sync.workflow.overlapping import Overlap
from bulk_sync.workflow.target import names_of

FOLDED = "folded"
"""Fact of a run whose every outcome the ledger knows."""

_ACCEPTED = frozenset({Status.UPDATED, Status.DIFFERS})
_BATCH = 1000


def fold_into_ledger(journal: Journal, state: State) -> None:
    """Store what the API accepted in this run, under each name that its account has had; twice changes nothing.

    A change that may have been applied, but was never confirmed, leaves the run's name behind and no value: it is
    known to be handled, and nothing is believed of it. Where another run has handled the record, too, the later run's
    word stands; of two that were at work at the same time, the word that came last.
    """
    names = names_of(journal.header)
    fold = _Fold(journal, state)
    changes = (each for each in handled_changes(journal) if each.status in _ACCEPTED or each.status is Status.IN_DOUBT)
    while batch := list(islice(changes, _BATCH)):
        records = [each.record_id for each in batch]
        for account in names:
            state.write_ledger(account, fold.entries(batch, state.ledger_entries(account, records)))


def known_of(state: State, accounts: Iterable[str], record_id: str, *, readable: Collection[str]) -> LedgerEntry | None:
    """Return what the ledger knows of a client, the latest where the account has several names; None for nothing.

    Raises :class:`StateFault` where that is damaged.
    """
    entries = [entry for account in accounts if (entry := state.ledger_entry(account, record_id))]
    if not entries:
        return None
    with _of_client(state, record_id):
        return LedgerEntry.from_json(max(entries, key=itemgetter(0))[1], readable=readable)


@contextmanager
def _of_client(state: State, record_id: str) -> Iterator[None]:
    """Say which client's entry it is that cannot be read inside."""
    try:
        yield
    except (ValueError, TypeError):
        raise state.damaged(record_id) from None


class _Fold:
    """Makes the ledger's entries of a run's changes."""

    def __init__(self, journal: Journal, state: State) -> None:
        self._state = state
        self._run = journal.header.run
        self._readable = get_resource(journal.header.resource).readable
        self._tables = PlanTables(journal)
        self._was_read = self._tables.count_records() > 0  # a blind run read none: no look-up for each change
        self._beside = Overlap(journal, state)

    def entries(
        self, changes: list[EndedChange], known: Mapping[str, tuple[str, str]]
    ) -> Iterator[tuple[str, str, str]]:
        """Yield what is to be stored as (record, run, entry); ``known`` are the entries that there are."""
        for change in changes:
            found = known.get(change.record_id)
            first = _first(change)
            if found is None:
                yield change.record_id, self._run, first
            elif found != (self._run, first):
                run, body = found
                with _of_client(self._state, change.record_id):
                    before = LedgerEntry.from_json(_object(body), readable=self._readable)
                after = self._after(change, run, before)
                if after is not None:
                    yield change.record_id, *after

    def _after(self, change: EndedChange, run: str, before: LedgerEntry) -> tuple[str, str] | None:
        """Return whose entry stands, and the entry, after a change of a record that ``run`` has handled last.

        None where it stays as it is.
        """
        if run == self._run and _folded(before, change):
            return None
        if run != self._run and self._stands(run, before, change):
            sent = _object(change.payload)
            kept = without_older(before, sent=sent, at=change.finished_at)
            return None if kept.values == before.values else (run, dump(kept.to_json()))
        read = self._tables.record(change.record_id) if self._was_read else None
        # A record that was read again after its change shows our own hand, and nothing of what others did before.
        then = read[0] if read and read[1] <= change.finished_at else None
        return self._run, dump(_entry(change, before, then, self._readable).to_json())

    def _stands(self, run: str, entry: LedgerEntry, change: EndedChange) -> bool:
        """Whether the word of another run on a record is later than ours: by the clock where both were at work."""
        return entry.at > change.finished_at if run in self._beside else run > self._run


def _first(change: EndedChange) -> str:
    """Return the first entry of a client: as the journal has it, since most runs end with thousands of them."""
    if change.status not in _ACCEPTED or change.answer is None:
        return dump(record_doubtful(None, sent=(), at=change.finished_at).to_json())
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
        return record_doubtful(before, sent=sent, at=change.finished_at)
    return record_accepted(
        before, sent=sent, answer=_object(change.answer), at=change.finished_at, readable=readable, before=read
    )


def _object(text: str) -> dict[str, Json]:
    return cast("dict[str, Json]", load(text))
