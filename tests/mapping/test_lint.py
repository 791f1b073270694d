"""Lint and explain as their readers see them, the shipped schema, and every mapping of the repository."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from bulk_sync.mapping.codes import PROBLEM_CODES
from bulk_sync.mapping.document import plain_data, read_document
from bulk_sync.mapping.lint import LintReport, lint_mapping, point_out
from bulk_sync.mapping.mapper import RowMapper
from bulk_sync.mapping.model import MappingFile
from bulk_sync.mapping.schema import json_schema, schema_text
from bulk_sync.mapping.spec import load_mapping, parse_mapping
from bulk_sync.records import Cell, CellKind, SourceRow
from bulk_sync.resources import get_resource

ROOT = Path(__file__).parents[2]
MAPPINGS = sorted((ROOT / "mappings").glob("*.yaml"))


def lint(
    tmp_path: Path, text: str, header: tuple[str, ...] | None = None, rows: list[SourceRow] | None = None
) -> LintReport:
    """Lint a text as the file m.yaml."""
    path = tmp_path / "m.yaml"
    path.write_text(text, encoding="utf-8")
    return lint_mapping(path, environ={}, header=header, rows=None if rows is None else lambda: rows)


def test_a_mistake_is_pointed_out(tmp_path: Path) -> None:
    """Shows file:line:column, the line, a caret beneath the place and the hint."""
    text = "match: ID\nfields:\n\tname: x\n"
    report = lint(tmp_path, "match: ID\nfields:\n  email: {colum: E-mail}\n")
    shown = point_out(report.mistakes[0], "match: ID\nfields:\n  email: {colum: E-mail}\n")
    assert shown.replace(str(tmp_path), "") == (
        "/m.yaml:3:11: unknown key 'colum'\n"
        "      email: {colum: E-mail}\n"
        "              ^\n"
        "hint: did you mean 'column'?"
    )  # fmt: skip
    tabbed = lint(tmp_path, text).mistakes[0]
    assert point_out(tabbed, text).splitlines()[1:] == [
        "    \tname: x",
        "    ^",
        "hint: YAML is indented with spaces; a text that begins with a sign is written in quotes",
    ]


def test_lint_with_a_source_groups_what_it_finds(tmp_path: Path) -> None:
    """Shows unused columns, and the same cause on many rows as one line."""
    rows = [SourceRow(number, (f"clt_{number}", "Prospct" if number % 2 else "A", "")) for number in range(2, 12)]
    rows.append(SourceRow(12, ("", "B", "")))
    text = "match: ID\nfields: {cf_stage: {column: Stage, map: {A: a, B: b}}}\n"
    report = lint(tmp_path, text, ("ID", "Stage", "Notes"), rows)
    assert (report.mistakes, report.rows) == ((), 11)
    assert report.notes == (
        'a column of the source not used: "Notes" (list them under `ignore` if that is on purpose)',
    )
    assert [str(group) for group in report.groups] == [
        '5 rows: column "Stage", value "Prospct": not listed in the field\'s map (first in B3)',
        '1 row: column "ID": the row has no ID, so no client can be found for it (A12)',
    ]


def test_lint_looks_at_the_rows_that_a_run_would_take(tmp_path: Path) -> None:
    """Shows that rows which ``where`` or ``rows: visible`` leave out are neither counted nor surveyed nor reported."""
    text = "match: ID\nsource: {where: {Land: DE}, rows: visible}\nfields: {cf_n: {column: N, type: number}}\n"
    rows = [
        SourceRow(2, ("clt_1", "DE", "1,5")),
        SourceRow(3, ("clt_2", "AT", "x")),
        SourceRow(4, ("clt_3", "DE", "1.5"), hidden=True),
    ]
    report = lint(tmp_path, text, ("ID", "Land", "N"), rows)
    assert (report.mistakes, report.groups, report.rows) == ((), (), 1)


def test_lint_tells_what_the_mapping_must_decide_beside_all_else(tmp_path: Path) -> None:
    """Shows columns with two readings as mistakes of their fields, all at once, and the other problems with them."""
    text = (
        "match: ID\nfields:\n"
        "  cf_d: {column: D, type: date}\n  cf_n: {column: N, type: number}\n  cf_m: {column: M, type: number}\n"
    )
    rows = [SourceRow(2, ("clt_1", "03/04/2024", "1,234", "x"))]
    report = lint(tmp_path, text, ("ID", "D", "N", "M"), rows)
    assert [(mistake.line, mistake.column, mistake.message, mistake.hint) for mistake in report.mistakes] == [
        (
            *(3, 3),
            (
                'column "D": "03/04/2024" (B2) reads as 2024-04-03 or 2024-03-04, '
                "and no other value of the column tells the order of day and month"
            ),
            "write it into the mapping, under `source:` or the field: `dates: 'day-first'` or `dates: 'month-first'`",
        ),
        (
            *(4, 3),
            'column "N": "1,234" (C2) reads as 1234 or 1.234, and no other value of the column tells the decimal sign',
            "write it into the mapping, under `source:` or the field: `decimal: '.'` or `decimal: ','`",
        ),
    ]
    assert [str(group) for group in report.groups] == ['1 row: column "M", value "x": not a number (D2)']


def test_lint_names_columns_that_do_not_exist(tmp_path: Path) -> None:
    """Shows a missing column as a mistake of the mapping."""
    report = lint(tmp_path, "match: ID\nfields: {name: Nme}\n", ("ID", "Name"), [])
    assert [mistake.message for mistake in report.mistakes] == ['no column "Nme" in the source']


def test_a_mappings_own_tests_are_run(tmp_path: Path) -> None:
    """Shows each way in which a test of the mapping fails, at its place, and those that pass."""
    text = """\
match: ID
fields:
  name: Company
  type: {value: company}
  email: {column: E-mail, blank: clear}
  billingAddress.city: City
  cf_n: {column: N, type: number}
partial: [billingAddress]
tests:
  - {row: {Company: Acme}, expect: {name: Acme, email: null}}
  - {row: {City: Muscat}, expect: {email: null, billingAddress: {city: Muscat}}}
  - {row: {Company: Acme}, expect: {name: Acme}}
  - {row: {Company: Acme}, expect: {name: Acne, email: null}}
  - {row: {}, expect: {name: Acme, email: null}}
  - {row: {E-mail: x}, expect: {email: x}}
  - {row: {E-mail: x}, problem: bad_email}
  - {row: {E-mail: x}, problem: bad_phone}
  - {row: {E-mail: x}, problem: bad_emial}
  - {row: {Compny: x}, problem: bad_email}
  - {row: {N: "1,234"}, problem: ambiguous_number}
"""
    report = lint(tmp_path, text)
    assert [(mistake.line, mistake.message, mistake.hint) for mistake in report.mistakes] == [
        (12, "test 3 fails: email is sent too: null", ""),
        (13, 'test 4 fails: name is "Acme", expected "Acne"', ""),
        (14, 'test 5 fails: name is not sent, expected "Acme"', ""),
        (15, 'test 6 fails: E-mail "x": not an e-mail address (no @-sign)', "correct the address in the source"),
        (17, "test 8 fails: no problem 'bad_phone'; found: bad_email, company_without_name", ""),
        (18, "test 9 fails: there is no problem code 'bad_emial'", "did you mean 'bad_email'?"),
        (19, "the mapping uses no column 'Compny'", "did you mean 'Company'?"),
    ]
    assert report.tests == 11


def test_a_mappings_tests_tell_true_from_one(tmp_path: Path) -> None:
    """Shows that a test passes for the very value that is sent: 1 is 1.0 in JSON, and neither is true."""
    text = """\
match: ID
fields: {cf_n: {column: N, type: number}, cf_b: {column: B, type: boolean}, cf_j: {column: J, type: json}}
tests:
  - {row: {N: 1}, expect: {cf_n: 1.0}}
  - {row: {N: 1}, expect: {cf_n: true}}
  - {row: {B: yes}, expect: {cf_b: 1}}
  - {row: {J: '{"a": [1, true]}'}, expect: {cf_j: {a: [1, true]}}}
  - {row: {J: '{"a": [1, true]}'}, expect: {cf_j: {a: [true, true]}}}
"""
    assert [mistake.message for mistake in lint(tmp_path, text).mistakes] == [
        "test 2 fails: cf_n is 1, expected true",
        "test 3 fails: cf_b is true, expected 1",
        'test 5 fails: cf_j is {"a": [1, true]}, expected {"a": [true, true]}',
    ]


def test_explain_tells_every_step(mapper_of: Callable[..., RowMapper]) -> None:
    """Shows a cell's way to the payload: what is read, each transform, map, type, check, and what is sent."""
    mapper = mapper_of(
        "clear_token: X\nfields:\n"
        "  cf_tier: {column: Tier, transform: [trim, upper], map: {A: Gold}}\n"
        "  cf_n: {column: N, type: number}\n"
        "  email: {column: Tier}\n"
        "  taxNumber: {column: T, when: {Tier: z}}\n",
        *("Tier", "N", "T"),
    )
    row = SourceRow(17, ("clt_1", " a ", Cell("12.50", 12.5, CellKind.NUMBER), "X"))
    steps = [(step.field, step.name, step.value, step.note) for step in mapper.explain(row, "tier")]
    assert [step[:3] for step in steps[:7]] == [
        ("cf_tier", "cell", " a "),
        ("cf_tier", "trim", "a"),
        ("cf_tier", "transform trim", "a"),
        ("cf_tier", "transform upper", "A"),
        ("cf_tier", "map", "Gold"),
        ("cf_tier", "validation", "Gold"),
        ("cf_tier", "sent", "Gold"),
    ]
    assert steps[9] == ("email", "problem", "a", "not an e-mail address (no @-sign)")
    assert [step[1] for step in steps[-3:]] == ["cell", "when", "not sent"]
    number = mapper.explain(row, "N")
    assert (number[0].cell, number[0].note) == ("Clients!C17", "column N, stored as number 12.5")
    assert [step.name for step in number] == ["cell", "trim", "type number", "validation", "sent"]
    assert [(step.name, step.note, step.value) for step in mapper.explain(row, "Client ID")] == [
        ("key", "finds the client by id", "clt_1")
    ]
    assert mapper.explain(row, "nobody's") == []


def test_explain_of_a_damaged_row(mapper_of: Callable[..., RowMapper]) -> None:
    """Shows that a row that cannot be mapped says why."""
    steps = mapper_of("fields: {name: A}", "A").explain(SourceRow(3, ("x",)))
    assert [(step.name, step.note) for step in steps] == [("problem", "1 cells where the header has 2")]


def test_the_shipped_schema_is_the_models() -> None:
    """Shows that clients.schema.json is what the models say; `bulk-sync mapping schema` writes it."""
    shipped = files("bulk_sync.mapping").joinpath("clients.schema.json")
    assert shipped.read_text(encoding="utf-8") == schema_text()


def test_the_schema_describes_itself() -> None:
    """Shows that the schema is valid, and that every key and field has a description for the editor."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, prop in schema["properties"].items():
        assert prop.get("description"), name
    for name, prop in schema["properties"]["fields"]["properties"].items():
        assert prop["description"], name
    assert schema["properties"].keys() == MappingFile.model_fields.keys()


def test_the_schemas_examples_and_defaults_may_be_written() -> None:
    """Shows that each example and default is what the schema allows, and no null or block that lint refuses."""
    schema = json_schema()
    tried = 0
    for place in (schema, schema["properties"]["fields"], *schema["$defs"].values()):
        for name, prop in place.get("properties", {}).items():
            part = {"$defs": schema["$defs"], **prop}
            for written in (*prop.get("examples", ()), *([prop["default"]] if "default" in prop else ())):
                jsonschema.Draft202012Validator(part).validate(written)
                assert written not in (None, "", [], {}), name
                tried += 1
    assert tried > 50


def test_the_schemas_examples_of_fields_load() -> None:
    """Shows that what an editor offers for a field is a mapping of it."""
    for name, prop in json_schema()["properties"]["fields"]["properties"].items():
        for example in prop["examples"]:
            text = json.dumps(
                {"match": "ID", "fields": {name: example}, "partial": list(get_resource("clients").units)}
            )
            assert parse_mapping(text, name=name, environ={}).fields.keys() == {name}


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.name)
def test_every_mapping_of_the_repository_is_clean(path: Path) -> None:
    """Shows that each lints without a mistake, runs its tests, fits the schema, and names it for editors."""
    text = path.read_text(encoding="utf-8")
    report = lint_mapping(path, environ={})
    assert report.mistakes == ()
    root, _ = read_document(text, name=path.name)
    data, _, _ = plain_data(root, lambda value, _position: value)
    jsonschema.validate(data, json_schema())
    modeline = text.splitlines()[0]
    assert modeline.startswith("# yaml-language-server: $schema=")
    schema = (path.parent / modeline.partition("=")[2]).resolve()
    assert json.loads(schema.read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize(
    "text",
    [
        "match: ID\nfields: {name: {colum: x}}\n",
        "match: ID\nfields: {name: {column: x, transform: [loer]}}\n",
        "match: ID\nfields: {name: {column: x, transform: [{pad: wide}]}}\n",
        "match: ID\nfields: {name: x}\nblank: klear\n",
        "match: ID\nfields: {name: x}\nsource: {decimal: ';'}\n",
        "fields: {name: x}\n",
        "match: ID\nfields: {name: {column: x, map: {a: b}, otherwise: eror}}\n",
        "match: ID\nfields: {name: x}\nrate: 60 a minute\n",
        "match: ID\nfields: {name: {column: x, when: {Kind: []}}}\n",
        "match: ID\nfields: {name: x}\nsource: {where: {Kind: []}}\n",
        "match: ID\nfields: {name: x}\ntests: [{row: {x: Acme}}]\n",
    ],
)
def test_an_editor_underlines_what_lint_refuses(text: str, tmp_path: Path) -> None:
    """Shows that schema and program refuse the same mistakes."""
    root, _ = read_document(text, name="m.yaml")
    data, _, _ = plain_data(root, lambda value, _position: value)
    assert lint(tmp_path, text).mistakes
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json_schema())


def test_the_sample_mapping_uses_every_field_of_the_api() -> None:
    """Shows that mappings/clients.yaml maps every field, custom fields of every type, and each kind of source."""
    spec = load_mapping(ROOT / "mappings" / "clients.yaml", environ={})
    resource = get_resource("clients")
    assert {name for name in spec.fields if not resource.is_custom(name)} == resource.fields.keys()
    custom = [field for name, field in spec.fields.items() if resource.is_custom(name)]
    assert {field.type or "text" for field in custom} >= {
        "text", "number", "integer", "boolean", "date", "datetime", "list",
    }  # fmt: skip
    assert {source for field in spec.fields.values() for source in field.sources} == {
        "column", "value", "template", "first_of",
    }  # fmt: skip
    assert any(field.when for field in spec.fields.values())
    assert any(field.map for field in spec.fields.values())


def test_codes_are_words_with_a_meaning() -> None:
    """Shows that each problem code is a stable word and has a line for the README."""
    assert all(
        code.replace("_", "").isalpha() and code.islower() and meaning for code, meaning in PROBLEM_CODES.items()
    )
