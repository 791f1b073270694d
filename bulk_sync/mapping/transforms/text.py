"""Transforms of text: white space, case, Unicode, parts added, replaced and cut off."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformProblem,
    Value,
    is_blank,
    per_text,
    shown,
)
from bulk_sync.records import CellValue

# What a person does not see around a text: str.strip() knows the spaces of Unicode, not the zero-width ones.
_INVISIBLE = (
    "\u200b\u200c\u200d\u2060\ufeff\u180e\u00ad\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_MARGIN = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + _INVISIBLE
_MARGIN += "".join(map(chr, range(0x2000, 0x200B)))

_TEXT = {"type": "string", "minLength": 1}
LANGUAGES = ("tr", "az")
_LANGUAGE = {"enum": list(LANGUAGES), "type": "string"}


def strip_margin(text: str) -> str:
    r"""Take off what cannot be seen at both ends: white space, no-break and zero-width characters, direction marks.

    >>> strip_margin("\u00a0 Acme\u200b\t"), strip_margin("\ufeff \u2003")
    ('Acme', '')
    """
    return text.strip(_MARGIN)


def squeeze(text: str) -> str:
    """Make every run of white space one space, and strip the ends."""
    return " ".join(strip_margin(text).split())


def lower_case(text: str, language: str = "") -> str:
    """Lower-case a text; in Turkish and Azeri ``I`` becomes ``ı``. A dotted ``İ`` never leaves a loose dot."""
    if language in LANGUAGES:
        text = text.replace("I", "ı")
    return text.replace("İ", "i").lower()


def upper_case(text: str, language: str = "") -> str:
    """Upper-case a text; in Turkish and Azeri ``i`` becomes ``İ``."""
    if language in LANGUAGES:
        text = text.replace("i", "İ")
    return text.upper()


def ascii_digits(text: str) -> str:
    """Write the decimal digits of every script as 0 to 9, and leave the rest.

    >>> ascii_digits("٠٥٠-١٢٣")
    '050-123'
    """
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)


def _trim(_option: None) -> Transform:
    return per_text(strip_margin)


def _squeeze(_option: None) -> Transform:
    return per_text(squeeze)


def _lower(option: str | None) -> Transform:
    return per_text(lambda text: lower_case(text, option or ""))


def _upper(option: str | None) -> Transform:
    return per_text(lambda text: upper_case(text, option or ""))


def _unicode(option: str | None) -> Transform:
    form = option or "NFC"
    return per_text(lambda text: unicodedata.normalize(form, text))  # type: ignore[arg-type]  # checked by schema


def _digits(_option: None) -> Transform:
    return per_text(lambda text: "".join(c for c in ascii_digits(text) if c in "0123456789"))


def _replace(option: Mapping[str, str]) -> Transform:
    old, new = option["from"], option["to"]
    return per_text(lambda text: text.replace(old, new))


def _prefix(option: str) -> Transform:
    return per_text(lambda text: text if text.startswith(option) else option + text)


def _suffix(option: str) -> Transform:
    return per_text(lambda text: text if text.endswith(option) else text + option)


def _pad(option: int | Mapping[str, object]) -> Transform:
    given: Mapping[str, Any] = option if isinstance(option, Mapping) else {"width": option}
    width = int(given["width"])
    fill = str(given.get("with", "0"))
    pad: Callable[[str, int, str], str] = str.ljust if given.get("side") == "right" else str.rjust
    return per_text(lambda text: pad(text, width, fill))


def _truncate(option: int | Mapping[str, object]) -> Transform:
    given: Mapping[str, Any] = option if isinstance(option, Mapping) else {"length": option}
    length, silent = given["length"], given.get("loss") == "accept"

    def cut(text: str) -> str | TransformProblem:
        kept = text[:length].rstrip(_MARGIN)
        if silent or not strip_margin(text[length:]):
            return kept
        return TransformProblem(
            "too_long",
            f"{len(text)} characters, {length} are allowed: {shown(text[length:], 30)} would be lost",
            "shorten the cell, or accept the loss with {truncate: {length: N, loss: accept}}",
        )

    return per_text(cut)


def _default(option: str) -> Transform:
    # A cell without a text of its own may have a stored value: that is no blank.
    return lambda value, stored: option if is_blank(value) and stored is None else value


def _blank_if(option: str | list[str]) -> Transform:
    words = [option] if isinstance(option, str) else option
    blanks = {squeeze(word).casefold() for word in words}

    def blank(value: Value, _stored: CellValue) -> Value | TransformProblem:
        step = per_text(lambda text: None if squeeze(text).casefold() in blanks else text)
        result = step(value, None)
        return value if not isinstance(value, list) and result is not None else result

    return blank


INFOS = (
    TransformInfo(
        name="trim",
        summary="Take off white space and invisible characters at both ends",
        build=_trim,
        examples=(Example(None, "\u00a0 Acme \u200b", "Acme"), Example(None, "A  B", "A  B")),
    ),
    TransformInfo(
        name="squeeze",
        summary="Make every run of white space and line ends one space, and trim",
        build=_squeeze,
        examples=(Example(None, " Acme  Trading\u00a0 LLC ", "Acme Trading LLC"),),
    ),
    TransformInfo(
        name="lower",
        summary="Lower-case",
        option="language whose i has two forms: tr or az",
        schema=_LANGUAGE,
        build=_lower,
        examples=(Example(None, "Info@ACME.ae", "info@acme.ae"), Example("tr", "ISPARTA", "ısparta")),
    ),
    TransformInfo(
        name="upper",
        summary="Upper-case",
        option="language whose i has two forms: tr or az",
        schema=_LANGUAGE,
        build=_upper,
        examples=(Example(None, "ae", "AE"), Example("tr", "izmir", "İZMİR")),
    ),
    TransformInfo(
        name="unicode",
        summary="Bring to a Unicode normal form (NFC when none is named)",
        option="NFC, NFKC (also full-width letters and ligatures), NFD or NFKD",
        schema={"type": "string", "enum": ["NFC", "NFKC", "NFD", "NFKD"]},
        build=_unicode,
        examples=(Example(None, "Jose\u0301", "José"), Example("NFKC", "ＡＣＭＥ ﬁlm", "ACME film")),
    ),
    TransformInfo(
        name="digits",
        summary="Keep only the digits, those of other scripts as 0 to 9",
        build=_digits,
        examples=(
            Example(None, "TRN 100-2345", "1002345"),
            Example(None, "٠٥٠ ١٢٣", "050123"),
            Example(None, "none", "became_empty", problem=True),
        ),
    ),
    TransformInfo(
        name="replace",
        summary="Replace a text by another, everywhere",
        option="from and to; both are plain text, letter by letter",
        schema={
            "type": "object",
            "properties": {"from": _TEXT, "to": {"type": "string"}},
            "required": ["from", "to"],
            "additionalProperties": False,
        },
        bare=False,
        build=_replace,
        examples=(
            Example({"from": " & ", "to": " and "}, "Sons & Co", "Sons and Co"),
            Example({"from": "a.b", "to": ""}, "a.b axb", " axb"),
        ),
    ),
    TransformInfo(
        name="prefix",
        summary="Put a text before, unless it stands there already",
        option="the text",
        schema=_TEXT,
        bare=False,
        build=_prefix,
        examples=(Example("clt_", "abc", "clt_abc"), Example("clt_", "clt_abc", "clt_abc")),
    ),
    TransformInfo(
        name="suffix",
        summary="Put a text after, unless it stands there already",
        option="the text",
        schema=_TEXT,
        bare=False,
        build=_suffix,
        examples=(Example(" LLC", "Acme", "Acme LLC"), Example(" LLC", "Acme LLC", "Acme LLC")),
    ),
    TransformInfo(
        name="pad",
        summary="Fill up to a width, on the left with zeros when nothing else is said",
        option="the width, or width, with (one character) and side (left or right)",
        schema={
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 1000},
                {
                    "type": "object",
                    "properties": {
                        "width": {"type": "integer", "minimum": 1, "maximum": 1000},
                        "with": {"type": "string", "minLength": 1, "maxLength": 1},
                        "side": {"type": "string", "enum": ["left", "right"]},
                    },
                    "required": ["width"],
                    "additionalProperties": False,
                },
            ]
        },
        bare=False,
        build=_pad,
        examples=(
            Example(5, "123", "00123"),
            Example({"width": 4, "with": ".", "side": "right"}, "ab", "ab.."),
            Example(2, "123", "123"),
        ),
    ),
    TransformInfo(
        name="truncate",
        summary="Cut to a length; a problem when something is lost, unless that is accepted",
        option="the length in characters, or length and loss: accept",
        schema={
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {
                    "type": "object",
                    "properties": {
                        "length": {"type": "integer", "minimum": 1},
                        "loss": {"type": "string", "enum": ["problem", "accept"]},
                    },
                    "required": ["length"],
                    "additionalProperties": False,
                },
            ]
        },
        bare=False,
        build=_truncate,
        examples=(
            Example(4, "Acme", "Acme"),
            Example(4, "Acme LLC", "too_long", problem=True),
            Example({"length": 5, "loss": "accept"}, "Acme LLC", "Acme"),
        ),
    ),
    TransformInfo(
        name="default",
        summary="Give a value to a blank; the only transform that a blank does not pass unchanged",
        option="the text",
        schema=_TEXT,
        bare=False,
        build=_default,
        examples=(Example("AE", None, "AE"), Example("AE", "OM", "OM")),
    ),
    TransformInfo(
        name="blank_if",
        summary="Make a blank of words that mean nothing, such as - or n/a, in any case",
        option="the word, or a list of words",
        schema={"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
        bare=False,
        build=_blank_if,
        examples=(
            Example("-", "-", None),
            Example(["-", "n/a"], "N/A", None),
            Example(["-", "n/a"], "Acme", "Acme"),
        ),
    ),
)
CODES = {"too_long": "a text is longer than truncate allows, and something would be lost"}
