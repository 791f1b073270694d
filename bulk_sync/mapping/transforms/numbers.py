"""Transforms to numbers and booleans."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformMistake,
    TransformProblem,
    Value,
    as_text,
    shown,
)
from bulk_sync.mapping.transforms.text import ascii_digits, squeeze
from bulk_sync.records import CellValue

_LOCALES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("en", "ae", "us", "gb", "in", "cn", "jp"), (".", ",")),
    **dict.fromkeys(("de", "es", "it", "nl", "pt", "br", "tr", "dk", "id", "gr"), (",", ".")),
    **dict.fromkeys(("fr", "ru", "pl", "se", "no", "fi", "cz", "ua", "bg", "hu"), (",", " ")),
    "ch": (".", "'"),
}
"""Short names for a decimal mark and a mark between thousands."""

_MAX_DIGITS = 300
_CURRENCY = re.compile(
    r"^(?:(?P<before>[A-Z]{3})|[A-Z]{0,2}[$€£¥₹₺₽₪]|Dhs?\.?|Rs\.?)\s*(?=[-+(\d.,])"
    r"|\s*(?:(?P<after>[A-Z]{3})|[$€£¥₹₺₽₪])$"
)
_COMMON_SHORTS = frozenset({"CFA", "DHS", "NTD", "RMB"})
"""What people write for a currency that has another code."""
_GROUP_MARKS = {" ": " \u00a0\u202f\u2009", "'": "'’", ".": ".", ",": ",", "": ""}


def parse_number(text: str, decimal: str, group: str) -> int | float | None:
    """Read a number with the given marks, None for what is not one.

    A currency before or after is left out; parentheses or a minus on either side make it negative. Marks between
    thousands must stand where they belong (1,234,567 or 12,34,567), and not after a lone zero: 0,125 has decimals.
    """
    number = _bare(ascii_digits(text).replace("٫", decimal).replace("٬", group).replace("\u2212", "-"))
    negative = False
    if number.startswith("(") and number.endswith(")"):
        number, negative = number[1:-1], True
    elif number.endswith("-"):
        number, negative = number[:-1], True
    sign, number = (number[0], number[1:].lstrip()) if number[:1] in ("-", "+") else ("", number)
    if sign and negative:  # (-5) and -5- say twice what once means, or take it back
        return None
    whole, mark, fraction = _bare(number).strip().partition(decimal)
    digits = _ungrouped(whole, group)
    if digits is None or len(digits) + len(fraction) > _MAX_DIGITS:
        return None
    if mark and not (fraction.isascii() and fraction.isdigit()):
        return None
    minus = "-" if negative or sign == "-" else ""
    if fraction.strip("0"):
        return float(f"{minus}{digits or '0'}.{fraction}")
    return int(f"{minus}{digits or '0'}") if digits or fraction else None


def _bare(number: str) -> str:
    """Leave out a currency. Three letters that are none stay: 5 MIO is not 5, nor is MAR 12 a dozen."""

    def left_out(found: re.Match[str]) -> str:
        word = found["before"] or found["after"]
        return "" if word is None or word in _currencies() else found[0]

    return _CURRENCY.sub(left_out, number)


@cache
def _currencies() -> frozenset[str]:
    import pycountry  # only for a column whose numbers come with letters

    return _COMMON_SHORTS.union(str(item.alpha_3) for item in pycountry.currencies)


def _ungrouped(whole: str, group: str) -> str | None:
    if not whole or (whole.isascii() and whole.isdigit()):
        return whole
    marks = re.escape(_GROUP_MARKS[group])
    if not marks or not re.fullmatch(rf"[0-9]{{1,3}}(?:[{marks}][0-9]{{2,3}})*[{marks}][0-9]{{3}}", whole):
        return None
    blocks = re.split(f"[{marks}]", whole)
    lengths = {len(block) for block in blocks[1:-1]}
    if blocks[0] == "0":
        return None
    western, indian = lengths <= {3}, lengths <= {2} and len(blocks[0]) <= 2
    return "".join(blocks) if western or indian else None


def _marks(option: str | Mapping[str, str] | None) -> tuple[str, str]:
    if isinstance(option, Mapping):
        decimal = option["decimal"]
        return decimal, option.get("group", "," if decimal == "." else ".")
    return _LOCALES[option or "en"]


def _number(option: str | Mapping[str, str] | None) -> Transform:
    decimal, group = _marks(option)

    def number(value: Value, stored: CellValue) -> Value | TransformProblem:
        if isinstance(stored, int | float) and not isinstance(stored, bool) and isinstance(value, str):
            value = stored
        if isinstance(value, int | float) and not isinstance(value, bool):
            if not math.isfinite(value):
                return TransformProblem("not_number", f"{value} is not a number that can be sent")
            return int(value) if isinstance(value, float) and value.is_integer() else value
        found = parse_number(squeeze(as_text(value)), decimal, group)
        if found is not None and math.isfinite(found):
            return found
        return TransformProblem(
            "not_number",
            f"{shown(value)} is not a number with {_mark_name(decimal)} before the decimals",
            _number_hint(as_text(value), decimal),
        )

    return number


def _mark_name(decimal: str) -> str:
    return "a comma" if decimal == "," else "a point"


def _number_hint(text: str, decimal: str) -> str:
    if "%" in text:
        return 'take the % off first: {replace: {from: "%", to: ""}}'
    if any(map(str.isalpha, text)):
        return "beside the number only a currency may stand, by its sign or its three letters (€, AED)"
    other = "." if decimal == "," else ","
    return f'if {_mark_name(other)} stands before the decimals, write {{number: {{decimal: "{other}"}}}}'


_WORDS: Mapping[bool, str] = {
    True: "yes y true t 1 on x ✓ ✔ ☑ ja j wahr oui vrai si sí verdadero vero sim verdadeiro evet doğru"
    " да истина tak prawda نعم صحيح",
    False: "no n false f 0 off ✗ ✘ ☐ nein falsch non faux falso não nao hayır hayir yanlış nee onwaar"
    " нет ложь nie fałsz لا خطأ",
}


def _boolean(option: Mapping[str, list[str]] | None) -> Transform:
    given: Mapping[bool, Any] = {True: (option or {}).get("true_words"), False: (option or {}).get("false_words")}
    words: dict[str, bool] = {}
    for meaning, text in _WORDS.items():
        for word in given[meaning] or text.split():
            if words.setdefault(squeeze(word).casefold(), meaning) is not meaning:
                raise TransformMistake(
                    f"{word!r} means true and false",
                    hint="name both true_words and false_words; the known words stand for the one that is left out",
                    path=("boolean",),
                )

    def boolean(value: Value, stored: CellValue) -> Value | TransformProblem:
        if isinstance(stored, bool):
            return stored
        if isinstance(value, bool):
            return value
        text = as_text(value)
        meaning = words.get(squeeze(text).casefold()) if not isinstance(value, date) else None
        if meaning is not None:
            return meaning
        return TransformProblem(
            "not_boolean",
            f"{shown(text)} is neither yes nor no",
            "name the words that are meant: {boolean: {true_words: [active], false_words: [closed]}}",
        )

    return boolean


_WORD_LIST = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}

INFOS = (
    TransformInfo(
        name="number",
        summary="Read a number; the cell's stored number where there is one",
        option="a country or language (de, fr, ch, …) for its marks, or decimal and group; en when none is named",
        schema={
            "anyOf": [
                {"type": "string", "enum": list(_LOCALES)},
                {
                    "type": "object",
                    "properties": {
                        "decimal": {"type": "string", "enum": [".", ","]},
                        "group": {"type": "string", "enum": [".", ",", " ", "'", ""]},
                    },
                    "required": ["decimal"],
                    "additionalProperties": False,
                },
            ]
        },
        build=_number,
        examples=(
            Example("de", "1.234,50 €", 1234.5),
            Example(None, "AED 12,000", 12000),
            Example("fr", "1 234,5", 1234.5),
            Example(None, "(99)", -99),
            Example({"decimal": ",", "group": "'"}, "1'234,5", 1234.5),
            Example(None, "1.234,50", "not_number", problem=True),
        ),
    ),
    TransformInfo(
        name="boolean",
        summary="Read yes or no, in a dozen languages; the cell's stored boolean where there is one",
        option="true_words and false_words, in place of the known ones",
        schema={
            "type": "object",
            "properties": {"true_words": _WORD_LIST, "false_words": _WORD_LIST},
            "additionalProperties": False,
        },
        build=_boolean,
        examples=(
            Example(None, "Ja", True),
            Example(None, "0", False),
            Example({"true_words": ["active"], "false_words": ["closed"]}, "Closed", False),
            Example(None, "maybe", "not_boolean", problem=True),
        ),
    ),
)
CODES = {
    "not_number": "not a number",
    "not_boolean": "neither true nor false",
}
