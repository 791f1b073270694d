"""Whether a request fits the quota, by each rule that servers use, and the headers that tell. Pure.

A rule's state is a list of numbers, so that it can be kept in the sandbox's file and be shared by processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from math import ceil, floor
from typing import Literal, NamedTuple, TypeAlias

from bulk_sync.sandbox.config import HeaderStyle, Quota, Rule, parse_rate

State: TypeAlias = list[float]

_SLACK = 1e-9
"""Seconds by which a request may be early: the error of adding floating-point intervals."""


class Standing(NamedTuple):
    """What a quota says to a request: ``full`` and ``next`` are seconds until all, or one more, may pass."""

    admitted: bool
    limit: int
    window: float
    remaining: int
    full: float
    next: float
    reset: float


def judge(quotas: Sequence[Quota], states: Sequence[State], now: float) -> tuple[list[Standing], list[State]]:
    """Judge one request at ``now`` by every quota; it passes if all admit it, and uses up none otherwise.

    ``states`` are those of the request before, in the order of ``quotas``, and may be missing. Quotas without
    a rate are left out of the standings and keep an empty state.
    """
    held = [states[index] if index < len(states) else [] for index in range(len(quotas))]
    after = list(held)
    standings: list[Standing] = []
    for index, (quota, state) in enumerate(zip(quotas, held, strict=True)):
        rate = parse_rate(quota.rate)
        if rate is None:
            continue
        standing, after[index] = _RULES[quota.rule](quota, rate, state, now)
        standings.append(standing)
    if all(standing.admitted for standing in standings):
        return standings, after
    kept = [new if quota.counts_refused else old for quota, old, new in zip(quotas, held, after, strict=True)]
    return standings, kept


def _standing(
    quota: Quota, rate: tuple[int, float], *, admitted: bool, remaining: int, full: float, following: float
) -> Standing:
    limit, window = rate
    reset = full if quota.reset == "full" else following
    return Standing(admitted, limit, window, max(0, remaining), max(0.0, full), max(0.0, following), max(0.0, reset))


def _fixed_window(quota: Quota, rate: tuple[int, float], state: State, now: float) -> tuple[Standing, State]:
    limit, window = rate
    start, used = state or (now, 0.0)
    if quota.phase is not None:
        aligned = now - (now - quota.phase) % window
        start, used = (start, used) if state and aligned <= start else (aligned, 0.0)
    elif now - start >= window - _SLACK:
        start, used = now, 0.0
    admitted = used < limit
    used += 1
    left = start + window - now
    remaining = limit - int(used)
    following = 0.0 if remaining > 0 else left
    standing = _standing(quota, rate, admitted=admitted, remaining=remaining, full=left, following=following)
    return standing, [start, used]


def _sliding_log(quota: Quota, rate: tuple[int, float], state: State, now: float) -> tuple[Standing, State]:
    limit, window = rate
    stamps = [stamp for stamp in state if stamp > now - window + _SLACK]
    admitted = len(stamps) < limit
    stamps.append(now)
    remaining = limit - len(stamps)
    following = 0.0 if remaining > 0 else stamps[-limit] + window - now
    full = stamps[-1 if admitted or quota.counts_refused else -2] + window - now
    standing = _standing(quota, rate, admitted=admitted, remaining=remaining, full=full, following=following)
    return standing, stamps[-limit:]


def _token_bucket(quota: Quota, rate: tuple[int, float], state: State, now: float) -> tuple[Standing, State]:
    limit, window = rate
    size = float(quota.burst or limit)
    tokens, stamp = state or (size, now)
    per_second = limit / window
    tokens = min(size, tokens + max(0.0, now - stamp) * per_second)
    admitted = tokens >= 1 - _SLACK
    tokens = max(0.0, tokens - 1) if admitted or quota.counts_refused else tokens
    following = max(0.0, (1 - tokens) / per_second)
    standing = _standing(
        quota,
        rate,
        admitted=admitted,
        remaining=floor(tokens + _SLACK),
        full=(size - tokens) / per_second,
        following=following,
    )
    return standing, [tokens, now]


def _gcra(quota: Quota, rate: tuple[int, float], state: State, now: float) -> tuple[Standing, State]:
    limit, window = rate
    interval = window / limit
    tolerance = ((quota.burst or 1) - 1) * interval
    (arrival,) = state or (now,)
    arrival = max(arrival, now)
    admitted = arrival - now <= tolerance + _SLACK
    if admitted or quota.counts_refused:
        arrival += interval
    remaining = floor((tolerance - (arrival - now)) / interval + 1 + _SLACK)
    standing = _standing(
        quota,
        rate,
        admitted=admitted,
        remaining=remaining,
        full=arrival - now,
        following=arrival - tolerance - now,
    )
    return standing, [arrival]


_RULES: Mapping[Rule, Callable[[Quota, tuple[int, float], State, float], tuple[Standing, State]]] = {
    Rule.FIXED_WINDOW: _fixed_window,
    Rule.SLIDING_LOG: _sliding_log,
    Rule.TOKEN_BUCKET: _token_bucket,
    Rule.GCRA: _gcra,
}


def quota_headers(
    standings: Sequence[Standing],
    style: HeaderStyle,
    *,
    now: float,
    retry_after: Literal["none", "seconds", "date"] = "none",
) -> dict[str, str]:
    """Return the headers that tell ``standings``; of several, the older styles tell the strictest.

    ``Retry-After`` is only told to a refused request. ``now`` is Unix time.
    """
    if not standings:
        return {}
    headers = _STYLES[style](standings, now)
    if retry_after != "none" and not all(standing.admitted for standing in standings):
        wait = ceil(max(standing.next for standing in standings) - _SLACK)
        headers["Retry-After"] = str(wait) if retry_after == "seconds" else formatdate(ceil(now + wait), usegmt=True)
    return headers


def _strictest(standings: Sequence[Standing]) -> Standing:
    return min(standings, key=lambda standing: (standing.remaining, -standing.reset))


def _seconds(standing: Standing) -> int:
    return ceil(standing.reset - _SLACK)


def _three(prefix: str, standings: Sequence[Standing], *, origin: float | None = None) -> dict[str, str]:
    strictest = _strictest(standings)
    reset = _seconds(strictest) if origin is None else ceil(origin + strictest.reset)
    return {
        f"{prefix}RateLimit-Limit": str(strictest.limit),
        f"{prefix}RateLimit-Remaining": str(strictest.remaining),
        f"{prefix}RateLimit-Reset": str(reset),
    }


def _draft_07(standings: Sequence[Standing], now: float) -> dict[str, str]:
    del now
    strictest = _strictest(standings)
    told = f"limit={strictest.limit}, remaining={strictest.remaining}, reset={_seconds(strictest)}"
    policies = ", ".join(f"{each.limit};w={_number(each.window)}" for each in standings)
    return {"RateLimit": told, "RateLimit-Policy": policies}


def _draft_10(standings: Sequence[Standing], now: float) -> dict[str, str]:
    del now
    names = [f'"quota{number or ""}"' for number in range(len(standings))]
    pairs = list(zip(names, standings, strict=True))
    return {
        "RateLimit": ", ".join(f"{name};r={each.remaining};t={_seconds(each)}" for name, each in pairs),
        "RateLimit-Policy": ", ".join(f"{name};q={each.limit};w={_number(each.window)}" for name, each in pairs),
    }


def _number(window: float) -> int:
    return max(1, ceil(window))


_STYLES: Mapping[HeaderStyle, Callable[[Sequence[Standing], float], dict[str, str]]] = {
    HeaderStyle.NONE: lambda _standings, _now: {},
    HeaderStyle.DRAFT_03: lambda standings, _now: _three("", standings),
    HeaderStyle.DRAFT_03_EPOCH: lambda standings, now: _three("", standings, origin=now),
    HeaderStyle.DRAFT_07: _draft_07,
    HeaderStyle.DRAFT_10: _draft_10,
    HeaderStyle.X: lambda standings, now: _three("X-", standings, origin=now),
}
