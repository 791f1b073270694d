"""What a number format code shows, taken apart once for each code of a workbook (ECMA-376, 18.8.30)."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class Shows(Enum):
    """The kinds of format."""

    GENERAL = "general"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    DURATION = "duration"
    OTHER = "other"
    """Fractions, exponents, conditions: shown text that is not reproduced here."""


class Digits(NamedTuple):
    """One section of a number format: text before and after the digits, and how those are written."""

    before: str
    after: str
    zeros: int
    """How many digits the whole part has at least."""
    decimals: int
    optional: int
    """How many of the decimals are left out when they are zero."""
    thousands: bool
    percent: bool
    digits: bool = True
    """False for a section of text alone."""


class FormatCode(NamedTuple):
    """A format code: what it shows of numbers, with its sections for positive, negative and zero ones, and of texts.

    ``around`` is what stands before and after a text; None if texts are shown in a way that is not reproduced, or not
    at all.
    """

    code: str
    shows: Shows
    sections: tuple[Digits, ...] = ()
    around: tuple[str, str] | None = ("", "")


BUILT_IN = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: "$#,##0;($#,##0)",
    6: "$#,##0;($#,##0)",
    7: "$#,##0.00;($#,##0.00)",
    8: "$#,##0.00;($#,##0.00)",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)",
    41: "#,##0;(#,##0);-;@",
    42: "$#,##0;($#,##0);-;@",
    43: "#,##0.00;(#,##0.00);-;@",
    44: "$#,##0.00;($#,##0.00);-;@",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "0.0E+0",
    49: "@",
}
"""Formats that a workbook names by number only. 27 to 36 and 50 to 58 are dates in East Asian locales."""
_EAST_ASIAN_DATES = frozenset({*range(27, 32), 36, *range(50, 55), 57, 58})
_EAST_ASIAN_TIMES = frozenset({32, 33, 34, 35, 55, 56})

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]|(?P<ampm>AM/PM|A/P)'
    r"|(?P<general>General)|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_COLOURS = re.compile(r"(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r\s*\d+)", re.IGNORECASE)
_ELAPSED = re.compile(r"(?:h+|m+|s+)", re.IGNORECASE)
_DIGITS = re.compile(r"(?P<whole>[#0](?:[#0,]*[#0])?)(?:\.(?P<decimals>[0#]+))?|\.(?P<only>[0#]+)")
_TEXT_SECTION = 4
_LITERALS = "$-+/():!^&'~{}<>= €£¥"
_Token = tuple[str, str]


def format_code(code: str, number: int | None = None) -> FormatCode:
    """Take a format code apart; ``number`` is its id in the workbook, where it is a built-in one."""
    if number in _EAST_ASIAN_DATES:
        return FormatCode(f"number format {number}", Shows.DATE)
    if number in _EAST_ASIAN_TIMES:
        return FormatCode(f"number format {number}", Shows.TIME)
    sections = [_tokens(section) for section in _sections(code)]
    around = _around(sections)
    shows = _dated(sections[0]) or _plain(sections)
    if shows is not None:
        return FormatCode(code, shows, (), around)
    parsed = [_digits(section) for section in sections[:3]]
    complete = tuple(section for section in parsed if section is not None)
    if len(complete) != len(parsed) or not complete[0].digits:
        return FormatCode(code, Shows.OTHER, (), around)
    return FormatCode(code, Shows.NUMBER, complete, around)


def _around(sections: list[list[_Token]]) -> tuple[str, str] | None:
    """Read the section for texts: the fourth, or a shorter code's last one if it has an ``@``.

    General, there, shows a text as it is, too. White space is none.
    """
    last, whole = sections[min(len(sections), _TEXT_SECTION) - 1], len(sections) >= _TEXT_SECTION
    places = [
        index
        for index, (kind, text) in enumerate(last)
        if (kind == "plain" and text == "@") or (whole and kind == "general")
    ]
    if not places:
        return None if whole else ("", "")
    literals = [_literal(kind, text, has_digits=False) for kind, text in last]
    literals[places[0]] = ""
    if any(literal is None for literal in literals):
        return None
    before, after = ("".join(map(str, part)) for part in (literals[: places[0]], literals[places[0] :]))
    return (before, after) if before.strip() or after.strip() else ("", "")


def _plain(sections: list[list[_Token]]) -> Shows | None:
    """Recognise General and text, which have no digits of their own."""
    first = sections[0]
    if first and all(kind == "general" for kind, _ in first):
        return Shows.GENERAL if len(sections) == 1 else Shows.OTHER
    return Shows.TEXT if [text for _, text in first] == ["@"] else None


def _sections(code: str) -> list[str]:
    """Split at the semicolons that stand outside of quotes, brackets and escapes."""
    sections = [""]
    for match in _TOKEN.finditer(code):
        if match["plain"] == ";":
            sections.append("")
        else:
            sections[-1] += match[0]
    return sections


def _tokens(section: str) -> list[_Token]:
    """Name the parts of a section: text, elapsed times, conditions, and plain format characters."""
    tokens: list[_Token] = []
    for match in _TOKEN.finditer(section):
        kind = match.lastgroup or "plain"
        text = match[kind]
        if kind in {"quoted", "escaped"}:
            tokens.append(("text", text))
        elif kind == "space":
            tokens.append(("text", " "))
        elif kind == "bracket":
            tokens += _bracket(text)
        elif kind != "fill":
            tokens.append((kind, text))
    return tokens


def _bracket(text: str) -> list[_Token]:
    """Read what stands in brackets: a colour, a currency with its locale, elapsed time, or a condition."""
    if _COLOURS.fullmatch(text):
        return []
    if text.startswith("$"):
        return [("text", text[1:].partition("-")[0])]
    if _ELAPSED.fullmatch(text):
        return [("elapsed", text)]
    return [("condition", text)]


def _dated(tokens: list[_Token]) -> Shows | None:
    """Tell whether a section shows a date, a time or a duration."""
    if any(kind == "elapsed" for kind, _ in tokens):
        return Shows.DURATION
    letters = {text.lower() for kind, text in tokens if kind == "plain"}
    ampm = any(kind == "ampm" for kind, _ in tokens)
    if "0" in letters - {"0"} or "#" in letters or "?" in letters:
        return None
    timed = ampm or bool(letters & {"h", "s"})
    dated = bool(letters & {"d", "y", "e", "g", "b"} - ({"e"} if "0" in letters else set()))
    if "m" in letters and not timed:
        dated = True
    if timed and dated:
        return Shows.DATETIME
    if timed:
        return Shows.TIME
    return Shows.DATE if dated else None


def _digits(tokens: list[_Token]) -> Digits | None:
    """Read a section with digits; None if it shows them in a way that is not reproduced."""
    pattern, before, after = "", "", ""
    percent = False
    has_digits = any(kind == "plain" and text in "0#" for kind, text in tokens)
    for kind, text in tokens:
        if kind == "plain" and text in "0#,.":
            if after:
                return None
            pattern += text
            continue
        literal = _literal(kind, text, has_digits)
        if literal is None:
            return None
        percent = percent or (kind == "plain" and text == "%")
        if pattern:
            after += literal
        else:
            before += literal
    if not pattern:
        return Digits(before, after, 0, 0, 0, False, percent, digits=False)
    match = _DIGITS.fullmatch(pattern)
    if not match:
        return None
    whole = match["whole"] or ""
    decimals = match["decimals"] or match["only"] or ""
    if "#" in whole.lstrip("#,") or "0" in decimals.lstrip("0"):
        return None
    return Digits(before, after, whole.count("0"), len(decimals), decimals.count("#"), "," in whole, percent)


def _literal(kind: str, text: str, has_digits: bool) -> str | None:
    """Return what a part without digits shows; None if that is not reproduced."""
    if kind == "text" or (kind == "plain" and (text == "%" or text in _LITERALS)):
        return text
    return " " if kind == "plain" and text == "?" and not has_digits else None
