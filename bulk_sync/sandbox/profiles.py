"""Ready-made configurations: the demonstration, and faults by name and share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bulk_sync.sandbox.config import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted

NAMED_FAULTS: Mapping[str, Fault] = {
    "500": Fault(kind=FaultKind.STATUS, status=500),
    "502": Fault(kind=FaultKind.STATUS, status=502, body="html"),
    "503": Fault(kind=FaultKind.STATUS, status=503),
    "504": Fault(kind=FaultKind.STATUS, status=504, body="html", applied=True),
    "reset": Fault(kind=FaultKind.RESET),
    "reset-applied": Fault(kind=FaultKind.RESET, applied=True),
    "lost": Fault(kind=FaultKind.CLOSE, applied=True),
    "closed": Fault(kind=FaultKind.CLOSE),
    "silent": Fault(kind=FaultKind.SILENT, seconds=60, applied=True),
    "delay": Fault(kind=FaultKind.DELAY, seconds=1),
    "dribble": Fault(kind=FaultKind.DRIBBLE, seconds=60, applied=True),
    "truncated": Fault(kind=FaultKind.TRUNCATED, applied=True),
    "empty": Fault(kind=FaultKind.EMPTY, applied=True),
    "not-json": Fault(kind=FaultKind.NOT_JSON),
    "other-client": Fault(kind=FaultKind.OTHER_CLIENT, applied=True),
    "redirect": Fault(kind=FaultKind.REDIRECT, status=307),
    "giant": Fault(kind=FaultKind.GIANT, size=64 * 2**20, applied=True),
}
"""Faults that can be asked for by name."""

_MIX = ("500", "502", "503", "504", "reset", "reset-applied", "lost")


def parse_faults(text: str, *, seed: int = 0) -> Faults:
    """Read ``0.2`` (a mixture of 5xx, resets and lost answers) or ``reset=0.05,lost=0.1`` as chances of a PATCH.

    :raises ValueError: for an unknown name, or shares that are not from 0 to 1 together.

    >>> [(chance, fault.kind.value) for chance, fault in parse_faults("reset=0.05,lost=0.1").chances]
    [(0.05, 'reset'), (0.1, 'close')]
    """
    if not text.strip():
        return Faults(seed=seed)
    pairs = [part.partition("=") for part in text.split(",")]
    if len(pairs) == 1 and not pairs[0][1]:
        share = _share(text)
        chances = tuple((share / len(_MIX), NAMED_FAULTS[name]) for name in _MIX)
    else:
        unknown = [name.strip() for name, _, _ in pairs if name.strip() not in NAMED_FAULTS]
        if unknown:
            raise ValueError(f"fault {unknown[0]!r}: expected one of {', '.join(NAMED_FAULTS)}")
        chances = tuple((_share(share), NAMED_FAULTS[name.strip()]) for name, _, share in pairs)
    if sum(chance for chance, _ in chances) > 1 + 1e-9:
        raise ValueError(f"faults {text!r}: expected shares that are at most 1 together")
    return Faults(chances=chances, seed=seed)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"share {text.strip()!r}: expected a number from 0 to 1 such as 0.2")
    return share


def _always(client_id: str, fault: Fault, *, method: str = "PATCH", after: str = "", attempt: int = 0) -> Scripted:
    attempts = frozenset({attempt} if attempt else ())
    ids, methods = frozenset({client_id}), frozenset({method})
    return Scripted(fault=fault, ids=ids, methods=methods, attempts=attempts, after=after)


ABSENT_DEMO_ID = "clt_demo_missing"
"""The id that the demonstration's server never knows: 404."""

DEMO_SCRIPT: tuple[Scripted, ...] = (
    # Recovers by itself: a 503, then an answer lost after the change was stored, then 200.
    _always("clt_demo_flaky", NAMED_FAULTS["503"], attempt=1),
    _always("clt_demo_flaky", NAMED_FAULTS["lost"], attempt=2),
    # Half a second late.
    _always("clt_demo_slow", Fault(kind=FaultKind.DELAY, seconds=0.5)),
    # Accepts custom fields and forgets them.
    _always("clt_demo_differs", Fault(kind=FaultKind.DROP, fields=("cf_*",))),
    # Keeps the first ten characters of a name.
    _always("clt_demo_altered", Fault(kind=FaultKind.ALTER, fields=("name",), how="cut")),
    # Refuses every change for good.
    _always(
        "clt_demo_failed",
        Fault(kind=FaultKind.STATUS, status=400, message="A client with this name already exists"),
    ),
    # Fails every change, and from then on cannot be read either.
    _always("clt_demo_in_doubt", NAMED_FAULTS["500"]),
    _always("clt_demo_in_doubt", NAMED_FAULTS["503"], method="GET", after="PATCH"),
)
"""How the sample clients of the demonstration answer, each in the same way every time."""


def demo_config(config: SandboxConfig | None = None, *, rate: str = "60/2s") -> SandboxConfig:
    """Return the demonstration: sample clients, a faster quota, and clients that answer in ways of their own.

    With a ``config``, its other settings are kept and the script is added to its own.
    """
    base = config or SandboxConfig()
    faults = replace(base.faults, script=base.faults.script + DEMO_SCRIPT)
    absent = base.absent | {ABSENT_DEMO_ID}
    quota = replace(base.quota, rate=rate) if config else Quota(rate=rate)
    return replace(base, quota=quota, faults=faults, absent=absent, samples=True)
