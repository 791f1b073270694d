"""What a sandbox does: its quota, its readings of what the API leaves open, its faults. Plain frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Literal

SANDBOX_KEY = "heffl_user_sandbox_0f1e2d3c4b5a69788796a5b4c3d2e1f0"
"""The key that every sandbox takes unless its configuration names others. It opens nothing else."""

_RATE = re.compile(r"(\d+)\s*/\s*(\d+(?:\.\d+)?)?\s*(s|sec|second|m|min|minute|h|hour)s?", re.IGNORECASE)
_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@cache
def parse_rate(text: str) -> tuple[int, float] | None:
    """Read ``60/min``, ``60/2s``, ``1000/h`` as (requests, seconds); ``none`` as None.

    :raises ValueError: for anything else.

    >>> parse_rate("60/min"), parse_rate("60/2s"), parse_rate("600/s"), parse_rate("none")
    ((60, 60.0), (60, 2.0), (600, 1.0), None)
    """
    if text.strip().lower() == "none":
        return None
    found = _RATE.fullmatch(text.strip())
    if not found or int(found[1]) == 0 or float(found[2] or 1) == 0:
        raise ValueError(f"rate {text!r}: expected requests/time such as 60/min, 60/2s, 1000/h, or none")
    return int(found[1]), float(found[2] or 1) * _UNIT_SECONDS[found[3][0].lower()]


class Rule(StrEnum):
    """How a server counts requests against its quota."""

    FIXED_WINDOW = "fixed-window"
    SLIDING_LOG = "sliding-log"
    TOKEN_BUCKET = "token-bucket"  # noqa: S105 - the name of a counting rule
    GCRA = "gcra"


class HeaderStyle(StrEnum):
    """How a server tells what is left of the quota."""

    NONE = "none"
    DRAFT_03 = "draft-03"
    """``RateLimit-Limit``, ``-Remaining``, ``-Reset`` in seconds, as the API's introduction suggests."""
    DRAFT_03_EPOCH = "draft-03-epoch"
    """The same with the reset as Unix time."""
    DRAFT_07 = "draft-07"
    """``RateLimit: limit=60, remaining=59, reset=3`` and ``RateLimit-Policy: 60;w=60``."""
    DRAFT_10 = "draft-10"
    """``RateLimit: "quota";r=59;t=3`` and ``RateLimit-Policy: "quota";q=60;w=60``, one item for each quota."""
    X = "x"
    """``X-RateLimit-Limit``, ``-Remaining``, ``-Reset`` as Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Requests allowed in a window, for each key.

    ``burst`` is the size of a token bucket (default: the limit) or how many requests GCRA lets through at
    once (default 1). ``phase`` fixes where a fixed window begins, as seconds after a multiple of the window;
    None opens it with the first request. ``counts_refused`` makes a 429 use up quota as well. ``reset`` says
    whether the headers name the moment when the whole quota is back or when the next request would pass.
    """

    rate: str = "60/min"
    rule: Rule = Rule.FIXED_WINDOW
    burst: int | None = None
    phase: float | None = None
    counts_refused: bool = False
    reset: Literal["full", "next"] = "full"

    def __post_init__(self) -> None:
        """Refuse a rate that cannot be read, here and not in the middle of a run."""
        parse_rate(self.rate)


class FaultKind(StrEnum):
    """What can go wrong with one request."""

    STATUS = "status"
    """Answers with ``status`` and a JSON, HTML or empty ``body``."""
    RESET = "reset"
    """The connection is reset without an answer."""
    CLOSE = "close"
    """The connection is closed without an answer."""
    SILENT = "silent"
    """Nothing comes for ``seconds``, then the connection is closed."""
    DELAY = "delay"
    """The answer comes ``seconds`` late."""
    DRIBBLE = "dribble"
    """The answer's body comes byte by byte, spread over ``seconds``."""
    TRUNCATED = "truncated"
    """The connection is closed in the middle of the answer's body."""
    EMPTY = "empty"
    """200 without a body."""
    NOT_JSON = "not-json"
    """200 with an HTML page."""
    OTHER_CLIENT = "other-client"
    """200 with the answer of another client."""
    REDIRECT = "redirect"
    """``status`` (3xx) to ``location``."""
    GIANT = "giant"
    """200 with ``size`` bytes of JSON before the client itself."""
    DROP = "drop"
    """200, but ``fields`` are neither stored nor shown; ``cf_*`` names all custom fields."""
    ALTER = "alter"
    """200, but the texts of ``fields`` are stored as ``how`` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    ``applied`` says for the kinds without a proper answer whether the change was stored before it went wrong.
    """

    kind: FaultKind
    status: int = 500
    body: Literal["json", "html", "empty"] = "json"
    code: str = ""
    message: str = ""
    applied: bool = False
    seconds: float = 0.0
    location: str = ""
    size: int = 0
    fields: tuple[str, ...] = ()
    how: Literal["trim", "squeeze", "cut", "lower"] = "trim"
    """trim: outer spaces off; squeeze: all spaces off; cut: the first 10 characters; lower: lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """Where a fault strikes; what is empty or None strikes everywhere.

    ``requests`` counts the server's requests that passed key and quota, from 1. ``attempts`` counts the
    requests of the same method for the same client, from 1. ``after`` lets it sleep until the client's first
    request of that method.
    """

    fault: Fault
    ids: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset({"PATCH"})
    requests: frozenset[int] = frozenset()
    attempts: frozenset[int] = frozenset()
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From ``start`` to ``end`` seconds after the server's start nothing works.

    ``refuse`` closes the port and every connection, ``503`` answers so before anything else is looked at.
    """

    start: float
    end: float
    how: Literal["refuse", "503"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, by script and by chance.

    ``chances`` are drawn from ``seed``, the method, the client and the attempt's number, so that they do not
    depend on the order in which requests arrive; they strike ``chance_methods`` and, with ``chance_limit``,
    at most so many requests of the same method for the same client.
    """

    script: tuple[Scripted, ...] = ()
    chances: tuple[tuple[float, Fault], ...] = ()
    chance_methods: frozenset[str] = frozenset({"PATCH"})
    chance_limit: int | None = None
    seed: int = 0
    outages: tuple[Outage, ...] = ()
    revoked_after: int | None = None
    """The key is revoked after so many requests that passed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """All that can be set. The defaults are the documented API; the switches stand for what it leaves open."""

    quota: Quota = Quota()
    more_quotas: tuple[Quota, ...] = ()
    """Further quotas that must allow a request as well."""
    headers: HeaderStyle = HeaderStyle.DRAFT_03
    headers_on: Literal["all", "429"] = "all"
    retry_after: Literal["none", "seconds", "date"] = "none"
    keys: tuple[str, ...] = (SANDBOX_KEY,)
    faults: Faults = Faults()
    latency: float = 0.0
    """Seconds on the way, half before and half after the work."""
    jitter: float = 0.0
    """Up to so many seconds more, each way."""
    pages: Literal["cursor", "number"] = "cursor"
    unknown_keys: Literal["ignore", "reject"] = "ignore"
    custom_prefix: bool = True
    """Whether the keys in ``customFields`` keep their ``cf_``."""
    address: Literal["merge", "replace"] = "merge"
    """What a PATCH of some parts of billingAddress or primaryContact does to the others."""
    unique: tuple[str, ...] = ()
    """Fields whose values no two clients may share, such as ``name``."""
    duplicate_status: Literal[400, 409] = 400
    samples: bool = False
    """Begin with the sample clients of the package."""
    absent: frozenset[str] = field(default_factory=frozenset)
    """Ids that ``seed`` never makes."""
    log_size: int = 200_000
