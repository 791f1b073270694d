"""The key of a row: the text that finds its record."""

from __future__ import annotations

import re
from typing import NamedTuple

from bulk_sync.mapping.cells import exponent_finding, lost_digits_finding, read_cell, unshown_finding
from bulk_sync.mapping.findings import Finding
from bulk_sync.records import Cell, CellKind

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
"""Nearly every id: nothing in it can be a scar, a path or a control character."""


class KeyColumn(NamedTuple):
    """The column (counted from 0) that holds keys; ``needed``: a row without it has no record."""

    place: int
    column: str
    by: str
    needed: bool

    def read(self, value: str | Cell) -> tuple[str, Finding | None]:
        """Return the key's text as a person sees it, and what is wrong with it."""
        if type(value) is str and _PLAIN.fullmatch(value):
            return value, None
        if isinstance(value, Cell) and value.kind is CellKind.MERGED:
            return "", _merged() if self.needed else None
        reading = read_cell(value)
        if isinstance(reading, Finding) or reading.unshown:
            return "", reading if isinstance(reading, Finding) else unshown_finding(reading)
        text = reading.text
        if not text:
            return "", self._missing() if self.needed else None
        if self.by == "id" and text in (".", ".."):
            return "", Finding("bad_key", "no id: it would lead to another address", "correct the id", text)
        scar = exponent_finding(text)
        return ("", scar) if scar else (text, lost_digits_finding(reading))

    def _missing(self) -> Finding:
        return Finding(
            "no_key",
            f"the row has no {self.column}, so no client can be found for it",
            "if it is a total or a note, delete it from the source; else fill the cell in",
        )


def _merged() -> Finding:
    return Finding(
        "merged_key",
        "covered by a merged cell, whose value belongs to its first row alone",
        "unmerge the cells in the source and fill each one in",
    )
