"""The reasons for which sending itself ends a run, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bulk_sync.records import Outcome, Reply, Status
from bulk_sync.sending.answers import read_error
from bulk_sync.sending.outcomes import describe
from bulk_sync.sending.ports import Stop, StopReason
from bulk_sync.sending.rows import Task

_TELL = 5
"""Refusals in the same words, or missing clients, and nothing else, that tell of every row what one does not."""
_SHOWN = 100
"""Characters of a page of something else that tell what it is."""
_MEND = "mend the cause, then: bulk-sync resume for the rows not sent, bulk-sync retry for those refused"


def key_refused(reply: Reply) -> Stop:
    """Return the stop for a 401."""
    return Stop(
        StopReason.KEY_REFUSED,
        f"the API refused the key: {describe(reply)[1]}",
        "check the key (HEFFL_API_KEY; made in Heffl under Settings, Developers); then: bulk-sync resume",
    )


def wrong_target(reply: Reply) -> Stop:
    """Return the stop for a name or a certificate that is wrong before anything was sent."""
    return Stop(
        StopReason.TARGET_REFUSED,
        f"the target is not reached as itself: {describe(reply)[1]}",
        "check --base-url and this machine's network and clock; nothing was sent",
    )


def systemic(reply: Reply) -> Stop:
    """Return the stop for a refusal that every row would get."""
    return Stop(StopReason.SYSTEMIC, f"every row would be refused: {describe(reply)[1]}", _MEND)


def no_api(reply: Reply) -> Stop:
    """Return the stop for a server that answers the question for clients, over and over, with something else."""
    said = (
        json.dumps(reply.body) if reply.body is not None else read_error(reply).message if reply.text else "it is empty"
    )
    return Stop(
        StopReason.SYSTEMIC,
        f"the server answers GET /clients with HTTP {reply.http_status}, but with no page of clients: {said[:_SHOWN]}",
        "is --base-url the API's own address, and does nothing stand before it, such as a proxy that wants a login?",
    )


def limited() -> Stop:
    """Return the stop for a server that answers only 429."""
    return Stop(
        StopReason.QUOTA,
        "the API has answered nothing but 429 (too many requests) for too long",
        "another program may use up the key's quota; later: bulk-sync resume",
    )


def outage(seconds: float, why: str) -> Stop:
    """Return the stop for a server that gives no sign of life."""
    return Stop(
        StopReason.OUTAGE,
        f"no usable answer for {_lasted(seconds)} (--max-outage), at last: {why}",
        "when the server is back: bulk-sync resume",
    )


def _lasted(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} {'second' if round(seconds) == 1 else 'seconds'}"
    return f"{seconds / 60:.0f} minutes"


def canaries_wanted(tried: Sequence[Task]) -> int:
    """Return how many more canaries are to be sent before the rest.

    Where one alone tries every field, its refusal may be its own row's, as a missing client is: a few more tell.
    """
    if _are_missing(tried):
        return max(0, _TELL - len(tried))
    alone = sum(task.change is not None and task.change.canary for task in tried) == 1
    return max(0, _TELL - len(tried)) if alone and _refusal(tried) is not None else 0


def canaries_verified(tried: Sequence[Task]) -> int:
    """Return how many of the canaries came back as sent."""
    return sum(task.outcome is not None and task.outcome.status is Status.UPDATED for task in tried)


def canaries_refused(tried: Sequence[Task]) -> Stop | None:
    """Return the stop where all canaries were refused in the same words; None where not, or where it is only one."""
    refusal = _refusal(tried)
    if refusal is None or len(tried) < 2:
        return None
    first = f"the first {len(tried)} rows, which try every field, were all refused"
    return Stop(StopReason.SYSTEMIC, f"{first}: {refusal.message}", _MEND)


def all_missing(tried: Sequence[Task]) -> bool:
    """Whether it was said of all canaries that there is no such record, and of more than may well be missing."""
    return len(tried) >= _TELL and _are_missing(tried)


def nothing_found(reply: Reply) -> Stop:
    """Return the stop for an address where there is no list of clients either."""
    return Stop(
        StopReason.SYSTEMIC,
        f"neither the first rows' clients nor the list of clients are found: HTTP 404, {read_error(reply).message}",
        "is --base-url the API's own address?",
    )


def _are_missing(tried: Sequence[Task]) -> bool:
    ends = [task.outcome for task in tried]
    return bool(ends) and all(end and end.status is Status.FAILED and end.http_status == 404 for end in ends)


def _refusal(tried: Sequence[Task]) -> Outcome | None:
    """Return the first end where all are refusals in the same words; a missing record is each row's own matter."""
    first, *others = [task.outcome for task in tried] or [None]
    if first is None or first.status is not Status.FAILED or first.http_status == 404:
        return None
    words = (first.status, first.http_status, first.code, first.message)
    same = all(end and (end.status, end.http_status, end.code, end.message) == words for end in others)
    return first if same else None
