"""A finding about a value, before it has a row: cached with the value, made a Problem where it occurs."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """What is wrong with a value. ``at`` are the columns (from 0) it concerns, () for all that the field reads."""

    code: str
    message: str
    hint: str = ""
    value: str = ""
    severity: Literal["error", "warning"] = "error"
    at: tuple[int, ...] = ()


def quoted(text: str, limit: int = 60) -> str:
    """Quote a text for a message, cut where it is long."""
    return f'"{text}"' if len(text) <= limit else f'"{text[:limit]}…"'
