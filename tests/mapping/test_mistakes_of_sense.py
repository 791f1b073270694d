"""What a mapping says that can never come true, or that is not what its author means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulk_sync.errors import MappingError
from bulk_sync.mapping.mapper import RowMapper, compile_mapping
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.records import MappedRow, SourceRow

SpecOf = Callable[..., MappingSpec]
MapperOf = Callable[..., RowMapper]
MapRow = Callable[..., MappedRow]
BLANK_KEY = (
    "a blank cell does not come to `map` | `blank` says what becomes of one; transform: [{default: X}] gives it a value"
)

MISTAKES = [
    ("fields: {cf_a: {column: A, map: {'': x, b: y}}}", f"m.yaml:2:34: {BLANK_KEY}"),
    ("fields: {cf_a: {column: A, map: {~: x, b: y}}}", f"m.yaml:2:34: {BLANK_KEY}"),
    (
        "fields: {cf_a: {column: A, map: {'b ': y}}}",
        'm.yaml:2:34: "b " has white space at an end, and a cell\'s is taken off | write "b"',
    ),
    ("fields: {cf_a: {value: z, map: {b: y}}}", 'm.yaml:2:24: "z" is not listed in the field\'s `map` | '),
    (
        "fields: {cf_a: {value: z, map: {b: y}, otherwise: leave}}",
        'm.yaml:2:24: "z" is not listed in the field\'s `map` | ',
    ),
    (
        "fields: {name: A}\nextra_fields: [id]",
        "m.yaml:3:16: 'id' is given by the API, and nobody can change it | `match` finds the client by it",
    ),
    (
        "fields: {name: A}\nsource: {sheet: 0}",
        "m.yaml:3:17: source.sheet: expected a sheet's name, or its number from 1 | ",
    ),
    (
        "fields: {name: A}\nsource: {sheet: [A, B]}",
        "m.yaml:3:17: source.sheet: expected a sheet's name, or its number from 1 | ",
    ),
    (
        "fields: {name: A}\nsource: {delimiter: '\"'}",
        "m.yaml:3:21: source.delimiter: '\"' is no delimiter; one is a character, or comma, semicolon, tab, pipe | ",
    ),
    (
        "fields: {name: A}\nrate: 0/min",
        'm.yaml:3:7: rate: "0/min" is not understood | write 60/min, 1/s, 60/2s, 1000/h, or none',
    ),
    (
        "fields: {cf_a: {column: A, type: datetime, format: '%d.%m.%y %I'}}",
        (
            "m.yaml:2:52: %I in '%d.%m.%y %I' is an hour from 1 to 12, and no %p says in which half of the day | "
            "write it in strftime's letters: %Y-%m-%d, %d/%m/%Y"
        ),
    ),
    ("fields: {name: A}\nversion: '1'", 'm.yaml:3:10: version: expected 1, got "1" | write it without quotes'),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_what_can_never_come_true_is_a_mistake(spec_of: SpecOf, text: str, told: str) -> None:
    """Shows each with place, message and hint, before any row is read."""
    with pytest.raises(MappingError) as caught:
        spec_of(text)
    assert [f"{mistake} | {mistake.hint}" for mistake in caught.value.mistakes] == [told]


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("{value: z, map: {b: y}, otherwise: pass}", "z"),
        ("{value: z, map: {b: y}, otherwise: {value: q}}", "q"),
        ("{value: b, map: {b: y}}", "y"),
        ("{column: A, transform: [{suffix: ' '}], map: {'a ': y}}", "y"),
    ],
)
def test_what_can_come_true_is_none(mapper_of: MapperOf, map_row: MapRow, field: str, sent: str) -> None:
    """Shows the neighbours of those mistakes: a value that otherwise provides for, a text that a transform makes."""
    assert map_row(mapper_of(f"fields: {{cf_a: {field}}}", "A"), "a").payload == {"cf_a": sent}


@pytest.mark.parametrize(
    ("written", "meant"), [("semicolon", ";"), ("Tab", "\t"), ("pipe", "|"), ("comma", ","), ("'^'", "^")]
)
def test_a_delimiter_may_be_named(spec_of: SpecOf, written: str, meant: str) -> None:
    """Shows that the names which the tool's own question and ``source:`` block use may be written."""
    assert spec_of(f"fields: {{name: A}}\nsource: {{delimiter: {written}}}").source.delimiter == meant


def test_a_column_that_is_ignored_and_used_is_said(spec_of: SpecOf) -> None:
    """Shows a note for a column whose values are sent though ``ignore`` names it, and none for its namesake."""
    spec = spec_of("fields: {name: Company}\nignore: [company, Notes]")
    assert compile_mapping(spec, ("Client ID", "Company", "Notes")).notes == (
        '`ignore` names what the mapping uses all the same: "company"',
    )
    assert compile_mapping(spec, ("Client ID", "Company", "company", "Notes")).notes == ()


def test_a_column_is_found_however_its_accents_are_written(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that a header from a Mac, whose accents are characters of their own, is the name that it looks like."""
    for header, name in (("Cafe\u0301", "Caf\u00e9"), ("Caf\u00e9", "Cafe\u0301")):
        assert map_row(mapper_of(f"fields: {{name: '{name}'}}", header), "Acme").payload == {"name": "Acme"}


def test_a_value_is_compared_however_its_accents_are_written(mapper_of: MapperOf) -> None:
    """Shows where, when and map for a city whose accent is a character of its own; what is sent is the cell's text."""
    mapper = mapper_of(
        "source: {where: {City: [M\u00fcnchen]}}\n"
        "fields: {name: {column: City, when: {City: [M\u00fcnchen]}}, cf_a: {column: City, map: {M\u00fcnchen: y}}}",
        "City",
    )
    row = SourceRow(2, ("clt_1", "Mu\u0308nchen"))
    assert mapper.selects(row)
    assert mapper.map(row).payload == {"name": "Mu\u0308nchen", "cf_a": "y"}


def test_both_ways_to_write_an_accent_may_be_listed(spec_of: SpecOf) -> None:
    """Shows that who has met both may list both, as long as they do not mean different things."""
    twice = "fields: {{cf_a: {{column: City, map: {{M\u00fcnchen: {}, Mu\u0308nchen: {}}}}}}}"
    spec_of(twice.format("y", "y"))
    with pytest.raises(MappingError, match="is listed twice with its accents written otherwise"):
        spec_of(twice.format("y", "z"))


@pytest.mark.parametrize("name", ["Client\u200bName", "Client\u00adName", "\ufeffClientName ", "ClientName"])
def test_a_column_is_found_by_its_name_as_it_was_copied(mapper_of: MapperOf, map_row: MapRow, name: str) -> None:
    """Shows that what nobody sees in a header cell, and the readers take out, may stand in the mapping."""
    mapper = mapper_of(f"fields: {{name: '{name}'}}", "ClientName")
    assert map_row(mapper, "Acme").payload == {"name": "Acme"}
