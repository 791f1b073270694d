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
"""Begins the cursor of an API that counts pages: ``pageNo=2&pageSize=20`` goes into the query as it is."""

_USUAL_SIZES = frozenset({20, 30, PAGE_SIZE})
"""Records on a page unless asked otherwise, in the API's generations, and the most."""

_SHOWN = 40
"""Characters of an answer that is none which tell what it is."""
_DIGITS = 19
"""Digits that no count of clients has."""
_EMPTY_PAGES = 20
"""Pages without a client, one after the other, that are taken for a server that leaves out what nobody may see."""


class ListingFault(Halted):
    """The listing cannot be trusted: it repeats itself, contradicts itself, or is no list of clients."""


class NoList(ListingFault):
    """There is no list of clients at this address."""


class Page(NamedTuple):
    """One page of the listing.

    ``next_cursor`` None: the last one; ``total``: clients in the account, if told; ``size``: records on each page of an
    API that counts pages.
    """

    records: tuple[Mapping[str, Json], ...]
    next_cursor: str | None
    total: int | None
    size: int | None = None


def parse_page(body: Json) -> Page:
    """Read a page in any documented envelope.

    ``{items, nextCursor, hasMore}`` (v1), ``{items, meta: {total, pageNo, pageSize}}`` (older v1, its cursor is
    ``pageNo=N&pageSize=S``), ``{data, meta: {nextCursor, hasMore}}`` (v2), or a bare array. Raises
    :class:`ListingFault` for anything else, where "there is more" comes without a way to get it, and where a full page
    does not say whether there is more.
    """
    if is_list(body):
        return Page(_records(body), _next_cursor({}, len(body)), len(body))
    if not is_object(body):
        raise _no_page("no JSON" if body is None else f"the JSON {str(body)[:_SHOWN]!r}")
    items = body.get("items", body.get("data"))
    if not is_list(items):
        raise _no_page(f"an object with {', '.join(list(body)[:5]) or 'nothing'}")
    meta = body.get("meta")
    said = {**meta, **body} if is_object(meta) else body
    size = _whole(said.get("pageSize")) if _whole(said.get("pageNo")) else None
    return Page(_records(items), _next_cursor(said, len(items)), _whole(said.get("total")), size)


def _no_page(what: str) -> ListingFault:
    return ListingFault(
        f"the answer to GET /clients is {what}, not a page of clients (items or data, with nextCursor or meta)",
        hint="is --base-url the API's own address?",
    )


def _records(items: Sequence[Json]) -> tuple[Mapping[str, Json], ...]:
    records = [item for item in items if _is_record(item)]
    if len(records) < len(items):
        raise ListingFault("the client list has an entry without an id, so it cannot be told whose it is")
    return tuple(records)


def _is_record(item: Json) -> TypeGuard[Mapping[str, Json]]:
    return is_object(item) and isinstance(item.get("id"), str | int) and item["id"] != ""


def _next_cursor(said: Mapping[str, Json], records: int) -> str | None:
    """Return the cursor of the page after one of so many records, None where it is the last."""
    cursor = said.get("nextCursor", said.get("next_cursor"))
    more = _yes_or_no(said.get("hasMore", said.get("has_more")))
    if more is False:
        return None
    if isinstance(cursor, str | int) and not isinstance(cursor, bool) and cursor != "":
        return str(cursor)
    number, size, total = (_whole(said.get(name)) for name in ("pageNo", "pageSize", "total"))
    if number and size:
        goes_on = more or (number * size < total if total is not None else records >= size)
        return counted_page(number + 1, size) if goes_on else None
    if more:
        raise ListingFault("the client list says that there are more pages, but names no next cursor")
    told = total is not None or not said.keys().isdisjoint({"nextCursor", "next_cursor"})
    if not told and records in _USUAL_SIZES:
        raise ListingFault(
            f"the client list has exactly {records} clients: whether there are more cannot be told",
            hint="match by id with --read each",
        )
    return None


def counted_page(number: int, size: int) -> str:
    """Return the cursor of a page, from 1, of an API that counts pages of so many records."""
    return f"{PAGE_NUMBER}{number}&pageSize={size}"


def _yes_or_no(value: Json) -> bool | None:
    """Return what is said of yes or no, which some write as a text or a number; None where nothing is."""
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())


def _whole(value: Json) -> int | None:
    """Return a number of things, which some write as a text; None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _DIGITS:
        value = int(value)
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
        self._empty = 0
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

        Raises :class:`ListingFault` for a page that came before, for a cursor that leads back, and for an end that
        comes before all the clients that the API tells of.
        """
        self._count += 1
        self._ended_at = at
        ids = [str(record["id"]) for record in page.records]
        self._ids.update(ids)
        self._total = page.total if page.total is not None else self._total
        if self._count == 1 and page.next_cursor is not None and page.size and page.size < PAGE_SIZE:
            # An API that counts pages knows no ``limit``: from the beginning again, with as many as it may give.
            return counted_page(1, PAGE_SIZE)
        self._notice_repeating(ids)
        if page.next_cursor is None:
            self._notice_missing()
            self.complete = True
            return None
        if page.next_cursor in self._cursors:
            raise ListingFault(
                f"page {self._count} of the client list leads back to a page that was read",
                hint="with match by id, --read each does without the list",
            )
        self._cursors.add(page.next_cursor)
        return page.next_cursor

    def _notice_repeating(self, ids: list[str]) -> None:
        mark = hash(tuple(ids))
        self._empty = 0 if ids else self._empty + 1
        if self._empty > _EMPTY_PAGES:
            raise ListingFault(
                f"the last {self._empty} pages of the client list have no client, and each names a next one",
                hint="with match by id, --read each does without the list",
            )
        if ids and mark in self._pages:
            raise ListingFault(
                f"page {self._count} of the client list repeats an earlier page",
                hint="the API ignores the cursor; with match by id, --read each does without the list",
            )
        self._pages.add(mark)

    def _notice_missing(self) -> None:
        # A client that was made meanwhile may stand on a page that was read before: some are no sign of anything.
        if self._total is not None and len(self._ids) + self._count < self._total:
            raise ListingFault(
                f"the client list ended after {len(self._ids):,} of the {self._total:,} clients that it tells of",
                hint="with match by id, --read each does without the list",
            )


def ids_to_confirm(missing: Iterable[str]) -> tuple[str, ...]:
    """Return which of the ids that a complete listing lacks are worth a GET each: the first fifty."""
    return tuple(islice(dict.fromkeys(missing), CONFIRMATIONS))


def fresh_until(read_at: float, *, listing_seconds: float = 0.0) -> float:
    """Return until when an old value may be used: 30 minutes, or ten times as long as the listing took."""
    return read_at + max(FRESH_SECONDS, FRESH_LISTINGS * listing_seconds)
