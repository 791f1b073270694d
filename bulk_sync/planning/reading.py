"""How the present state is read: one list of everything, a GET a row, or not at all; chosen by the numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple

from bulk_sync.errors import Refused
from bulk_sync.planning.snapshot import PAGE_SIZE
from bulk_sync.records import Json

Reading = Literal["list", "each", "none"]

SLACK = 0.1
"""Share of the rows that listing an account of unknown size may cost in vain."""

TOLERANCE = 1.05
"""A remembered size holds until the listing is this much longer."""


class AccountMemory(NamedTuple):
    """What is remembered of an account: how many clients it had, and which share of a file's rows changed."""

    clients: int
    changed_share: float

    def to_json(self) -> dict[str, Json]:
        """Return the memory as plain JSON values."""
        return {"clients": self.clients, "changed_share": self.changed_share}

    @classmethod
    def from_json(cls, stored: Json) -> AccountMemory | None:
        """Return what :meth:`to_json` gave; None for anything else, since memory is only a convenience."""
        match stored:
            case {"clients": int() as clients, "changed_share": int() | float() as share}:
                return cls(clients, float(share))
        return None


def learned(before: AccountMemory | None, *, clients: int | None, rows: int, changes: int) -> AccountMemory | None:
    """Return what to remember after a plan; ``clients`` is None where the listing was not complete."""
    known = clients if clients is not None else before.clients if before else None
    if known is None:
        return None
    share = changes / rows if rows else before.changed_share if before else 0.0
    return AccountMemory(known, min(share, 1.0))


def estimated_clients(listed: int, *, rows: int, seen: int) -> int:
    """Guess an account's size from a listing that was given up: as many clients a wanted one as it showed so far.

    So that the next night does not list in vain again; ``--read list`` finds the true size.
    """
    return listed * rows // max(seen, 1)


class ReadChoice(NamedTuple):
    """How to read, what it is expected to cost, and why.

    ``pages`` and ``gets`` are requests; ``changes`` the PATCHes expected after them. Each is None where nothing
    is known about it yet. ``until`` says when a listing ends: at its end, when every wanted client was seen, or
    even before that when it is no longer worth it (see :func:`keep_listing`).
    """

    how: Reading
    pages: int | None
    gets: int | None
    changes: int | None
    until: Literal["end", "seen", "worth"]
    reason: str

    @property
    def requests(self) -> int | None:
        """All requests expected, None where unknown."""
        if self.pages is None or self.gets is None or self.changes is None:
            return None
        return self.pages + self.gets + self.changes


def page_count(clients: int) -> int:
    """Return how many pages a listing has; an empty account still costs one."""
    return max(1, -(-clients // PAGE_SIZE))


def choose_reading(
    asked: Literal["auto", "list", "each", "none"],
    *,
    rows: int,
    by_id: bool,
    memory: AccountMemory | None = None,
) -> ReadChoice:
    """Choose how to read ``rows`` different clients.

    ``by_id``: the first match key is the id; any other key needs the whole list, since a second client with the
    same key may stand on its last page. Raises :class:`Refused` where that contradicts what was asked.
    """
    if not by_id and asked in ("each", "none"):
        raise Refused(
            f"--read {asked} needs a match by id: other keys are found in the list of all clients",
            hint="leave --read out, or match by id",
        )
    pages = page_count(memory.clients) if memory else None
    changes = round(memory.changed_share * rows) if memory else None
    if asked == "none":
        return ReadChoice("none", 0, 0, rows, "end", _BLIND)
    if asked == "each":
        return ReadChoice("each", 0, rows, changes, "end", f"as asked: one GET for each of {rows:,}")
    if not by_id:
        why = "the key is found only in the list of all clients"
        return ReadChoice("list", pages, 0, changes, "end", f"list: {why}, {_pages_text(pages)}")
    if asked == "list":
        return ReadChoice("list", pages, 0, changes, "seen", f"as asked: list, {_pages_text(pages)}")
    return _cheaper(rows, pages, changes)


def _cheaper(rows: int, pages: int | None, changes: int | None) -> ReadChoice:
    """Choose between list and each for a match by id."""
    if pages is None:
        reason = f"list: the account's size is not known; given up if {rows:,} single reads come cheaper"
        return ReadChoice("list", None, None, None, "worth", reason)
    if pages <= rows:
        reason = f"list: {_pages_text(pages)} instead of {rows:,} single reads"
        return ReadChoice("list", pages, 0, changes, "worth", reason)
    reason = f"each: {rows:,} single reads instead of {_pages_text(pages)}"
    return ReadChoice("each", 0, rows, changes, "end", reason)


_BLIND = "none: nothing is read, so no row can be unchanged, no guard sees present values, and undo has no old values"


def _pages_text(pages: int | None) -> str:
    if pages is None:
        return "an unknown number of pages"
    return f"{pages:,} page{'s' if pages != 1 else ''} (about {pages * PAGE_SIZE:,} clients at most)"


def keep_listing(choice: ReadChoice, *, rows: int, seen: int, pages: int, total: int | None = None) -> bool:
    """Whether to read another page, after ``pages`` that showed ``seen`` of the ``rows`` wanted clients.

    A page pays as long as it shows more than one wanted client. So the listing of an account of unknown size is
    given up when its pages exceed the clients that they showed by a tenth of the rows, which bounds the cost: at
    most 1.1 times a GET a row, whatever the account holds. ``total``, where the API tells it, settles the matter.
    """
    if choice.until == "end":
        return True
    if seen >= rows:
        return False
    if choice.until == "seen":
        return True
    if total is not None:
        return page_count(total) - pages <= rows - seen
    if choice.pages is not None and pages <= choice.pages * TOLERANCE:
        return True
    return pages - seen <= SLACK * rows
