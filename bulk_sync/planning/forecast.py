"""How many requests a plan takes, and when they will be done, as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Forecast(NamedTuple):
    """``requests`` still to be made, ``seconds`` they take, ``finish_at`` as Unix time."""

    requests: int
    seconds: float
    finish_at: float


def forecast(
    *,
    changes: int,
    reads: int = 0,
    seconds_for: Callable[[int], float],
    now: float,
    latency: float = 0.0,
) -> Forecast:
    """Return the forecast for ``changes`` PATCHes and ``reads`` GETs that are still to come.

    ``seconds_for`` is the limiter's word: the time until that many requests have left. ``latency`` is the
    seconds that the last answer takes to come. Nothing to do takes no time.
    """
    requests = changes + reads
    seconds = seconds_for(requests) + latency if requests else 0.0
    return Forecast(requests, seconds, now + seconds)
