"""What the user allows: whether a limit is there at all, and which one forbids the next request."""

from __future__ import annotations

import math

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


@given(st.none() | st.integers(0, 5), MOMENTS, MOMENTS, st.integers(0, 5), st.floats(0, 2e9))
def test_some_are_left_as_long_as_nothing_forbids_the_next(
    most: int | None, until: float | None, ends_at: float | None, requests: int, now: float
) -> None:
    """Endless where nothing is bounded, nothing where a limit is reached."""
    limits = Limits(max_requests=most, until=until, ends_at=ends_at)
    left = limits.left(requests=requests, monotonic=now, wall=now, per_second=1.0)
    assert (left == math.inf) == (not limits.bounded)
    assert (left <= 0) == (limits.reached(requests=requests, monotonic=now, wall=now) is not None)
