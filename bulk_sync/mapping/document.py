"""The YAML of a mapping, read so that it cannot surprise anybody: plain data, and where each piece stands.

Only what a mapping needs of YAML is taken: mappings, lists and scalars. Duplicate keys, tags, merge keys and
alias bombs are mistakes. A plain scalar is a number, a boolean or null only where that loses nothing of what
was written, so that ``0123``, ``+971501234567``, ``1.10``, ``no`` and ``2024-01-05`` stay the texts they are.
Built from the parser's events: nothing is constructed by tag, and depth and size are counted on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bulk_sync.errors import MappingError, Mistake

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
Path: TypeAlias = "tuple[str | int, ...]"

MAX_CHARACTERS = 200_000
MAX_EVENTS = 10_000
MAX_DEPTH = 24
MAX_NODES = 20_000
"""Together they keep the reading of any file, however hostile, within a second and a few megabytes."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_REAL = re.compile(r"-?(?:0|[1-9][0-9]{0,9})\.(?:0|[0-9]{0,5}[1-9])")
_WORDS: Mapping[str, Plain] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Position(NamedTuple):
    """Where a node stands; line and column count from 1."""

    file: str
    line: int
    column: int

    def mistake(self, message: str, hint: str = "") -> Mistake:
        """Return a mistake that stands here."""
        return Mistake(self.file, self.line, self.column, message, hint)


class Node(NamedTuple):
    """A piece of YAML and where it stands.

    ``value`` is a scalar, a list of nodes, or a dictionary from key to (position of the key, node).
    """

    value: Any
    position: Position


class Document(NamedTuple):
    """A mapping file as plain data, with the position of every key and value by its path.

    A path leads through keys and list indexes; at ``path`` stands the key (or list item), at
    ``(*path, VALUE)`` its value. ``files`` has the text of each file read, by the name used in positions.
    """

    data: dict[str, Plain]
    positions: Mapping[Path, Position]
    files: Mapping[str, str]
    name: str

    def where(self, path: Path, *, value: bool = False) -> Position:
        """Return the position of a path, or of the longest beginning of it that the file has."""
        found: Path = ()
        for step in path:
            if (*found, step) in self.positions:
                found = (*found, step)
            elif step != 0:  # one item without its list is a short form
                break
        if not found:
            return Position(self.name, 1, 1)
        return self.positions[(*found, VALUE) if value else found]


VALUE = "\0value"


def read_document(text: str, *, name: str) -> tuple[Node, list[Mistake]]:
    """Read YAML text into a tree of nodes and the mistakes found on the way.

    Raises :class:`MappingError` where the text is no YAML, or none that can be read safely.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"too large for a mapping ({len(text):,} characters, at most {MAX_CHARACTERS:,})"
        raise MappingError((Mistake(name, 0, 0, message),))
    builder = _Builder(name)
    try:
        for count, event in enumerate(YAML(typ="rt").parse(text)):
            if count > MAX_EVENTS:
                raise builder.refusal(event, f"too large for a mapping (more than {MAX_EVENTS:,} pieces)")
            builder.take(event)
    except MarkedYAMLError as error:
        raise MappingError((_not_yaml(error, name),)) from None
    except (YAMLError, ValueError, RecursionError) as error:
        message = f"not YAML: {' '.join(str(error).split())[:200]}"
        raise MappingError((Mistake(name, 0, 0, message),)) from None
    if builder.root is None:
        raise MappingError((Mistake(name, 1, 1, "the mapping is empty"),))
    return builder.root, builder.mistakes


_YAML_HINTS = {
    "cannot start any token": "YAML is indented with spaces; a text that begins with a sign is written in quotes",
    "mapping values are not allowed": "a text with a colon and a space in it is written in quotes",
    "expected ',' or": "within braces and brackets a text that has one of { } [ ] , in it is written in quotes",
    "end of stream": "a quote that begins here never ends",
}


def _not_yaml(error: MarkedYAMLError, name: str) -> Mistake:
    """Put the parser's finding into words; an open quote is shown where it begins."""
    problem = error.problem or error.context or "cannot be read"
    unended = "end of stream" in problem
    mark = error.context_mark if unended and error.context_mark else error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    hint = next((hint for words, hint in _YAML_HINTS.items() if words in problem), "")
    return Mistake(name, line, column, f"not YAML: {problem}", hint)


class _Builder:
    """Builds the tree from the parser's events; ``root`` is None until the document has ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self._open: list[tuple[Node, str | None, list[Node]]] = []  # container, its anchor, its children so far
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def refusal(self, event: Event, message: str) -> MappingError:
        return MappingError((*self.mistakes, self._at(event).mistake(message)))

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self.refusal(event, "a second document; a mapping is one")
        elif isinstance(event, AliasEvent):
            self._alias(event, str(event.anchor))
        elif isinstance(event, ScalarEvent):
            self._check_tag(event)
            self._add(Node(_scalar(event), self._at(event)), event.anchor)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._check_tag(event)
            if len(self._open) >= MAX_DEPTH:
                raise self.refusal(event, f"nested too deeply (more than {MAX_DEPTH} levels)")
            empty: Any = {} if isinstance(event, MappingStartEvent) else []
            self._open.append((Node(empty, self._at(event)), event.anchor, []))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()

    def _at(self, event: Event) -> Position:
        return Position(self.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _check_tag(self, event: Event) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) != "!":
            message = f"the tag {tag} is not allowed; nothing in a mapping is executed or converted"
            self.mistakes.append(self._at(event).mistake(message))

    def _alias(self, event: Event, anchor: str) -> None:
        target = self._anchors.get(anchor)
        if target is None:
            raise self.refusal(event, f"the alias *{anchor} has no finished anchor before it")
        self._add(Node(target.value, self._at(event)), None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][2].append(node)
        else:
            self.root = node

    def _close(self) -> None:
        node, anchor, children = self._open.pop()
        if isinstance(node.value, list):
            node.value.extend(children)
        else:
            for key, value in zip(children[::2], children[1::2], strict=True):
                self._pair(node.value, key, value)
        self._add(node, anchor)

    def _pair(self, pairs: dict[str, tuple[Position, Node]], key: Node, value: Node) -> None:
        if isinstance(key.value, dict | list):
            self.mistakes.append(key.position.mistake("a key must be a text"))
            return
        name = scalar_text(key.value)
        if name == "<<":
            hint = "repeat the keys, or put them into a file of their own and name it under `extends`"
            self.mistakes.append(key.position.mistake("merge keys (<<) are not allowed", hint))
        elif name in pairs:
            first = pairs[name][0]
            message = f"the key {name!r} stands twice (first in line {first.line})"
            self.mistakes.append(key.position.mistake(message))
        else:
            pairs[name] = (key.position, value)


def _scalar(event: ScalarEvent) -> Plain:
    text = _joined(str(event.value))
    if event.style == ">":
        # The parser marks where a folded text was folded, to write it as it was; YAML itself has no such character.
        text = text.replace("\a", "")
    if event.style is not None or event.tag is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and text != "-0":
        return int(text)
    if _REAL.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return text


def _joined(text: str) -> str:
    """Join pairs of surrogates, as JSON's escapes write what lies beyond the first plane."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def scalar_text(value: Plain) -> str:
    """Return a scalar as it was written: numbers are read as such only where this gives the text back."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def plain_data(
    node: Node, convert: Callable[[str, Position], str]
) -> tuple[Plain, dict[Path, Position], list[Mistake]]:
    """Turn a tree into plain data and its positions; ``convert`` is applied to every text that is a value.

    Aliases are copied, as many as a mapping may reasonably have; a bomb is one mistake.
    """
    walk = _Walk(convert)
    data = walk.visit(node, ())
    if walk.nodes > MAX_NODES:
        message = f"the aliases make more than {MAX_NODES:,} pieces of this file"
        return None, {}, [node.position.mistake(message)]
    return data, walk.positions, []


class _Walk:
    def __init__(self, convert: Callable[[str, Position], str]) -> None:
        self.positions: dict[Path, Position] = {}
        self.nodes = 0
        self._convert = convert

    def visit(self, node: Node, path: Path) -> Plain:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            return None
        self.positions[(*path, VALUE)] = node.position
        if isinstance(node.value, dict):
            data: dict[str, Plain] = {}
            for name, (position, child) in node.value.items():
                self.positions[(*path, name)] = position
                data[name] = self.visit(child, (*path, name))
            return data
        if isinstance(node.value, list):
            items: list[Plain] = []
            for index, child in enumerate(node.value):
                self.positions[(*path, index)] = child.position
                items.append(self.visit(child, (*path, index)))
            return items
        if isinstance(node.value, str):
            return self._convert(node.value, node.position)
        value: Plain = node.value
        return value
