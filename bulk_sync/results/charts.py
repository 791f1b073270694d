"""The figures behind the report page's drawings, gathered from a stream in bounded memory."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from bulk_sync.records import RequestLine

KINDS = ("accepted", "refused", "slowed", "broken")
"""How a request went: 2xx; another 4xx; 429; a 5xx or no answer."""

_MOST_SPANS = 480
_SHOWN_SPANS = 120
_EDGES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, math.inf)
_FINENESS = 200
"""Steps in which latencies are kept: 200 for each tenfold, about one per cent each."""
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)?\s*(s|sec|min|m|h)\s*")
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


class Span(NamedTuple):
    """A stretch of the timeline: seconds since the first request, and requests by kind."""

    start: float
    counts: tuple[int, ...]


class Timeline(NamedTuple):
    """Requests over time: spans of equal ``seconds``, and what the allowed rate lets out in one (None: no rate)."""

    spans: tuple[Span, ...]
    seconds: int
    allowed: float | None
    began: float


class Latencies(NamedTuple):
    """Answered requests by latency: upper edges in seconds with counts, and quantiles by name in seconds."""

    bars: tuple[tuple[str, int], ...]
    quantiles: tuple[tuple[str, float], ...]


class RequestFigures(NamedTuple):
    """Everything that is drawn of the requests."""

    timeline: Timeline
    latencies: Latencies
    kinds: tuple[tuple[str, int], ...]
    total: int


def request_figures(requests: Iterable[RequestLine], rate: str) -> RequestFigures:
    """Read every request once, in bounded memory. ``rate`` is the allowed rate as a text, such as 60/min."""
    spans = _Spans()
    fine: Counter[int] = Counter()
    coarse = [0] * len(_EDGES)
    kinds: Counter[str] = Counter()
    slowest = 0.0
    for request in requests:
        kind = request_kind(request.http_status)
        kinds[KINDS[kind]] += 1
        spans.add(request.at, kind)
        if request.http_status is not None:
            seconds = max(request.seconds, 0.0001)
            slowest = max(slowest, seconds)
            fine[math.ceil(math.log10(seconds) * _FINENESS)] += 1
            coarse[next(index for index, edge in enumerate(_EDGES) if seconds <= edge)] += 1
    return RequestFigures(
        spans.timeline(rate_per_second(rate)),
        Latencies(_bars(coarse), _quantiles(fine, slowest)),
        tuple((kind, kinds[kind]) for kind in KINDS if kinds[kind]),
        kinds.total(),
    )


def request_kind(http_status: int | None) -> int:
    """Return how a request went, as an index into ``KINDS``."""
    if http_status is None or http_status >= 500:
        return 3
    if http_status == 429:
        return 2
    return 0 if 200 <= http_status < 300 else 1


def rate_per_second(rate: str) -> float | None:
    """Read a rate; None for ``none`` or what is no rate.

    >>> rate_per_second("60/min"), rate_per_second("60/2s"), rate_per_second("none")
    (1.0, 30.0, None)
    """
    found = _RATE.fullmatch(rate)
    if found is None:
        return None
    seconds = float(found[2] or 1) * _UNITS[found[3]]
    return float(found[1]) / seconds if seconds else None


class _Spans:
    """Counts by second; when there are too many, two become one."""

    def __init__(self) -> None:
        self._width = 1
        self._began: float | None = None
        self._counts: list[list[int]] = []

    def add(self, at: float, kind: int) -> None:
        if self._began is None:
            self._began = at
        while (index := max(0, int((at - self._began) // self._width))) >= _MOST_SPANS:
            self._halve()
        while len(self._counts) <= index:
            self._counts.append([0] * len(KINDS))
        self._counts[index][kind] += 1

    def timeline(self, rate: float | None) -> Timeline:
        """Return spans wide enough to be seen, and for the rate to be a height and not a flicker."""
        enough = 10 / rate if rate else 1
        while len(self._counts) > _SHOWN_SPANS or (self._width < enough and len(self._counts) > 20):
            self._halve()
        spans = tuple(Span(index * self._width, tuple(counts)) for index, counts in enumerate(self._counts))
        return Timeline(spans, self._width, rate * self._width if rate else None, self._began or 0.0)

    def _halve(self) -> None:
        pairs = [self._counts[index : index + 2] for index in range(0, len(self._counts), 2)]
        self._counts = [[sum(column) for column in zip(*pair, strict=True)] for pair in pairs]
        self._width *= 2


def _bars(coarse: list[int]) -> tuple[tuple[str, int], ...]:
    first, *_, last = [index for index, count in enumerate(coarse) if count] * 2 or [0, -1]
    names = [f"≤ {_time(edge)}" if edge < math.inf else f"> {_time(_EDGES[-2])}" for edge in _EDGES]
    return tuple(zip(names, coarse, strict=True))[first : last + 1]


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.0f} s"


def _quantiles(fine: Counter[int], slowest: float) -> tuple[tuple[str, float], ...]:
    total = fine.total()
    if not total:
        return ()
    found = []
    for name, share in (("half within", 0.5), ("19 of 20 within", 0.95), ("99 of 100 within", 0.99)):
        passed = 0
        for bucket in sorted(fine):
            passed += fine[bucket]
            if passed >= share * total:
                found.append((name, min(slowest, 10 ** (bucket / _FINENESS))))
                break
    return (*found, ("slowest", slowest))
