"""Backoff, concurrency and retry budget, in told time and with told dice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.sending.pace import BACKOFF_CAP, Concurrency, RetryBudget, backoff
from bulk_sync.sending.policy import Trouble


def test_the_longest_wait_doubles_up_to_its_cap() -> None:
    """With dice just below 1 the wait is the longest that the number of failures allows."""
    assert [round(backoff(n, 0.999999), 1) for n in range(1, 9)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.floats(0, 1e5))
def test_the_server_is_waited_for_and_jitter_stays_in_bounds(tries: int, dice: float, asked: float) -> None:
    """Law: never earlier than asked, never more than the cap later."""
    assert asked <= backoff(tries, dice, at_least=asked) <= asked + BACKOFF_CAP


def test_concurrency_doubles_with_each_round_of_quick_answers() -> None:
    """From four to the most in a few round trips, and not beyond."""
    lanes = Concurrency(100)
    rounds = [lanes.limit]
    for _ in range(6):
        for _ in range(lanes.limit):
            lanes.observe(Trouble.NONE, 0.1, 0.0)
        rounds.append(lanes.limit)
    assert rounds == [4, 8, 16, 32, 64, 100, 100]


def test_concurrency_shrinks_while_answers_slow_down() -> None:
    """Five times the best latency takes lanes away, one for each answer."""
    lanes = Concurrency(50, start=50)
    lanes.observe(Trouble.NONE, 0.1, 0.0)
    for _ in range(30):
        lanes.observe(Trouble.NONE, 1.0, 0.0)
    assert 18 <= lanes.limit <= 22


def test_a_failure_halves_once_for_each_round_trip() -> None:
    """Ten requests that fail together are one event; there is always one lane."""
    lanes = Concurrency(64, start=64)
    for _ in range(10):
        lanes.observe(Trouble.OUTAGE, 0.1, 5.0)
    assert lanes.limit == 32
    for second in range(10):
        lanes.observe(Trouble.OUTAGE, 0.1, 6.0 + second)
    assert lanes.limit == 1


def test_quota_and_key_say_nothing_about_concurrency() -> None:
    """A 429 is the gate's affair."""
    lanes = Concurrency(8)
    lanes.observe(Trouble.QUOTA, 9.0, 0.0)
    assert lanes.limit == 4


def test_the_budget_delays_and_never_refuses() -> None:
    """Ten at once, then one a second, more with successes."""
    budget = RetryBudget(10.0, 0.0)
    assert [budget.wait(0.0) for _ in range(11)] == [0.0] * 10 + [1.0]
    assert budget.wait(1.0) == 0.0
    budget.earn()
    budget.earn()
    assert (budget.wait(1.0), budget.wait(1.5)) == (0.0, 0.5)
