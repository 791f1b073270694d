"""Pages of the client list, in every envelope, and lists that cannot be trusted."""

from __future__ import annotations

import pytest

from bulk_sync.planning.snapshot import (
    Listing,
    ListingFault,
    Page,
    fresh_until,
    ids_to_confirm,
    parse_page,
)
from bulk_sync.records import Json

A: dict[str, Json] = {"id": "a"}
B: dict[str, Json] = {"id": "b"}
MANY: list[dict[str, Json]] = [{"id": str(number)} for number in range(100)]


@pytest.mark.parametrize(
    ("body", "page"),
    [
        ({"items": [A], "nextCursor": "x", "hasMore": True}, Page((A,), "x", None)),
        ({"items": [A], "nextCursor": None, "hasMore": False}, Page((A,), None, None)),
        ({"items": [A], "nextCursor": "x", "hasMore": False}, Page((A,), None, None)),
        ({"items": [A], "nextCursor": 7}, Page((A,), "7", None)),
        (
            {"items": [A], "meta": {"count": 1, "total": 3, "pageNo": 1, "pageSize": 2}},
            Page((A,), "pageNo=2&pageSize=2", 3, 2),
        ),
        ({"items": [A], "meta": {"count": 1, "total": 3, "pageNo": 2, "pageSize": 2}}, Page((A,), None, 3, 2)),
        (
            {"items": [A], "meta": {"total": "3", "pageNo": "1", "pageSize": "2"}},
            Page((A,), "pageNo=2&pageSize=2", 3, 2),
        ),
        ({"items": [A, B], "meta": {"pageNo": 1, "pageSize": 2}}, Page((A, B), "pageNo=2&pageSize=2", None, 2)),
        ({"items": [A], "meta": {"pageNo": 2, "pageSize": 2}}, Page((A,), None, None, 2)),
        ({"items": [A], "hasMore": True, "pageNo": 1, "pageSize": 1}, Page((A,), "pageNo=2&pageSize=1", None, 1)),
        ({"items": [A], "next_cursor": "x", "has_more": True}, Page((A,), "x", None)),
        ({"items": [A], "next_cursor": "x", "has_more": "false"}, Page((A,), None, None)),
        ({"items": [A], "nextCursor": "x", "hasMore": 1}, Page((A,), "x", None)),
        ({"items": [A], "nextCursor": "x", "hasMore": 0}, Page((A,), None, None)),
        ({"items": [A], "nextCursor": None, "total": "9" * 5000}, Page((A,), None, None)),
        ({"items": MANY, "nextCursor": None}, Page(tuple(MANY), None, None)),
        ({"items": MANY, "total": 100}, Page(tuple(MANY), None, 100)),
        ({"data": [A, B], "meta": {"nextCursor": "y", "hasMore": True}}, Page((A, B), "y", None)),
        ({"data": [], "meta": {"nextCursor": None, "hasMore": False}}, Page((), None, None)),
        ([A, B], Page((A, B), None, 2)),
        ([], Page((), None, 0)),
    ],
)
def test_envelopes(body: Json, page: Page) -> None:
    """Every documented envelope gives records, the next cursor, and the total where it is told."""
    assert parse_page(body) == page


@pytest.mark.parametrize(
    "body",
    [
        None,
        "ok",
        {"message": "hello"},
        {"items": {"id": 1}},
        {"items": [A, {"name": "no id"}]},
        {"items": [None]},
        {"items": [A], "hasMore": True},
        {"items": [A], "hasMore": "true"},
        {"items": [A], "hasMore": 1},
        MANY,
        MANY[:20],
        {"items": MANY},
        {"items": MANY, "meta": {"count": 100}},
    ],
)
def test_what_is_no_page_or_hides_that_there_is_more(body: Json) -> None:
    """An answer that is no list, or cannot be told to be whole, is a fault and not an empty account."""
    with pytest.raises(ListingFault):
        parse_page(body)


def test_a_listing_is_followed_to_its_end() -> None:
    """Pages are counted, clients too, and the time that it took."""
    listing = Listing(started_at=100)
    assert listing.accept(Page((A,), "x", 2), at=101) == "x"
    assert (listing.pages, listing.clients, listing.total, listing.complete) == (1, 2, 2, False)
    assert listing.accept(Page((B, {"id": "c"}), None, 2), at=104) is None
    assert (listing.pages, listing.clients, listing.total, listing.complete) == (2, 3, 3, True)
    assert listing.seconds == 4


def test_a_page_that_repeats_is_noticed() -> None:
    """A server that ignores the cursor is found out, even if it makes up new cursors."""
    listing = Listing(started_at=0)
    listing.accept(Page((A, B), "x", None), at=1)
    with pytest.raises(ListingFault, match="page 2 of the client list repeats an earlier page"):
        listing.accept(Page((A, B), "y", None), at=2)


def test_a_cursor_that_loops_is_noticed() -> None:
    """A cursor that leads back to a page that was read ends the listing."""
    listing = Listing(started_at=0)
    listing.accept(Page((A,), "x", None), at=1)
    with pytest.raises(ListingFault, match="page 2 of the client list leads back"):
        listing.accept(Page((B,), "x", None), at=2)


def test_an_api_that_counts_pages_is_asked_for_large_ones() -> None:
    """It knows no limit: from the beginning again, with as many as it may give; where it does not, on with its own."""
    large = Listing(started_at=0)
    assert large.accept(Page((A,), "pageNo=2&pageSize=20", 3, 20), at=1) == "pageNo=1&pageSize=100"
    assert large.accept(Page((A, B, {"id": "c"}), None, 3, 100), at=2) is None
    assert (large.complete, large.clients) == (True, 3)
    small = Listing(started_at=0)
    first = Page((A,), "pageNo=2&pageSize=1", 2, 1)
    assert [small.accept(first, at=1), small.accept(first, at=2)] == ["pageNo=1&pageSize=100", "pageNo=2&pageSize=1"]
    assert small.accept(Page((B,), None, 2, 1), at=3) is None
    assert (small.complete, small.clients) == (True, 2)


def test_a_list_that_ends_before_all_its_clients_is_a_fault() -> None:
    """What the API says that there is was not seen; one client more per page may have been made meanwhile."""
    listing = Listing(started_at=0)
    listing.accept(Page((A,), "x", 250), at=1)
    with pytest.raises(ListingFault, match="ended after 2 of the 250 clients"):
        listing.accept(Page((B,), None, 250), at=2)
    listing = Listing(started_at=0)
    listing.accept(Page((A,), "x", 3), at=1)
    assert listing.accept(Page((B,), None, 3), at=2) is None


def test_empty_pages_on_the_way_are_no_end() -> None:
    """A server may leave out what is filtered; without end, it is one that goes round in circles."""
    listing = Listing(started_at=0)
    assert [listing.accept(Page((), str(number), None), at=1) for number in range(5)] == ["0", "1", "2", "3", "4"]
    assert listing.accept(Page((A,), None, None), at=2) is None
    listing = Listing(started_at=0)
    pages = (listing.accept(Page((), str(number), None), at=1) for number in range(100))
    with pytest.raises(ListingFault, match="the last 21 pages of the client list have no client"):
        list(pages)


def test_fifty_missing_ids_are_confirmed() -> None:
    """Of the ids that a whole listing lacks, the first fifty different ones are looked up."""
    assert ids_to_confirm(["b", "a", "b"]) == ("b", "a")
    assert len(ids_to_confirm(str(number) for number in range(80))) == 50


def test_how_long_old_values_are_fresh() -> None:
    """Half an hour, or ten times as long as the listing took."""
    assert fresh_until(1000, listing_seconds=60) == 1000 + 1800
    assert fresh_until(1000, listing_seconds=600) == 1000 + 6000
