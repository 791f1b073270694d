"""Which faults strike a request. Pure but for its memory of how often each client was asked for."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase

from bulk_sync.sandbox.clients import Json, Record
from bulk_sync.sandbox.config import Fault, FaultKind, Faults, Scripted

STORING = frozenset({FaultKind.DROP, FaultKind.ALTER})
"""Faults in what is stored; they go together with a fault on the way."""


class FaultDice:
    """Draws the faults of each request, the same ones for the same seed in whatever order requests arrive."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[tuple[str, str]] = Counter()
        self._struck: Counter[tuple[str, str]] = Counter()
        self._idle = not (faults.script or faults.chances)

    def draw(self, number: int, method: str, client_id: str) -> tuple[Fault, ...]:
        """Return what strikes the server's request ``number``; at most one fault that is not of storing."""
        if self._idle:
            return ()
        asked = (method, client_id)
        self._asked[asked] += 1
        drawn = [each.fault for each in self._faults.script if self._strikes(each, number, method, client_id)]
        if not drawn:
            drawn = self._chances(method, client_id)
        storing = tuple(fault for fault in drawn if fault.kind in STORING)
        return storing + tuple(fault for fault in drawn if fault.kind not in STORING)[:1]

    def _strikes(self, each: Scripted, number: int, method: str, client_id: str) -> bool:
        return (
            (not each.methods or method in each.methods)
            and (not each.ids or client_id in each.ids)
            and (not each.requests or number in each.requests)
            and (not each.attempts or self._asked[method, client_id] in each.attempts)
            and (not each.after or self._asked[each.after, client_id] > 0)
        )

    def _chances(self, method: str, client_id: str) -> list[Fault]:
        asked = (method, client_id)
        limit = self._faults.chance_limit
        if method not in self._faults.chance_methods or (limit is not None and self._struck[asked] >= limit):
            return []
        thrown = throw(f"{self._faults.seed} {method} {client_id} {self._asked[asked]}")
        for chance, fault in self._faults.chances:
            if thrown < chance:
                self._struck[asked] += 1
                return [fault]
            thrown -= chance
        return []


def throw(name: str) -> float:
    """Return a number from 0 up to 1 that is always the same for one name.

    >>> throw("7 PATCH clt_1 1") == throw("7 PATCH clt_1 1")
    True
    """
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=7).digest()) / 2**56


def stored_change(change: Mapping[str, Json], faults: tuple[Fault, ...]) -> Record:
    """Return what the server stores of a change, given the faults that strike it."""
    stored = dict(change)
    for fault in faults:
        for name in [name for name in stored if any(fnmatchcase(name, field) for field in fault.fields)]:
            value = stored[name]
            if fault.kind is FaultKind.DROP:
                del stored[name]
            elif fault.kind is FaultKind.ALTER and isinstance(value, str):
                stored[name] = _altered(value, fault)
    return stored


def _altered(text: str, fault: Fault) -> str:
    match fault.how:
        case "trim":
            return text.strip()
        case "squeeze":
            return "".join(text.split())
        case "cut":
            return text[:10]
        case "lower":
            return text.lower()
