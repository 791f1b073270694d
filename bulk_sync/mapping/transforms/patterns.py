"""Transforms by regular expression, and the guard against patterns that take for ever.

Python's matcher tries every way in which open quantifiers (``*``, ``+``, ``{2,}``, ``{0,50}``) can share a text, so
a pattern may take time that grows with a power of the text's length, or doubles with every letter. Two rules keep
the worst case near a second. A pattern is refused when it repeats a group that itself repeats or chooses
(``(a+)+``, ``(a|b)*``), refers back to a group, looks around or has more than four open quantifiers. And the
more open quantifiers it has, the shorter the text it is tried on; a longer one is a problem, not a wait.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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

_LONGEST = (20_000, 5_000, 600, 200, 120)
"""Longest text by the number of open quantifiers: length to the power of (number + 1) stays near a second."""

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
    return compiled, _LONGEST[_count_open(pattern, path)]


def _count_open(pattern: str, path: tuple[str, ...]) -> int:
    """Count the open quantifiers; raise for what the rules above refuse."""
    opens = 0
    groups = [False]  # for each open group: whether something in it repeats or chooses
    closed = False  # whether the atom just read is a group that does
    for token in _TOKEN.finditer(pattern):
        fault = _refused(token)
        if fault:
            raise TransformMistake(f"{fault} are not allowed in a pattern", path=path)
        if token["many"]:
            if _is_open(token):
                opens += 1
                if closed:
                    raise TransformMistake(
                        f"{token[0]} repeats a group that itself repeats or chooses: on some texts this takes for ever",
                        hint="repeat a single character or set instead: [ab]* for (a|b)*, \\w+ for (\\w+)+",
                        path=path,
                    )
            groups[-1] = True
            continue
        closed = False
        if token["open"]:
            groups.append(False)
        elif token["choice"]:
            groups[-1] = True
        elif token["close"] and len(groups) > 1:
            closed = groups.pop()
            groups[-1] = groups[-1] or closed
    if opens > _MAX_OPEN:
        raise TransformMistake(
            f"{opens} open quantifiers (* + {{n,}}), at most {_MAX_OPEN} are allowed",
            hint="use two transforms one after the other",
            path=path,
        )
    return opens


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


def _is_open(token: re.Match[str]) -> bool:
    sign = token["many"][0]
    if sign != "{":
        return sign != "?"
    if not token["comma"]:
        return False
    return not token["most"] or int(token["most"]) - int(token["least"] or 0) >= _OPEN_FROM


def _too_long(text: str, longest: int) -> TransformProblem:
    return TransformProblem(
        "pattern_text_too_long",
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
        pattern.sub(new, "")  # an empty text that matches, or none: the template is parsed either way
        re.compile(f"(?:{pattern.pattern})|").sub(new, "")
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
    "pattern_text_too_long": "a text is longer than the pattern of a transform may be tried on",
}
