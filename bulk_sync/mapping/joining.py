"""A mapping joined to a header: names become column indexes, mistakes name what the source lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bulk_sync.errors import MappingError, Mistake
from bulk_sync.mapping.cells import compared
from bulk_sync.mapping.convert import TOPICS, Converter
from bulk_sync.mapping.document import Path
from bulk_sync.mapping.findings import quoted
from bulk_sync.mapping.header import ColumnFault, Header
from bulk_sync.mapping.keys import KeyColumn
from bulk_sync.mapping.pipeline import Gather, Pipeline, gather_column, gather_first, gather_template
from bulk_sync.mapping.programs import Program
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.mapping.transforms import strip_margin
from bulk_sync.records import Json

_READS_STORED = frozenset({"number", "integer", "boolean", "date", "datetime"})


class Joined(NamedTuple):
    """A mapping with its columns found. ``constants`` are sent for every row; ``where`` chooses the rows."""

    header: Header
    keys: tuple[KeyColumn, ...]
    pipelines: tuple[Pipeline, ...]
    constants: dict[str, Json]
    where: tuple[tuple[int, frozenset[str]], ...]
    notes: tuple[str, ...]


def join(spec: MappingSpec, header: Iterable[str], *, decimal: str | None, dates: str | None) -> Joined:
    """Find every column of the mapping. Raises :class:`MappingError` naming all that are absent or ambiguous."""
    joiner = _Joiner(spec, Header(header), decimal, dates)
    keys = joiner.keys()
    pipelines = joiner.pipelines()
    where = joiner.where()
    if joiner.mistakes:
        raise MappingError(tuple(dict.fromkeys(joiner.mistakes)))
    constants = {name: program.constant for name, program in spec.programs.items() if _is_fixed(program)}
    return Joined(joiner.header, keys, pipelines, constants, where, joiner.notes())


def _texts(wanted: Iterable[str]) -> frozenset[str]:
    """Return the values of a condition as a cell's text is compared with them."""
    return frozenset(compared(strip_margin(text)) for text in wanted)


def _is_fixed(program: Program) -> bool:
    return program.is_constant and not program.mapping.when


class _Joiner:
    def __init__(self, spec: MappingSpec, header: Header, decimal: str | None, dates: str | None) -> None:
        self.header = header
        self.mistakes: list[Mistake] = []
        self._spec = spec
        self._given = {"source.decimal": decimal, "source.dates": dates}

    def keys(self) -> tuple[KeyColumn, ...]:
        return tuple(
            KeyColumn(self._find(key.column, ("match", place, "column")), key.column, key.by, place == 0)
            for place, key in enumerate(self._spec.match)
        )

    def pipelines(self) -> tuple[Pipeline, ...]:
        programs = self._spec.programs.items()
        return tuple(self._pipeline(name, program) for name, program in programs if not _is_fixed(program))

    def where(self) -> tuple[tuple[int, frozenset[str]], ...]:
        found = []
        for column, wanted in self._spec.source.where.items():
            index = self._find(column, ("source", "where", column), value=False)
            found.append((index, _texts(wanted)))
        return tuple(found)

    def notes(self) -> tuple[str, ...]:
        notes = list(self.header.notes)
        unused = self.header.unused(self._spec.ignore)
        if unused:
            names = ", ".join(map(quoted, unused))
            noun = "a column" if len(unused) == 1 else f"{len(unused)} columns"
            notes.append(f"{noun} of the source not used: {names} (list them under `ignore` if that is on purpose)")
        both = [name for name in self._spec.ignore if self.header.uses(name)]
        if both:
            notes.append(f"`ignore` names what the mapping uses all the same: {', '.join(map(quoted, both))}")
        absent = [name for name in self._spec.ignore if not self.header.has(name)]
        if absent:
            notes.append(f"`ignore` names what the source does not have: {', '.join(map(quoted, absent))}")
        return tuple(notes)

    def _find(self, column: str, path: Path, *, value: bool = True) -> int:
        found = self.header.find(column)
        if isinstance(found, ColumnFault):
            self.mistakes.append(self._spec.document.where(path, value=value).mistake(found.message, found.hint))
            return 0
        return found

    def _pipeline(self, name: str, program: Program) -> Pipeline:
        path: Path = ("fields", name)
        key = next(iter(program.mapping.sources))
        places = [
            self._find(column, (*path, key, place) if key == "first_of" else (*path, key))
            for place, column in enumerate(program.columns)
        ]
        conditions = []
        for column, wanted in program.mapping.when.items():
            index = self._find(column, (*path, "when", column), value=False)
            conditions.append((len(places), column, _texts(wanted)))
            places.append(index)
        converter = self._converter(program)
        return Pipeline(
            field=program.field,
            columns=tuple(places),
            gather=self._gather(program, tuple(places[: len(program.columns)])),
            conditions=tuple(conditions),
            chain=program.chain,
            choices=program.choices,
            converter=converter,
            check=program.check,
            blank=program.blank,
            clear_value=program.clear_value,
            clearable=program.clearable,
            clear_token=self._spec.clear_token,
            strict=self._spec.strict,
            one_cell=program.mapping.column is not None,
            constant=program.constant,
        )

    def _converter(self, program: Program) -> Converter:
        """Return a converter of our own, since what is learned of this source's columns is kept in it."""
        theirs = program.converter
        topic = TOPICS.get(theirs.type)
        reading = theirs.reading or (self._given[topic.setting] if topic else None)
        return Converter(theirs.type, separator=theirs.separator, format_=theirs.format, reading=reading)

    def _gather(self, program: Program, indexes: tuple[int, ...]) -> Gather | None:
        type_ = program.converter.type
        if program.is_constant:
            return None
        if program.template is not None:
            return gather_template(program.template, indexes, self._spec.clear_token)
        is_text, stored = type_ == "text", type_ in _READS_STORED
        if program.mapping.first_of is not None:
            return gather_first(text_is_sent=is_text, uses_stored=stored, indexes=indexes)
        return gather_column(text_is_sent=is_text, uses_stored=stored, index=indexes[0])
