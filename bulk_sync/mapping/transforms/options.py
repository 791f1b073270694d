"""Check a transform's option against its JSON Schema fragment: one description for editor, reader and program.

Only the words of JSON Schema that the fragments use are known: type, enum, const, anyOf, properties, required,
additionalProperties (False), items, minItems, minLength, maxLength, minimum, maximum, not const.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bulk_sync.mapping.transforms.shapes import TransformMistake

Path = tuple[str | int, ...]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (Mapping,),
}
_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "names with values",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Say what was probably meant, '' where nothing comes near."""
    import difflib  # needed only when something is wrong

    folded = {name.casefold().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(word.casefold().replace("-", "_"), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]!r}?" if close else ""


def check_option(option: object, schema: Mapping[str, Any], path: Path) -> None:
    """Raise :class:`TransformMistake` for the first thing in an option that its schema does not allow."""
    branches = schema.get("anyOf")
    if branches is not None:
        fitting = [branch for branch in branches if _fits_type(option, branch)]
        if not fitting:
            expected = " or ".join(dict.fromkeys(_expected(branch) for branch in branches))
            hint = _text_hint(option, branches)
            raise TransformMistake(f"{_name(path)}: expected {expected}, got {_got(option)}", hint=hint, path=path)
        check_option(option, fitting[0], path)
        return
    if not _fits_type(option, schema):
        hint = _text_hint(option, [schema])
        raise TransformMistake(f"{_name(path)}: expected {_expected(schema)}, got {_got(option)}", hint=hint, path=path)
    _check_choice(option, schema, path)
    _check_size(option, schema, path)
    if isinstance(option, Mapping):
        _check_names(option, schema, path)
    elif isinstance(option, list | tuple):
        for index, item in enumerate(option):
            check_option(item, schema.get("items", {}), (*path, index))


def _fits_type(option: object, schema: Mapping[str, Any]) -> bool:
    wanted = schema.get("type")
    if wanted is None:
        return True
    if isinstance(option, bool):
        return bool(wanted == "boolean")
    kind: tuple[type, ...] = _TYPES[wanted]
    return isinstance(option, kind)


def _takes_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and "enum" not in schema


def _text_hint(option: object, branches: Iterable[Mapping[str, Any]]) -> str:
    """Say how a number or a boolean of the YAML is written as text, where text is expected."""
    if not isinstance(option, bool | int | float) or not any(map(_takes_text, branches)):
        return ""
    return f'as text it is written in quotes: "{str(option).lower()}"'


def _expected(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return _WORDS.get(schema.get("type", ""), "something else")


def _name(path: Path) -> str:
    return " › ".join(str(part + 1) if isinstance(part, int) else part for part in path)


def _got(option: object) -> str:
    if isinstance(option, Mapping):
        return "names with values"
    if isinstance(option, list | tuple):
        return "a list"
    if option is None:
        return "nothing"
    return f"true or false ({str(option).lower()})" if isinstance(option, bool) else repr(option)


def _check_choice(option: object, schema: Mapping[str, Any], path: Path) -> None:
    if "enum" in schema and option not in schema["enum"]:
        hint = did_you_mean(str(option), map(str, schema["enum"]))
        raise TransformMistake(f"{_name(path)}: expected {_expected(schema)}, got {_got(option)}", hint=hint, path=path)
    if "not" in schema and option == schema["not"]["const"]:
        raise TransformMistake(f"{_name(path)}: may not be {option}", path=path)


def _check_size(option: object, schema: Mapping[str, Any], path: Path) -> None:
    if isinstance(option, str | list | tuple):
        least = schema.get("minLength", schema.get("minItems", 0))
        most = schema.get("maxLength", len(option))
        if len(option) < least:
            raise TransformMistake(f"{_name(path)}: must not be empty", path=path)
        if len(option) > most:
            raise TransformMistake(f"{_name(path)}: at most {most} characters, got {len(option)}", path=path)
    if isinstance(option, int):
        if option < schema.get("minimum", option):
            raise TransformMistake(f"{_name(path)}: at least {schema['minimum']}, got {option}", path=path)
        if option > schema.get("maximum", option):
            raise TransformMistake(f"{_name(path)}: at most {schema['maximum']}, got {option}", path=path)


def _check_names(option: Mapping[Any, Any], schema: Mapping[str, Any], path: Path) -> None:
    known: Mapping[str, Any] = schema.get("properties", {})
    for name, item in option.items():
        if name not in known:
            hint = did_you_mean(str(name), known) or "known names: " + ", ".join(known)
            raise TransformMistake(f"{_name(path)}: unknown name {name!r}", hint=hint, path=(*path, str(name)))
        check_option(item, known[name], (*path, name))
    for name in schema.get("required", ()):
        if name not in option:
            raise TransformMistake(f"{_name(path)}: {name!r} is missing", path=path)
