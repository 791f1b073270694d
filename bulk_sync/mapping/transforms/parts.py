"""Transforms between a text and its parts: split, list, join."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformProblem,
    Value,
    as_text,
    per_text,
    shown,
)
from bulk_sync.mapping.transforms.text import strip_margin
from bulk_sync.records import CellValue


def parts_of(text: str, separators: str | list[str]) -> list[str]:
    """Cut a text at every separator; parts are trimmed, blank ones left out."""
    first, *others = [separators] if isinstance(separators, str) else separators
    for other in others:
        text = text.replace(other, first)
    return [part for part in map(strip_margin, text.split(first)) if part]


def _list(option: str | list[str]) -> Transform:
    return per_text(lambda text: parts_of(text, option))


def _join(option: str) -> Transform:
    def join(value: Value, _stored: CellValue) -> Value | TransformProblem:
        return option.join(map(as_text, value)) if isinstance(value, list) else value

    return join


def _split(option: Mapping[str, Any]) -> Transform:
    separator: str = option["on"]
    part: int = option["part"]
    whole = option.get("missing") == "whole"

    def split(text: str) -> str | TransformProblem:
        pieces = [strip_margin(piece) for piece in text.split(separator)]
        index = part - 1 if part > 0 else part
        if -len(pieces) <= index < len(pieces) and pieces[index]:
            return pieces[index]
        if whole:
            return text
        filled = sum(map(bool, pieces))
        return TransformProblem(
            "no_part",
            f"{shown(text)} has {filled} part{'' if filled == 1 else 's'} at {shown(separator)}, no part {part}",
            "missing: whole takes the whole text instead",
        )

    return per_text(split)


_TEXT = {"type": "string", "minLength": 1}

INFOS = (
    TransformInfo(
        name="split",
        summary="Cut at a separator and keep one part",
        option="on (the separator), part (1 is the first, -1 the last), missing: whole for texts without it",
        schema={
            "type": "object",
            "properties": {
                "on": _TEXT,
                "part": {"type": "integer", "minimum": -50, "maximum": 50, "not": {"const": 0}},
                "missing": {"type": "string", "enum": ["problem", "whole"]},
            },
            "required": ["on", "part"],
            "additionalProperties": False,
        },
        bare=False,
        build=_split,
        examples=(
            Example({"on": ",", "part": 1}, "Berg, Jan", "Berg"),
            Example({"on": ",", "part": -1}, "Berg, Jan", "Jan"),
            Example({"on": ",", "part": 2}, "Berg", "no_part", problem=True),
            Example({"on": ",", "part": 2, "missing": "whole"}, "Berg", "Berg"),
        ),
    ),
    TransformInfo(
        name="list",
        summary="Make a list of a text; its parts are trimmed, blank ones left out",
        option="the separator, or a list of separators",
        schema={"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
        bare=False,
        build=_list,
        examples=(
            Example(";", "VIP; retail ;", ["VIP", "retail"]),
            Example([",", "/"], "a, b/c", ["a", "b", "c"]),
            Example(";", ";;", "became_empty", problem=True),
        ),
    ),
    TransformInfo(
        name="join",
        summary="Make a text of a list",
        option="what stands between the parts",
        schema={"type": "string"},
        bare=False,
        build=_join,
        examples=(Example(", ", ["VIP", "retail"], "VIP, retail"), Example(", ", "VIP", "VIP")),
    ),
)
CODES = {"no_part": "a text has not the part that split asks for"}
