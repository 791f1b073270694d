"""A pandas DataFrame as a source: stored values stay what they are, missing ones are blank.

Row numbers are those the frame would have if it were saved with its header in row 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, cast

from bulk_sync.records import Cell, CellKind, CellValue, SourceRow
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
            if any(cell and (type(cell) is not str or not cell.isspace()) for cell in cells):
                yield SourceRow(number, cells)


def _cell(value: object) -> str | Cell:
    """Give a value its text and kind; '' for NaN, an error for what is infinite, as in a workbook.

    So are bytes, a text in an encoding that nobody named, and lists, dicts, arrays and the like: their text is
    Python's, and split at its commas it would be sent with brackets and quotes. What else there is becomes its text.
    """
    if type(value).__module__ == "numpy" and hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if value is None:  # what a missing date of numpy's holds
        return ""
    if isinstance(value, timedelta):
        return duration_cell(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "" if math.isnan(value) else Cell(str(value), None, CellKind.ERROR)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return Cell(str(value), None, CellKind.ERROR)
    for types, kind, text in _KINDS:
        if isinstance(value, types):
            return Cell(text(value), cast("CellValue", value), kind)
    return str(value)


def _iso(value: Any) -> str:  # noqa: ANN401  # date, time and datetime share nothing but this method
    return str(value.isoformat())


_KINDS: tuple[tuple[type, CellKind, Callable[[Any], str]], ...] = (
    (bool, CellKind.BOOLEAN, lambda value: str(value).upper()),
    (int, CellKind.NUMBER, str),
    (float, CellKind.NUMBER, general_text),
    (datetime, CellKind.DATETIME, _iso),
    (date, CellKind.DATE, _iso),
    (time, CellKind.TIME, _iso),
)
"""How each type is shown, the narrower before the wider: a bool is an int, a datetime a date."""
