"""``extends`` and ``${NAME}``: several files and the environment become one document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bulk_sync.errors import MappingError, Mistake
from bulk_sync.mapping.document import Document, Path, Plain, Position, plain_data, read_document
from bulk_sync.mapping.findings import quoted

ReadFile = Callable[[str, str], tuple[str, str]]
"""Name of an extended file, and of the one that extends it → its text, and the name it goes by in messages."""

MAX_FILES = 8
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{[^}]*\}?")
_MERGED = ("fields", "source")
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON may hold as they are, and that YAML takes for a line end or refuses."""


@dataclass(slots=True)
class Layers:
    """The files of one mapping, the base first. ``changed``: they are not one text that says it all."""

    name: str
    environ: Mapping[str, str]
    read: ReadFile
    data: list[dict[str, Plain]] = field(default_factory=list)
    positions: list[Mapping[Path, Position]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    changed: bool = False
    incomplete: bool = False
    """A file that is extended could not be read: what seems to be missing may stand there."""

    def text(self, document: Document) -> str:
        """Return a text that means the same by itself: the file as read, or all of it flattened."""
        if not self.changed:
            return self.files[self.name]
        flat = json.dumps(_escaped(document.data), ensure_ascii=False, indent=2)
        flat = _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", flat)
        return f"# put together from {', '.join(self.files)}\n{flat}\n"


def read_layers(text: str, *, name: str, environ: Mapping[str, str], read: ReadFile) -> Layers:
    """Read a mapping and those it extends. Raises :class:`MappingError` where a file cannot be read at all."""
    layers = Layers(name, environ, read)
    _read_layer(layers, text, name, above=())
    return layers


def _read_layer(layers: Layers, text: str, name: str, above: tuple[str, ...]) -> None:
    root, mistakes = read_document(text, name=name)
    layers.files[name] = text
    layers.mistakes += mistakes

    def filled(value: str, position: Position) -> str:
        return _fill(value, position, layers)

    data, positions, bombs = plain_data(root, filled)
    layers.mistakes += bombs
    if bombs or not isinstance(data, dict):
        if not bombs:
            layers.mistakes.append(root.position.mistake("a mapping has keys with values, such as `fields:`"))
        raise MappingError(tuple(layers.mistakes))
    bases = data.pop("extends", None)
    for base in bases if isinstance(bases, list) else [] if bases is None else [bases]:
        layers.changed = True
        where = positions[("extends",)]
        _extend(layers, base, where, (*above, name))
    layers.data.append(data)
    layers.positions.append(positions)


def _extend(layers: Layers, base: Plain, where: Position, above: tuple[str, ...]) -> None:
    if not isinstance(base, str):
        layers.mistakes.append(where.mistake("`extends` names a file, or a list of files"))
        return
    try:
        text, name = layers.read(base, above[-1])
    except MappingError as error:
        found = error.mistakes[0]
        layers.mistakes.append(where.mistake(f"cannot extend {found.file}: {found.message}"))
        layers.incomplete = True
        return
    if name in above:
        layers.mistakes.append(where.mistake(f"{base} extends this file in turn"))
    elif name not in layers.files and len(layers.files) >= MAX_FILES:
        layers.mistakes.append(where.mistake(f"extends more than {MAX_FILES - 1} files"))
    else:
        _read_layer(layers, text, name, above)


def _fill(value: str, position: Position, layers: Layers) -> str:
    """Put in the environment's values; ``$${`` is a plain ``${``."""
    if "${" not in value:
        return value
    layers.changed = True

    def replace(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        if not found[2]:
            message = f"{quoted(found[0])} is no variable: a name of letters, digits and _ stands in ${{NAME}}"
            layers.mistakes.append(position.mistake(message, "write $${ for a plain ${"))
            return found[0]
        known = layers.environ.get(found[2])
        if known is None:
            message = f"the environment has no variable {found[2]}"
            hint = f"set it, or write $${{{found[2]}}} for the text itself"
            layers.mistakes.append(position.mistake(message, hint))
            return found[0]
        return known

    return _VARIABLE.sub(replace, value)


def _escaped(value: Plain) -> Plain:
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return value


def flatten(layers: Layers) -> Document:
    """Lay the files over each other: ``fields`` and ``source`` by key, everything else as a whole.

    A field given as null in an extending file drops that of the base.
    """
    data: dict[str, Plain] = {}
    positions: dict[Path, Position] = {}
    for layer, where in zip(layers.data, layers.positions, strict=True):
        for key, value in layer.items():
            held = data.get(key)
            if key in _MERGED and isinstance(value, dict) and isinstance(held, dict):
                _lay_over(held, value)
                replaced: list[Path] = [(key, inner) for inner in value]
            else:
                data[key] = value
                replaced = [(key,)]
            for old in [path for path in positions if any(path[: len(top)] == top for top in replaced)]:
                del positions[old]
        positions |= where
    return Document(data, positions, layers.files, layers.name)


def _lay_over(held: dict[str, Plain], value: dict[str, Plain]) -> None:
    for inner, item in value.items():
        if item is None:
            held.pop(inner, None)
        else:
            held[inner] = item
