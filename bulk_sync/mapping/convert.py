"""A value to the type that is sent: text, number, integer, boolean, date, datetime, list, json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from bulk_sync.mapping.dates import date_from_text
from bulk_sync.mapping.findings import Finding, quoted
from bulk_sync.mapping.numbers import json_number, number_from_stored, number_from_text
from bulk_sync.mapping.survey import DATES, DATETIMES, NUMBERS, Topic
from bulk_sync.mapping.transforms import Value, as_text, strip_margin
from bulk_sync.records import CellValue, Json

TOPICS: Mapping[str, Topic] = {"number": NUMBERS, "integer": NUMBERS, "date": DATES, "datetime": DATETIMES}
"""Types whose text has two readings, and what must be known to read it."""

_TRUE = frozenset({"true", "yes", "y", "1", "on"})
_FALSE = frozenset({"false", "no", "n", "0", "off"})


class Converter:
    """Converts values to one type.

    ``reading`` is the decimal sign or the order of day and month, None while it is not known: then only what
    reads alike either way is converted. The stored value counts where there is one of that type.
    """

    __slots__ = ("format", "reading", "separator", "type")

    def __init__(self, type_: str, *, separator: str = ",", format_: str = "", reading: str | None = None) -> None:
        self.type = type_
        self.separator = separator
        self.format = format_
        self.reading = reading

    def __call__(self, value: Value, stored: CellValue) -> Json | Finding:
        """Return the value as it is sent. ``stored`` is given only while the value is the cell's own."""
        return _CONVERT[self.type](self, value, stored)

    def text(self, value: Value, _stored: CellValue) -> Json | Finding:
        """Return text as it is; dates in ISO form; a list is no text."""
        if isinstance(value, list):
            return Finding("not_text", "a list where a text is sent", "use `type: list`, or the transform join")
        return as_text(value)

    def number(self, value: Value, stored: CellValue) -> Json | Finding:
        """Return a number, stored or read from its text."""
        for number in (value, stored):
            if isinstance(number, int | float) and not isinstance(number, bool):
                return number_from_stored(number, as_text(value) or as_text(number))
        if not isinstance(value, str):
            return Finding("not_number", "not a number", "", as_text(value))
        return number_from_text(value, self.reading)

    def integer(self, value: Value, stored: CellValue) -> Json | Finding:
        """Return a number without a fraction."""
        number = self.number(value, stored)
        if isinstance(number, float):
            return Finding("not_integer", "not a whole number", "", as_text(value) or as_text(number))
        return number

    def boolean(self, value: Value, stored: CellValue) -> Json | Finding:
        """Return true or false, stored or by one of a few words; others are for the transform ``boolean``."""
        if isinstance(value, bool):
            return value
        if isinstance(stored, bool):
            return stored
        word = as_text(value).casefold()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        hint = "true, yes, y, 1, on and false, no, n, 0, off are known; use `map` for others"
        return Finding("not_boolean", "neither true nor false", hint, as_text(value))

    def date(self, value: Value, stored: CellValue) -> Json | Finding:
        """Return a date, stored or read from its text, in ISO form or in ``format``."""
        found = _day(value) or _day(stored) or date_from_text(as_text(value), self.reading, with_time=False)
        if isinstance(found, Finding):
            return found
        if isinstance(found, datetime):
            if (found.hour, found.minute, found.second, found.microsecond) != (0, 0, 0, 0):
                return Finding(
                    "not_date", "not a date: it has a time of day", "`type: datetime` sends both", str(found)
                )
            found = found.date()
        return found.strftime(self.format) if self.format else found.isoformat()

    def datetime(self, value: Value, stored: CellValue) -> Json | Finding:
        """Return a date with its time, stored or read from its text, in ISO form or in ``format``."""
        found = _day(value) or _day(stored) or date_from_text(as_text(value), self.reading, with_time=True)
        if isinstance(found, Finding):
            return found
        if not isinstance(found, datetime):
            found = datetime(found.year, found.month, found.day)  # noqa: DTZ001  (a sheet's times have no zone)
        if found.tzinfo is not None and self.format and _loses_offset(self.format, found):
            hint = "add %z to `format`; without a format it is sent in ISO form, offset included"
            return Finding("not_datetime", "its offset from UTC would be lost in `format`", hint, as_text(value))
        return found.strftime(self.format) if self.format else found.isoformat()

    def list(self, value: Value, _stored: CellValue) -> Json | Finding:
        """Return a list of texts, split at the separator; blank items are none."""
        items = value if isinstance(value, list) else as_text(value).split(self.separator)
        texts = [text for text in (strip_margin(as_text(item)) for item in items) if text]
        return texts or Finding("not_list", "a list without items", "", as_text(value))

    def json(self, value: Value, _stored: CellValue) -> Json | Finding:
        """Return what the text says as JSON: every key once, every number as it is written."""
        text = as_text(value)
        try:
            found: Json = json.loads(
                text, parse_constant=_no_constant, parse_float=_exact, parse_int=_exact, object_pairs_hook=_each_once
            )
        except _InexactNumberError as error:
            return error.finding._replace(value=text)
        except (ValueError, RecursionError) as error:
            words = str(error).split("\n")[0]
            return Finding("not_json", f"not JSON ({words[:80]})", "", text)
        if found is None:
            return Finding("not_json", "null is no value", "blank cells and the clear token clear a field", "null")
        return found


_CONVERT = {
    "text": Converter.text,
    "number": Converter.number,
    "integer": Converter.integer,
    "boolean": Converter.boolean,
    "date": Converter.date,
    "datetime": Converter.datetime,
    "list": Converter.list,
    "json": Converter.json,
}


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None


def _loses_offset(form: str, moment: datetime) -> bool:
    """Whether a format writes a time and not how far it is from UTC: by %z, or for UTC itself by a Z at its end."""
    told = "%z" in form or (form.endswith("Z") and not moment.utcoffset())
    return not told and ("%H" in form or "%I" in form)


class _InexactNumberError(ValueError):
    """A number in JSON that would lose digits when it is sent."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def _exact(written: str) -> int | float:
    try:
        number = json_number(Decimal(written), written)
    except InvalidOperation:
        raise ValueError("a number out of range") from None
    if isinstance(number, Finding):
        raise _InexactNumberError(number)
    return number


def _each_once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {quoted(twice)} stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
