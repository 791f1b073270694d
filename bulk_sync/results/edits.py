"""Whether a cell of a results file is still what the run wrote there, or was edited by hand."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from math import isclose

from bulk_sync.records import Cell, CellValue, as_cell
from bulk_sync.results.flat_files import flat_text, json_value
from bulk_sync.results.number_formats import GENERAL, general_text
from bulk_sync.results.text import cut_utf16, utf8_text
from bulk_sync.results.xlsx_cells import FIRST_TRUE_DAY, TEXT_LIMIT, day_fraction, seen_or_stored, stored_number

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LITTLE = timedelta(milliseconds=2)


def is_edited(was: str | Cell, found: str | Cell, kind: str) -> bool:
    """Whether another text is seen or another value stored than the run's results had.

    ``was`` is the source's cell, ``found`` the cell of the results file, ``kind`` the file's: ``csv`` and
    ``jsonl`` hold texts, anything else typed cells. What the writing alone changed is no edit.
    """
    if type(was) is str and was == found:
        return False
    seen = as_cell(found)
    if kind == "csv":
        return not _same_text(flat_text(was), seen.text)
    if kind == "jsonl":
        return not _same_text(json_text(json_value(was)), seen.text)
    cell = as_cell(was)
    number, shown_as = stored_number(cell)
    if number is None:
        written = cut_utf16(seen_or_stored(cell), TEXT_LIMIT)
        return not _same_text(written, seen.text) or (isinstance(seen.value, (int, float)) and bool(written))
    if isinstance(cell.value, (int, float)) and not isinstance(cell.value, bool):
        return _number_edited(cell, cell.value, shown_as, seen)
    kept = kind == "ods" and _same_moment(_counted_from_1899(cell.value), seen.value)
    return not (kept or _same_moment(cell.value, seen.value))


def json_text(value: object) -> str:
    """Return the text that stands for a value of a ``.jsonl`` results file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    return general_text(value) if isinstance(value, (int, float)) else str(value)


def _number_edited(was: Cell, value: float, shown_as: str, seen: Cell) -> bool:
    if isinstance(seen.value, bool) or not isinstance(seen.value, (int, float)):
        return True
    if not isclose(value, seen.value, rel_tol=1e-14, abs_tol=0):
        return True
    if was.unshown or seen.unshown or seen.text == was.text:
        return False
    return shown_as != GENERAL or not _is_plain(seen.text, value)


def _is_plain(text: str, value: float) -> bool:
    """Whether a text is the number without a format of its own, be it rounded for a narrow column."""
    with suppress(ValueError):
        return not re.match(r"-?0\d", text) and isclose(float(text), value, rel_tol=1e-5)
    return False


def _same_text(was: str, found: str) -> bool:
    return was == found or _plain(was) == _plain(found)


def _plain(text: str) -> str:
    """Undo what files do to a text: escapes of control characters and surrogates, and kinds of line ends."""
    text = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    return utf8_text(text).replace("\r\n", "\n").replace("\r", "\n")


def _counted_from_1899(value: CellValue) -> CellValue:
    """Return a day as LibreOffice takes it out of a workbook: a day early before March 1900.

    Excel gives that year a 29 February; saved as .xlsx again, the day is the old one.
    """
    if not isinstance(value, date):
        return value
    early = (value.date() if isinstance(value, datetime) else value) < FIRST_TRUE_DAY
    return value - timedelta(days=1) if early else value


def _same_moment(was: CellValue, found: CellValue) -> bool:
    """Whether two booleans or moments are one, but for what a day's fraction rounds away."""
    if isinstance(was, bool):
        return was == found  # 1 is True: LibreOffice saves a boolean under a format as a number
    if type(was) is not type(found):
        return False
    if isinstance(was, datetime) and isinstance(found, datetime):
        return was.tzinfo is None and found.tzinfo is None and abs(was - found) < _LITTLE
    if isinstance(was, time) and isinstance(found, time):
        return abs(day_fraction(was) - day_fraction(found)) < _LITTLE / timedelta(days=1)
    if isinstance(was, timedelta) and isinstance(found, timedelta):
        return abs(was - found) < _LITTLE
    return was == found
