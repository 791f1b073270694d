"""What a value looks like, for the guards: a form in which reformatted values are equal, and its kind."""

from __future__ import annotations

import re
from typing import Literal

from bulk_sync.planning.values import is_custom, loose_text
from bulk_sync.records import Json

Shape = Literal["email", "phone", "digits", "url", "domain", "text", ""]

_PHONE = re.compile(r"(?:\+|00)[\d\s().\-/]{6,}")
_DIGITS = re.compile(r"[\d\s().\-/]{7,}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/\S*)?", re.IGNORECASE)

_WRONG: dict[str, frozenset[str]] = {
    "email": frozenset({"phone", "digits", "url", "domain"}),
    "phone": frozenset({"email", "url", "domain"}),
    "website": frozenset({"email", "phone", "digits"}),
    "taxNumber": frozenset({"email", "phone", "url"}),
}
_WRONG_IN_TEXT = frozenset({"email", "phone", "digits", "url"})
_NOWHERE: frozenset[str] = frozenset()


def form(value: Json) -> str:
    """Return a value without its formatting, so that equal forms mean one thing written in two ways.

    '' for nothing, and for values that say too little to be recognised again: booleans, lists, objects.

    >>> form("+971 (50) 123-4567"), form("00971501234567"), form(" Al  NOOR ")
    ('971501234567', '971501234567', 'alnoor')
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if float(value).is_integer() else str(value)
    if not isinstance(value, str):
        return ""
    if _PHONE.fullmatch(value) or _DIGITS.fullmatch(value):
        return "".join(filter(str.isdecimal, value)).removeprefix("00")
    return loose_text(value)


def shape(value: Json) -> Shape:
    """Return what a text looks like; '' for nothing and for anything but a text."""
    if not isinstance(value, str) or not value:
        return ""
    if _EMAIL.fullmatch(value):
        return "email"
    if _PHONE.fullmatch(value):
        return "phone"
    if _DIGITS.fullmatch(value):
        return "digits"
    if _URL.fullmatch(value):
        return "url"
    return "domain" if _DOMAIN.fullmatch(value) else "text"


def wrong_shapes(field: str) -> frozenset[str]:
    """Return the shapes that do not belong in a plain field; none for a custom field, which may hold anything."""
    return _NOWHERE if is_custom(field) else _WRONG.get(field, _WRONG_IN_TEXT)
