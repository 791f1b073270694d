"""Cells as a worksheet's XML: text is always text, numbers are numbers, and nothing is ever a formula.

The XML is written here and not by XlsxWriter's ``write_string``, which takes five times as long for it, and in
constant memory takes a text of the shape ``<r>…</r>`` for markup and passes it through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol

from bulk_sync.records import Cell, column_letters
from bulk_sync.results.number_formats import number_format
from bulk_sync.results.text import cut_utf16, utf8_text

TEXT_LIMIT = 32_767
"""UTF-16 units in a cell, Excel's own limit."""
_SHORT = 200
"""Characters of the texts that are remembered: 4,096 of them are at most some megabytes."""
EXACT_INTEGER = 10**15
"""Excel keeps 15 digits of a number; a longer one is written as text."""

_SPECIAL = re.compile("[\x00-\x08\x0b-\x1f&<>\ud800-\udfff\ufffe\uffff]|_x")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_EPOCH = date(1899, 12, 30)
_FIRST_DAY = date(1900, 1, 1)
FIRST_TRUE_DAY = date(1900, 3, 1)
"""Before it Excel counts a day too few since 1899: it gives 1900 a 29 February."""

DATE_FORMAT = "yyyy-mm-dd"
DATETIME_FORMAT = "yyyy-mm-dd hh:mm:ss"
FINE_DATETIME_FORMAT = "yyyy-mm-dd hh:mm:ss.000"
TIME_FORMAT = "hh:mm:ss"
DURATION_FORMAT = "[h]:mm:ss"
BOOLEAN_FORMAT = '"TRUE";"TRUE";"FALSE"'
"""Excel shows a boolean as such under any format; LibreOffice prints 1 under the plain one."""


class CellStyles(Protocol):
    """Gives the ``s`` attribute of a cell, with its leading blank; '' is the plain style."""

    def number(self, num_format: str, mark: str) -> str:
        """Return the style for a number format, under a mark ('', 'error' or 'warning')."""
        ...


def cell_heads(columns: int) -> tuple[str, ...]:
    """Return the beginning of each column's cell element, to which the row number is to be added."""
    return tuple(f'<c r="{column_letters(column)}' for column in range(columns))


def are_plain(texts: Iterable[str]) -> bool:
    r"""Whether all these texts stand in a cell as they are: nothing to escape, to cut or to keep blanks for.

    >>> are_plain(["Acme LLC", "", "a@example.com"]), are_plain(["Acme", "A & B"]), are_plain(["Acme", " LLC"])
    (True, False, False)
    """
    # Asked once for a line or a change, this costs a quarter of asking for each of its texts.
    joined = f"|{'|'.join(texts)}|"
    return (
        joined.isprintable()
        and "&" not in joined
        and "<" not in joined
        and ">" not in joined
        and "_x" not in joined
        and "| " not in joined
        and " |" not in joined
        and len(joined) <= TEXT_LIMIT // 2
    )


def text_xml(text: str) -> str:
    r"""Return the ``<is>`` element of an inline string; control characters as ``_x001B_``, as Excel saves them.

    >>> text_xml("=1+1 & <b>\x1b _x0041_")
    '<is><t>=1+1 &amp; &lt;b&gt;_x001B_ _x005F_x0041_</t></is>'
    """
    if len(text) > TEXT_LIMIT // 2:
        text = cut_utf16(text, TEXT_LIMIT)
    # Most texts have nothing special, and these look-ups say so in a fifth of the time of the pattern.
    plain = text.isprintable() and "&" not in text and "<" not in text and ">" not in text and "_" not in text
    if not plain and _SPECIAL.search(text):
        text = _LOOKS_ESCAPED.sub("_x005F_", text)
        text = _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", utf8_text(text))
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    kept = "" if text.strip() == text else ' xml:space="preserve"'
    return f"<is><t{kept}>{text}</t></is>"


# A line of Changes repeats the client, the field and the new value of the one before: nine texts in ten hit.
@lru_cache(maxsize=4096)
def _text_cell(text: str, style: str) -> str:
    """Return what follows the row number in a cell of text."""
    return f'"{style} t="inlineStr">{text_xml(text)}</c>'


PLAIN_BEGIN = '" t="inlineStr"><is><t>'
PLAIN_END = "</t></is></c>"
"""What stands around a plain text in its tail, for loops in which a call for each text is a tenth of all."""


def plain_tail(text: str) -> str:
    """Return :func:`cell_tail` of a text that :func:`are_plain` found plain."""
    return f"{PLAIN_BEGIN}{text}{PLAIN_END}" if text else ""


def plain_cells(heads: Sequence[str], at: str, texts: Sequence[str]) -> list[str]:
    """Return the cells of texts that :func:`are_plain` found plain, in row ``at``; an empty one has none."""
    line = zip(heads, texts, strict=False)
    return [f"{head}{at}{PLAIN_BEGIN}{text}{PLAIN_END}" for head, text in line if text]


def text_tail(text: str) -> str:
    """Return :func:`cell_tail` of any text, for one that does not come again soon."""
    return f'" t="inlineStr">{text_xml(text)}</c>' if text else ""


def cell_tail(value: str | float | bool | None, style: str = "") -> str:
    """Return what follows the row number in a cell of ours; '' where there is no cell.

    A text, a number, a boolean, or a blank that only carries its style.
    """
    if isinstance(value, str):
        if value:
            return (_text_cell if len(value) < _SHORT else _text_cell.__wrapped__)(value, style)
    elif isinstance(value, bool):
        return f'"{style} t="b"><v>{value:d}</v></c>'
    elif value is not None:
        if (isinstance(value, int) and abs(value) < EXACT_INTEGER) or _is_exact(value):
            return f'"{style}><v>{value!r}</v></c>'
        return f'"{style} t="inlineStr">{text_xml(str(value))}</c>'
    return f'"{style}/>' if style else ""


def plain_cell(head: str, row: int, value: str | float | bool | None, style: str = "") -> str:
    """Return a cell of ours, '' where there is none."""
    tail = cell_tail(value, style)
    return f"{head}{row}{tail}" if tail else ""


def own_tail(value: str | Cell, styles: CellStyles, mark: str = "") -> str:
    """Return the tail of a cell of the source as it was: by its stored value and a format that shows the text seen."""
    style = styles.number("", mark) if mark else ""
    if isinstance(value, str):
        return cell_tail(value, style)
    number, shown_as = stored_number(value)
    if number is None:
        return cell_tail(seen_or_stored(value), style)
    if shown_as is BOOLEAN_FORMAT:
        return cell_tail(bool(number), styles.number(shown_as, mark))
    return f'"{styles.number(shown_as, mark)}><v>{number!r}</v></c>'


def seen_or_stored(cell: Cell) -> str:
    """Return the text that was seen, else a text that is stored and that the source does not show."""
    return cell.text or (cell.value if isinstance(cell.value, str) else "")


def stored_number(cell: Cell) -> tuple[float | None, str]:
    """Return the number that a workbook stores for a cell and its number format; None for what is text."""
    value = cell.value
    if value is None or isinstance(value, str):
        return None, ""
    if isinstance(value, bool):
        return int(value), BOOLEAN_FORMAT
    if isinstance(value, (int, float)):
        if not _is_exact(value):
            return None, ""
        return value, cell.unshown or number_format(cell.text, value)
    return _serial(value)


def _is_exact(value: float) -> bool:
    return abs(value) < EXACT_INTEGER if isinstance(value, int) else math.isfinite(value)


def _serial(value: date | datetime | time | timedelta) -> tuple[float | None, str]:
    """Return a moment as days since 1900 in Excel's count, which has a 29 February 1900; None for what has none."""
    if isinstance(value, timedelta):
        days = value / timedelta(days=1)
        return (days, DURATION_FORMAT) if days >= 0 else (None, "")
    if isinstance(value, time):
        return (day_fraction(value), TIME_FORMAT) if value.tzinfo is None else (None, "")
    day = value.date() if isinstance(value, datetime) else value
    if day < _FIRST_DAY:
        return None, ""
    days = (day - _EPOCH).days - (day < FIRST_TRUE_DAY)
    if not isinstance(value, datetime):
        return days, DATE_FORMAT
    if value.tzinfo is not None:
        return None, ""
    return days + day_fraction(value.time()), FINE_DATETIME_FORMAT if value.microsecond else DATETIME_FORMAT


def day_fraction(moment: time) -> float:
    """Return a time of day as a workbook stores it."""
    return (moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1_000_000) / 86_400
