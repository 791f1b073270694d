"""What a spreadsheet does to a CSV that is opened and saved: cells that are no edits but damage."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation

_EXPONENT = re.compile(r"([+-]?\d(?:[.,](\d+))?)E([+-]?\d+)", re.IGNORECASE)
_DIGITS = re.compile(r"\+?[\d\s().-]*\d[\d\s().-]*")
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_OTHER_DATE = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})")
_MONTH = re.compile(r"(\d{1,2}[- ][A-Z][a-z]{2}([- ]\d{2,4})?|[A-Z][a-z]{2}[- ]\d{2,4})")
_NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+")


def scar(was: str, found: str, *, was_wrong: bool = False) -> str:
    """Say what a spreadsheet did to a cell; '' where it looks like an edit by hand.

    ``was_wrong``: the cell was a row's problem, so that whoever corrects it may well do what a spreadsheet does, such
    as to take zeros off or to write a date in another way.

    >>> scar("971501234567", "9.71501E+11")
    'a long number became an exponent'
    >>> scar("00123", "123"), scar("2024-01-05", "05/01/2024")
    ('leading zeros or a plus sign were lost', 'a date was written anew')
    >>> scar("Dubai", "Sharjah"), scar("971501234567", "+971501234567"), scar("2024-13-01", "2024-01-13")
    ('', '', '')
    """
    if not was or not found:
        return ""
    for does_fit, words in _SCARS:
        if does_fit(was, found) and not (was_wrong and does_fit in _CORRECTIONS):
            return words
    return ""


def _exponent(was: str, found: str) -> bool:
    written = _EXPONENT.fullmatch(found)
    if written is None or _EXPONENT.fullmatch(was) or not _DIGITS.fullmatch(was):
        return False
    value = Decimal(found.replace(",", "."))
    half_a_digit = Decimal(10) ** (int(written[3]) - len(written[2] or ""))
    return abs(Decimal("".join(filter(str.isdigit, was))) - abs(value)) <= half_a_digit


def _zeros_lost(was: str, found: str) -> bool:
    return was != found and found.isascii() and found.isdigit() and was.lstrip("+0") == found.lstrip("0") != ""


def _rounded(was: str, found: str) -> bool:
    both = was.isdigit() and found.isdigit() and len(was) == len(found) > 15
    return both and was[:15] == found[:15] and not found[15:].strip("0")


def _date(was: str, found: str) -> bool:
    iso, other = _ISO_DATE.match(was), _OTHER_DATE.match(found)
    if iso is None or other is None or _ISO_DATE.match(found):
        return False
    year, month, day = (int(part) for part in iso.groups())
    with suppress(ValueError):
        date(year, month, day)
        return _same_date(year, month, day, other)
    return False  # a spreadsheet writes anew only what it takes for a date


def _same_date(year: int, month: int, day: int, other: re.Match[str]) -> bool:
    numbers = sorted(int(part) for part in other.groups())
    return numbers in (sorted((year, month, day)), sorted((year % 100, month, day)))


def _month(was: str, found: str) -> bool:
    """Excel takes 3-4 and MAR1 for days."""
    return bool(_MONTH.fullmatch(found)) and not _MONTH.fullmatch(was) and any(map(str.isdigit, was))


def _retyped(was: str, found: str) -> bool:
    """Excel writes a number in its own way: 12.50 became 12.5; it never adds a plus."""
    if not (_NUMBER.fullmatch(was) and _NUMBER.fullmatch(found)) or found.startswith("+"):
        return False
    with suppress(InvalidOperation):
        return Decimal(was.replace(",", "")) == Decimal(found.replace(",", ""))
    return False


def _letters_lost(was: str, found: str) -> bool:
    if was.isascii():
        return False
    with suppress(UnicodeError):
        if found.encode("cp1252").decode("utf-8") == was:
            return True
    pattern = "".join(re.escape(letter) if letter.isascii() else f"(?:{re.escape(letter)}|[?�]+)" for letter in was)
    return found != was and bool(re.fullmatch(pattern, found))


_SCARS = (
    (_exponent, "a long number became an exponent"),
    (_zeros_lost, "leading zeros or a plus sign were lost"),
    (_rounded, "digits beyond the fifteenth were lost"),
    (_date, "a date was written anew"),
    (_month, "a text became a date"),
    (_retyped, "a number was written anew"),
    (_letters_lost, "letters were lost to another encoding"),
)

_CORRECTIONS = (_zeros_lost, _date, _month, _retyped)
"""Those that a correction by hand may look like, too."""
