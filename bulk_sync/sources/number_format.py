"""The text that a sheet shows for a stored number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.format_code import Digits, FormatCode, Shows
from bulk_sync.sources.serial_date import dated_cell

EXACT_DIGITS = 15
"""Digits that a spreadsheet keeps; those behind are zeros by then."""


_LONGEST = 312
"""Digits before the point of the largest number that a sheet stores, as a percentage."""
_REMEMBERED = 1 << 16
_EXACT = 1e15
"""Below this a float's whole part has the digits that a person entered."""


def number_cell(number: float, code: FormatCode, *, epoch_1904: bool = False) -> Cell:
    """Return the cell for a stored number: the text its format shows, the number beside it.

    A whole number becomes an ``int``. A format that is not reproduced is named in ``unshown``.
    """
    shows = code.shows
    value = stored_number(number)
    if shows is Shows.GENERAL or shows is Shows.TEXT:
        return Cell(general_text(value), value, CellKind.NUMBER)
    if shows is Shows.NUMBER:
        text = _section_text(value, code.sections)
        return Cell(text, value, CellKind.NUMBER, "" if text.strip() else code.code)
    if shows is Shows.OTHER:
        return Cell("", value, CellKind.NUMBER, code.code)
    return dated_cell(number, shows, epoch_1904=epoch_1904, code=code.code)


def text_cell(text: str, code: FormatCode) -> str | Cell:
    """Return the cell for a stored text: what its format puts around it is shown with it."""
    if code.around is None:
        return Cell("", text, CellKind.TEXT, code.code)
    before, after = code.around
    return f"{before}{text}{after}"


def worded(formats: Sequence[FormatCode]) -> dict[int, FormatCode]:
    """Return the styles, by their number, that do not show a text as it is stored. Hardly a workbook has any."""
    return {style: code for style, code in enumerate(formats) if code.around != ("", "")}


def stored_number(number: float) -> int | float:
    """Return a whole number as an ``int``, with the digits of the shortest text that means it.

    >>> stored_number(12.0), stored_number(1.5), stored_number(1.234567890123457e18)
    (12, 1.5, 1234567890123457000)
    """
    if -_EXACT < number < _EXACT:
        return int(number) if number == int(number) else number
    return int(Decimal(str(number))) if abs(number) < 10**21 and number == int(number) else number


def general_text(number: float) -> str:
    """Return a number as the format General shows it in a cell that is wide enough.

    Whole numbers keep all their digits, which is how ids and phones are meant.

    >>> general_text(971501234567), general_text(0.1 + 0.2), general_text(12.0), general_text(0.00001)
    ('971501234567', '0.3', '12', '1E-05')
    """
    if isinstance(number, int):
        return str(number)
    if number == int(number) and abs(number) < 10**21:
        return str(int(number))
    text = f"{number:.{EXACT_DIGITS}g}".upper()
    return str(int(float(text))) if "E+" in text and abs(number) < 10**21 else text


def _section_text(number: float, sections: tuple[Digits, ...]) -> str:
    """Choose the section by the sign, and write the number with it."""
    if number < 0 and len(sections) > 1:
        return _digits_text(abs(number), sections[1])
    if number == 0 and len(sections) > 2:
        return _digits_text(number, sections[2])
    text = _digits_text(abs(number), sections[0])
    return f"-{text}" if number < 0 and any(digit in "123456789" for digit in text) else text


def _digits_text(number: float, section: Digits) -> str:
    """Write a number that is not negative."""
    if not section.digits:
        return section.before.strip()
    short = str(number) if isinstance(number, int) else f"{number:.{EXACT_DIGITS}g}"
    whole, _, decimals = short.partition(".")
    if section.percent or "e" in short or len(decimals) > section.decimals:
        whole, decimals = _rounded(short, section)
    decimals = decimals.ljust(section.decimals, "0")
    for _ in range(section.optional):
        decimals = decimals.removesuffix("0")
    whole = whole.lstrip("0").rjust(section.zeros, "0")
    if section.thousands:
        whole = _grouped(whole)
    # A point without decimals behind it is shown too: 12 in "0.##" is "12.".
    point = "." if section.decimals else ""
    return f"{section.before}{whole}{point}{decimals}{section.after}".strip()


def _rounded(short: str, section: Digits) -> tuple[str, str]:
    """Round half up to the decimals of a section; return the whole part and the decimals."""
    exact = Decimal(short) * 100 if section.percent else Decimal(short)
    context = Context(prec=_LONGEST + section.decimals)
    rounded = exact.quantize(Decimal(1).scaleb(-section.decimals), ROUND_HALF_UP, context)
    whole, _, decimals = f"{rounded:f}".partition(".")
    return whole, decimals


def _grouped(digits: str) -> str:
    """Set commas between groups of three."""
    head = len(digits) % 3
    groups = [digits[:head]] if head else []
    groups += [digits[at : at + 3] for at in range(head, len(digits), 3)]
    return ",".join(groups)


class Numbers:
    """The cells of a workbook by style; those of numbers are remembered: columns repeat themselves."""

    def __init__(self, formats: Sequence[FormatCode], *, epoch_1904: bool) -> None:
        self._formats = formats
        self._epoch_1904 = epoch_1904
        self._known: dict[tuple[int, float], Cell] = {}
        self._worded = worded(formats)

    def text(self, style: int, text: str) -> str | Cell:
        """Return the cell for a stored text."""
        return text_cell(text, self._worded[style]) if text and style in self._worded else text

    def cell(self, style: int, number: float) -> Cell:
        """Return the cell for a stored number; a style that is not there is the first one."""
        cell = self._known.get((style, number))
        if cell is None:
            if not math.isfinite(number):
                return Cell(str(number), None, CellKind.ERROR)
            code = self._formats[style if style < len(self._formats) else 0]
            cell = number_cell(number, code, epoch_1904=self._epoch_1904)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[style, number] = cell
        return cell
