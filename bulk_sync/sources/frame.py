"""A pandas DataFrame as a source: stored values stay what they are, missing ones are blank.

Row numbers are those the frame would have if it were saved with its header in row 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from bulk_sync.records import Cell, CellKind, SourceRow
from bulk_sync.sources.header import fold
from bulk_sync.sources.number_format import general_text
from bulk_sync.sources.serial_date import duration_cell
from bulk_sync.sources.source import OpenSource

if TYPE_CHECKING:
    import pandas as pd


class FrameSource(OpenSource):
    """The rows of a DataFrame; its index is left out."""

    kind = "frame"
    sheet = ""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.header: tuple[str, ...] = tuple(fold(str(name)) for name in frame.columns)
        self.notes: tuple[str, ...] = ()
        self.detected: Mapping[str, str | int] = {}

    def rows(self) -> Iterator[SourceRow]:
        """Read from the first row."""
        # With a frame at hand pandas is loaded already; here it only lends its mark for a missing value.
        from pandas import NA, NaT

        missing = (None, NA, NaT)
        for number, values in enumerate(self._frame.itertuples(index=False, name=None), start=2):
            cells = tuple(
                value if type(value) is str else "" if any(value is one for one in missing) else _cell(value)
                for value in values
            )
            if any(cells):
                yield SourceRow(number, cells)


def _cell(value: object) -> str | Cell:
    """Give a value its text and kind; '' for NaN. What is no cell's value becomes its text."""
    if type(value).__module__ == "numpy" and hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if isinstance(value, bool):
        return Cell(str(value).upper(), value, CellKind.BOOLEAN)
    if isinstance(value, int):
        return Cell(str(value), value, CellKind.NUMBER)
    if isinstance(value, float):
        return "" if math.isnan(value) else Cell(general_text(value), value, CellKind.NUMBER)
    if isinstance(value, datetime):
        return Cell(value.isoformat(), value, CellKind.DATETIME)
    if isinstance(value, date):
        return Cell(value.isoformat(), value, CellKind.DATE)
    if isinstance(value, time):
        return Cell(value.isoformat(), value, CellKind.TIME)
    if isinstance(value, timedelta):
        return duration_cell(value)
    return str(value)
