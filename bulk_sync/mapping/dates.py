"""Dates from text, by an order of day and month that is known, not guessed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from bulk_sync.mapping.findings import Finding

_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}([-/.])[0-9]{1,2}\1[0-9]{2}")
_TIME = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,6}))?)?(?:\s?(Z|[+-][0-9]{2}:?[0-9]{2}))?", re.IGNORECASE
)
_ORDERS = ("day-first", "month-first")


def read_date(text: str, order: str) -> date | None:
    """Read a text as a date with four digits of year: ISO in any order setting, else by it. None if it is none.

    >>> read_date("03/04/2024", "day-first"), read_date("2024-04-03", "month-first")
    (datetime.date(2024, 4, 3), datetime.date(2024, 4, 3))
    """
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day = int(found[1]), int(found[3]), int(found[4])
    elif found := _YEAR_LAST.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        day, month = (first, second) if order == "day-first" else (second, first)
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def read_datetime(text: str, order: str) -> datetime | None:
    """Read a text as a date and a time of day, with seconds and offset if they are there. None if it is none."""
    day_text, gap, time_text = text.replace("T", " ", 1).partition(" ")
    day = read_date(day_text, order)
    if day is None:
        return None
    if not gap:
        return datetime(day.year, day.month, day.day)  # noqa: DTZ001  (a sheet's times have no zone)
    found = _TIME.fullmatch(time_text.strip())
    if not found:
        return None
    hour, minute, second, fraction, offset = found.groups()
    try:
        return datetime(
            day.year,
            day.month,
            day.day,
            int(hour),
            int(minute),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")),
            tzinfo=_offset(offset),
        )
    except ValueError:
        return None


def _offset(text: str | None) -> timezone | None:
    if not text:
        return None
    if text in "Zz":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


def date_from_text(text: str, order: str | None, *, with_time: bool) -> date | datetime | Finding:
    """Return a date (or date and time). Without a known order, only a text that reads alike in both is one."""
    read = read_datetime if with_time else read_date
    if order is not None:
        found = read(text, order)
    else:
        found, other = (read(text, each) for each in _ORDERS)
        if found is not None and other is not None and found != other:
            return Finding(
                "ambiguous_date",
                f"either {found.isoformat()} or {other.isoformat()}, and nothing says which",
                "set `source.dates` to day-first or month-first",
                text,
            )
        found = found if found is not None else other
    return found if found is not None else _no_date(text, order, with_time=with_time)


def _no_date(text: str, order: str | None, *, with_time: bool) -> Finding:
    code, name = ("not_datetime", "a date with a time") if with_time else ("not_date", "a date")
    hint = "dates are read as 2024-04-03 or 03/04/2024; other forms need the transform {date: …}"
    if _SHORT_YEAR.fullmatch(text):
        hint = "the year has two digits; name the form with the transform {date: …}, as in {date: '%d/%m/%y'}"
    elif not with_time and isinstance(read_datetime(text, order or "day-first"), datetime):
        hint = "it has a time of day; `type: datetime` sends both"
    elif order is not None and read_date(text, _ORDERS[order == "day-first"]) is not None:
        hint = f"dates in this column are {order}"
    return Finding(code, f"not {name}", hint, text)
