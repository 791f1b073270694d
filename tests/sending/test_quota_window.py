"""A server that names no window: it is learned from the first reset that begins with a request of ours."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bulk_sync.sending.finish import finish_in
from bulk_sync.sending.headers import Allowance
from bulk_sync.sending.limiter import join, reserve
from bulk_sync.sending.quota_learning import Answer, learn
from bulk_sync.sending.quota_state import QuotaState, Terms

LIMIT = 60
ROUND_TRIP = 0.02

Judge = Callable[[float], tuple[bool, int, float]]
"""Admitted, remaining, seconds until all is back."""
Sent = tuple[list[tuple[float, float]], int, float]


def fixed(window: float, phase: float | None) -> Judge:
    """Windows that follow each other after ``phase``, or begin with a request where it is None."""
    state = {"began": phase if phase is not None else -1e9, "used": 0.0}

    def judge(now: float) -> tuple[bool, int, float]:
        if now - state["began"] >= window:
            gone = (now - state["began"]) // window * window
            state["began"] = now if phase is None else state["began"] + gone
            state["used"] = 0
        admitted = state["used"] < LIMIT
        state["used"] += admitted
        return admitted, int(LIMIT - state["used"]), state["began"] + window - now

    return judge


def bucket(window: float) -> Judge:
    """Places come back one by one; the reset is the time until all are."""
    state = {"full_at": 0.0}
    interval = window / LIMIT

    def judge(now: float) -> tuple[bool, int, float]:
        full_at = max(state["full_at"], now) + interval
        admitted = full_at - now <= window + 1e-9
        if admitted:
            state["full_at"] = full_at
        left = int((window - (state["full_at"] - now)) / interval + 1e-9)
        return admitted, left, state["full_at"] - now

    return judge


def send(judge: Judge, rounding: Callable[[float], float], requests: int) -> Sent:
    """Send one after the other; return (forecast, truth) at each reply, the 429s, and the window that was learned."""
    now, state, terms = 1000.0, join(QuotaState(), "a", 1000.0), Terms()
    said: list[tuple[float, float]] = []
    done = refused = 0
    while done < requests:
        state, grant = reserve(state, terms, now, "a")
        if not grant.places:
            now = max(grant.ask_at, now + 1e-4)
            continue
        admitted, left, reset = judge(now + ROUND_TRIP / 2)
        sent, now = now, now + ROUND_TRIP
        told = Allowance(LIMIT, None, left, float(rounding(reset)), None, coarse=rounding is not float)
        status = 200 if admitted else 429
        state = learn(state, terms, Answer("a", sent, now, told, status, True, grant.probe, 1, ROUND_TRIP))
        done += admitted
        refused += not admitted
        said.append((now, finish_in(state, terms, now, requests - done)))
    return [(seconds, now - at) for at, seconds in said], refused, state.window


@pytest.mark.parametrize("window", [2.0, 5.0, 10.0, 30.0, 60.0])
@pytest.mark.parametrize("phase", [None, 990.3])
@pytest.mark.parametrize("rounding", [math.ceil, float])
def test_after_one_window_the_finish_is_known(
    window: float, phase: float | None, rounding: Callable[[float], float]
) -> None:
    """From the third window on the finish is told to within a tenth of a window's length, and no 429 came."""
    said, refused, learned = send(fixed(window, phase), rounding, 600)
    assert (refused, learned) == (0, window)
    assert all(abs(seconds - truth) <= 0.05 * truth + window for seconds, truth in said[3 * LIMIT :])


def to_the_second(seconds: float) -> float:
    """What is left until an epoch on a whole second: it reads as coarse, and is exact all the same."""
    return seconds


@pytest.mark.parametrize("window", [3.0, 4.0, 45.0])
@pytest.mark.parametrize("phase", [None, 990.3])
@pytest.mark.parametrize("rounding", [float, to_the_second])
def test_an_unusual_window_is_not_taken_for_a_usual_one(
    window: float, phase: float | None, rounding: Callable[[float], float]
) -> None:
    """Three seconds are not two: nothing leaves before they are over, and no 429 comes."""
    _, refused, learned = send(fixed(window, phase), rounding, 300)
    assert (refused, learned == 0 or learned >= window) == (0, True)


@pytest.mark.parametrize("window", [10.0, 30.0, 60.0, 120.0, 600.0])
@pytest.mark.parametrize("rounding", [math.ceil, math.floor, float])
def test_a_bucket_is_not_taken_for_a_short_window(window: float, rounding: Callable[[float], float]) -> None:
    """Its reset is short as long as it is nearly full: what is learned is never shorter than what it is."""
    _, refused, learned = send(bucket(window), rounding, 300)
    assert learned >= min(window, 60.0)
    assert refused <= 1
