"""The listing of an account: its pages, whether it can be trusted to be whole, and how long it is fresh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeGuard

from bulk_sync.errors import Halted
from bulk_sync.planning.values import is_list, is_object
from bulk_sync.records import Json

PAGE_SIZE = 100
"""Records on a page: the API's maximum for ``limit``."""

CONFIRMATIONS = 50
"""Ids missing from a whole listing that are looked up one by one before their rows are invalid."""

FRESH_SECONDS = 30 * 60.0
FRESH_LISTINGS = 10

PAGE_NUMBER = "pageNo="
"""Begins the cursor of an API that counts pages: ``pageNo=2`` is asked for as a query parameter of that name."""


class ListingFault(Halted):
    """The listing cannot be trusted: it repeats itself, contradicts itself, or is no list of clients."""


class Page(NamedTuple):
    """One page of the listing. ``next_cursor`` None: the last one; ``total``: clients in the account, if told."""

    records: tuple[Mapping[str, Json], ...]
    next_cursor: str | None
    total: int | None


def parse_page(body: Json) -> Page:
    """Read a page in any documented envelope.

    ``{items, nextCursor, hasMore}`` (v1), ``{items, meta: {total, pageNo, pageSize}}`` (older v1, its cursor is
    ``pageNo=N``), ``{data, meta: {nextCursor, hasMore}}`` (v2), or a bare array. Raises
    :class:`ListingFault` for anything else, and where "there is more" comes without a way to get it.
    """
    if is_list(body):
        return _bare_page(body)
    if not is_object(body):
        raise _no_page(f"a JSON {type(body).__name__}")
    items = body.get("items", body.get("data"))
    if not is_list(items):
        raise _no_page(f"an object with {', '.join(list(body)[:5]) or 'nothing'}")
    meta = body.get("meta")
    said = {**meta, **body} if is_object(meta) else body
    return Page(_records(items), _next_cursor(said), _whole(said.get("total")))


def _bare_page(items: Sequence[Json]) -> Page:
    if len(items) == PAGE_SIZE:
        raise ListingFault(
            f"the client list is a bare array of exactly {PAGE_SIZE}: whether there are more cannot be told",
            hint="match by id with --read each",
        )
    return Page(_records(items), None, len(items))


def _no_page(what: str) -> ListingFault:
    return ListingFault(
        f"the answer to GET /clients is {what}, not a page of clients (items or data, with nextCursor or meta)",
        hint="is --base-url the API's? With match by id, --read each does without the list",
    )


def _records(items: Sequence[Json]) -> tuple[Mapping[str, Json], ...]:
    records = [item for item in items if _is_record(item)]
    if len(records) < len(items):
        raise ListingFault("the client list has an entry without an id, so it cannot be told whose it is")
    return tuple(records)


def _is_record(item: Json) -> TypeGuard[Mapping[str, Json]]:
    return is_object(item) and isinstance(item.get("id"), str | int) and item["id"] != ""


def _next_cursor(said: Mapping[str, Json]) -> str | None:
    cursor, more = said.get("nextCursor"), said.get("hasMore")
    if more is False:
        return None
    if isinstance(cursor, str | int) and not isinstance(cursor, bool) and cursor != "":
        return str(cursor)
    if more is True:
        raise ListingFault("the client list says that there are more pages, but names no next cursor")
    number, size, total = (_whole(said.get(name)) for name in ("pageNo", "pageSize", "total"))
    if number is not None and size and total is not None and number * size < total:
        return f"{PAGE_NUMBER}{number + 1}"
    return None


def _whole(value: Json) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


class Listing:
    """Follows a listing from page to page, and notices one that goes round in circles.

    ``started_at`` is Unix time. Keeps the ids of the records, for counting.
    """

    def __init__(self, *, started_at: float) -> None:
        self._started_at = started_at
        self._ended_at = started_at
        self._cursors = {""}
        self._pages: set[int] = set()
        self._ids: set[str] = set()
        self._total: int | None = None
        self._count = 0
        self.complete = False

    @property
    def pages(self) -> int:
        """Pages read so far."""
        return self._count

    @property
    def clients(self) -> int:
        """Clients in the account, as far as known: seen, or told by the API."""
        return len(self._ids) if self.complete else max(len(self._ids), self._total or 0)

    @property
    def total(self) -> int | None:
        """Clients in the account: counted once the listing is complete, before that only if the API tells."""
        return len(self._ids) if self.complete else self._total

    @property
    def seconds(self) -> float:
        """How long the listing has taken so far."""
        return self._ended_at - self._started_at

    def accept(self, page: Page, *, at: float) -> str | None:
        """Take in the next page, read at ``at``; return the cursor of the one after it, None at the end.

        Raises :class:`ListingFault` for a page that came before and for a cursor that leads back.
        """
        self._count += 1
        self._ended_at = at
        ids = [str(record["id"]) for record in page.records]
        mark = hash(tuple(ids))
        if mark in self._pages:
            raise ListingFault(
                f"page {self._count} of the client list repeats an earlier page",
                hint="the API ignores the cursor; with match by id, --read each does without the list",
            )
        self._pages.add(mark)
        self._ids.update(ids)
        self._total = page.total if page.total is not None else self._total
        if page.next_cursor is None:
            self.complete = True
            return None
        if page.next_cursor in self._cursors:
            raise ListingFault(
                f"page {self._count} of the client list leads back to a page that was read",
                hint="with match by id, --read each does without the list",
            )
        self._cursors.add(page.next_cursor)
        return page.next_cursor


def ids_to_confirm(missing: Iterable[str]) -> tuple[str, ...]:
    """Return which of the ids that a complete listing lacks are worth a GET each: the first fifty."""
    return tuple(islice(dict.fromkeys(missing), CONFIRMATIONS))


def fresh_until(read_at: float, *, listing_seconds: float = 0.0) -> float:
    """Return until when an old value may be used: 30 minutes, or ten times as long as the listing took."""
    return read_at + max(FRESH_SECONDS, FRESH_LISTINGS * listing_seconds)
