"""Old values grow old: what is still to be sent is read again before more is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

from bulk_sync.journal import Journal, PlanTables, RunHeader, StoredChange
from bulk_sync.mapping.spec import parse_mapping
from bulk_sync.planning.codes import CHANGED_SINCE, CLIENT_GONE, HELD_BACK, NOT_RESTORABLE, STALE
from bulk_sync.planning.differ import DiffRules, diff, held_back_message
from bulk_sync.planning.reading import AccountMemory, page_count
from bulk_sync.planning.snapshot import fresh_until
from bulk_sync.planning.stale import check_plan
from bulk_sync.planning.values import shown_value
from bulk_sync.records import Json, Status
from bulk_sync.resources import get_resource
from bulk_sync.workflow.accepted import known_of
from bulk_sync.workflow.deciding import diff_rules
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.present import Present, Reader, read_known
from bulk_sync.workflow.target import names_of

_MAYBE = "; an earlier request may have been applied before"
"""Is said of a change that is left out although a request of it left."""


def good_until(journal: Journal) -> float:
    """Return until when (Unix time) the old values of a run may be used; endless where none were read."""
    facts = journal.header.facts
    read_at = facts.get("read_at")
    if not isinstance(read_at, (int, float)) or not read_at:
        return float("inf")
    seconds = facts.get("listing_seconds")
    return fresh_until(read_at, listing_seconds=seconds if isinstance(seconds, (int, float)) else 0.0)


def to_look_at(journal: Journal, settled: Collection[int]) -> Iterator[StoredChange]:
    """Yield the changes that have not ended in any way, the canaries first; of an undo or a plan those in doubt, too.

    ``settled`` were sent by this process and are in doubt since.
    """
    tables = PlanTables(journal)
    wanted = {None, Status.IN_DOUBT} if _strict(journal.header) else {None}
    changes = chain(tables.canaries(), (each for each in tables.changes(only_open=True) if not each.canary))
    return (each for each in changes if each.status in wanted and each.id not in settled)


async def refresh(desk: Desk, journal: Journal, left: Iterator[StoredChange], read: Reader, *, most: float) -> Looked:
    """Read the records of the next changes that are ``left`` again, as many as can be sent while that is fresh.

    ``most``: how many requests may leave until then, or until the run's own limits: where these end it while it reads,
    the next process begins with reading again, and nothing would ever be sent.

    A change of a run keeps its purpose and gets the new old values, less the fields whose overwrite rule keeps what
    somebody wrote meanwhile; one of an undo, or of a stored plan, is left out where somebody changed the record.
    Of those that it did not look at the old values are as old as before: the journal calls them fresh only where it
    has looked at all, for a resume cannot tell which. It looks at one at least, so that the slowest quota gets on.
    """
    tables = PlanTables(journal)
    memory = AccountMemory.from_json(desk.state.learned(journal.header.account, "account"))
    # Half of them may go into reading one by one; a list that is shorter than that shows all of them.
    many = max(1, int(most / 2))
    changes = list(left if memory and page_count(memory.clients) < many else islice(left, many))
    if not changes:
        return Looked(frozenset(), good_until(journal))
    every = next(left, None) is None
    desk.talk.say(f"old values are older than they may be: reading {len(changes):,} clients again")
    wanted = {change.record_id for change in changes}
    present = await read_known(desk, tables, memory, read, wanted)
    rules = _rules(desk, journal.header)
    begun = tables.begun_changes()
    with journal.transaction():
        for change in changes:
            doubtful = change.id in begun or change.status is not None
            if doubtful and not rules.strict:
                continue  # what may have been applied by us is not judged by the record: it is sent again
            was_read = change.record_id not in present.gone and change.record_id not in present.unread
            found = tables.record(change.record_id) if was_read else None
            if found is None:
                _leave_unread(desk, tables, change, present, rules, remark=_MAYBE if doubtful else "")
            elif doubtful:
                _leave_edited(desk, tables, change, found[0], rules)
            else:
                _renew(desk, journal, change, found[0], rules)
    if every:
        facts = {**journal.header.facts, "read_at": present.read_at, "listing_seconds": present.listing_seconds}
        journal.update_header(facts=facts)
    fresh = fresh_until(present.read_at, listing_seconds=present.listing_seconds)
    return Looked(frozenset(change.id for change in changes), fresh)


class Looked(NamedTuple):
    """The changes that were looked at again, and until when (Unix time) their old values may be used."""

    ids: frozenset[int]
    good_until: float


class _Rules(NamedTuple):
    """What a change that is renewed is held to; ``strict``: see :func:`_strict`."""

    diff: DiffRules
    strict: str
    unread: str
    """The code with which it is then left out where the record cannot be read again."""


def _rules(desk: Desk, header: RunHeader) -> _Rules:
    spec = parse_mapping(header.mapping_text, name=header.mapping_path, environ=desk.environ)
    unread = NOT_RESTORABLE if header.kind == "undo" else STALE
    # No other of the run's settings has a say in what differs.
    kept = {name: value for name, value in header.settings.items() if name == "trust_ledger"}
    return _Rules(diff_rules(spec, get_resource(header.resource), desk.settings(kept)), _strict(header), unread)


def _strict(header: RunHeader) -> str:
    """Return the code with which a change is left out whose record has moved; '' where it is sent all the same."""
    return CHANGED_SINCE if header.kind == "undo" else STALE if header.facts.get("stored_plan") else ""


def _renew(desk: Desk, journal: Journal, change: StoredChange, record: Mapping[str, Json], rules: _Rules) -> None:
    tables, readable = PlanTables(journal), rules.diff.readable
    checked = check_plan(change.payload, change.old, record, readable=readable)
    held_back = () if rules.strict else _held_back(desk, names_of(journal.header), change, record, rules.diff)
    payload = {name: value for name, value in change.payload.items() if name not in {*checked.done, *held_back}}
    if checked.moved and rules.strict:
        message = f"changed meanwhile, and kept: {', '.join(checked.moved)}"
        tables.drop_change(change.id, Status.SKIPPED, rules.strict, message, at=desk.clock.time())
    elif not payload:
        status, code, message = Status.UNCHANGED, "", "the record has these values by now"
        if held_back:
            status, code, message = Status.SKIPPED, HELD_BACK, held_back_message(held_back)
        tables.drop_change(change.id, status, code, message, at=desk.clock.time())
    elif checked.moved or checked.done or held_back:
        old = {name: value for name, value in change.old.items() if name in payload}
        for name in payload.keys() & set(checked.moved):
            old[name] = shown_value(record, name, readable=readable)[1]
        tables.renew_change(change.id, payload, old, remark=held_back_message(held_back) if held_back else "")


def _leave_unread(
    desk: Desk, tables: PlanTables, change: StoredChange, present: Present, rules: _Rules, *, remark: str
) -> None:
    """Leave out a change that is held to what the record is, where that cannot be known."""
    if not rules.strict:
        return
    code, message = rules.unread, "the client could not be read again"
    if change.record_id in present.gone:
        code, message = CLIENT_GONE, f"client {change.record_id} no longer exists"
    elif why := present.unread.get(change.record_id):
        message = f"{message}: {why}"
    tables.drop_change(change.id, Status.SKIPPED, code, message + remark, at=desk.clock.time())


def _leave_edited(
    desk: Desk, tables: PlanTables, change: StoredChange, record: Mapping[str, Json], rules: _Rules
) -> None:
    """Leave out a change that may have been applied where the record has neither what it replaces nor what it sends."""
    moved = check_plan(change.payload, change.old, record, readable=rules.diff.readable).moved
    if moved:
        message = f"changed meanwhile, and kept: {', '.join(moved)}{_MAYBE}"
        tables.drop_change(change.id, Status.SKIPPED, rules.strict, message, at=desk.clock.time())


def _held_back(
    desk: Desk, accounts: Collection[str], change: StoredChange, record: Mapping[str, Json], rules: DiffRules
) -> tuple[str, ...]:
    """Return the fields whose overwrite rule keeps what the record has by now."""
    if rules.guarded.isdisjoint(change.payload):
        return ()
    ledger = known_of(desk.state, accounts, change.record_id, readable=rules.readable)
    return diff(change.payload, record, rules=rules, ledger=ledger, now=desk.clock.time()).held_back
