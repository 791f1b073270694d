"""The timeline of requests as a drawing: rectangles, axes and the line of the allowed rate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import NamedTuple

from bulk_sync.results.charts import KINDS, Timeline

_WIDTH, _HEIGHT = 920, 200
"""In units of the drawing."""


class Bar(NamedTuple):
    """A rectangle of the drawing, with the words it is explained by."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    words: str


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    text: str


class Drawing(NamedTuple):
    """The timeline as rectangles, the height of the allowed rate, and the ticks of both axes."""

    bars: tuple[Bar, ...]
    allowed_y: float | None
    allowed: str
    times: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    width: int
    height: int


def draw(timeline: Timeline, zone: tzinfo) -> Drawing:
    """Lay the timeline out: a stack for each span, its height requests a minute, its time in ``zone``."""
    per_minute = 60 / timeline.seconds
    highest = max((sum(span.counts) for span in timeline.spans), default=0)
    top = _round_up(max(highest, timeline.allowed or 0) * per_minute * 1.08)
    scale = _HEIGHT / top
    step = _WIDTH / max(1, len(timeline.spans))
    allowed = timeline.allowed
    return Drawing(
        tuple(_stacks(timeline, zone, step, per_minute * scale)),
        None if allowed is None else round(_HEIGHT - allowed * per_minute * scale, 1),
        "" if allowed is None else f"{allowed * per_minute:,.0f} a minute allowed",
        tuple(_time_ticks(timeline, zone, step)),
        tuple(
            Tick(round(_HEIGHT - level * scale, 1), f"{level:,.0f}") for level in (top / 4, top / 2, top * 3 / 4, top)
        ),
        _WIDTH,
        _HEIGHT,
    )


def _stacks(timeline: Timeline, zone: tzinfo, step: float, unit: float) -> Iterator[Bar]:
    for index, span in enumerate(timeline.spans):
        y = float(_HEIGHT)
        clock = _clock(timeline.began + span.start, zone)
        for kind, count in zip(KINDS, span.counts, strict=True):
            if count:
                height = count * unit
                y -= height
                gap = 0.8 if step > 4 else 0
                words = f"{clock}, {timeline.seconds} s: {count} {kind}"
                yield Bar(kind, round(index * step, 2), round(y, 2), round(step - gap, 2), round(height, 2), words)


def _time_ticks(timeline: Timeline, zone: tzinfo, step: float) -> Iterator[Tick]:
    number = len(timeline.spans)
    for index in sorted({round(number * part / 4) for part in range(5)}) if number else ():
        yield Tick(round(index * step, 1), _clock(timeline.began + index * timeline.seconds, zone))


def _clock(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%H:%M:%S")


def _round_up(value: float) -> int:
    """Return a number not below ``value`` whose quarters are easy to read.

    >>> _round_up(64.8), _round_up(3), _round_up(0), _round_up(900)
    (80, 4, 4, 1200)
    """
    sizes: Iterator[int] = (base * 10**power for power in range(18) for base in (4, 6, 8, 12, 20))
    return next(size for size in sizes if size >= value)
