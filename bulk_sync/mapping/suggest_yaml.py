"""Write a suggestion as the YAML of a mapping: what is sure as lines, what is doubtful as comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bulk_sync.mapping.suggest_headers import header_words

if TYPE_CHECKING:
    from bulk_sync.mapping.suggest import Column, Proposal, Suggestion

_PLAIN = re.compile(r"[^\W\d_][\w()/.]*(?:[ -][\w()/.]+)*")
_RESERVED = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"])
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quoted(text: str) -> str:
    """Write a text as a YAML scalar that is read as this text: plain where that is safe, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.isascii() and text.casefold() not in _RESERVED:
        return text
    return '"' + "".join(_ESCAPED.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def _escape(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def flow(value: object) -> str:
    """Write a value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(str(name))}: {flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return quoted(value) if isinstance(value, str) else str(value)


def render_yaml(suggestion: Suggestion) -> str:
    """Write a suggestion as the text of a mapping file."""
    return "".join(f"{line}\n" for line in _lines(suggestion))


def _lines(suggestion: Suggestion) -> Iterator[str]:
    yield "# yaml-language-server: $schema=clients.schema.json"
    yield _comment(
        f"Suggested for {suggestion.source_name} from its headers and {_rows(suggestion.rows_seen)}."
        ' Lines that begin with # are doubtful: take the "# " off those that are right.'
    )
    yield "# An editor completes and underlines it beside: bulk-sync mapping schema > clients.schema.json"
    if not suggestion.complete:
        yield "# Not ready to use: it needs a column to match by, and a line under `fields:` without # before it."
    if suggestion.headless:
        yield "# CHECK: a column is called what looks like a value; where the first row is no header, put one above it."
    yield "version: 1"
    yield "resource: clients"
    if suggestion.detected:
        yield "source:"
        yield from (_source_line(key, value, suggestion) for key, value in suggestion.detected.items())
    yield from _match_lines(suggestion.match)
    yield "fields:"
    for proposal in suggestion.fields:
        yield from _field_lines(proposal)
    for column in suggestion.left_over:
        if header_words(column.header):
            yield f"  {_comment(_custom_line(column))}"
    yield from _partial_lines(suggestion)
    if suggestion.left_over:
        names = list(dict.fromkeys(column.header for column in suggestion.left_over))
        yield f"# ignore: {flow(names)}"


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


def _source_line(key: str, value: object, suggestion: Suggestion) -> str:
    line = f"  {key}: {flow(value)}"
    return f"{line}  {_comment(f'CHECK: {suggestion.guesses[key]}')}" if key in suggestion.guesses else line


def _partial_lines(suggestion: Suggestion) -> Iterator[str]:
    if suggestion.partial:
        yield f"partial: {flow(suggestion.partial)}"
    units = {p.target.partition(".")[0] for p in suggestion.fields if p.doubtful and "." in p.target}
    if more := sorted(units - set(suggestion.partial)):
        yield f"# partial: {flow([*suggestion.partial, *more])}  # once lines of it are used above"


def _match_lines(match: Proposal | None) -> Iterator[str]:
    if match is None:
        yield "# CHECK: no column looks like the key of a record; name one (by: id, number, email, phone, name or cf_…)"
        yield 'match: "?"'
        return
    target = {"column": match.column.header, "by": match.target}
    written = quoted(match.column.header) if match.target == "id" else flow(target)
    check = "CHECK: " if match.doubtful or match.target != "id" else ""
    yield f"match: {written}  {_comment(f'{check}{match.confidence:.0%}, {match.why}')}"


def _field_lines(proposal: Proposal) -> Iterator[str]:
    mark = "  # " if proposal.doubtful else "  "
    reason = _comment(f"{proposal.confidence:.0%}, {proposal.why}")
    for target, definition in _definitions(proposal):
        yield f"{mark}{target}: {definition}  {reason}"
    for remark in proposal.advice.remarks:
        yield f"  {_comment('  ' + remark)}"


def _definitions(proposal: Proposal) -> Iterator[tuple[str, str]]:
    advice, column = proposal.advice, proposal.column.header
    if proposal.target.endswith("fullName"):
        unit = proposal.target.removesuffix("fullName")
        for name, part in (("firstName", "first"), ("lastName", "last")):
            steps = [*advice.transform, {"person_name": part}]
            yield f"{unit}{name}", flow({"column": column, "transform": steps})
        return
    parts: dict[str, object] = {"column": column}
    if advice.transform:
        parts["transform"] = list(advice.transform)
    if advice.choices:
        parts["map"] = dict(advice.choices)
    yield proposal.target, quoted(column) if len(parts) == 1 else flow(parts)


def _custom_line(column: Column) -> str:
    name = "cf_" + "_".join(header_words(column.header))
    shape = column.shape
    kind = next((form for form in ("boolean", "date", "number") if shape.seen and shape.mostly(form)), "")
    kind = "datetime" if kind == "date" and shape.share("timed") else kind
    parts: dict[str, object] = {"column": column.header, **({"type": kind} if kind else {})}
    if kind == "boolean":  # the type knows few words, the transform those of a dozen languages
        parts["transform"] = ["boolean"]
    return f"{quoted(name)}: {flow(parts) if kind else quoted(column.header)}"


def _comment(text: str) -> str:
    """Write a text as a comment: on one line, without characters that YAML does not allow."""
    return "# " + "".join(c if c.isprintable() else " " for c in text)
