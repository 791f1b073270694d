"""Transforms: small, named, pure functions that a mapping puts between a cell and a field.

This package is the index. It loads nothing heavy: a transform's library is imported when a mapping that uses it
is compiled. A new transform is one :class:`TransformInfo` in the ``INFOS`` of one of the modules here.

How values pass: a blank (None, '', []) passes every transform but ``default``; a value that becomes empty is the
problem ``became_empty``, except in ``blank_if``, whose purpose is to make a blank, and in ``default``. Text
transforms take any other value as text, and a list item by item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from bulk_sync.mapping.transforms import casing, country, dates, numbers, parts, patterns, phone, repair, text, web
from bulk_sync.mapping.transforms.options import check_option, did_you_mean
from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformMistake,
    TransformProblem,
    Value,
    as_text,
    is_blank,
    shown,
)
from bulk_sync.mapping.transforms.text import strip_margin
from bulk_sync.records import CellValue

__all__ = [
    "TRANSFORMS",
    "TRANSFORM_CODES",
    "Chain",
    "Example",
    "Transform",
    "TransformInfo",
    "TransformMistake",
    "TransformProblem",
    "TransformRow",
    "TransformSpec",
    "Value",
    "as_text",
    "compile_chain",
    "compile_transform",
    "example_lines",
    "is_blank",
    "shown",
    "spelled",
    "strip_margin",
    "transform_schema",
    "transforms_table",
]

TransformSpec = str | Mapping[str, Any]
"""A transform as the YAML has it: a name, or one name with its option."""

_MODULES = (text, casing, patterns, parts, numbers, dates, phone, country, web, repair)
TRANSFORMS: Mapping[str, TransformInfo] = MappingProxyType(
    {info.name: info for module in _MODULES for info in module.INFOS}
)
"""Every transform by its name, in the order in which they are listed."""

TRANSFORM_CODES: Mapping[str, str] = MappingProxyType(
    {
        "became_empty": "a transform left nothing of a value; blank_if and default say what is meant",
        **text.CODES,
        **patterns.CODES,
        **parts.CODES,
        **numbers.CODES,
        **dates.CODES,
        **phone.CODES,
        **country.CODES,
        **web.CODES,
        **repair.CODES,
    }
)
"""Every problem code that a transform gives, and its meaning."""


class TransformRow(NamedTuple):
    """A line of the list of transforms: ``example`` reads ``{pad: 5}: "123" → "00123"``."""

    name: str
    option: str
    summary: str
    example: str
    extra: str


class Chain:
    """Transforms applied from left to right, compiled once and used for every row.

    The stored value of the cell goes along as long as the value is still the cell's own text; the first transform
    that changes it leaves the stored value behind.
    """

    __slots__ = ("steps",)

    def __init__(self, steps: Sequence[tuple[str, Transform]]) -> None:
        self.steps = tuple(steps)

    def __call__(self, value: Value, stored: CellValue = None) -> Value | TransformProblem:
        """Return the value after the last transform, or the first problem. Never raises on data."""
        for _, transform in self.steps:
            result = transform(value, stored)
            if isinstance(result, TransformProblem):
                return result
            if result is not value and result != value:
                stored = None
            value = result
        return value

    def trace(self, value: Value, stored: CellValue = None) -> list[tuple[str, Value | TransformProblem]]:
        """Return each transform as it was written and what it gave, up to the first problem."""
        seen: list[tuple[str, Value | TransformProblem]] = []
        for label, transform in self.steps:
            one = Chain([(label, transform)])
            result = one(value, stored)
            seen.append((label, result))
            if isinstance(result, TransformProblem):
                break
            if result is not value and result != value:
                stored = None
            value = result
        return seen


def compile_transform(spec: TransformSpec) -> Transform:
    """Compile one transform. Raises :class:`TransformMistake` (a ``ValueError``) for an unknown name or bad option."""
    name, option, given = _named(spec)
    info = TRANSFORMS.get(name)
    if info is None:
        hint = did_you_mean(name, TRANSFORMS) or "'bulk-sync mapping transforms' lists them"
        raise TransformMistake(f"unknown transform {name!r}", hint=hint, path=() if not given else (name,))
    if not given:
        if not info.bare:
            raise TransformMistake(
                f"{name} needs an option: {info.option}", hint=f"as in {_example_spec(info, info.examples[0])}"
            )
    elif info.schema is None:
        raise TransformMistake(f"{name} takes no option", hint=f"write {name}", path=(name,))
    else:
        check_option(option, info.schema, (name,))
    return _guarded(info, info.build(option))


def compile_chain(specs: Sequence[TransformSpec]) -> Chain:
    """Compile a list of transforms. The ``path`` of a :class:`TransformMistake` begins with the place in the list."""
    steps = []
    for index, spec in enumerate(specs):
        try:
            steps.append((spelled(spec), compile_transform(spec)))
        except TransformMistake as mistake:
            raise TransformMistake(mistake.message, hint=mistake.hint, path=(index, *mistake.path)) from None
    return Chain(steps)


def spelled(spec: TransformSpec) -> str:
    """Write a transform as a mapping has it: ``trim``, ``{phone: AE}``."""
    return spec if isinstance(spec, str) else _flow(spec)


def transforms_table() -> list[TransformRow]:
    """Return every transform as a line of the list that ``mapping transforms`` prints."""
    return [
        TransformRow(info.name, info.option, info.summary, example_lines(info)[0], info.extra)
        for info in TRANSFORMS.values()
    ]


def transform_schema() -> dict[str, Any]:
    """Return the JSON Schema of one transform: a name that stands alone, or one name with its option."""
    bare = [info.name for info in TRANSFORMS.values() if info.bare]
    branches: list[dict[str, Any]] = [{"type": "string", "enum": bare}]
    for info in TRANSFORMS.values():
        if info.schema is not None:
            described = {"description": f"{info.summary}. Option: {info.option}.", **info.schema}
            branches.append(
                {
                    "type": "object",
                    "properties": {info.name: described},
                    "required": [info.name],
                    "additionalProperties": False,
                }
            )
    return {"anyOf": branches}


def _named(spec: object) -> tuple[str, object, bool]:
    if isinstance(spec, str):
        return spec, None, False
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise TransformMistake(
            "a transform is a name, or one name with its option",
            hint="write a list for several: [trim, {phone: AE}]",
        )
    ((name, option),) = spec.items()
    return str(name), option, True


def _guarded(info: TransformInfo, step: Transform) -> Transform:
    """Let a blank pass, and call it a problem when nothing is left of a value."""
    if info.name in {"default", "blank_if"}:
        return step

    def transform(value: Value, stored: CellValue) -> Value | TransformProblem:
        if is_blank(value):
            return value
        result = step(value, stored)
        left = strip_margin(result) if type(result) is str else result
        if isinstance(left, TransformProblem) or not is_blank(left):
            return result
        return TransformProblem(
            "became_empty",
            f"{info.name} leaves nothing of {shown(value)}",
            "correct the cell, or make such values blank first with blank_if",
        )

    return transform


def _flow(value: object) -> str:
    """Write an option in YAML's flow style, as one would type it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    written = str(value)
    plain = written and all(c.isalnum() or c in "_./ " for c in written) and written == written.strip()
    if not isinstance(value, str) or (plain and not written[0].isdigit()):
        return written
    return '"' + written.replace("\\", "\\\\").replace('"', '\\"') + '"'


def example_lines(info: TransformInfo) -> list[str]:
    """Return every example of a transform as a line: ``{pad: 5}: "123" → "00123"``, or the problem it gives."""
    return [
        f"{_example_spec(info, example)}: {_quoted(example.input)} → "
        + (f"problem {example.output}" if example.problem else _quoted(example.output))
        for example in info.examples
    ]


def _example_spec(info: TransformInfo, example: Example) -> str:
    return info.name if example.option is None else _flow({info.name: example.option})


def _quoted(value: Value) -> str:
    if value is None:
        return "(blank)"
    if isinstance(value, list):
        return "[" + ", ".join(map(_quoted, value)) + "]"
    if not isinstance(value, str):
        return as_text(value)
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return f'"{visible}"'
