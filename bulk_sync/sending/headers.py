"""What a reply's headers say about the quota: every form that servers use becomes one :class:`Allowance`. Pure.

Read are, the first family that says anything winning:

- ``RateLimit`` with ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers 07 to 10, structured fields);
- ``RateLimit-Limit``, ``-Remaining``, ``-Reset`` (drafts 00 to 06), with ``RateLimit-Policy`` where sent;
- ``X-RateLimit-Limit``, ``-Remaining``, ``-Reset``, also spelt ``X-Rate-Limit-…``;

and beside them ``Retry-After`` (RFC 9110, 10.2.3). Names are matched ignoring case. What is malformed is ignored
as if it were not there; what is absurd is capped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

LONGEST_WAIT = 86_400.0
"""Seconds: no header makes anyone wait longer before asking again."""

LONGEST_WINDOW = 31 * 86_400.0
"""Seconds: windows are believed up to a month."""

MOST_REQUESTS = 1_000_000_000
"""No larger limit is believed."""

_EPOCH = 1e9
_EPOCH_IN_MILLISECONDS = 1e11
_NUMBER = re.compile(r"\d{1,18}(\.\d{0,9})?")
_MEMBER = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+')
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;"])+')

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATE_FORMS = (
    re.compile(rf"[a-z]{{3}}, (?P<day>\d\d) (?P<month>[a-z]{{3}}) (?P<year>\d{{4}}) {_TIME} gmt"),
    re.compile(rf"[a-z]{{6,9}}, (?P<day>\d\d)-(?P<month>[a-z]{{3}})-(?P<year>\d\d) {_TIME} gmt"),
    re.compile(rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})"),
)


class Allowance(NamedTuple):
    """What the server grants. None stands for what it did not say.

    ``limit`` requests in ``window`` seconds is the strictest policy, by its rate; ``remaining`` and ``reset_in``
    (seconds from the reply) are those of the policy nearest to being used up. ``retry_after`` is in seconds.
    ``coarse``: ``reset_in`` was told in whole seconds, so that the truth is up to a second away, to either side,
    since some servers round up and some down.
    """

    limit: int | None = None
    window: float | None = None
    remaining: int | None = None
    reset_in: float | None = None
    retry_after: float | None = None
    coarse: bool = False


NOTHING = Allowance()
"""What headers say that say nothing of a quota."""


class _Policy(NamedTuple):
    name: str
    quota: int
    window: float | None
    counts_requests: bool


_Now = Callable[[], float]

_PARTS = ("limit", "remaining", "reset")
_NAMES = {
    f"{family}-{part}": f"{family.replace('x-rate-limit', 'x-ratelimit')}-{part}"
    for family in ("ratelimit", "x-ratelimit", "x-rate-limit")
    for part in _PARTS
} | {name: name for name in ("ratelimit", "ratelimit-policy", "retry-after", "date")}


def read_allowance(headers: Mapping[str, str], *, wall_time: float) -> Allowance:
    """Read what ``headers`` say about the quota; :data:`NOTHING` where they say nothing.

    ``wall_time`` (Unix time) turns dates and epochs into intervals where the reply has no ``Date`` of its own:
    the server's clock is the better one for what the server says.
    """
    told: dict[str, str] = {}
    for name in headers:
        known = _NAMES.get(name.lower())
        if known is not None:
            told.setdefault(known, headers[name].strip())
    date = told.pop("date", "")
    if not told:
        return NOTHING

    def now() -> float:
        stamp = _http_date(date, wall_time)
        return wall_time if stamp is None else stamp

    found = _granted(told, now)
    again = told.get("retry-after")
    return found if again is None else found._replace(retry_after=_retry_after(again, now))


def _granted(told: Mapping[str, str], now: _Now) -> Allowance:
    policies = _policies(told.get("ratelimit-policy", ""))
    structured = told.get("ratelimit")
    if structured is not None:
        items = list(_members(structured))
        halves = (name.partition("=") for name, _ in items)
        pairs = {key.lower(): value for key, _, value in halves if key.lower() in _PARTS}
        found = _of_three(pairs, policies, now) if pairs else _of_items(items, policies, now)
        if found != NOTHING:
            return found
    for prefix in ("ratelimit-", "x-ratelimit-"):
        family = {part: told[prefix + part] for part in _PARTS if prefix + part in told}
        if family and (found := _of_three(family, policies, now)) != NOTHING:
            return found
    return _with_policy(NOTHING, policies) if policies else NOTHING


def _of_items(items: Sequence[tuple[str, Mapping[str, str]]], policies: Sequence[_Policy], now: _Now) -> Allowance:
    """Read ``"name";r=50;t=30``, one item for each policy; the one nearest to being used up counts."""
    others = {policy.name for policy in policies if not policy.counts_requests}
    standings: list[Allowance] = []
    for name, parameters in items:
        remaining = _count(parameters.get("r", ""))
        if remaining is not None and name not in others:
            reset, coarse = _reset(parameters.get("t", ""), now)
            limit = _count(parameters.get("q", ""))
            standings.append(Allowance(limit or None, None, remaining, reset, None, coarse))
    if not standings:
        return NOTHING
    nearest = min(standings, key=lambda each: (each.remaining or 0, -(each.reset_in or 0.0)))
    return _with_policy(nearest, policies)


def _of_three(told: Mapping[str, str], policies: Sequence[_Policy], now: _Now) -> Allowance:
    """Read limit, remaining and reset; the limit of drafts 01 to 05 may be followed by its policies."""
    first, *rest = told.get("limit", "").split(",", 1)
    own = (*policies, *_policies(rest[0])) if rest else policies
    reset, coarse = _reset(told.get("reset", ""), now)
    found = Allowance(_count(first) or None, None, _count(told.get("remaining", "")), reset, None, coarse)
    return NOTHING if found == NOTHING and not rest else _with_policy(found, own)


def _with_policy(found: Allowance, policies: Sequence[_Policy]) -> Allowance:
    """Add the strictest policy: the lowest rate of those with a window."""
    counted = [policy for policy in policies if policy.counts_requests]
    windowed = [policy for policy in counted if policy.window]
    if windowed:
        strictest = min(windowed, key=lambda policy: policy.quota / (policy.window or 1.0))
        lowered = len(windowed) == 1 and found.limit is not None and found.limit < strictest.quota
        return found._replace(limit=found.limit if lowered else strictest.quota, window=strictest.window)
    if counted and found.limit is None:
        return found._replace(limit=min(policy.quota for policy in counted))
    return found


@lru_cache(maxsize=64)
def _policies(text: str) -> tuple[_Policy, ...]:
    """Read ``10;w=1, 50;w=60`` (to draft 07) and ``"burst";q=100;w=60`` (from draft 08); each reply repeats them."""
    policies = []
    for name, parameters in _members(text):
        quota = _count(parameters.get("q", name))
        if quota:
            window = _number(parameters.get("w", ""))
            unit = parameters.get("qu", "requests")
            policies.append(_Policy(name, quota, min(window, LONGEST_WINDOW) if window else None, unit == "requests"))
    return tuple(policies)


def _members(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Split a structured list into items with their parameters, strings without their quotes."""
    for member in _MEMBER.findall(text):
        name, *parts = (part.strip() for part in _PART.findall(member) or [""])
        if name:
            pairs = (part.split("=", 1) for part in parts if "=" in part)
            yield name.strip('"'), {key.strip().lower(): value.strip().strip('"') for key, value in pairs}


def _count(text: str) -> int | None:
    number = _number(text)
    return None if number is None else min(int(number), MOST_REQUESTS)


def _number(text: str) -> float | None:
    stripped = text.strip()
    return float(stripped) if stripped.isascii() and _NUMBER.fullmatch(stripped) else None


def _reset(text: str, now: _Now) -> tuple[float | None, bool]:
    """Return seconds until the reset, and whether they are whole ones; above 1e9 it is an epoch."""
    number = _number(text)
    if number is None:
        return None, False
    if number > _EPOCH:
        number = (number / 1000 if number > _EPOCH_IN_MILLISECONDS else number) - now()
    return min(max(number, 0.0), LONGEST_WAIT), "." not in text


def _retry_after(text: str, now: _Now) -> float | None:
    seconds, _ = _reset(text, now)  # an epoch, as some send there too, is no wait of decades
    if seconds is not None:
        return seconds
    date = _http_date(text, now())
    return None if date is None else min(max(date - now(), 0.0), LONGEST_WAIT)


def _http_date(text: str, now: float) -> float | None:
    """Read the three forms of RFC 9110, 5.6.7; a year of two digits is never more than 50 years ahead."""
    for form in _DATE_FORMS:
        found = form.fullmatch(text.strip().lower())
        if found is None or found["month"] not in _MONTHS:
            continue
        year = int(found["year"])
        if year < 100:
            year += 1900 if year + 2000 > datetime.fromtimestamp(now, UTC).year + 50 else 2000
        month = _MONTHS.index(found["month"]) + 1
        clock = int(found["hour"]), int(found["minute"]), min(int(found["second"]), 59)
        try:
            return datetime(year, month, int(found["day"]), *clock, tzinfo=UTC).timestamp()
        except ValueError:
            return None
    return None
