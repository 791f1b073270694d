"""Which number format shows a stored number as the text that was seen, so that `00123` comes back as `00123`."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

GENERAL = "General"
_CORE = re.compile(r"(?P<before>[^\d.-]*)(?P<sign>-?)(?P<whole>\d[\d,]*)(?:\.(?P<decimals>\d+))?(?P<after>[^\d]*)")


def general_text(value: float) -> str:
    """Return a number as a wide cell without a format shows it: 15 digits, no exponent before 10^16, no ``.0``.

    >>> general_text(971501234567.0), general_text(0.1 + 0.2), general_text(0.00001)
    ('971501234567', '0.3', '1E-05')
    """
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e16):
        return str(int(value))
    return f"{value:.15g}".upper()


def number_format(text: str, value: float) -> str:
    """Return a format under which ``value`` reads as ``text``; a plain one where no simple format does.

    >>> number_format("00123", 123), number_format("1,234.50", 1234.5), number_format("AED 7", 7)
    ('00000', '#,##0.00', '"AED "0')
    >>> number_format("12.5", 12.5), number_format("971501234567", 971501234567)
    ('General', '0')
    """
    plain = general_text(value)
    if text in {plain, ""}:
        return GENERAL if len(plain) <= 11 else _long(value)
    decimals = len(text) - text.rfind(".") - 1 if "." in text else 0
    if f"{value:.{decimals}f}" == text:  # what most cells look like, found out cheaply
        return _with_decimals("0", decimals)
    if f"{value:,.{decimals}f}" == text:
        return _with_decimals("#,##0", decimals)
    found = _CORE.fullmatch(text)
    return (_derived(found, value) if found else None) or GENERAL


def _derived(seen: re.Match[str], value: float) -> str | None:
    before, sign, whole, decimals, after = seen.groups("")
    grouped = "," in whole
    percent = after == "%"
    rounded = (abs(Decimal(repr(value))) * (100 if percent else 1)).quantize(
        Decimal(1).scaleb(-len(decimals)), ROUND_HALF_UP
    )
    fraction = f".{decimals}" if decimals else ""
    width = len(whole) + len(fraction)
    if (f"{rounded:,f}" if grouped else f"{rounded:0{width}f}") != whole + fraction:
        return None
    if bool(sign) != (value < 0) or (sign and before) or ("%" in before + after and not percent):
        return None
    padded = "0" * (len(whole) if whole.startswith("0") else 1)
    digits = _with_decimals("#,##0" if grouped else padded, len(decimals))
    return _literal(before) + digits + ("%" if percent else _literal(after))


def _with_decimals(whole: str, decimals: int) -> str:
    return f"{whole}.{'0' * decimals}" if decimals else whole


def _long(value: float) -> str:
    """Twelve digits and more turn into an exponent under General; fractions are left to it."""
    return "0" if float(value).is_integer() and abs(value) < 1e16 else GENERAL


def _literal(text: str) -> str:
    return '"' + text.replace('"', "") + '"' if text else ""
