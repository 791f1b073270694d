"""The quota's rules in virtual time, each held to its own law."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_sync.sandbox import HeaderStyle, Quota, Rule
from bulk_sync.sandbox.config import parse_rate
from bulk_sync.sandbox.quota import Standing, State, judge, quota_headers

GAPS = st.lists(st.floats(0, 3), max_size=60)


def admitted_at(quota: Quota, gaps: list[float]) -> tuple[list[float], list[float]]:
    """Run requests through a quota; return the times of those admitted, and of all."""
    states: list[State] = []
    now, passed, all_times = 1000.0, [], []
    for gap in gaps:
        now += gap
        standings, states = judge([quota], states, now)
        all_times.append(now)
        if standings[0].admitted:
            passed.append(now)
    return passed, all_times


def most_within(times: list[float], window: float) -> int:
    return max((sum(1 for each in times if start <= each < start + window - 1e-6) for start in times), default=0)


@given(GAPS)
def test_a_sliding_log_admits_at_most_its_limit_in_any_window(gaps: list[float]) -> None:
    # Wherever a window of 4 s is laid, at most 5 requests in it were admitted.
    passed, _ = admitted_at(Quota(rate="5/4s", rule=Rule.SLIDING_LOG), gaps)
    assert most_within(passed, 4) <= 5


@given(GAPS, st.floats(0, 4))
def test_a_fixed_window_admits_its_limit_in_each_window(gaps: list[float], phase: float) -> None:
    # Windows that begin at a multiple of 4 s plus the phase hold at most 5 admitted requests.
    passed, all_times = admitted_at(Quota(rate="5/4s", phase=phase), gaps)
    windows: dict[int, int] = {}
    for each in passed:
        place = int((each - phase) // 4)
        windows[place] = windows.get(place, 0) + 1
    assert all(count <= 5 for count in windows.values())
    assert len(passed) >= min(len(all_times), 5)


@given(GAPS, st.integers(1, 6))
def test_bucket_and_gcra_admit_a_burst_and_then_the_rate(gaps: list[float], burst: int) -> None:
    # In any stretch of t seconds at most burst + rate times t requests are admitted; both rules are the same one.
    outcomes = []
    for rule in (Rule.TOKEN_BUCKET, Rule.GCRA):
        passed, _ = admitted_at(Quota(rate="5/4s", rule=rule, burst=burst), gaps)
        for first, start in enumerate(passed):
            for last in range(first, len(passed)):
                assert last - first + 1 <= burst + 1.25 * (passed[last] - start) + 1e-6
        outcomes.append(passed)
    assert outcomes[0] == outcomes[1]


@given(GAPS, st.sampled_from(Rule), st.sampled_from([None, 3]))
def test_what_a_standing_promises_is_kept(gaps: list[float], rule: Rule, burst: int | None) -> None:
    # After ``next`` seconds a request passes; after ``full`` seconds all that ever passes at once does.
    quota = Quota(rate="5/4s", rule=rule, burst=burst)
    states: list[State] = []
    now = 1000.0
    for gap in [*gaps, 0.0]:
        now += gap
        standings, states = judge([quota], states, now)
    assert judge([quota], states, now + standings[0].next + 1e-6)[0][0].admitted
    later, passed = now + standings[0].full + 1e-6, 0
    for _ in range(10):
        (standing,), states = judge([quota], states, later)
        passed += standing.admitted
    at_once = {Rule.TOKEN_BUCKET: burst or 5, Rule.GCRA: burst or 1}
    assert passed == at_once.get(rule, 5)


def test_a_refused_request_uses_up_nothing_unless_it_counts() -> None:
    # Hammering a sliding log that counts refusals never gets through; one that does not lets the next one pass.
    gaps = [0.0] * 5 + [0.5] * 24
    lenient, _ = admitted_at(Quota(rate="5/4s", rule=Rule.SLIDING_LOG), gaps)
    strict, _ = admitted_at(Quota(rate="5/4s", rule=Rule.SLIDING_LOG, counts_refused=True), gaps)
    assert len(lenient) == 5 + 5 + 5 + 1
    assert len(strict) == 5


def test_several_quotas_must_all_admit() -> None:
    # 2 a second and 5 in 10 s: the third at once is refused and uses up nothing of the longer quota.
    quotas = [Quota(rate="2/s"), Quota(rate="none"), Quota(rate="5/10s")]
    states: list[State] = []
    outcomes = []
    for now in (0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0):
        standings, states = judge(quotas, states, now)
        outcomes.append(all(standing.admitted for standing in standings))
    assert outcomes == [True, True, False, True, True, True, False]


STANDING = Standing(admitted=True, limit=60, window=60.0, remaining=7, full=12.2, next=0.0, reset=12.2)
REFUSED = STANDING._replace(admitted=False, remaining=0, next=12.2)


@pytest.mark.parametrize(
    ("style", "told"),
    [
        (HeaderStyle.NONE, {}),
        (
            HeaderStyle.DRAFT_03,
            {"RateLimit-Limit": "60", "RateLimit-Remaining": "7", "RateLimit-Reset": "13"},
        ),
        (
            HeaderStyle.DRAFT_03_EPOCH,
            {"RateLimit-Limit": "60", "RateLimit-Remaining": "7", "RateLimit-Reset": "1800000013"},
        ),
        (
            HeaderStyle.DRAFT_07,
            {"RateLimit": "limit=60, remaining=7, reset=13", "RateLimit-Policy": "60;w=60"},
        ),
        (HeaderStyle.DRAFT_10, {"RateLimit": '"quota";r=7;t=13', "RateLimit-Policy": '"quota";q=60;w=60'}),
        (
            HeaderStyle.X,
            {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1800000013"},
        ),
    ],
)
def test_each_header_style_tells_the_same_standing(style: HeaderStyle, told: dict[str, str]) -> None:
    # A reset is rounded up to whole seconds, so that nobody comes too early.
    assert quota_headers([STANDING], style, now=1_800_000_000) == told


def test_retry_after_is_told_to_refused_requests_only() -> None:
    # In seconds or as a date, and never with an answer that was let through.
    tell: Callable[..., dict[str, str]] = quota_headers
    none = HeaderStyle.NONE
    assert tell([STANDING], none, now=1_800_000_000, retry_after="seconds") == {}
    assert tell([REFUSED], none, now=1_800_000_000, retry_after="seconds") == {"Retry-After": "13"}
    assert tell([REFUSED], none, now=1_800_000_000, retry_after="date") == {
        "Retry-After": "Fri, 15 Jan 2027 08:00:13 GMT"
    }


@settings(max_examples=20)
@given(st.integers(1, 10**6), st.sampled_from(["s", "sec", "min", "hours", "2s", "0.5 s"]))
def test_rates_are_read(limit: int, unit: str) -> None:
    # Every spelling that the options take gives requests and seconds.
    seconds = {"s": 1.0, "sec": 1.0, "min": 60.0, "hours": 3600.0, "2s": 2.0, "0.5 s": 0.5}
    assert parse_rate(f"{limit}/{unit}") == (limit, seconds[unit])


@pytest.mark.parametrize("text", ["", "60", "0/s", "60/0s", "60 per minute", "-1/s", "60/day"])
def test_a_bad_rate_is_refused_at_once(text: str) -> None:
    # With the rate and what was expected in the message.
    with pytest.raises(ValueError, match="expected requests/time such as 60/min"):
        Quota(rate=text)
