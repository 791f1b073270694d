"""A mapping, read and checked: every mistake at once, each with file, line and column."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from bulk_sync.errors import MappingError, Mistake, Refused
from bulk_sync.mapping.checks import check_file
from bulk_sync.mapping.document import Document, read_document
from bulk_sync.mapping.layers import Layers, ReadFile, flatten, read_layers
from bulk_sync.mapping.model import (
    BlankPolicy,
    ComparePolicy,
    FieldMapping,
    MappingFile,
    MappingTest,
    MatchKey,
    OverwritePolicy,
    SourceBlock,
)
from bulk_sync.mapping.programs import Program
from bulk_sync.mapping.validation import validate
from bulk_sync.resources import get_resource
from bulk_sync.resources.fields import Resource

_MAY_BE_EXTENDED = ("match is missing", "fields is missing")
"""No news where a file that this one extends could not be read: that says it already."""


class FieldPolicy(NamedTuple):
    """How a top-level field is to be treated against what the record has."""

    overwrite: OverwritePolicy = "always"
    compare: ComparePolicy = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSpec:
    """A mapping that has no mistakes but those only a source can show.

    ``text`` is complete in itself: the YAML as read, or with ``extends`` and ``${NAME}`` filled in, so that
    :func:`parse_mapping` gives the same mapping from it later and elsewhere. ``file`` is the whole of it.
    ``only``: the payload's top-level names that are asked for, where that is not all of them.
    """

    file: MappingFile
    resource: Resource
    programs: Mapping[str, Program]
    document: Document
    path: Path | None
    text: str
    only: frozenset[str] | None = None

    @property
    def version(self) -> int:
        """Of the format."""
        return self.file.version

    @property
    def source(self) -> SourceBlock:
        """How the source is to be read."""
        return self.file.source

    @property
    def match(self) -> tuple[MatchKey, ...]:
        """What finds the record: the first key finds, the others must agree."""
        return tuple(self.file.match)

    @property
    def fields(self) -> Mapping[str, FieldMapping]:
        """Target field → where its value comes from."""
        return self.file.fields

    @property
    def blank(self) -> BlankPolicy:
        """For blank cells, unless a field says otherwise."""
        return self.file.blank

    @property
    def clear_token(self) -> str | None:
        """The cell text that clears."""
        return self.file.clear_token

    @property
    def overwrite(self) -> OverwritePolicy:
        """Whether to replace what a record has, unless a field says otherwise."""
        return self.file.overwrite

    @property
    def partial(self) -> tuple[str, ...]:
        """Units that are mapped in part, on purpose."""
        return tuple(self.file.partial)

    @property
    def extra_fields(self) -> tuple[str, ...]:
        """Further API fields that are allowed."""
        return tuple(self.file.extra_fields)

    @property
    def ignore(self) -> tuple[str, ...]:
        """Columns left out on purpose."""
        return tuple(self.file.ignore)

    @property
    def rate(self) -> str | None:
        """Requests in a time, as written."""
        return self.file.rate

    @property
    def workers(self) -> int | None:
        """Requests in flight, at most."""
        return self.file.workers

    @property
    def strict(self) -> bool:
        """Whether what depends on type, and URL and tax-number form, are problems and not warnings."""
        return self.file.strict

    @property
    def tests(self) -> tuple[MappingTest, ...]:
        """The mapping's own tests."""
        return tuple(self.file.tests)

    def columns(self) -> tuple[str, ...]:
        """Return every column that the mapping uses, each once: match, fields, conditions, ``where``."""
        used = [key.column for key in self.file.match]
        for program in self.programs.values():
            used += [*program.columns, *program.mapping.when]
        used += self.file.source.where
        return tuple(dict.fromkeys(used))

    def asks_for(self, name: str) -> bool:
        """Whether a field of the mapping is to be sent, by its full name."""
        return self.only is None or self.programs[name].field.top in self.only

    def narrowed(self, names: Collection[str]) -> MappingSpec:
        """Return the mapping kept to some of its fields; a part stands for its unit, which is sent whole.

        Raises :class:`Refused` naming all that the mapping does not have.
        """
        tops = {program.field.top for program in self.programs.values()}
        if unknown := sorted({name for name in names if name not in self.programs and name not in tops}):
            raise Refused(
                f"--only-fields: the mapping has no field {', '.join(unknown)}",
                hint=f"it has: {', '.join(sorted({*self.programs, *tops}))}",
            )
        asked = {self.programs[name].field.top if name in self.programs else name for name in names}
        return replace(self, only=frozenset(asked))

    def units(self) -> Mapping[str, tuple[str, ...]]:
        """Return the parts of each unit that the mapping fills, for counting rows with blank parts."""
        parts: dict[str, tuple[str, ...]] = {}
        for program in self.programs.values():
            if program.field.unit:
                parts[program.field.unit] = (*parts.get(program.field.unit, ()), program.field.part)
        return parts

    def policies(self) -> Mapping[str, FieldPolicy]:
        """Return ``overwrite`` and ``compare`` by the payload's top-level names."""
        return {
            program.field.top: FieldPolicy(
                program.mapping.overwrite or self.file.overwrite, program.mapping.compare or "exact"
            )
            for program in self.programs.values()
        }


def load_mapping(path: Path, *, environ: Mapping[str, str]) -> MappingSpec:
    """Read a mapping file, and those it extends.

    Raises :class:`MappingError` with every :class:`Mistake`: unreadable, not YAML, unknown or duplicate keys,
    unknown fields, wrong values, an absent variable of the environment.
    """
    return _parse(_read_file(path, str(path)), str(path), environ, _read_beside, path)


def parse_mapping(text: str, *, name: str, environ: Mapping[str, str]) -> MappingSpec:
    """Read the same from text, as a journal or a program has it; it can extend nothing.

    ``name`` stands for the file in mistakes. Raises :class:`MappingError`.
    """
    return _parse(text, name, environ, _read_nothing, None)


def _parse(text: str, name: str, environ: Mapping[str, str], read: ReadFile, path: Path | None) -> MappingSpec:
    layers = read_layers(text, name=name, environ=environ, read=read)
    document = flatten(layers)
    mistakes = list(layers.mistakes)
    file, found = validate(document)
    mistakes += _news(found, layers)
    if file is None:
        raise MappingError(_in_order(mistakes))
    resource = get_resource(file.resource)
    programs, found = check_file(file, resource, document)
    mistakes += found
    if mistakes:
        raise MappingError(_in_order(mistakes))
    whole = layers.text(document)
    if layers.changed:
        read_document(whole, name=name)  # raises where all files together are more than resume could read again
    return MappingSpec(file=file, resource=resource, programs=programs, document=document, path=path, text=whole)


def _news(found: list[Mistake], layers: Layers) -> list[Mistake]:
    """Leave out what only follows from a file or a variable that could not be read."""
    told = {mistake[:3] for mistake in layers.mistakes}
    return [
        mistake
        for mistake in found
        if mistake[:3] not in told and not (layers.incomplete and mistake.message in _MAY_BE_EXTENDED)
    ]


def _in_order(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    return tuple(sorted(dict.fromkeys(mistakes)))


def _read_file(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        message = "there is no such mapping file"
    except IsADirectoryError:
        message = "a directory, not a mapping file"
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start}); a mapping is a YAML file"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    raise MappingError((Mistake(name, 0, 0, message),)) from None


def _read_beside(name: str, extending: str) -> tuple[str, str]:
    path = Path(extending).parent / name
    return _read_file(path, str(path)), str(path)


def _read_nothing(name: str, _extending: str) -> tuple[str, str]:
    message = "`extends` cannot be followed from a text, which is in no folder"
    raise MappingError((Mistake(name, 0, 0, message),))
