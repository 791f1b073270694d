"""List, each or none: by the numbers."""

from __future__ import annotations

import random

import pytest

from bulk_sync.errors import Refused
from bulk_sync.planning.reading import AccountMemory, ReadChoice, choose_reading, keep_listing, learned, page_count


def cost(rows: int, clients: int, memory: AccountMemory | None, *, seed: int = 0, newest_only: bool = False) -> int:
    """Return the requests that reading takes for rows spread over an account (or all at the end of its list)."""
    choice = choose_reading("auto", rows=rows, by_id=True, memory=memory)
    if choice.how == "each":
        return rows
    dice = random.Random(seed)
    wanted = set(range(clients - rows, clients) if newest_only else dice.sample(range(clients), rows))
    pages = seen = 0
    while pages < page_count(clients):
        seen += sum(number in wanted for number in range(pages * 100, pages * 100 + 100))
        pages += 1
        if not keep_listing(choice, rows=rows, seen=seen, pages=pages):
            break
    return pages + rows - seen


@pytest.mark.parametrize("rows", [1, 5, 40, 300, 2000])
@pytest.mark.parametrize("clients", [2000, 10_000, 60_000])
def test_an_unknown_account_costs_at_most_a_tenth_of_the_rows_more(rows: int, clients: int) -> None:
    """Without memory the requests stay within the better of list and each, plus a tenth of the rows."""
    better = min(rows, page_count(clients))
    assert cost(rows, clients, None) <= better + rows / 10 + 1


def test_rows_at_the_end_of_a_huge_list_are_read_one_by_one() -> None:
    """Where pages show nothing that is wanted, listing is given up after a tenth of the rows."""
    assert cost(500, 100_000, None, newest_only=True) == 51 + 500


@pytest.mark.parametrize("newest_only", [False, True])
@pytest.mark.parametrize(("rows", "clients"), [(1000, 10_000), (90, 10_000), (120, 10_000)])
def test_a_remembered_size_leads_to_the_better_way(rows: int, clients: int, newest_only: bool) -> None:
    """With a memory that holds the requests are within 5 % of the better way, wherever the rows stand."""
    memory = AccountMemory(clients, 0.05)
    assert cost(rows, clients, memory, newest_only=newest_only) <= 1.05 * min(rows, page_count(clients))


def test_an_account_that_outgrew_its_memory_is_given_up() -> None:
    """If the listing goes on far beyond what was remembered and shows nothing, single reads take over."""
    assert cost(500, 100_000, AccountMemory(1000, 0.1), newest_only=True) == 51 + 500


def test_a_total_that_the_api_tells_settles_it() -> None:
    """Listing goes on while fewer pages are left than rows."""
    choice = choose_reading("auto", rows=100, by_id=True)
    assert keep_listing(choice, rows=100, seen=0, pages=1, total=10_000)
    assert not keep_listing(choice, rows=100, seen=0, pages=1, total=20_000)


def test_choices_say_why_and_what_they_cost() -> None:
    """Each choice gives its reason in words and its requests in figures."""
    memory = AccountMemory(10_000, 0.05)
    found = [
        choose_reading("auto", rows=10_000, by_id=True, memory=memory),
        choose_reading("auto", rows=20, by_id=True, memory=memory),
        choose_reading("auto", rows=20, by_id=False, memory=memory),
        choose_reading("auto", rows=20, by_id=True),
        choose_reading("list", rows=20, by_id=True),
        choose_reading("each", rows=20, by_id=True, memory=memory),
        choose_reading("none", rows=20, by_id=True),
    ]
    blind = (
        "none: nothing is read, so no row can be unchanged, no guard sees present values, and undo has no old values"
    )
    pages = "100 pages (about 10,000 clients at most)"
    assert [(choice.how, choice.requests, choice.until, choice.reason) for choice in found] == [
        ("list", 600, "worth", f"list: {pages} instead of 10,000 single reads"),
        ("each", 21, "end", f"each: 20 single reads instead of {pages}"),
        ("list", 101, "end", f"list: the key is found only in the list of all clients, {pages}"),
        ("list", None, "worth", "list: the account's size is not known; given up if 20 single reads come cheaper"),
        ("list", None, "seen", "as asked: list, an unknown number of pages"),
        ("each", 21, "end", "as asked: one GET for each of 20"),
        ("none", 20, "end", blind),
    ]


def test_when_a_listing_ends() -> None:
    """A match by another key needs every page; by id it ends when all were seen."""
    whole = choose_reading("auto", rows=5, by_id=False)
    until_seen = choose_reading("list", rows=5, by_id=True)
    assert keep_listing(whole, rows=5, seen=5, pages=999)
    assert keep_listing(until_seen, rows=5, seen=4, pages=999)
    assert not keep_listing(until_seen, rows=5, seen=5, pages=1)


@pytest.mark.parametrize("asked", ["each", "none"])
def test_other_keys_cannot_do_without_the_list(asked: str) -> None:
    """--read each and none are refused for a match by e-mail, and say why."""
    with pytest.raises(Refused, match=f"--read {asked} needs a match by id"):
        choose_reading("each" if asked == "each" else "none", rows=5, by_id=False)


def test_what_is_remembered() -> None:
    """Size and share are kept; a listing that was not complete leaves the size as it was."""
    first = learned(None, clients=200, rows=100, changes=5)
    assert first == AccountMemory(200, 0.05)
    assert learned(None, clients=None, rows=100, changes=5) is None
    assert learned(first, clients=None, rows=10, changes=10) == AccountMemory(200, 1.0)
    assert learned(first, clients=300, rows=0, changes=0) == AccountMemory(300, 0.05)
    assert AccountMemory.from_json(AccountMemory(200, 0.05).to_json()) == first
    assert AccountMemory.from_json({"clients": "many"}) is None


def test_requests_are_unknown_while_any_part_is() -> None:
    """A sum with an unknown part is unknown."""
    assert ReadChoice("list", 3, 0, None, "end", "").requests is None
