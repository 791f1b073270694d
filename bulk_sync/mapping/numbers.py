"""Numbers from text, by a decimal sign that is known, not guessed."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite

from bulk_sync.mapping.findings import Finding, quoted

_SPACES = "'’ \u00a0\u2009\u202f"
_TAIL = r"(?:[eE][+-]?[0-9]{1,3})?"
_BY_SIGN = {
    sign: re.compile(
        rf"[+-]?(?:(?:[0-9]+|(?!0[^0-9])[0-9]{{1,3}}(?P<group>[{other}{_SPACES}])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*)"
        rf"(?:[{sign}][0-9]+)?|[{sign}][0-9]+){_TAIL}"
    )
    for sign, other in ((".", ","), (",", "."))
}
_PLAIN = re.compile(r"-?[0-9]{1,15}")
"""Nearly every number: it reads alike with both signs, and a JSON number carries it."""
_GROUPING = re.compile(f"[{_SPACES}]")
_LARGEST_EXACT = 2**53
_MAX_DIGITS = 400


def read_number(text: str, sign: str) -> Decimal | None:
    """Read a text as a number with this decimal sign; groups of three may be set apart. None if it is none.

    A lone zero is no group, so that 0.125 has one reading; nothing need stand before a decimal sign.

    >>> read_number("1.234,5", ","), read_number("1,234", "."), read_number("1,234", ",")
    (Decimal('1234.5'), Decimal('1234'), Decimal('1.234'))
    >>> read_number("0.125", "."), read_number("0.125", ","), read_number("-.5", ".")
    (Decimal('0.125'), None, Decimal('-0.5'))
    """
    plain = text.replace("\u2212", "-")
    if len(plain) > _MAX_DIGITS or not _BY_SIGN[sign].fullmatch(plain):
        return None
    plain = _GROUPING.sub("", plain)
    return Decimal(plain.replace(",", "") if sign == "." else plain.replace(".", "").replace(",", "."))


def number_from_text(text: str, sign: str | None) -> int | float | Finding:
    """Return a JSON number. Without a known sign, only a text that reads alike with both is one."""
    if _PLAIN.fullmatch(text):
        return int(text)
    point, comma = read_number(text, "."), read_number(text, ",")
    number = point if sign == "." else comma if sign == "," else point if point is not None else comma
    if number is None:
        hint = "a number may have digits, a sign, a decimal sign and groups of three"
        other = comma if sign == "." else point
        if sign and other is not None:
            hint = f"the column's decimal sign is {quoted(sign)}; this one seems to use the other"
        return Finding("not_number", "not a number", hint, text)
    if sign is None and point is not None and comma is not None and point != comma:
        return Finding(
            "ambiguous_number",
            f"either {point} or {comma}, and nothing says which",
            'set `source.decimal` to "." or ","',
            text,
        )
    return json_number(number, text)


def json_number(number: Decimal, text: str) -> int | float | Finding:
    """Return the number as JSON carries it; a finding where digits would be lost on the way."""
    if number == 0:
        return 0
    if number.adjusted() < 17 and number == number.to_integral_value():
        whole = int(number)
        if abs(whole) <= _LARGEST_EXACT:
            return whole
    else:
        real = float(number)
        if Decimal(repr(real)) == number:
            return real
    return Finding(
        "imprecise_number",
        "a number with more digits than a JSON number carries",
        "send it as text, or round it in the source",
        text,
    )


def number_from_stored(stored: float, text: str) -> int | float | Finding:
    """Return a stored number as JSON carries it; 85.0 is 85, as it is in a CSV."""
    if isinstance(stored, int):
        return stored if abs(stored) <= _LARGEST_EXACT else json_number(Decimal(stored), text)
    if not isfinite(stored):
        return Finding("not_number", "not a number", "", text)
    whole = stored.is_integer() and abs(stored) <= _LARGEST_EXACT
    return int(stored) if whole else stored
