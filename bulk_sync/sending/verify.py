"""Compare the API's answer with what was sent. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

from bulk_sync.planning.values import readable_in, same_value, shown_value
from bulk_sync.records import Json


class Comparison(NamedTuple):
    """Payload names whose value the answer shows differently, that it does not show, and how many it shows."""

    differing: tuple[str, ...]
    unshown: tuple[str, ...]
    shown: int

    @property
    def agrees(self) -> bool:
        """Whether every field that was sent is shown, with the value that was sent."""
        return not self.differing and not self.unshown

    @property
    def none_agrees(self) -> bool:
        """Whether fields are shown, and not one of them with the value that was sent."""
        return 0 < self.shown == len(self.differing)


def compare(sent: Mapping[str, Json], record: Mapping[str, Json], *, readable: Collection[str]) -> Comparison:
    """Compare a payload with the client that answered; ``readable`` are the plain fields that answers show."""
    differing = []
    unshown = []
    readable = readable_in(record, readable)
    for name, value in sent.items():
        stored = record.get(name)
        if type(value) is str and stored == value:
            continue  # most values are a text that came back as it was sent
        if stored is None:
            is_shown, stored = shown_value(record, name, readable=readable)
            if not is_shown:
                unshown.append(name)
                continue
        if not same_value(value, stored):
            differing.append(name)
    return Comparison(tuple(differing), tuple(unshown), len(sent) - len(unshown))


@lru_cache(maxsize=256)
def unshown_message(names: tuple[str, ...]) -> str:
    """Name the fields that no answer shows: accepted, and not seen."""
    return f"accepted; no answer shows {', '.join(names)}" if names else ""


def differs_message(comparison: Comparison, sent: Mapping[str, Json], record: Mapping[str, Json]) -> str:
    """Say for each differing field what was sent and what is stored."""
    parts = []
    for name in comparison.differing:
        _, stored = shown_value(record, name, readable=(name,))
        parts.append(f"{name}: sent {_shown(sent[name])}, stored {_shown(stored)}")
    rest = unshown_message(comparison.unshown)
    return "; ".join([*parts, rest] if rest else parts)


def _shown(value: Json) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
