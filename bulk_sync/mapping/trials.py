"""The mapping's own tests: a row, and what the mapping must make of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bulk_sync.errors import Mistake
from bulk_sync.mapping.codes import PROBLEM_CODES
from bulk_sync.mapping.document import Path, scalar_text
from bulk_sync.mapping.header import fold_name
from bulk_sync.mapping.mapper import compile_mapping
from bulk_sync.mapping.model import MappingTest
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.records import Json, MappedRow, SourceRow

_KEY_STAND_INS = {"id": "clt_test", "email": "test@example.com", "phone": "+971501234567"}


def run_tests(spec: MappingSpec) -> tuple[Mistake, ...]:
    """Run the tests of a mapping; return those that fail, each where it stands.

    A test's row names some of the mapping's columns, and the others are blank; a key that it does not give is
    made up. ``expect`` must name all that is sent but for fixed values (``value:``), nested or dotted.
    """
    mistakes: list[Mistake] = []
    columns = spec.columns()
    for place, test in enumerate(spec.tests):
        path: Path = ("tests", place)
        unknown = [column for column in test.row if fold_name(column) not in map(fold_name, columns)]
        for column in unknown:
            hint = did_you_mean(column, columns)
            where = spec.document.where((*path, "row", column))
            mistakes.append(where.mistake(f"the mapping uses no column {column!r}", hint))
        if not unknown:
            message, hint = _failure(spec, columns, test)
            if message:
                mistakes.append(spec.document.where(path).mistake(f"test {place + 1} fails: {message}", hint))
    return tuple(mistakes)


def _failure(spec: MappingSpec, columns: tuple[str, ...], test: MappingTest) -> tuple[str, str]:
    mapper = compile_mapping(spec, columns)
    row = SourceRow(2, tuple(_cells(spec, columns, test)))
    if mapper.needs_survey:  # one row rarely tells; what stays open is a problem of the row, as it should be
        mapper.survey(row)
        mapper.open_questions()
    mapped = mapper.map(row)
    if test.problem is not None:
        return _missing_problem(test.problem, mapped)
    errors = [problem for problem in mapped.problems if problem.severity == "error"]
    if errors:
        return f'{errors[0].column} "{errors[0].value}": {errors[0].message}', errors[0].hint
    fixed = {name for name, program in spec.programs.items() if program.is_constant}
    return _difference(_flat(test.expect or {}), _flat(mapped.payload), fixed), ""


def _cells(spec: MappingSpec, columns: tuple[str, ...], test: MappingTest) -> list[str]:
    given = {fold_name(column): scalar_text(value) for column, value in test.row.items()}
    for key in spec.match:
        given.setdefault(fold_name(key.column), _KEY_STAND_INS.get(key.by, "test"))
    return [given.get(fold_name(column), "") for column in columns]


def _missing_problem(code: str, mapped: MappedRow) -> tuple[str, str]:
    found = [problem.code for problem in mapped.problems]
    if code in found:
        return "", ""
    if code not in PROBLEM_CODES:
        return f"there is no problem code {code!r}", did_you_mean(code, PROBLEM_CODES)
    return f"no problem {code!r}; found: {', '.join(found) or 'none'}", ""


def _flat(payload: Mapping[str, Any]) -> dict[str, Json]:
    flat: dict[str, Json] = {}
    for name, value in payload.items():
        if isinstance(value, dict) and "." not in name and not name.startswith("cf_"):
            flat.update({f"{name}.{part}": item for part, item in value.items()})
        else:
            flat[name] = value
    return flat


def _difference(expected: Mapping[str, Json], sent: Mapping[str, Json], fixed: set[str]) -> str:
    for name, value in expected.items():
        if name not in sent:
            return f"{name} is not sent, expected {_written(value)}"
        if not _same(sent[name], value):
            return f"{name} is {_written(sent[name])}, expected {_written(value)}"
    for name, value in sent.items():
        if name not in expected and name not in fixed:
            return f"{name} is sent too: {_written(value)}"
    return ""


def _same(sent: Json, expected: Json) -> bool:
    """Whether two values are the same in JSON, where true is not 1."""
    if isinstance(sent, dict) and isinstance(expected, dict):
        return sent.keys() == expected.keys() and all(_same(value, expected[name]) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(expected, list):
        return len(sent) == len(expected) and all(map(_same, sent, expected))
    return isinstance(sent, bool) == isinstance(expected, bool) and sent == expected


def _written(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
