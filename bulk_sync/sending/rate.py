"""A rate as people write it: ``60/min``, ``1/s``, ``60/2s``, ``1000/h``, or ``none``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_SECONDS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
_SHAPE = re.compile(r"(?P<count>\d+)\s*/\s*(?P<many>\d+(?:\.\d+)?)?\s*(?P<unit>[a-z]+)")
_EXPECTED = "expected requests per time, such as 60/min, 1/s, 60/2s or 1000/h, or none"
_MOST = 1_000_000_000
_LONGEST = 31 * 86400


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` requests in each window of ``seconds``; see :data:`UNPACED` for no limit."""

    count: float
    seconds: float

    @property
    def unpaced(self) -> bool:
        """Whether there is no limit."""
        return math.isinf(self.count)

    @property
    def interval(self) -> float:
        """Seconds between two requests at an even pace; 0 without a limit."""
        return self.seconds / self.count

    @property
    def per_second(self) -> float:
        """Requests a second; infinite without a limit."""
        return self.count / self.seconds

    def part(self, part: float) -> Rate:
        """Return this part of the requests, over the same window."""
        return Rate(self.count * part, self.seconds)

    def __str__(self) -> str:
        """Return the text that :func:`parse_rate` reads.

        >>> str(Rate(60, 60)), str(Rate(60, 2)), str(Rate(1000, 3600)), str(Rate(42, 60)), str(UNPACED)
        ('60/min', '60/2s', '1000/h', '42/min', 'none')
        """
        if self.unpaced:
            return "none"
        for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
            if self.seconds >= seconds and self.seconds % seconds == 0:
                return f"{_plain(self.count)}/{_plain(self.seconds / seconds, one='')}{unit}"
        return f"{_plain(self.count)}/{_plain(self.seconds, one='')}s"


def _plain(number: float, one: str = "1") -> str:
    if number == 1:
        return one
    return str(int(number)) if number == int(number) else f"{number:g}"  # 1e+06 would be no rate


UNPACED = Rate(math.inf, 1.0)
"""No limit of ours: what the server's headers say is all that counts."""

DEFAULT_RATE = Rate(60.0, 60.0)
"""What the API documents for a key (its introduction and its page on authentication)."""


def parse_rate(text: str) -> Rate:
    """Read a rate. Raises ``ValueError`` that says what was expected.

    >>> parse_rate("60/min"), parse_rate("60/2s"), parse_rate("1000/h")
    (Rate(count=60.0, seconds=60.0), Rate(count=60.0, seconds=2.0), Rate(count=1000.0, seconds=3600.0))
    """
    wanted = text.strip().lower()
    if wanted == "none":
        return UNPACED
    found = _SHAPE.fullmatch(wanted) if wanted.isascii() else None
    if found is None:
        raise ValueError(f"{text!r} is not a rate: {_EXPECTED}")
    unit = _SECONDS.get(found["unit"]) or _SECONDS.get(found["unit"].removesuffix("s"))
    if unit is None:
        raise ValueError(f"{text!r} is not a rate: {found['unit']!r} is no unit of time (s, min, h or d)")
    count, seconds = int(found["count"]), float(found["many"] or 1) * unit
    if count < 1:
        raise ValueError(f"{text!r} is not a rate: it allows no request; {_EXPECTED}")
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"{text!r} is not a rate: the time must be more than 0 and at most 31 days")
    if count > _MOST:
        raise ValueError(f"{text!r} is not a rate: at most {_MOST} requests; for no limit say none")
    return Rate(float(count), seconds)
