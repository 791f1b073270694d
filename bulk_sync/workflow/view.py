"""A plan as a person is shown it, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bulk_sync.records import Json


class Difference(NamedTuple):
    """One cell that would change: ``old`` counts only where ``old_known``."""

    row_number: int
    client_id: str
    field: str
    old: Json
    new: Json
    old_known: bool


class Finding(NamedTuple):
    """What a guard found: its name for ``--allow``, the sentence, and the evidence for it.

    ``stops`` is False for what is only told; ``allowed`` was overridden by name.
    """

    guard: str
    message: str
    evidence: tuple[str, ...] = ()
    hint: str = ""
    stops: bool = True
    allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """The plan in figures. ``seconds`` and ``finish_at`` (Unix time) are forecasts for what is still to send."""

    run: str
    kind: str
    source: str
    target: str
    sandbox: bool
    rows: int
    counts: dict[str, int]
    changes: int
    cells_set: int = 0
    cells_cleared: int = 0
    cells_not_restorable: int = 0
    cells_held_back: int = 0
    read_requests: int = 0
    send_requests: int = 0
    rate: str = ""
    rate_known: bool = True
    """False where the API's headers name no window and have ended none: rate and finish are assumed."""
    seconds: float = 0.0
    finish_at: float = 0.0
    reading: str = ""
    """How the present state was read, and why so."""
    differences: tuple[Difference, ...] = ()
    reasons: tuple[tuple[int, str], ...] = ()
    """Rows by reason: how many, why."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    question: str = "Send it?"
    not_restorable: tuple[tuple[str, int], ...] = ()
    """The fields of ``cells_not_restorable``, with how many cells of each."""
    parent: str = ""
    """The run that an undo takes back, or that a retry is of."""
    left_now: str = ""
    """What the API last said is left of its window, such as ``59 of 60``: that much goes at once, whatever the rate."""

    def to_json(self) -> dict[str, Json]:
        """Return the plan for programs: figures, first differences, forecast and findings. Times are Unix seconds."""
        return {
            "rows": self.rows,
            "counts": dict(self.counts),
            "changes": self.changes,
            "cells": {
                "set": self.cells_set,
                "cleared": self.cells_cleared,
                "held_back": self.cells_held_back,
                "not_restorable": self.cells_not_restorable,
            },
            "not_restorable": dict(self.not_restorable),
            "first_differences": [difference._asdict() for difference in self.differences],
            "requests": {"reading": self.read_requests, "sending": self.send_requests},
            "rate": self.rate,
            "rate_known": self.rate_known,
            "seconds": round(self.seconds, 3),
            "finish_at": round(self.finish_at, 3),
            "reading": self.reading,
            "reasons": [{"rows": rows, "reason": reason} for rows, reason in self.reasons],
            "findings": [{**found._asdict(), "evidence": list(found.evidence)} for found in self.findings],
            "notes": list(self.notes),
        }
