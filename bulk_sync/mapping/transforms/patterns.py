"""Transforms by regular expression, and the guard against patterns that take for ever.

Python's matcher tries every way in which open quantifiers (``*``, ``+``, ``{2,}``, ``{0,50}``) can share a text, so
a pattern may take time that grows with a power of the text's length, or doubles with every letter. Two rules keep
the worst case within seconds. A pattern is refused when it repeats a group that itself repeats or chooses
(``(a+)+``, ``(a|b)*``), refers back to a group, looks around, or has more than four open quantifiers or a dozen
optional parts. And the more it has of these, the shorter the text that it is tried on: with one open quantifier
some 14,000 characters, with two 840, with three 220, with four 100; a longer text is a problem, not a wait.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformMistake,
    TransformProblem,
    per_text,
    shown,
)

_MAX_PATTERN = 300
_MAX_OPEN = 4
_OPEN_FROM = 10
"""A counted quantifier that may give ten or more ways counts as open."""

_MAX_WAYS = 12
"""Powers of two: in so many ways the optional parts and choices of a pattern may fit, 4,096 at most."""
_ENDLESS = 1_000_000

_MAX_TEXT = 20_000
_STEPS = 100_000_000
"""About so many steps of the matcher are taken at worst, some seconds."""

_TOKEN = re.compile(
    r"(?P<escape>\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{3}|.))"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<open>\((?:\?(?P<kind>P<\w+>|P=\w+|<?[=!]|[aiLmsux-]+:|[aiLmsux-]+|>|:|\(\w+\)|\#))?)"
    r"|(?P<close>\))|(?P<choice>\|)"
    r"|(?P<many>[*+?][?+]?|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}[?+]?)"
    r"|(?P<other>.)",
    re.DOTALL,
)


def compile_pattern(pattern: str, path: tuple[str, ...]) -> tuple[re.Pattern[str], int]:
    """Compile a pattern that is safe to try; return it with the longest text that it may be tried on.

    Raises :class:`TransformMistake` for one that is no regular expression, or that could take for ever.
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise TransformMistake(
            f"not a regular expression: {error}", hint="a literal ( [ . * + ? needs a \\ before it", path=path
        ) from None
    return compiled, _longest(_weigh(pattern, path))


@dataclass(slots=True)
class _Group:
    """A part of a pattern: its open quantifiers, and in how many ways (in powers of two) the rest may fit."""

    opens: int = 0
    ways: float = 0.0
    branches: int = 1

    def add(self, part: _Group, times: int = 1) -> None:
        """Take in a part that stands in this group, repeated so many times."""
        self.opens += part.opens * times
        self.ways += (part.ways + math.log2(part.branches)) * times


def _longest(whole: _Group) -> int:
    """Return the longest text to try: places to begin at × ways to share it among the open quantifiers × the rest."""
    power = whole.opens + 1
    return min(_MAX_TEXT, int((_STEPS * math.factorial(power) / 2**whole.ways) ** (1 / power)))


def _weigh(pattern: str, path: tuple[str, ...]) -> _Group:
    """Count what may fit in several ways; raise for what the rules above refuse."""
    groups = [_Group()]
    atom = _Group()  # what was read last, not yet taken in: a quantifier may follow
    for token in _TOKEN.finditer(pattern):
        if fault := _refused(token):
            raise TransformMistake(f"{fault} are not allowed in a pattern", path=path)
        if token["many"]:
            atom = _repeated(atom, token, path)
            continue
        groups[-1].add(atom)
        atom = _Group()
        if token["open"]:
            groups.append(_Group())
        elif token["close"] and len(groups) > 1:
            atom = groups.pop()
        groups[-1].branches += bool(token["choice"])
    groups[0].add(atom)
    whole = _Group()
    whole.add(groups[0])
    _check_bounds(whole, path)
    return whole


def _repeated(atom: _Group, token: re.Match[str], path: tuple[str, ...]) -> _Group:
    least, most = _counts(token)
    repeated = _Group()
    if most - least < _OPEN_FROM:
        repeated.add(atom, most)
        repeated.ways += math.log2(most - least + 1)
        return repeated
    if atom != repeated:
        raise TransformMistake(
            f"{token[0]} repeats a group that itself repeats or chooses: on some texts this takes for ever",
            hint="repeat a single character or set instead: [ab]* for (a|b)*, \\w+ for (\\w+)+",
            path=path,
        )
    repeated.opens = 1
    return repeated


def _check_bounds(whole: _Group, path: tuple[str, ...]) -> None:
    if whole.opens > _MAX_OPEN:
        raise TransformMistake(
            f"{whole.opens} open quantifiers (* + {{n,}}), at most {_MAX_OPEN} are allowed",
            hint="use two transforms one after the other",
            path=path,
        )
    if whole.ways > _MAX_WAYS:
        raise TransformMistake(
            "too many optional parts and choices: on some texts this takes for ever",
            hint="use two transforms one after the other",
            path=path,
        )


def _refused(token: re.Match[str]) -> str:
    if token["escape"] and token["escape"][1] in "123456789":
        return "references to a group (\\1)"
    kind = token["kind"] or ""
    if kind.startswith(("P=", "(")):
        return "references to a group"
    if kind.strip("<") in ("=", "!"):
        return "look-ahead and look-behind"
    if "x" in kind.partition("<")[0]:
        return "verbose patterns (?x)"
    return ""


def _counts(token: re.Match[str]) -> tuple[int, int]:
    """Return the least and the greatest number of times; what has no end counts as very many."""
    sign = token["many"][0]
    if sign != "{":
        return (0, 1) if sign == "?" else (0, _ENDLESS)
    least = int(token["least"] or 0)
    if not token["comma"]:
        return least, least
    return least, int(token["most"] or _ENDLESS)


def _too_long(text: str, longest: int) -> TransformProblem:
    return TransformProblem(
        "pattern_too_slow",
        f"{len(text)} characters; this pattern reads at most {longest}",
        "a pattern with fewer * and + may read longer texts",
    )


def _extract(option: str | Mapping[str, str]) -> Transform:
    nested = isinstance(option, Mapping)
    source = option["pattern"] if isinstance(option, Mapping) else option
    path = ("extract", "pattern") if nested else ("extract",)
    pattern, longest = compile_pattern(source, path)
    keep = isinstance(option, Mapping) and option.get("missing") == "keep"
    group = 1 if pattern.groups else 0

    def extract(text: str) -> str | TransformProblem:
        if len(text) > longest:
            return _too_long(text, longest)
        match = pattern.search(text)
        if match is not None:
            return match[group] or ""
        if keep:
            return text
        return TransformProblem("no_match", f"{shown(text)} has no part that fits the pattern {source}")

    return per_text(extract)


def _regex_replace(option: Mapping[str, str]) -> Transform:
    pattern, longest = compile_pattern(option["from"], ("regex_replace", "from"))
    new = option["to"]
    try:
        pattern.sub(new, "")  # parses the replacement, whether the pattern fits or not
    except (re.error, IndexError) as error:
        raise TransformMistake(
            f"regex_replace › to: {error}",
            hint="\\1 stands for the first group, \\\\ for a \\",
            path=("regex_replace", "to"),
        ) from None

    def replace(text: str) -> str | TransformProblem:
        return _too_long(text, longest) if len(text) > longest else pattern.sub(new, text)

    return per_text(replace)


_PATTERN = {"type": "string", "minLength": 1, "maxLength": _MAX_PATTERN}

INFOS = (
    TransformInfo(
        name="extract",
        summary="Keep the first part that fits a regular expression: its first group, or all of it",
        option="the pattern, or pattern and missing: keep (else a text without such a part is a problem)",
        schema={
            "anyOf": [
                _PATTERN,
                {
                    "type": "object",
                    "properties": {
                        "pattern": _PATTERN,
                        "missing": {"type": "string", "enum": ["problem", "keep"]},
                    },
                    "required": ["pattern"],
                    "additionalProperties": False,
                },
            ]
        },
        bare=False,
        build=_extract,
        examples=(
            Example(r"\d{4}", "Dubai 1234 UAE", "1234"),
            Example(r"\(([^)]+)\)", "Acme (Dubai)", "Dubai"),
            Example(r"\d{4}", "Dubai", "no_match", problem=True),
            Example({"pattern": r"\d{4}", "missing": "keep"}, "Dubai", "Dubai"),
        ),
    ),
    TransformInfo(
        name="regex_replace",
        summary="Replace every part that fits a regular expression",
        option="from (the pattern) and to (with \\1 for its first group)",
        schema={
            "type": "object",
            "properties": {"from": _PATTERN, "to": {"type": "string"}},
            "required": ["from", "to"],
            "additionalProperties": False,
        },
        bare=False,
        build=_regex_replace,
        examples=(
            Example({"from": r"\s*\(.*\)$", "to": ""}, "Acme (closed)", "Acme"),
            Example({"from": r"(\d\d)/(\d\d)", "to": r"\2-\1"}, "31/12", "12-31"),
        ),
    ),
)
CODES = {
    "no_match": "a text has no part that fits the pattern of extract",
    "pattern_too_slow": "a text is longer than the pattern of a transform may be tried on",
}
