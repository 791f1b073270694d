"""Templates: text with columns in braces, ``{Last|title} {Suffix}``.

A blank part drops the text that sets it apart from the part before it (the first part: from the next one), and
the brackets or quotes around it: ``{City}, {State} ({Zip})`` without State and Zip is the city. Text before the
first and after the last part stays. ``{{`` and ``}}`` are braces. A column name may contain anything but ``{``,
``}`` and ``|``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from bulk_sync.mapping.findings import Finding
from bulk_sync.mapping.transforms import Chain, TransformProblem, as_text, compile_chain, is_blank
from bulk_sync.records import CellValue

_PIECES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_PAIRS = {"(": ")", "[": "]", "<": ">", '"': '"', "'": "'", "«": "»", "“": "”", "„": "“"}


class Part(NamedTuple):
    """A column in a template: the text that stands before it, and the brackets around it."""

    before: str
    column: str
    chain: Chain
    opening: str = ""
    closing: str = ""


class Template(NamedTuple):
    """A compiled template. ``start`` and ``end`` are the texts outside the first and the last part."""

    start: str
    parts: tuple[Part, ...]
    end: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it draws on, in order, each as often as it stands there."""
        return tuple(part.column for part in self.parts)

    def render(self, texts: Sequence[str], stored: Sequence[CellValue]) -> str | tuple[int, Finding]:
        """Fill in a text for each part; '' where all are blank. A part's finding comes with its place."""
        filled = ""
        for place, (part, text) in enumerate(zip(self.parts, texts, strict=True)):
            value = part.chain(text or None, stored[place])
            if isinstance(value, TransformProblem):
                return place, Finding(value.code, value.message, value.hint, text)
            if is_blank(value):
                continue
            written = f"{part.opening}{as_text(value)}{part.closing}"
            filled = f"{filled}{part.before}{written}" if filled else written
        return f"{self.start}{filled}{self.end}" if filled else ""


def compile_template(text: str) -> Template:
    """Compile a template. Raises ``ValueError`` (:class:`TransformMistake` for a transform) that says what is wrong."""
    literals, inner = _split(text)
    if not inner:
        raise ValueError("a template without a column; write `value:` for a fixed text, {Column} for a column")
    parts = []
    for place, written in enumerate(inner):
        column, *transforms = (piece.strip() for piece in written.split("|"))
        if not column:
            raise ValueError("empty braces in the template; {{ and }} stand for braces")
        opening, closing = _take_brackets(literals, place)
        parts.append(Part("", column, compile_chain(transforms), opening, closing))
    spaced = [part._replace(before=literals[place]) for place, part in enumerate(parts)]
    return Template(literals[0], tuple(spaced), literals[-1])


def _split(text: str) -> tuple[list[str], list[str]]:
    literals, inner = [""], []
    for piece in _PIECES.finditer(text):
        if piece.group(1) is not None:
            inner.append(piece.group(1))
            literals.append("")
        elif piece.group() in "{}":
            raise ValueError(f"a single {piece.group()} in the template; write {piece.group() * 2} for a brace")
        else:
            literals[-1] += piece.group()[0] if piece.group() in ("{{", "}}") else piece.group()
    return literals, inner


def _take_brackets(literals: list[str], place: int) -> tuple[str, str]:
    """Give a part the brackets right around it, so that they come and go with it."""
    before, after = literals[place], literals[place + 1]
    if before and after and _PAIRS.get(before[-1]) == after[0]:
        literals[place], literals[place + 1] = before[:-1], after[1:]
        return before[-1], after[0]
    return "", ""
