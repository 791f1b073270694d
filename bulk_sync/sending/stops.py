"""The reasons for which sending itself ends a run, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bulk_sync.records import Outcome, Reply, Status
from bulk_sync.sending.outcomes import describe
from bulk_sync.sending.ports import Stop, StopReason

_MEND = "mend the cause, then: bulk-sync resume for the rows not sent, bulk-sync retry for those refused"


def key_refused(reply: Reply) -> Stop:
    """Return the stop for a 401."""
    return Stop(
        StopReason.KEY_REFUSED,
        f"the API refused the key: {describe(reply)[1]}",
        "check HEFFL_API_KEY (made in Heffl under Settings, Developers); then: bulk-sync resume",
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


def canaries_refused(ends: Sequence[Outcome]) -> Stop | None:
    """Return the stop where all canaries were refused in the same words; None where not.

    A missing record is each row's own matter, and a single canary may be wrong by itself.
    """
    words = {(end.status, end.http_status, end.code, end.message) for end in ends}
    if len(ends) < 2 or len(words) > 1 or ends[0].status is not Status.FAILED or ends[0].http_status == 404:
        return None
    first = f"the first {len(ends)} rows, which try every field, were all refused"
    return Stop(StopReason.SYSTEMIC, f"{first}: {ends[0].message}", _MEND)
