"""What the user allows: whether a limit is there at all, and which one forbids the next request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.sending.limits import Limits

MOMENTS = st.none() | st.floats(0, 1e9)


@given(st.none() | st.integers(0, 5), MOMENTS, MOMENTS, st.integers(0, 10), st.floats(0, 2e9))
def test_nothing_forbids_a_request_where_no_limit_is_set(
    most: int | None, until: float | None, ends_at: float | None, requests: int, now: float
) -> None:
    """Who skips the question where nothing is bounded misses no limit."""
    limits = Limits(max_requests=most, until=until, ends_at=ends_at)
    reached = limits.reached(requests=requests, monotonic=now, wall=now)
    assert limits.bounded == (most is not None or until is not None or ends_at is not None)
    assert reached is None or limits.bounded
