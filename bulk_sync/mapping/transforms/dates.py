"""Transforms to dates and times, from the formats that the mapping names; nothing is guessed."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

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

_NAMED: Mapping[str, tuple[str, ...]] = {
    "iso": ("%Y-%m-%d", "%Y%m%d"),
    "day-first": ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %B %Y", "%d %b %Y", "%d-%b-%Y"),
    "month-first": ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%B %d, %Y", "%b %d, %Y"),
    "year-first": ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"),
}
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_KNOWN = frozenset("aAbBdHIjmMpSfyYzZ%")
_SIDE_BY_SIDE = re.compile(r"((?:%[dHIjmMSyY]){2,})")
_WIDTHS = {"Y": 4, "j": 3}
_WIDTH = 2


def _formats(option: str | Sequence[str] | None, name: str) -> tuple[str, ...]:
    """Resolve named formats and check the others; raises for one that could not read a whole date."""
    given = [option] if isinstance(option, str) else list(option or ["iso"])
    formats: list[str] = []
    for index, item in enumerate(given):
        path = (name,) if isinstance(option, str) else (name, index)
        formats += _NAMED.get(item) or [check_date_format(item, path)]
        if name == "datetime":  # of a date the time is passed over, whatever it is
            check_hour(item, path)
            if "%p" in item and "%I" not in item:
                message = f"%p in {item!r} would be passed over: 06:30 PM would be 06:30"
                raise TransformMistake(message, hint="write %I, the hour that AM or PM belongs to, for %H", path=path)
    return tuple(dict.fromkeys(formats))


def check_date_format(text: str, path: tuple[str | int, ...]) -> str:
    """Return a format of strftime that has day, month and year; raise :class:`TransformMistake` for any other."""
    directives = set(_DIRECTIVE.findall(text))
    if not directives or "%" in _DIRECTIVE.sub("", text):
        raise TransformMistake(
            f"{text!r} is not a date format",
            hint="write one such as %d/%m/%Y, or one of " + ", ".join(_NAMED),
            path=path,
        )
    if unknown := sorted(directives - _KNOWN):
        raise TransformMistake(
            f"unknown directive %{unknown[0]} in {text!r}",
            hint="%d day, %m month, %b month's name, %Y year, %H hour, %M minute, %S second",
            path=path,
        )
    whole = directives & {"Y", "y"} and ("j" in directives or ("d" in directives and directives & set("mbB")))
    if not whole:
        raise TransformMistake(f"{text!r} does not name day, month and year", path=path)
    if repeated := sorted({d for d in _DIRECTIVE.findall(text) if d != "%" and text.count("%" + d) > 1}):
        raise TransformMistake(f"%{repeated[0]} stands twice in {text!r}", path=path)
    return text


def check_hour(text: str, path: tuple[str | int, ...]) -> None:
    """Raise :class:`TransformMistake` for a format whose hour may be two hours of the day."""
    directives = set(_DIRECTIVE.findall(text))
    if "I" in directives and "p" not in directives:
        message = f"%I in {text!r} is an hour from 1 to 12, and no %p says in which half of the day"
        raise TransformMistake(message, hint="write %H for hours from 0 to 23, or add %p (AM, PM)", path=path)


def _read(text: str, formats: tuple[str, ...]) -> datetime | None:
    for form in formats:
        widths = _full_widths(form)
        if widths is not None and not widths.fullmatch(text):
            continue
        try:
            # Without a zone in the format the time is the cell's own: naive, and sent as such.
            return datetime.strptime(text, form)  # noqa: DTZ007
        except (ValueError, OverflowError):
            continue
    return None


@functools.cache
def _full_widths(form: str) -> re.Pattern[str] | None:
    """Return what a text must look like where numbers of a format stand side by side; None where none do.

    Without a sign between them only their full widths tell them apart: by %d%m%Y, 1112024 is 11 January, or
    1 November that lost its zero.
    """
    between, *pieces = _SIDE_BY_SIDE.split(squeeze(form))
    if not pieces:
        return None
    pattern = _loosely(between)
    for run, after in zip(pieces[::2], pieces[1::2], strict=True):
        digits = (f"[0-9]{{{_WIDTHS.get(letter, _WIDTH)}}}" for letter in run[1::2])
        pattern += f"{''.join(digits)}{_loosely(after)}"
    return re.compile(pattern, re.IGNORECASE)


def _loosely(form: str) -> str:
    """Return a pattern for a piece of a format whose directives have signs between them."""
    return ".+?".join(map(re.escape, _DIRECTIVE.split(form)[::2]))


def _problem(text: str, formats: tuple[str, ...], code: str, words: str) -> TransformProblem:
    return TransformProblem(
        code,
        f"{shown(text)} is not {words} in the form {' or '.join(formats[:3])}{' …' * (len(formats) > 3)}",
    )


def _date(option: str | list[str] | None) -> Transform:
    formats = _formats(option, "date")

    def to_date(value: Value, stored: CellValue) -> Value | TransformProblem:
        known = stored if isinstance(stored, date) else value
        if isinstance(known, datetime):
            return known.date()
        if isinstance(known, date):
            return known
        text = squeeze(ascii_digits(as_text(value)))
        found = _read(text, formats)
        return found.date() if found else _problem(text, formats, "not_date", "a date")

    return to_date


def _datetime(option: str | list[str] | None) -> Transform:
    formats = _formats(option, "datetime")

    def to_datetime(value: Value, stored: CellValue) -> Value | TransformProblem:
        known = stored if isinstance(stored, date) else value
        if isinstance(known, datetime):
            return known
        if isinstance(known, date):
            return datetime(known.year, known.month, known.day)  # noqa: DTZ001  (a cell's date has no zone)
        text = squeeze(ascii_digits(as_text(value)))
        return (
            _read(text, formats)
            or _iso_time(text, option)
            or _problem(text, formats, "not_datetime", "a date with a time")
        )

    return to_datetime


def _iso_time(text: str, option: str | list[str] | None) -> datetime | None:
    """Read a full ISO date and time, where nothing else than ISO is asked for."""
    if option not in (None, "iso"):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


_FORMATS = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    ]
}
_OPTION = "a format such as %d/%m/%Y, or iso (when none is named), day-first, month-first, year-first, or a list"

INFOS = (
    TransformInfo(
        name="date",
        summary="Read a date; the cell's stored date where there is one, whatever its text",
        option=_OPTION,
        schema=_FORMATS,
        build=_date,
        examples=(
            Example("%d/%m/%Y", "31/12/2024", date(2024, 12, 31)),
            Example(["iso", "day-first"], "4 March 2024", date(2024, 3, 4)),
            Example("%m/%d/%Y", "31/12/2024", "not_date", problem=True),
        ),
    ),
    TransformInfo(
        name="datetime",
        summary="Read a date with its time; the cell's stored one where there is one",
        option=_OPTION,
        schema=_FORMATS,
        build=_datetime,
        examples=(
            Example("%d.%m.%Y %H:%M", "31.12.2024 18:30", datetime(2024, 12, 31, 18, 30)),  # noqa: DTZ001
            Example(None, "2024-12-31T18:30:00", datetime(2024, 12, 31, 18, 30)),  # noqa: DTZ001
        ),
    ),
)
CODES = {"not_date": "not a date", "not_datetime": "not a date with a time"}
