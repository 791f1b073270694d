"""What a user may say about a source; everything left out is detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """The reading half of the mapping's ``source:`` block; ``None`` means detect.

    ``sheet`` is a name, or a number from 1. ``header_row`` is the row a spreadsheet shows. ``delimiter`` is
    one character or its name (``tab``, ``comma``, ``semicolon``, ``pipe``). ``rows="visible"`` is
    for whoever takes the rows: those that a workbook hides come marked ``hidden``, to be left out there. How
    numbers and dates are written is the mapping's own business.
    """

    sheet: str | int | None = None
    header_row: int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    rows: Literal["all", "visible"] = "all"
