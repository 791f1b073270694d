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


@pytest.mark.parametrize(
    ("body", "page"),
    [
        ({"items": [A], "nextCursor": "x", "hasMore": True}, Page((A,), "x", None)),
        ({"items": [A], "nextCursor": None, "hasMore": False}, Page((A,), None, None)),
        ({"items": [A], "nextCursor": "x", "hasMore": False}, Page((A,), None, None)),
        ({"items": [A], "nextCursor": 7}, Page((A,), "7", None)),
        ({"items": [A], "meta": {"count": 1, "total": 3, "pageNo": 1, "pageSize": 2}}, Page((A,), "pageNo=2", 3)),
        ({"items": [A], "meta": {"count": 1, "total": 3, "pageNo": 2, "pageSize": 2}}, Page((A,), None, 3)),
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
        [{"id": str(number)} for number in range(100)],
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


def test_fifty_missing_ids_are_confirmed() -> None:
    """Of the ids that a whole listing lacks, the first fifty different ones are looked up."""
    assert ids_to_confirm(["b", "a", "b"]) == ("b", "a")
    assert len(ids_to_confirm(str(number) for number in range(80))) == 50


def test_how_long_old_values_are_fresh() -> None:
    """Half an hour, or ten times as long as the listing took."""
    assert fresh_until(1000, listing_seconds=60) == 1000 + 1800
    assert fresh_until(1000, listing_seconds=600) == 1000 + 6000
