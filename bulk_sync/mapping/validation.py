"""The document against the models: pydantic's findings put into words, each where it stands in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bulk_sync.errors import Mistake
from bulk_sync.mapping.document import Document, Path
from bulk_sync.mapping.findings import quoted
from bulk_sync.mapping.model import FieldMapping, MappingFile, MappingTest, MatchKey, SourceBlock
from bulk_sync.mapping.transforms.options import did_you_mean

_BLOCKS: Mapping[str, type[BaseModel]] = {
    "source": SourceBlock,
    "match": MatchKey,
    "fields": FieldMapping,
    "tests": MappingTest,
}
_WORDS = {
    "string_type": "expected a text",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected names with values",
    "model_type": "expected names with values",
    "list_type": "expected a list",
    "int_from_float": "expected a whole number",
}
_EMPTY = ("too_short", "string_too_short")
_PATTERN_HINTS = {
    "rate": "write 60/min, 1/s, 60/2s, 1000/h, or none",
    "by": "by is id, number, email, phone, name or a custom field cf_…",
}
_EMPTY_HINTS: Mapping[Path, str] = {
    ("fields",): "a mapping sends something: write a line such as `name: Company` beneath `fields:`",
}
_ROUNDS = 4


def validate(document: Document) -> tuple[MappingFile | None, list[Mistake]]:
    """Validate a document; return the model and the mistakes.

    Where there are mistakes, the model is made of what is left without the places they stand at, so that the
    checks that need the whole can go on looking; None where too little is left.
    """
    mistakes: list[Mistake] = []
    data: Any = deepcopy(document.data)
    for _ in range(_ROUNDS):
        try:
            return MappingFile.model_validate(data), mistakes
        except ValidationError as error:
            found = error.errors(include_url=False)
            mistakes += [_mistake(each, document) for each in found]
            for each in found:
                _leave_out(data, tuple(each["loc"]), missing=each["type"] == "missing")
    return None, mistakes


def _leave_out(data: Any, path: Path, *, missing: bool) -> None:  # noqa: ANN401  (plain data of any depth)
    """Take away what is wrong. A field left without a source gets a stand-in; nothing more is said of it."""
    if path[0] == "fields" and len(path) > 2 and isinstance(data["fields"].get(path[1]), dict):
        field = data["fields"][path[1]]
        field.pop(path[2], None)
        if not {"column", "value", "template", "first_of"} & field.keys():
            data["fields"][path[1]] = "?"
    elif path[0] == "fields" and len(path) > 1:
        data["fields"][path[1]] = "?"
    elif path[0] == "match" or (missing and path == ("match",)):
        data["match"] = "?"
    elif path[0] == "source" and len(path) > 1 and isinstance(data.get("source"), dict):
        data["source"].pop(path[1], None)
    elif path[0] != "fields":
        data.pop(path[0], None)


def _mistake(found: ErrorDetails, document: Document) -> Mistake:
    path: Path = tuple(found["loc"])
    say = _SAY.get(found["type"])
    if found["input"] is None and found["type"] not in ("extra_forbidden", "missing"):
        hint = _EMPTY_HINTS.get(path) or "null and an empty value say nothing here; delete the line, or fill it in"
        return document.where(path).mistake(f"{_dotted(path)} has no value", hint)
    if say is not None:
        return say(found, path, document)
    if found["type"] in _EMPTY:
        place = document.where(path, value=True)
        return place.mistake(f"{_dotted(path)} must not be empty", _EMPTY_HINTS.get(path, ""))
    words = _WORDS.get(found["type"]) or _bound(found) or found["msg"][:1].lower() + found["msg"][1:]
    return document.where(path, value=True).mistake(f"{_dotted(path)}: {words}, got {_shown(found['input'])}")


def _bound(found: ErrorDetails) -> str:
    least, most = found.get("ctx", {}).get("ge"), found.get("ctx", {}).get("le")
    return f"at least {least}" if least is not None else f"at most {most}" if most is not None else ""


def _unknown(_found: ErrorDetails, path: Path, document: Document) -> Mistake:
    known = _known_keys(path)
    hint = did_you_mean(str(path[-1]), known) or f"known are {', '.join(known)}"
    return document.where(path).mistake(f"unknown key {str(path[-1])!r}", hint)


def _missing(_found: ErrorDetails, path: Path, document: Document) -> Mistake:
    return document.where(path[:-1]).mistake(f"{_dotted(path)} is missing")


def _choice(found: ErrorDetails, path: Path, document: Document) -> Mistake:
    expected = found["ctx"]["expected"]
    choices = [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    message = f"{_dotted(path)}: expected {expected}, got {_shown(found['input'])}"
    as_text = str(found["input"]) in choices
    hint = "write it without quotes" if as_text else did_you_mean(str(found["input"]), choices)
    return document.where(path, value=True).mistake(message, hint)


def _own(found: ErrorDetails, path: Path, document: Document) -> Mistake:
    return document.where(path, value=True).mistake(f"{_dotted(path)}: {found['ctx']['error']}")


def _pattern(found: ErrorDetails, path: Path, document: Document) -> Mistake:
    message = f"{_dotted(path)}: {_shown(found['input'])} is not understood"
    return document.where(path, value=True).mistake(message, _PATTERN_HINTS.get(str(path[-1]), ""))


_SAY: Mapping[str, Callable[[ErrorDetails, Path, Document], Mistake]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "literal_error": _choice,
    "value_error": _own,
    "string_pattern_mismatch": _pattern,
}


def _known_keys(path: Path) -> Sequence[str]:
    model = _BLOCKS.get(str(path[0]), MappingFile) if len(path) > 1 else MappingFile
    return list(model.model_fields)


def _dotted(path: Path) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path) or "the mapping"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "names with values"
    if isinstance(value, list):
        return "a list"
    return quoted(str(value).lower() if isinstance(value, bool) else str(value))
