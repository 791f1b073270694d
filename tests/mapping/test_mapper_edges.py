"""Rows at the edges of the rules: warnings of a reader, tokens in templates, merged cells, unshown conditions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulk_sync.errors import Problem
from bulk_sync.mapping.mapper import RowMapper
from bulk_sync.records import Cell, CellKind, MappedRow, SourceRow

MapperOf = Callable[..., RowMapper]
MapRow = Callable[..., MappedRow]
WARNING = Problem("odd_row", "the reader wonders", row=5, severity="warning")
LONG = Cell("1234567890123456000", 1234567890123456000, CellKind.NUMBER)
COVERED = Cell("", None, CellKind.MERGED)


def test_a_readers_warning_does_not_stop_mapping(mapper_of: MapperOf) -> None:
    """Shows that only a reader's errors refuse a row: one with a warning is surveyed, mapped and explained."""
    mapper = mapper_of("fields: {name: A, cf_n: {column: N, type: number}}", "A", "N")
    row = SourceRow(5, ("clt_1", "Acme", "1,5"), problems=(WARNING,))
    mapper.survey(row)
    mapper.settle()
    assert mapper.map(row) == MappedRow(5, ("clt_1",), {"name": "Acme", "cf_n": 1.5})
    assert [step.name for step in mapper.explain(row, "A")] == ["cell", "trim", "validation", "sent"]


def test_a_readers_warning_does_not_hide_a_wrong_shape(mapper_of: MapperOf) -> None:
    """Shows that a row with too few cells is refused, though its reader had only a warning to say."""
    row = mapper_of("fields: {name: A}", "A").map(SourceRow(5, ("x",), problems=(WARNING,)))
    assert (row.invalid, [problem.code for problem in row.problems]) == (True, ["odd_row", "row_shape"])


@pytest.mark.parametrize("policy", ["keep", "clear", "error"])
def test_a_warning_about_a_templates_cell_leaves_its_text(mapper_of: MapperOf, map_row: MapRow, policy: str) -> None:
    """Shows that a template with a warning is sent, and is no blank that is kept, cleared or refused."""
    mapper = mapper_of(f"fields: {{cf_a: {{template: '{{A}}-{{B}}', blank: {policy}}}}}", "A", "B")
    row = map_row(mapper, LONG, "x")
    assert row.payload == {"cf_a": "1234567890123456000-x"}
    assert [(problem.code, problem.cell, problem.severity) for problem in row.problems] == [
        ("lost_digits", "Clients!B17", "warning")
    ]


@pytest.mark.parametrize(
    ("texts", "sent"),
    [
        (("\\CLEAR!", "x"), "CLEAR!-x"),
        (("\\CLEAR!", ""), "CLEAR!"),
        (("CLEAR!", ""), None),
        (("\\x", "CLEAR! y"), "\\x-CLEAR! y"),
    ],
)
def test_the_token_is_a_matter_of_a_templates_cells(
    mapper_of: MapperOf, map_row: MapRow, texts: tuple[str, str], sent: str | None
) -> None:
    """Shows the escaped token as a part of a template, and that a filled-in text is never taken for the token."""
    mapper = mapper_of("clear_token: CLEAR!\nfields: {cf_a: {template: '{A}-{B}'}}", "A", "B")
    assert map_row(mapper, *texts).payload == {"cf_a": sent}


def test_a_template_cannot_make_the_token(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that a text which only looks like the token after filling in does not clear."""
    mapper = mapper_of("clear_token: CLEAR!\nfields: {cf_a: {template: '{A}{B}'}}", "A", "B")
    assert map_row(mapper, "CLEAR", "!").payload == {"cf_a": "CLEAR!"}


@pytest.mark.parametrize("source", ["column: A", "first_of: [A, B]", "template: '{A} {B}'"])
def test_a_covered_cell_clears_nothing(mapper_of: MapperOf, map_row: MapRow, source: str) -> None:
    """Shows that a cell under a merged one is kept as a blank is, but never clears a field."""
    kept = mapper_of(f"fields: {{email: {{{source}}}}}", "A", "B")
    assert map_row(kept, COVERED, "") == MappedRow(17, ("clt_1",), {})
    clearing = mapper_of(f"fields: {{email: {{{source}, blank: clear}}}}", "A", "B")
    row = map_row(clearing, COVERED, "")
    assert (row.payload, [problem.code for problem in row.problems]) == ({}, ["merged_cell"])
    assert map_row(clearing, "", "").payload == {"email": None}


def test_a_condition_that_cannot_be_read_is_a_problem(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that a field is not left out silently because its condition's text is not known."""
    mapper = mapper_of("fields: {name: {column: A, when: {K: '5'}}}", "A", "K")
    row = map_row(mapper, "Acme", Cell("", 5, CellKind.NUMBER, "# ?/?"))
    assert [(problem.code, problem.cell) for problem in row.problems] == [("unshown_format", "Clients!C17")]


@pytest.mark.parametrize("type_", ["text", "date", "datetime", "number"])
def test_a_text_that_the_sheet_does_not_show_is_no_blank(mapper_of: MapperOf, map_row: MapRow, type_: str) -> None:
    """Shows that a date beyond the calendar, of which only a text is stored, neither clears a field nor keeps it."""
    mapper = mapper_of(f"fields: {{cf_a: {{column: A, type: {type_}, blank: clear}}}}", "A")
    row = map_row(mapper, Cell("", "30236-07-10", CellKind.TEXT, "date"))
    assert [(problem.code, problem.value) for problem in row.problems] == [("unshown_format", "30236-07-10")]
    assert row.payload == {}


UNKNOWN: dict[str, str | Cell] = {
    "error_cell": "#N/A",
    "formula": Cell("", None, CellKind.FORMULA),
    "unshown_format": Cell("", 5, CellKind.NUMBER, "# ?/?"),
    "merged_cell": COVERED,
}


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_row_is_not_left_out_by_a_cell_that_cannot_be_read(mapper_of: MapperOf, code: str) -> None:
    """Shows that where leaves out what its cell says, and that a row of which nobody knows is a problem."""
    mapper = mapper_of("source: {where: {K: [x], L: [y]}}\nfields: {name: A}", "A", "K", "L")
    row = SourceRow(17, ("clt_1", "Acme", UNKNOWN[code], "y"))
    assert mapper.selects(row)
    assert [(problem.code, problem.cell) for problem in mapper.map(row).problems] == [(code, "Clients!C17")]
    assert not mapper.selects(row._replace(values=("clt_1", "Acme", UNKNOWN[code], "z")))


def test_a_covered_condition_is_a_problem(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that a field is not left out because its condition lies under a merged cell, which a person sees filled."""
    row = map_row(mapper_of("fields: {name: {column: A, when: {K: x}}}", "A", "K"), "Acme", COVERED)
    assert (row.payload, [problem.code for problem in row.problems]) == ({}, ["merged_cell"])


@pytest.mark.parametrize(
    ("field", "values", "place"),
    [
        ("{column: A, when: {K: x}}", ("a@@b", "", "x"), ("Clients!B17", "A", "a@@b")),
        ("{first_of: [A, B], when: {K: x}}", ("", "a@@b", "x"), ("Clients!C17", "B", "a@@b")),
        ("{first_of: [A, B], when: {K: x}, blank: error}", ("", "", "x"), ("Clients!B17, Clients!C17", "A, B", "")),
        ("{template: '{A}{B}', when: {K: x}}", ("a@", "@b", "x"), ("Clients!B17, Clients!C17", "A, B", "a@@b")),
    ],
)
def test_a_problem_names_the_cells_that_its_value_is_of(
    mapper_of: MapperOf, map_row: MapRow, field: str, values: tuple[str, str, str], place: tuple[str, str, str]
) -> None:
    """Shows no cell of a condition, none that ``first_of`` passed over, and all that a template is made of."""
    (problem,) = map_row(mapper_of(f"fields: {{email: {field}}}", "A", "B", "K"), *values).problems
    assert (problem.cell, problem.column, problem.value) == place


def test_a_value_without_a_text_is_no_blank(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that ``default`` does not replace a stored number whose number format cannot be shown."""
    mapper = mapper_of("fields: {cf_n: {column: A, transform: [{default: '0'}], type: number}}", "A")
    assert map_row(mapper, Cell("", 5, CellKind.NUMBER, "# ?/?")).payload == {"cf_n": 5}
    assert map_row(mapper, "").payload == {"cf_n": 0}


def test_a_refused_name_is_not_called_missing(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows one problem for a company with a damaged name, and the blank cell of one without."""
    mapper = mapper_of("fields: {name: A, type: {value: company}}", "A")
    damaged = map_row(mapper, "#N/A")
    assert [(problem.code, problem.value) for problem in damaged.problems] == [("error_cell", "#N/A")]
    missing = map_row(mapper, "")
    assert [(problem.code, problem.cell, problem.value) for problem in missing.problems] == [
        ("company_without_name", "Clients!B17", "")
    ]


def test_a_transforms_problem_does_not_repeat_its_value(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that the cell's value stands before a message once, and that another value is named in it."""
    mapper = mapper_of(
        "fields:\n  phone: {column: P, transform: [{phone: AE}]}\n"
        "  cf_d: {column: D, transform: [{replace: {from: a, to: b}}, {date: iso}]}\n"
        "  cf_t: {template: '{P|digits} {D|digits}'}\n",
        *("P", "D"),
    )
    assert [(problem.value, problem.message) for problem in map_row(mapper, "12", "a").problems] == [
        ("12", "has too few digits for AE"),
        ("a", '"b" is not a date in the form %Y-%m-%d or %Y%m%d'),
        ("a", 'digits leaves nothing of "a"'),
    ]


def test_explain_tells_columns_apart_that_differ_in_case(mapper_of: MapperOf) -> None:
    """Shows that the steps are those of the column that was asked for."""
    mapper = mapper_of("fields: {name: Name}", "Name", "NAME")
    row = SourceRow(17, ("clt_1", "a", "b"))
    assert [step.value for step in mapper.explain(row, "Name")] == ["a"] * 4
    assert mapper.explain(row, "NAME") == []
    assert [step.value for step in mapper.explain(row, "client id")] == ["clt_1"]
