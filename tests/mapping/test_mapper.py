"""Rows through a compiled mapping: what is sent, and each problem in terms of its cells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from bulk_sync.errors import MappingError, Problem, Question
from bulk_sync.mapping.mapper import RowMapper, compile_mapping
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.records import Cell, CellKind, MappedRow, SourceRow

MapperOf = Callable[..., RowMapper]
MapRow = Callable[..., MappedRow]
T, N, D = CellKind.TEXT, CellKind.NUMBER, CellKind.DATE


def codes(row: MappedRow) -> list[tuple[str, str, str]]:
    """Return code, cell and value of each problem."""
    return [(problem.code, problem.cell, problem.value) for problem in row.problems]


def test_a_row_becomes_a_payload(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows plain fields, units, fixed values, map, template, first_of and when in one row."""
    mapper = mapper_of(
        "fields:\n"
        "  name: Company\n"
        "  type: {value: company}\n"
        "  email: {column: E-mail, transform: [lower]}\n"
        "  phone: {first_of: [Mobile, Phone], transform: [{phone: AE}]}\n"
        "  lastName: {template: '{Last|title} {Suffix}', when: {Kind: [a, b]}}\n"
        "  billingAddress.city: City\n"
        "  billingAddress.country: {value: Oman}\n"
        "  cf_tier: {column: Tier, map: {A: Gold}, ignore_case: true}\n"
        "partial: [billingAddress]\n",
        *("Company", "E-mail", "Mobile", "Phone", "Last", "Suffix", "Kind", "City", "Tier"),
    )
    row = map_row(mapper, " Acme\u00a0", "A@B.COM", "", "050 123 4567", "BERG", "", "b", "Muscat", "a")
    assert row == MappedRow(
        17,
        ("clt_1",),
        {
            "type": "company",
            "name": "Acme",
            "email": "a@b.com",
            "phone": "+971501234567",
            "lastName": "Berg",
            "cf_tier": "Gold",
            "billingAddress": {"country": "Oman", "city": "Muscat"},
        },
    )
    other = map_row(mapper, "", "", "", "", "BERG", "", "c", "", "")
    assert other.payload == {"type": "company", "billingAddress": {"country": "Oman"}}


def test_a_problem_says_which_cell_and_what_is_wrong(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows the whole of a problem as it travels to the results."""
    row = map_row(mapper_of("fields: {email: E-mail}", "E-mail"), "ahmed@@acme")
    assert row.problems == (
        Problem(
            code="bad_email",
            message="not an e-mail address (two @-signs)",
            hint="correct the address in the source",
            row=17,
            cell="Clients!B17",
            column="E-mail",
            field="email",
            value="ahmed@@acme",
        ),
    )


def test_all_problems_of_a_row_are_told(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that one problem does not hide the next, the key's included."""
    mapper = mapper_of("fields: {email: E, phone: P, type: K, cf_n: {column: N, type: integer}}", "E", "P", "K", "N")
    row = map_row(mapper, "x", "0501234567", "Company", "1.5", key="")
    assert codes(row) == [
        ("no_key", "Clients!A17", ""),
        ("bad_email", "Clients!B17", "x"),
        ("bad_phone", "Clients!C17", "0501234567"),
        ("bad_choice", "Clients!D17", "Company"),
        ("not_integer", "Clients!E17", "1.5"),
    ]
    assert row.problems[3].hint == "did you mean 'company'?"
    assert "total" in row.problems[0].hint


def test_a_templates_problem_names_every_cell(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that all contributing cells are named, and a single guilty one alone."""
    mapper = mapper_of("fields: {email: {template: '{User}@{Host}'}}", "User", "x", "Host")
    row = map_row(mapper, "a b", "", "acme.com")
    assert [(p.cell, p.column, p.value) for p in row.problems] == [
        ("Clients!B17, Clients!D17", "User, Host", "a b@acme.com")
    ]
    assert codes(map_row(mapper, "#N/A", "", "acme.com")) == [("error_cell", "Clients!B17", "#N/A")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("9.71501E+11", "exponent"),
        ("9,71501E+11", "exponent"),
        ("#N/A", "error_cell"),
        (" #REF! ", "error_cell"),
        ("#DIV/0!", "error_cell"),
        ("########", "narrow_cell"),
        ("a\x00b", "control_character"),
        ("a\x1f", "control_character"),
        ("\x85a\x9b", "control_character"),
        ("a\ud800", "not_unicode"),
    ],
)
def test_scars_are_problems_in_fields_and_keys(mapper_of: MapperOf, map_row: MapRow, text: str, code: str) -> None:
    """Shows that what Excel left in a CSV, and what nobody can see, is refused, in a text field as in an id."""
    mapper = mapper_of("fields: {cf_a: A}", "A")
    assert [problem.code for problem in map_row(mapper, text).problems] == [code]
    assert [problem.code for problem in map_row(mapper, "", key=text).problems] == [code]


def test_an_exponent_is_a_number_where_a_number_is_meant(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that 1.5E+03 is no scar in a field of numbers."""
    assert map_row(mapper_of("fields: {cf_a: {column: A, type: number}}", "A"), "1.5E+03").payload == {"cf_a": 1500}


@pytest.mark.parametrize(
    ("cell", "options", "sent"),
    [
        (Cell("00123", 123, N), "", "00123"),
        (Cell("00123", 123, N), ", type: number", 123),
        (Cell("12.50", 12.5, N), ", type: number", 12.5),
        (Cell("85", 85.0, N), ", type: integer", 85),
        (Cell("85.0", 85.0, N), "", "85.0"),
        (Cell("2024-03-04", date(2024, 3, 4), D), "", "2024-03-04"),
        (Cell("2024-03-04", date(2024, 3, 4), D), ", type: date", "2024-03-04"),
        (Cell("2024-03-04", date(2024, 3, 4), D), ", type: date, format: '%d.%m.%Y'", "04.03.2024"),
        (Cell("2024-03-04", date(2024, 3, 4), D), ", type: datetime", "2024-03-04T00:00:00"),
        (Cell("2024-03-04T10:30:00", datetime(2024, 3, 4, 10, 30), CellKind.DATETIME), ", type: datetime",  # noqa: DTZ001
         "2024-03-04T10:30:00"),
        (Cell("TRUE", True, CellKind.BOOLEAN), ", type: boolean", True),
        (Cell("TRUE", True, CellKind.BOOLEAN), "", "TRUE"),
        (Cell("", 0.5, N, "# ?/?"), ", type: number", 0.5),
        ("a; b ;;c", ", type: list, separator: ;", ["a", "b", "c"]),
        ('{"a": [1, null]}', ", type: json", {"a": [1, None]}),
        ("yes", ", type: boolean", True),
        ("2024-03-04 10:30", ", type: datetime", "2024-03-04T10:30:00"),
        ("2024-03-04T10:30:05.5+04:00", ", type: datetime", "2024-03-04T10:30:05.500000+04:00"),
        (Cell("", None, CellKind.MERGED), "", None),
        (Cell("", None, CellKind.BLANK), "", None),
    ],
)  # fmt: skip
def test_text_fields_get_the_text_and_types_the_stored_value(
    mapper_of: MapperOf, map_row: MapRow, cell: Cell | str, options: str, sent: object
) -> None:
    """Shows both sides of a cell; a cell covered by a merged one is blank."""
    row = map_row(mapper_of(f"fields: {{cf_a: {{column: A{options}}}}}", "A"), cell)
    assert (row.problems, row.payload) == ((), {} if sent is None else {"cf_a": sent})
    assert type(row.payload.get("cf_a")) is type(sent)


@pytest.mark.parametrize(
    ("cell", "options", "code"),
    [
        (Cell("#N/A", None, CellKind.ERROR), "", "error_cell"),
        (Cell("", None, CellKind.FORMULA), "", "formula"),
        (Cell("", 0.5, N, "# ?/?"), "", "unshown_format"),
        (Cell("abc", "abc", T), ", type: number", "not_number"),
        ("1,5", ", type: number, decimal: .", "not_number"),
        ("0,125", ", type: number, decimal: .", "not_number"),
        (".", ", type: number", "not_number"),
        ("5.", ", type: number", "not_number"),
        ("12345678901234567890", ", type: number", "imprecise_number"),
        ("0.1234567890123456789", ", type: number", "imprecise_number"),
        ("1e999", ", type: number", "imprecise_number"),
        ("maybe", ", type: boolean", "not_boolean"),
        ("31.02.2024", ", type: date, dates: day-first", "not_date"),
        ("03/04/24", ", type: date, dates: day-first", "not_date"),
        ("2024-03-04 10:30", ", type: date", "not_date"),
        (Cell("x", datetime(2024, 3, 4, 10, 30), CellKind.DATETIME), ", type: date", "not_date"),  # noqa: DTZ001
        ("04.03.2024 25:00", ", type: datetime, dates: day-first", "not_datetime"),
        (";;", ", type: list, separator: ;", "not_list"),
        ("{", ", type: json", "not_json"),
        ("NaN", ", type: json", "not_json"),
        ("[" * 100000, ", type: json", "not_json"),
        ("x", ", map: {a: b}", "not_in_map"),
        ("abc", ", transform: [digits]", "became_empty"),
    ],
)
def test_what_does_not_fit_is_a_problem(
    mapper_of: MapperOf, map_row: MapRow, cell: Cell | str, options: str, code: str
) -> None:
    """Shows the code of each kind of misfit; nothing is sent for the field."""
    row = map_row(mapper_of(f"fields: {{cf_a: {{column: A{options}}}}}", "A"), cell)
    assert ([problem.code for problem in row.problems], row.payload) == ([code], {})


@pytest.mark.parametrize(
    ("otherwise", "payload", "code"),
    [
        ("error", {}, "not_in_map"),
        ("leave", {}, ""),
        ("pass", {"cf_a": "x"}, ""),
        ("clear", {"cf_a": None}, ""),
        ("{value: Z}", {"cf_a": "Z"}, ""),
    ],
)
def test_otherwise(mapper_of: MapperOf, map_row: MapRow, otherwise: str, payload: dict[str, object], code: str) -> None:
    """Shows what becomes of a value that the map does not list, and that a blank is none of its business."""
    mapper = mapper_of(f"fields: {{cf_a: {{column: A, map: {{a: b, c: null}}, otherwise: {otherwise}}}}}", "A")
    row = map_row(mapper, "x")
    assert (row.payload, [problem.code for problem in row.problems]) == (payload, [code] if code else [])
    assert map_row(mapper, "").payload == {}
    assert map_row(mapper, "c").payload == {"cf_a": None}


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "no_key"),
        (".", "bad_key"),
        ("..", "bad_key"),
        (Cell("", None, CellKind.MERGED), "merged_key"),
        (Cell("", 5, N, "?/?"), "unshown_format"),
        (Cell("", None, CellKind.FORMULA), "formula"),
    ],
)
def test_keys_that_name_no_record(mapper_of: MapperOf, map_row: MapRow, cell: Cell | str, code: str) -> None:
    """Shows the ids that are refused."""
    row = map_row(mapper_of("fields: {cf_a: A}", "A"), "x", key=cell)
    assert [problem.code for problem in row.problems if problem.severity == "error"] == [code]


def test_a_number_in_the_key_column_is_its_text(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that 00123 finds 00123, and that a long number is warned about."""
    mapper = mapper_of("match: {column: Client ID, by: number}\nfields: {cf_a: A}", "A")
    assert map_row(mapper, "x", key=Cell("00123", 123, N)).keys == ("00123",)
    long = map_row(mapper, "x", key=Cell("1234567890123456789", 1234567890123456800, N))
    assert (long.keys, long.invalid, [p.code for p in long.problems]) == (
        ("1234567890123456789",), False, ["lost_digits"],
    )  # fmt: skip


def test_the_first_key_is_needed_and_the_others_may_be_blank(spec_of: Callable[..., MappingSpec]) -> None:
    """Shows the texts of several keys in their order."""
    spec = spec_of("match: [{column: Mail, by: email}, ID]\nfields: {name: N}")
    mapper = compile_mapping(spec, ("ID", "Mail", "N"))
    assert mapper.map(SourceRow(2, ("", "a@b.com", "x"))) == MappedRow(2, ("a@b.com", ""), {"name": "x"})
    assert mapper.map(SourceRow(3, ("clt_1", "", "x"))).problems[0].code == "no_key"


def test_the_ids_prefix_is_mentioned_once(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that ids without clt_ are a warning on the first such row alone."""
    mapper = mapper_of("fields: {cf_a: A}", "A")
    rows = [map_row(mapper, "x", key=key) for key in ("clt_1", "7", "8")]
    assert [[problem.code for problem in row.problems] for row in rows] == [[], ["id_prefix"], []]
    assert not rows[1].invalid


def test_strict_turns_warnings_into_problems(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows type, URL and tax-number rules as warnings, and as errors under ``strict: true``."""
    text = "fields: {type: K, name: N, firstName: F, website: W, taxNumber: T}"
    for strict in (False, True):
        mapper = mapper_of(f"{text}\nstrict: {str(strict).lower()}", "K", "N", "F", "W", "T")
        row = map_row(mapper, "contact", "Acme", "", "acme", "!")
        assert [problem.code for problem in row.problems] == [
            "website_form", "tax_number_form", "contact_without_first_name",
        ]  # fmt: skip
        assert {problem.severity for problem in row.problems} == {"error" if strict else "warning"}
        assert row.problems[2].cell == "Clients!D17"
        assert ("website" in row.payload) is not strict


def test_a_fixed_type_without_its_name_is_noted_once(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows a note for the mapping, not a warning for every row."""
    mapper = mapper_of("fields: {type: {value: company}, email: E}", "E")
    assert mapper.notes == ("the mapping makes every client a company and maps no name; a company has one",)
    assert map_row(mapper, "").problems == ()


def test_refused_and_misshapen_rows(mapper_of: MapperOf) -> None:
    """Shows that a source's own problems pass through, and that no row is shifted into another shape."""
    mapper = mapper_of("fields: {name: A}", "A")
    refused = SourceRow(5, (), problems=(Problem("quote", "a stray quote"),), raw='a"b')
    assert mapper.map(refused) == MappedRow(5, (), {}, refused.problems)
    assert [problem.code for problem in mapper.map(SourceRow(6, ("a",))).problems] == ["row_shape"]


def test_cells_are_named_with_their_line(mapper_of: MapperOf) -> None:
    """Shows a CSV's cell beside its line, where the two differ."""
    mapper = compile_mapping(mapper_of("fields: {email: A}", "A").spec, ("Client ID", "A"))
    assert mapper.map(SourceRow(213, ("clt_1", "x"), line=220)).problems[0].cell == "B213 (line 220)"


def test_where_selects_rows(mapper_of: MapperOf) -> None:
    """Shows ``source.where``: rows with other values are the workflow's to skip."""
    mapper = mapper_of("source: {where: {Land: [DE, AT]}}\nfields: {name: A}", "A", "Land")
    rows = [SourceRow(2, ("clt_1", "x", land)) for land in (" DE ", "AT", "FR", "")]
    assert [mapper.selects(row) for row in rows] == [True, True, False, False]


def test_header_names_are_folded_and_matched(spec_of: Callable[..., MappingSpec]) -> None:
    """Shows outer space, no-break spaces and line breaks folded, letter case with a note, unused columns told."""
    spec = spec_of("fields: {name: company  name, email: E-mail}\nignore: [Notes, Gone]")
    mapper = compile_mapping(spec, ("Client\nID", " Company\u00a0Name ", "E-mail", "Extra", "notes", "sync_row", ""))
    assert mapper.notes == (
        'column "Company Name" is taken for "company name": only the letter case differs',
        'a column of the source not used: "Extra" (list them under `ignore` if that is on purpose)',
        '`ignore` names what the source does not have: "Gone"',
    )
    assert mapper.map(SourceRow(2, ("clt_1", "Acme", "", "", "", "", ""))).payload == {"name": "Acme"}


def test_columns_that_cannot_be_found_are_told_together(spec_of: Callable[..., MappingSpec]) -> None:
    """Shows absent and repeated columns, each at its line, with what was probably meant."""
    spec = spec_of("fields:\n  name: Companny\n  phone: {first_of: [Phone, Fax]}\n  lastName: {template: '{X}'}\n")
    with pytest.raises(MappingError) as caught:
        compile_mapping(spec, ("Client ID", "Company", "Phone", "phone", "Phone"))
    assert [(str(mistake), mistake.hint) for mistake in caught.value.mistakes] == [
        ('m.yaml:3:9: no column "Companny" in the source', "did you mean 'Company'?"),
        ('m.yaml:4:22: the column "Phone" stands 2 times in the header (C, E)', "rename one of them in the source"),
        ('m.yaml:4:29: no column "Fax" in the source',
         'the columns are "Client ID", "Company", "Phone", "phone", "Phone"'),
        ('m.yaml:5:24: no column "X" in the source',
         'the columns are "Client ID", "Company", "Phone", "phone", "Phone"'),
    ]  # fmt: skip


def test_a_repeated_column_that_nobody_needs_is_fine(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that only a duplicate that the mapping uses is a mistake."""
    assert map_row(mapper_of("fields: {name: A}", "A", "B", "B"), "x", "1", "2").payload == {"name": "x"}


def survey(mapper: RowMapper, values: list[str]) -> list[object]:
    """Let a mapper see all values, settle, and return what each becomes."""
    rows = [SourceRow(number, ("clt_1", value)) for number, value in enumerate(values, 2)]
    assert mapper.needs_survey
    for row in rows:
        mapper.survey(row)
    mapper.settle()
    assert not mapper.needs_survey
    return [mapper.map(row).payload.get("cf_a") for row in rows]


@pytest.mark.parametrize(
    ("type_", "values", "sent"),
    [
        ("number", ["1.234", "1,5"], [1234, 1.5]),
        ("number", ["1,234", "1.5", "x", ""], [1234, 1.5, None, None]),
        ("number", ["1", "20"], [1, 20]),
        ("number", ["1'000", "2 000,5"], [1000, 2000.5]),
        ("integer", ["1.000.000", "1.000"], [1000000, 1000]),
        ("number", ["0.125", "0.250"], [0.125, 0.25]),
        ("number", ["1,234", "-0,125"], [1.234, -0.125]),
        ("number", ["1.234", "0.125"], [1.234, 0.125]),
        ("number", [".25", "-.5", "1.234"], [0.25, -0.5, 1.234]),
        ("number", [",5", "1.234"], [0.5, 1234]),
        ("date", ["03/04/2024", "13/04/2024"], ["2024-04-03", "2024-04-13"]),
        ("date", ["03/04/2024", "04/13/2024"], ["2024-03-04", "2024-04-13"]),
        ("date", ["2024-04-03", "05/05/2024"], ["2024-04-03", "2024-05-05"]),
        ("datetime", ["03.04.2024 10:00", "13.04.2024 11:00"], ["2024-04-03T10:00:00", "2024-04-13T11:00:00"]),
    ],
)
def test_a_column_is_read_by_all_its_values(
    mapper_of: MapperOf, type_: str, values: list[str], sent: list[object]
) -> None:
    """Shows that one unambiguous value decides the decimal sign or day order of its whole column."""
    assert survey(mapper_of(f"fields: {{cf_a: {{column: A, type: {type_}}}}}", "A"), values) == sent


@pytest.mark.parametrize(
    ("type_", "values", "setting", "message"),
    [
        (
            "number", ["1,234"], "source.decimal",
            ('column "A": "1,234" (Clients!B2) reads as 1234 or 1.234, and no other value of the column tells the '
            "decimal sign"),
        ),
        (
            "number", ["012.345"], "source.decimal",
            ('column "A": "012.345" (Clients!B2) reads as 12.345 or 12345, and no other value of the column tells the '
            "decimal sign"),
        ),
        (
            "number", ["1.5", "1,5"], "source.decimal",
            ('column "A" has no single decimal sign: "1.5" (Clients!B2) reads only as \'.\', "1,5" (Clients!B3) '
            "only as ','"),
        ),
        (
            "date", ["03/04/2024", "05/05/2024"], "source.dates",
            ('column "A": "03/04/2024" (Clients!B2) reads as 2024-04-03 or 2024-03-04, and no other value of the '
            "column tells the order of day and month"),
        ),
    ],
)  # fmt: skip
def test_where_both_readings_fit_the_user_is_asked(
    mapper_of: MapperOf, type_: str, values: list[str], setting: str, message: str
) -> None:
    """Shows the question, and that its answer (or the mapping's own word) settles it: never a guess."""
    text = f"fields: {{cf_a: {{column: A, type: {type_}}}}}"
    with pytest.raises(Question) as caught:
        survey(mapper_of(text, "A"), values)
    assert (caught.value.message, caught.value.setting) == (message, setting)
    answer = {setting.rpartition(".")[2]: caught.value.choices[1]}
    assert not mapper_of(text, "A", **answer).needs_survey
    unsettled = mapper_of(text, "A").map(SourceRow(2, ("clt_1", values[0])))
    if "no single" not in message:
        assert unsettled.problems[0].code in ("ambiguous_number", "ambiguous_date")


def test_stored_values_need_no_survey(mapper_of: MapperOf) -> None:
    """Shows that typed cells settle nothing and ask nothing: their value is stored."""
    mapper = mapper_of("fields: {cf_a: {column: A, type: number}}", "A")
    row = SourceRow(2, ("clt_1", Cell("1,234", 1234, N)))
    mapper.survey(row)
    mapper.settle()
    assert mapper.map(row).payload == {"cf_a": 1234}


def test_memory_is_bounded_and_does_not_change_outcomes(mapper_of: MapperOf) -> None:
    """Shows that more distinct values than are remembered give what they should."""
    mapper = mapper_of("fields: {cf_a: {column: A, transform: [upper]}}", "A")
    rows = (SourceRow(number, ("clt_1", f"v{number % 5000}")) for number in range(12000))
    assert all(mapper.map(row).payload == {"cf_a": f"V{row.row_number % 5000}"} for row in rows)
