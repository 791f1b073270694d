"""Each field of a mapping compiled as far as it can be without the source: its mistakes are found here.

A :class:`Program` knows its columns by name; :mod:`bulk_sync.mapping.mapper` joins it to a header.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bulk_sync.mapping.cells import compared
from bulk_sync.mapping.convert import TOPICS, Converter
from bulk_sync.mapping.document import Path, scalar_text
from bulk_sync.mapping.findings import Finding, quoted
from bulk_sync.mapping.model import FieldMapping, MappingFile
from bulk_sync.mapping.pipeline import Choices
from bulk_sync.mapping.template import Template, compile_template
from bulk_sync.mapping.transforms import (
    Chain,
    Transform,
    TransformMistake,
    TransformProblem,
    compile_transform,
    spelled,
    strip_margin,
)
from bulk_sync.mapping.transforms.dates import check_date_format, check_hour
from bulk_sync.mapping.validator import Check, check_for
from bulk_sync.records import Json
from bulk_sync.resources.fields import Field

Report = Callable[..., None]
"""``report(path, message, hint, value=False)``: takes note of a mistake at a path of the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One field, compiled but for its columns. ``constant`` stands for every row where ``is_constant``."""

    field: Field
    mapping: FieldMapping
    columns: tuple[str, ...]
    chain: Chain
    template: Template | None
    choices: Choices | None
    converter: Converter
    check: Check
    blank: str
    clear_value: Json
    clearable: bool
    is_constant: bool = False
    constant: Json = None


def compile_program(name: str, field: Field, file: MappingFile, report: Report) -> Program | None:
    """Compile a field; every mistake goes to ``report``, and None is returned where there was one."""
    mapping = file.fields[name]
    path: Path = ("fields", name)
    before = _Counted(report)
    type_ = mapping.type or "text"
    clearable = field.nullable or mapping.clear_as == "empty"
    converter = Converter(
        type_,
        separator=mapping.separator or ",",
        format_=mapping.format or "",
        reading=_reading(type_, mapping, file),
    )
    check = check_for(field)
    chain = _chain(mapping, path, before)
    template = _template(mapping, path, before)
    _check_format(mapping, path, before)
    writer = _Writer(converter, check, clear_as=mapping.clear_as, clearable=clearable, report=before)
    choices = _choices(mapping, path, writer)
    is_constant = mapping.sources == ("value",)
    clear_value = "" if mapping.clear_as == "empty" else None
    constant = writer.constant(mapping.value, chain, choices, (*path, "value")) if is_constant else None
    _check_options(mapping, field, clearable=clearable, path=path, report=before)
    if before.count:
        return None
    return Program(
        field=field,
        mapping=mapping,
        columns=_columns(mapping, template),
        chain=chain,
        template=template,
        choices=choices,
        converter=converter,
        check=check,
        blank=_blank(mapping, file, field),
        clear_value=clear_value,
        clearable=clearable,
        is_constant=is_constant,
        constant=clear_value if constant is None else constant,
    )


class _Counted:
    """Passes mistakes on and counts them."""

    def __init__(self, report: Report) -> None:
        self.count = 0
        self._report = report

    def __call__(self, path: Path, message: str, hint: str = "", *, value: bool = False) -> None:
        self.count += 1
        self._report(path, message, hint, value=value)


def _columns(mapping: FieldMapping, template: Template | None) -> tuple[str, ...]:
    if template is not None:
        return template.columns
    if mapping.first_of is not None:
        return tuple(mapping.first_of)
    return (mapping.column,) if mapping.column is not None else ()


def _reading(type_: str, mapping: FieldMapping, file: MappingFile) -> str | None:
    topic = TOPICS.get(type_)
    if topic is None:
        return None
    if topic.setting == "source.decimal":
        return mapping.decimal or file.source.decimal
    return mapping.dates or file.source.dates


def _blank(mapping: FieldMapping, file: MappingFile, field: Field) -> str:
    """Return the field's own word, else the file's, whose ``clear`` concerns nullable fields only."""
    if mapping.blank is not None:
        return mapping.blank
    return "keep" if file.blank == "clear" and not field.nullable else file.blank


def _chain(mapping: FieldMapping, path: Path, report: Report) -> Chain:
    steps: list[tuple[str, Transform]] = []
    for index, written in enumerate(mapping.transform):
        try:
            steps.append((spelled(written), compile_transform(written)))
        except TransformMistake as mistake:
            place = (*path, "transform", index, *mistake.path)
            report(place, mistake.message, mistake.hint, value=not mistake.path)
    return Chain(steps)


def _template(mapping: FieldMapping, path: Path, report: Report) -> Template | None:
    if mapping.template is None:
        return None
    try:
        return compile_template(mapping.template)
    except TransformMistake as mistake:
        report((*path, "template"), mistake.message, mistake.hint, value=True)
    except ValueError as error:
        report((*path, "template"), str(error), value=True)
    return None


def _check_format(mapping: FieldMapping, path: Path, report: Report) -> None:
    """See that a date's format writes the whole date, and not the letters of another notation."""
    if mapping.format is None or mapping.type not in ("date", "datetime"):
        return
    try:
        check_date_format(mapping.format, ())
        if mapping.type == "datetime":
            check_hour(mapping.format, ())
    except TransformMistake as mistake:
        report((*path, "format"), mistake.message, "write it in strftime's letters: %Y-%m-%d, %d/%m/%Y", value=True)


def _choices(mapping: FieldMapping, path: Path, writer: _Writer) -> Choices | None:
    if mapping.map is None:
        return None
    values: dict[str, Json] = {}
    for text, written in mapping.map.items():
        if fault := _never_met(text, mapping):
            writer.report((*path, "map", text), *fault)
        key = compared(text.casefold() if mapping.ignore_case else text)
        sent = writer.send(written, (*path, "map", text))
        if key in values and repr(values[key]) != repr(sent):  # true is not 1
            how = "when letter case is ignored" if mapping.ignore_case else "with its accents written otherwise"
            writer.report((*path, "map", text), f"{quoted(text)} is listed twice {how}")
        values[key] = sent
    otherwise = mapping.otherwise
    fallback = writer.send(otherwise.value, (*path, "otherwise", "value")) if otherwise.action == "value" else None
    return Choices(values=values, ignore_case=mapping.ignore_case, action=otherwise.action, fallback=fallback)


def _never_met(text: str, mapping: FieldMapping) -> tuple[str, str] | None:
    """Say why no cell comes to ``map`` with a text, with a hint; None where one may."""
    bare = strip_margin(text)
    if not bare:
        return (
            "a blank cell does not come to `map`",
            "`blank` says what becomes of one; transform: [{default: X}] gives it a value",
        )
    if bare != text and not mapping.transform and mapping.template is None:
        return f"{quoted(text)} has white space at an end, and a cell's is taken off", f"write {quoted(bare)}"
    return None


class _Writer:
    """Turns what the mapping itself says (``value``, ``map``, ``otherwise``) into what is sent, once."""

    def __init__(self, converter: Converter, check: Check, *, clear_as: str, clearable: bool, report: Report) -> None:
        reading = converter.reading or ("." if converter.type in ("number", "integer") else None)
        self._converter = Converter(
            converter.type, separator=converter.separator, format_=converter.format, reading=reading
        )
        self._check = check
        self._clear_as = clear_as
        self._clearable = clearable
        self.report = report

    def send(self, written: object, path: Path) -> Json:
        """Return what is sent for a value as the YAML has it; null clears."""
        if written is None:
            if not self._clearable:
                self.report(path, "null would clear the field, which the API does not let be null", value=True)
            return None
        if written == "":
            return self._empty(path)
        found = self._converted(written)
        if not isinstance(found, Finding):
            finding = self._check(found)
            if finding is None or finding.severity == "warning":
                return found
            found = finding
        shown = quoted(scalar_text(written)) if isinstance(written, str | int | float) else "the value"
        self.report(path, f"{shown}: {found.message}", found.hint, value=True)
        return None

    def _empty(self, path: Path) -> Json:
        if self._clear_as != "empty":
            message = 'an empty text would clear the field; `clear_as: empty` says that "" is meant'
            self.report(path, message, "null clears, where the API lets a field be null", value=True)
        return ""

    def constant(self, written: object, chain: Chain, choices: Choices | None, path: Path) -> Json:
        """Return what ``value:`` comes to after the field's transforms and map."""
        if chain.steps and isinstance(written, str | int | float):
            changed = chain(scalar_text(written))
            if isinstance(changed, TransformProblem):
                self.report(path, f"{quoted(scalar_text(written))}: {changed.message}", changed.hint, value=True)
                return None
            written = changed
        if choices is not None and isinstance(written, str | int | float):
            text = scalar_text(written)
            listed, sent = choices.find(text)
            if listed or choices.action == "value":
                return sent if listed else choices.fallback
            if choices.action != "pass":
                self.report(path, f"{quoted(text)} is not listed in the field's `map`", value=True)
                return None
        return self.send(written, path)

    def _converted(self, written: object) -> Json | Finding:
        if self._converter.type == "json" and not isinstance(written, str):
            plain: Json = written  # type: ignore[assignment]  # plain YAML data is JSON
            return plain
        if isinstance(written, dict):
            return Finding("not_text", "a text is expected here", "use `type: json` for objects")
        if isinstance(written, list):
            return self._converter([scalar_text(item) for item in written], None)
        number = self._converter.type in ("number", "integer", "boolean") and not isinstance(written, str)
        value = written if number else scalar_text(written)  # type: ignore[arg-type]  # a scalar of the YAML
        return self._converter(value, None)  # type: ignore[arg-type]


_TYPES_OF_OPTION: Mapping[str, tuple[str, ...]] = {
    "separator": ("list",),
    "format": ("date", "datetime"),
    "decimal": ("number", "integer"),
    "dates": ("date", "datetime"),
}


def _check_options(mapping: FieldMapping, field: Field, *, clearable: bool, path: Path, report: Report) -> None:
    given = mapping.model_fields_set
    sources = mapping.sources
    if len(sources) != 1:
        expected = "one of column, value, template, first_of"
        have = f"{expected} is needed" if not sources else f"only {expected} may be given, not {' and '.join(sources)}"
        report(path, have)
    if field.kind != "any" and mapping.type not in (None, "text"):
        report((*path, "type"), f"{field.name} is sent as text; `type` is for custom fields", value=True)
    for option in ("ignore_case", "otherwise"):
        if option in given and mapping.map is None:
            report((*path, option), f"`{option}` says something about `map`, and there is none")
    for option, types in _TYPES_OF_OPTION.items():
        if option in given and mapping.type not in types:
            belongs = " and ".join(f"`type: {type_}`" for type_ in types)
            report((*path, option), f"`{option}` belongs to {belongs}")
    if not clearable:
        hint = '`clear_as: empty` sends "" instead, at your word'
        message = f"{field.name} cannot be cleared: the API does not let it be null"
        if mapping.blank == "clear":
            report((*path, "blank"), message, hint, value=True)
        if mapping.otherwise.action == "clear":
            report((*path, "otherwise"), message, hint, value=True)
