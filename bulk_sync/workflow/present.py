"""The present state of the CRM, read before writing: a list of everything, a GET a row, or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bulk_sync.errors import Refused
from bulk_sync.journal import PlanTables
from bulk_sync.planning.keys import KeyIndex
from bulk_sync.planning.reading import (
    AccountMemory,
    ReadChoice,
    Reading,
    choose_reading,
    estimated_clients,
    keep_listing,
)
from bulk_sync.planning.snapshot import Listing, ListingFault, NoList, ids_to_confirm, parse_page
from bulk_sync.planning.values import is_object
from bulk_sync.records import Json, Reply, Request
from bulk_sync.sending.answers import client_of, other_client
from bulk_sync.sending.outcomes import describe
from bulk_sync.workflow.desk import Desk

_KEPT_AT_ONCE, _KEPT_WITHIN = 500, 2.0
"""Records that were read one by one are kept so many at once, and after so many seconds: a crash loses no more."""

_FIRST = 5
"""Clients that are read before the others: where all of them are missing, it is asked whether this is the API."""


class Reader(Protocol):
    """Sends reading requests through the quota, the retries and the journal."""

    def __call__(self, requests: Iterable[Request]) -> AsyncIterator[tuple[Request, Reply]]:
        """Yield each request with its final reply, in any order; raise where reading has to stop."""
        ...


@dataclass(slots=True)
class Present:
    """What is known of the CRM's present state; the records themselves are in the journal."""

    how: Reading
    reason: str
    read_at: float
    index: KeyIndex | None = None
    """Which client has which key; None where nothing was listed."""
    complete: bool = False
    gone: set[str] = field(default_factory=set)
    """Ids that the API says do not exist, or takes for another client's."""
    others: dict[str, str] = field(default_factory=dict)
    """Of these, the ids of the clients that it takes them for: it may read an id without regard to letter case."""
    unread: dict[str, str] = field(default_factory=dict)
    """Ids whose reading failed for good, with the reason."""
    listing_seconds: float = 0.0
    clients: int | None = None
    met: bool = False
    """Whether the API is known to be at this address: it has shown clients."""
    no_list: NoList | None = None
    """What the list of clients was answered with, where it is not found."""


async def read_present(
    desk: Desk,
    tables: PlanTables,
    how: Literal["auto", "list", "each", "none"],
    kinds: tuple[str, ...],
    memory: AccountMemory | None,
    read: Reader,
    wanted: set[str] | None = None,
    *,
    met: bool = False,
    or_each: bool = False,
) -> Present:
    """Read what planning needs of the CRM, as ``--read`` says, and keep it in the journal.

    ``kinds`` are the mapping's match keys; ``wanted`` the ids to read, those of the open rows if not given: where
    each of these has one, no other key is looked up. ``met``: clients were read at this address before.
    ``or_each``: they are read one by one if there is no list that can be trusted. Raises what ``read`` raises, and
    :class:`~bulk_sync.planning.snapshot.ListingFault` for a listing that cannot be trusted.
    """
    if how == "none" and len(kinds) > 1:
        raise Refused(
            "--read none cannot compare the second key of match: nothing is read",
            hint="leave --read out, or match by the id alone",
        )
    blind = how == "none"  # then nobody looks an id up, and a million of them take 150 MB
    if wanted is None:
        wanted = set() if blind else set(tables.wanted_records())
    by_id = kinds[0] == "id" or (bool(wanted) and not tables.has_unknown())
    rows = 0 if blind else len(wanted) if by_id else tables.count_open()
    choice = choose_reading(how, rows=rows, by_id=by_id, memory=memory)
    present = Present(choice.how, choice.reason, desk.clock.time(), met=met)
    if choice.how == "none" or not rows:
        return present
    if choice.how == "list":
        present.index = KeyIndex(kinds)
        try:
            await _list(desk, tables, present, choice, wanted, rows, read)
        except ListingFault as fault:
            if not or_each:
                raise
            present = _without_list(desk, fault, rows=rows, met=met)
    if wanted:
        missing = [record_id for record_id in sorted(wanted) if record_id not in _seen(present)]
        single = ids_to_confirm(missing) if present.complete else missing
        if present.complete:
            present.gone.update(missing)
            present.gone.difference_update(single)
        await _each(desk, tables, present, single, read)
    return present


async def read_known(
    desk: Desk,
    tables: PlanTables,
    memory: AccountMemory | None,
    read: Reader,
    wanted: set[str] | None = None,
    how: Literal["auto", "list", "each"] = "auto",
) -> Present:
    """Read clients whose ids are known; where nobody said how, one by one if there is no list that can be trusted.

    Raises what ``read_present`` raises.
    """
    return await read_present(desk, tables, how, ("id",), memory, read, wanted=wanted, or_each=how == "auto")


def _without_list(desk: Desk, fault: ListingFault, *, rows: int, met: bool) -> Present:
    desk.talk.warn(f"{fault.message}; reading the clients one by one")
    choice = choose_reading("each", rows=rows, by_id=True)
    no_list = fault if isinstance(fault, NoList) else None
    return Present(choice.how, choice.reason, desk.clock.time(), met=met, no_list=no_list)


def _seen(present: Present) -> KeyIndex | set[str]:
    return present.index if present.index is not None else set()


async def _list(
    desk: Desk,
    tables: PlanTables,
    present: Present,
    choice: ReadChoice,
    wanted: set[str],
    rows: int,
    read: Reader,
) -> None:
    index = present.index
    if index is None:
        return
    listing = Listing(started_at=desk.clock.time())
    cursor: str | None = ""
    seen = 0
    desk.talk.phase("listing clients")
    while cursor is not None:
        page = parse_page(await _page(read, cursor))
        now = desk.clock.time()
        cursor = listing.accept(page, at=now)
        fresh = [record for record in page.records if str(record["id"]) not in index]
        tables.add_records(((str(record["id"]), record) for record in fresh), read_at=now)
        index.add(fresh)
        seen += sum(str(record["id"]) in wanted for record in fresh)
        desk.talk.step(len(index))
        kept = keep_listing(choice, rows=rows, seen=seen, pages=listing.pages, total=listing.total)
        if cursor is not None and not kept:
            left = rows - seen
            then = f", then {left:,} single reads" if left else ", when all were seen"
            present.reason = f"{choice.reason}; stopped after {listing.pages:,} pages{then}"
            if left:
                present.clients = listing.total or estimated_clients(len(index), rows=rows, seen=seen)
            break
    desk.talk.end_phase()
    if listing.complete:
        pages = "1 page" if listing.pages == 1 else f"{listing.pages:,} pages"
        present.reason = f"list: all {listing.clients:,} clients on {pages}, instead of {rows:,} single reads"
    present.complete = listing.complete
    present.listing_seconds = listing.seconds
    present.clients = present.clients or listing.total


async def _page(read: Reader, cursor: str) -> Json:
    async for _, reply in read([Request("page", cursor=cursor)]):
        status = reply.http_status
        if status is not None and status >= 300:
            moved = status < 400
            what = describe(reply)[1] if moved else f"HTTP {status}{_said(reply.body)}"
            hint = "with match by id, --read each does without the list"
            if moved or status == 404:  # where there is no list there are no clients: each would be called missing
                hint = "is --base-url the API's own address?"
            fault = NoList if status == 404 else ListingFault
            raise fault(f"the clients cannot be listed: {what}", hint=hint)
        return reply.body
    return None


def _said(body: Json) -> str:
    message = body.get("message") if is_object(body) else None
    return f", {message}" if isinstance(message, str) and message else ""


async def _each(desk: Desk, tables: PlanTables, present: Present, ids: Iterable[str], read: Reader) -> None:
    wanted = list(ids)
    if not wanted:
        return
    desk.talk.phase("reading clients", len(wanted))
    kept: list[tuple[str, Mapping[str, Json]]] = []
    done = 0
    keep_by = desk.clock.monotonic() + _KEPT_WITHIN

    def keep() -> None:
        tables.add_records(kept, read_at=desk.clock.time())
        kept.clear()

    try:
        async for request, reply in _first_and_rest(present, wanted, read):
            _take(present, request.record_id, reply, kept)
            done += 1
            desk.talk.step(done)
            if len(kept) >= _KEPT_AT_ONCE or desk.clock.monotonic() >= keep_by:
                keep()
                keep_by = desk.clock.monotonic() + _KEPT_WITHIN
    finally:
        keep()  # also where a stop ends it: a resume goes on with them
    desk.talk.end_phase()


async def _first_and_rest(present: Present, wanted: list[str], read: Reader) -> AsyncIterator[tuple[Request, Reply]]:
    """Read clients; where the first few are all missing, the others are read only if there is a list of clients.

    Fewer than those may well be missing, and are believed to be, unless it is known that there is no list.
    """
    met = present.met or present.index is not None
    first = len(wanted) if met else _FIRST
    async for answered in read(Request("get", record_id) for record_id in wanted[:first]):
        yield answered
    if not met and present.gone.issuperset(wanted[:first]):
        if present.no_list is not None:
            raise present.no_list
        if len(wanted) >= first:
            await demand_list(read)
    if wanted[first:]:
        async for answered in read(Request("get", record_id) for record_id in wanted[first:]):
            yield answered


async def demand_list(read: Reader) -> None:
    """Raise where there is no list of clients either: then "not found" is said of the address, and of no client."""
    async for _, reply in read([Request("page")]):
        if reply.http_status == 404:
            raise ListingFault(
                f"neither the first clients nor the list of clients are found: HTTP 404{_said(reply.body)}",
                hint="is --base-url the API's own address?",
            )


def _take(present: Present, record_id: str, reply: Reply, kept: list[tuple[str, Mapping[str, Json]]]) -> None:
    status = reply.http_status
    record = client_of(reply.body, record_id) if status is not None and status < 300 else None
    if status == 404:
        present.gone.add(record_id)
    elif record is not None:
        kept.append((record_id, record))
    elif status is not None and status < 300 and (other := other_client(reply.body, record_id)):
        present.gone.add(record_id)
        present.others[record_id] = other
    else:
        present.unread[record_id] = f"HTTP {status}" if status else reply.fault
