"""The shapes of a transform: what it takes, what it gives, how it describes itself.

A transform works on one value and knows nothing of rows, columns or fields. Its failure is a
:class:`TransformProblem`, a value; whoever calls it adds the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

from bulk_sync.records import CellValue

Value: TypeAlias = str | int | float | bool | date | datetime | list[str] | None
"""What travels through a list of transforms. It begins as the cell's text; None is blank, and so are '' and []."""


class TransformProblem(NamedTuple):
    """Why a value did not pass a transform: a code of ``TRANSFORM_CODES``, what is wrong, what to do about it."""

    code: str
    message: str
    hint: str = ""


Transform: TypeAlias = Callable[[Value, CellValue], Value | TransformProblem]
"""``transform(value, stored)``: ``stored`` is the cell's stored value while ``value`` is still the cell's own text,
else None. Pure, and never raises on any value."""

TextStep: TypeAlias = Callable[[str], Value | TransformProblem]
"""A step that reads text: other values reach it as text, a list item by item."""


class Example(NamedTuple):
    """One use of a transform, which a test runs.

    ``output`` is the value it gives, or the code of the problem where ``problem`` is True.
    """

    option: object
    input: Value
    output: Value
    problem: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformInfo:
    """One transform as it is listed, checked and compiled.

    ``schema`` is the JSON Schema of its option, None for one that takes no option; ``bare`` says whether it may
    stand without one. ``build`` gets the checked option (None when bare) and may raise
    :class:`TransformMistake` for what a schema cannot say. ``extra`` names the optional dependency it needs.
    """

    name: str
    summary: str
    build: Callable[[Any], Transform]
    examples: tuple[Example, ...]
    option: str = ""
    schema: Mapping[str, Any] | None = None
    bare: bool = True
    extra: str = ""


class TransformMistake(ValueError):
    """A transform or its option is not what it must be.

    ``path`` leads from the transform as written to the place of the mistake (``("replace", "frm")``), so that a
    reader of the YAML can name line and column.
    """

    def __init__(self, message: str, *, hint: str = "", path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = tuple(path)


def is_blank(value: Value) -> bool:
    """Whether a value is blank: None, the empty text, the empty list."""
    return not value and (value is None or value in ("", []))


def as_text(value: object) -> str:
    """Write a value as text: dates in ISO form, ``true`` and ``false``, numbers without needless zeros.

    >>> as_text(True), as_text(12.0), as_text(1.5), as_text(date(2024, 3, 4)), as_text(["a", "b"])
    ('true', '12', '1.5', '2024-03-04', 'a, b')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(as_text(item) for item in value)
    return str(value)


def shown(value: object, limit: int = 60) -> str:
    """Quote a value for a message, cut where it is long."""
    text = as_text(value)
    return f'"{text}"' if len(text) <= limit else f'"{text[:limit]}…"'


def per_text(step: TextStep) -> Transform:
    """Make a transform of a step that reads one text: a list goes through it item by item.

    Items that become blank or nothing leave the list; the first problem among the items is the list's.
    """

    def transform(value: Value, _stored: CellValue) -> Value | TransformProblem:
        if type(value) is str:
            return step(value)
        if not isinstance(value, list):
            return step(as_text(value))
        items: list[str] = []
        for item in value:
            result = step(item)
            if isinstance(result, TransformProblem):
                return result
            items.extend(result if isinstance(result, list) else [] if is_blank(result) else [as_text(result)])
        return items

    return transform
