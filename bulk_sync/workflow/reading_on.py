"""Reading that was stopped goes on: what an earlier process of the run read, and is still fresh, is not read again."""

from __future__ import annotations

from typing import Literal, NamedTuple

from bulk_sync.journal import Journal, Tallies
from bulk_sync.planning.reading import AccountMemory
from bulk_sync.planning.snapshot import CONFIRMATIONS, FRESH_SECONDS
from bulk_sync.sending.ports import StopReason
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.present import Present, demand_list, read_present
from bulk_sync.workflow.session import Session


class Earlier(NamedTuple):
    """What is known of the wanted clients from before, by id with the Unix time; and who is still to be read."""

    read: dict[str, float]
    gone: dict[str, float]
    left: set[str]


async def read_on(
    desk: Desk,
    session: Session,
    how: Literal["auto", "list", "each", "none"],
    kinds: tuple[str, ...],
) -> Present:
    """Read what planning needs of the CRM, less what an earlier process of this run has read; see ``read_present``.

    That is for clients found by their id. A list of all clients is read from its beginning: nobody can tell what moved
    between its pages since.
    """
    tables = session.tables
    memory = AccountMemory.from_json(desk.state.learned(session.target.account, "account"))
    if how == "none" or kinds[0] != "id" or not _has_read(session.journal):
        return await read_present(desk, tables, how, kinds, memory, session.read)
    earlier = known_earlier(desk, session)
    if how == "auto" and Tallies(session.journal).requests("get") > CONFIRMATIONS:
        how = "each"  # the list was given up for single reads, and would be again
    if done := len(earlier.read) + len(earlier.gone):
        desk.talk.say(f"{done:,} clients were read before the run stopped: reading the other {len(earlier.left):,}")
    if earlier.gone and not earlier.read:  # it may have been stopped because the address was wrong
        await demand_list(session.read)
    met = bool(earlier.read)
    present = await read_present(desk, tables, how, kinds, memory, session.read, wanted=earlier.left, met=met)
    present.gone.update(earlier.gone)
    present.read_at = min((present.read_at, *earlier.read.values(), *earlier.gone.values()))
    if done:
        present.reason = f"{present.reason}; {done:,} were read before the run stopped"
    return present


def known_earlier(desk: Desk, session: Session) -> Earlier:
    """Return what the journal has of the clients that open rows are for, as far as it is fresh.

    A plan may rest on values as old as they would be had nobody stopped the reading: half an hour, or as long as all
    single reads take at the present rate. Before sending, old values are held to their own rule.
    """
    tables = session.tables
    wanted = set(tables.wanted_records())
    now = desk.clock.time()
    since = now - max(FRESH_SECONDS, len(wanted) / session.quota.rate().per_second)
    read = {record: at for record, at in tables.read_between(since, now).items() if record in wanted}
    gone = {record: at for record, at in tables.gone_between(since, now).items() if record in wanted - read.keys()}
    return Earlier(read, gone, wanted - read.keys() - gone.keys())


def what_is_unread(desk: Desk, session: Session) -> tuple[str, ...]:
    """Say what reading still takes, of a run that was stopped while it read: before that nothing is sent."""
    sent = session.pool.report.requests
    if sent["get"]:
        earlier = known_earlier(desk, session)
        done, left = len(earlier.read) + len(earlier.gone), len(earlier.left)
        known = f"{done:,} of {done + left:,} clients are read"
        return (f"{known}; nothing is sent before the others are, a request for each: resume goes on with them",)
    if sent["page"]:
        requests = "1 request" if sent["page"] == 1 else f"{sent['page']:,} requests"
        known = f"the list of clients was not read to its end in {requests}"
        limited = desk.stop.stop is not None and desk.stop.stop.reason is StopReason.MAX_REQUESTS
        more = ": it needs more of them" if limited else ""
        return (f"{known}; nothing is sent before it is, and resume reads it from its beginning{more}",)
    return ()


def _has_read(journal: Journal) -> bool:
    return Tallies(journal).requests("get") + Tallies(journal).requests("page") > 0
