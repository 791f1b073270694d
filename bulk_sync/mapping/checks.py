"""What is wrong with a mapping that its models cannot say: what needs the resource, or several keys at once."""

from __future__ import annotations

from collections.abc import Iterable

from bulk_sync.errors import Mistake
from bulk_sync.mapping.cells import text_finding
from bulk_sync.mapping.document import Document, Path
from bulk_sync.mapping.findings import quoted
from bulk_sync.mapping.model import MappingFile
from bulk_sync.mapping.programs import Program, compile_program
from bulk_sync.mapping.transforms import strip_margin
from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.resources.fields import Field, Resource


def check_file(file: MappingFile, resource: Resource, document: Document) -> tuple[dict[str, Program], list[Mistake]]:
    """Compile every field and check what concerns several; return the programs and the mistakes."""
    checker = _Checker(file, resource, document)
    programs = checker.programs()
    checker.check_units()
    checker.check_texts()
    return programs, checker.mistakes


class _Checker:
    def __init__(self, file: MappingFile, resource: Resource, document: Document) -> None:
        self.mistakes: list[Mistake] = []
        self._file = file
        self._resource = resource
        self._document = document

    def report(self, path: Path, message: str, hint: str = "", *, value: bool = False) -> None:
        self.mistakes.append(self._document.where(path, value=value).mistake(message, hint))

    def programs(self) -> dict[str, Program]:
        compiled: dict[str, Program] = {}
        for name in self._file.fields:
            field = self._field(name)
            program = compile_program(name, field, self._file, self.report) if field else None
            if program:
                compiled[name] = program
        return compiled

    def _field(self, name: str) -> Field | None:
        known = self._resource.field(name)
        if known is not None:
            return known
        if name in self._file.extra_fields:
            return Field(name, kind="any", description="An extra field.")
        if name in self._resource.units:
            parts = ", ".join(f"{name}.{part}" for part in self._resource.units[name])
            self.report(("fields", name), f"{name} is filled by its parts", f"map {parts}")
            return None
        self.report(("fields", name), f"unknown field {name!r}", self._unknown_hint(name))
        return None

    def _unknown_hint(self, name: str) -> str:
        parts = [field.name for field in self._resource.fields.values() if field.unit and field.part == name]
        if parts:
            return f"did you mean {' or '.join(map(repr, parts))}?"
        if name in self._resource.fixed:
            return "the API gives it, and nobody can change it; `match` finds the client by it"
        prefix = self._resource.custom_prefix
        hint = did_you_mean(name, self._resource.fields)
        return hint or f"custom fields begin with {prefix}; others are named under extra_fields"

    def check_units(self) -> None:
        """See that a unit is mapped whole, or in part on purpose, and that its parts follow one policy."""
        file, units = self._file, self._resource.units
        for index, name in enumerate(file.extra_fields):
            # A custom field may be named here, too: it says that one which no client has yet is meant so.
            if name in units or name in self._resource.fields:
                message = f"{name!r} is a field of the API already, or a unit of them"
                self.report(("extra_fields", index), message, "`extra_fields` is for names that are not known here")
            if name in self._resource.fixed:
                message = f"{name!r} is given by the API, and nobody can change it"
                self.report(("extra_fields", index), message, "`match` finds the client by it")
        for index, name in enumerate(file.partial):
            if name not in units:
                hint = did_you_mean(name, units) or f"units are {', '.join(units)}"
                self.report(("partial", index), f"{name!r} is not a unit", hint)
        for unit, parts in units.items():
            mapped = [name for name in file.fields if name.startswith(f"{unit}.")]
            missing = [part for part in parts if f"{unit}.{part}" not in file.fields]
            if mapped and missing and unit not in file.partial:
                message = f"{unit} is mapped in part ({', '.join(missing)} left out), and the API may erase the rest"
                hint = f"map the others, or say that it is on purpose: partial: [{unit}]"
                self.report(("fields", mapped[0]), message, hint)
            for option in ("overwrite", "compare"):
                said = {getattr(file.fields[name], option) for name in mapped}
                if len(said) > 1:
                    message = f"the parts of {unit} differ in `{option}`; it is sent as one"
                    self.report(("fields", mapped[0]), message)

    def check_texts(self) -> None:
        token = self._file.clear_token
        if token is not None and (strip_margin(token) != token or token.startswith("\\") or text_finding(token)):
            message = "clear_token: must be a visible word without outer white space that does not begin with \\"
            self.report(("clear_token",), message, value=True)
        for place, name in self._column_names():
            if not strip_margin(name):
                self.report(place, "a blank column name", value=True)
        columns = [key.column for key in self._file.match]
        for index, name in enumerate(columns):
            if name in columns[:index]:
                self.report(("match", index), f"the column {quoted(name)} is matched twice")

    def _column_names(self) -> Iterable[tuple[Path, str]]:
        for index, key in enumerate(self._file.match):
            yield ("match", index, "column"), key.column
        for field, mapping in self._file.fields.items():
            if mapping.column is not None:
                yield ("fields", field, "column"), mapping.column
            for index, name in enumerate(mapping.first_of or ()):
                yield ("fields", field, "first_of", index), name
