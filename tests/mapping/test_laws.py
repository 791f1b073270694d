"""Laws: the mapper gives a payload or problems and never raises; explain and map agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulk_sync.errors import MappingError, Question
from bulk_sync.mapping.codes import PROBLEM_CODES
from bulk_sync.mapping.mapper import RowMapper, compile_mapping
from bulk_sync.mapping.pipeline import KEEP
from bulk_sync.mapping.spec import MappingSpec, parse_mapping
from bulk_sync.records import Cell, CellKind, SourceRow

HEADER = ("Client ID", "A", "B", "C")
MAPPING = """
match: [Client ID, {column: B, by: email}]
clear_token: X
strict: %s
fields:
  type: {column: A, map: {a: company, b: contact, d: null}, otherwise: pass, clear_as: empty}
  name: {template: "{A|title} ({B}) {C}"}
  firstName: {first_of: [A, B, C], transform: [{truncate: 40}], blank: error}
  lastName: {column: A, when: {B: [x, ""]}, clear_as: empty}
  email: {column: A, blank: clear}
  phone: {column: B, transform: [{phone: AE}]}
  website: {column: C, transform: [url]}
  taxNumber: {column: C, transform: [digits]}
  billingAddress.city: A
  billingAddress.country: {column: B, transform: [country]}
  primaryContact.email: {column: C, transform: [email]}
  cf_text: C
  cf_number: {column: A, type: number}
  cf_integer: {column: B, type: integer, decimal: ","}
  cf_boolean: {column: C, type: boolean}
  cf_date: {column: A, type: date}
  cf_datetime: {column: B, type: datetime, dates: day-first}
  cf_list: {column: C, type: list, separator: ";"}
  cf_json: {column: A, type: json}
  cf_map: {column: B, map: {a: 1}, type: integer, otherwise: leave}
partial: [billingAddress, primaryContact]
"""
MAPPERS = [
    compile_mapping(parse_mapping(MAPPING % strict, name="laws.yaml", environ={}), HEADER)
    for strict in ("true", "false")
]

odd_text = st.one_of(
    st.text(max_size=30),
    st.text("0123456789.,-+/: eE'TZ", max_size=20),
    st.sampled_from(["X", "\\X", "a", "x", "a@b.com", "+971501234567", "12/13/2024", "#N/A", "1E+10", "{}", "\ud800"]),
    st.text(st.characters(), max_size=8),
)
STORED = {
    CellKind.NUMBER: st.integers() | st.floats(),
    CellKind.BOOLEAN: st.booleans(),
    CellKind.DATE: st.dates(),
    CellKind.DATETIME: st.datetimes(),
    CellKind.TIME: st.times(),
    CellKind.DURATION: st.timedeltas(),
    CellKind.TEXT: odd_text,
    CellKind.ERROR: st.none(),
    CellKind.FORMULA: st.none(),
    CellKind.MERGED: st.none(),
    CellKind.BLANK: st.none(),
}
typed_cells = st.one_of(
    *(
        st.builds(Cell, odd_text, stored, st.just(kind), st.sampled_from(["", "", "", "# ?/?"]))
        for kind, stored in STORED.items()
    )
)
cells = st.one_of(odd_text, typed_cells)
rows = st.builds(
    SourceRow,
    st.integers(2, 10**6),
    st.tuples(cells, cells, cells, cells),
    line=st.none(),
    problems=st.just(()),
    raw=st.just(""),
    hidden=st.just(value=False),
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(rows, st.sampled_from(MAPPERS))
def test_the_mapper_gives_a_payload_or_problems_and_never_raises(row: SourceRow, mapper: RowMapper) -> None:
    """Shows for any cells: no exception, JSON that can be sent, known codes, and only cells of this row."""
    mapped = mapper.map(row)
    assert {problem.code for problem in mapped.problems} <= PROBLEM_CODES.keys()
    assert all(str(row.row_number) in problem.cell and problem.message for problem in mapped.problems)
    json.dumps(mapped.payload, allow_nan=False).encode()
    assert len(mapped.keys) == 2
    assert mapped.invalid or mapped.keys[0]
    assert mapper.map(row).payload == mapped.payload


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(rows, st.sampled_from(MAPPERS))
def test_explains_last_step_is_what_is_sent(row: SourceRow, mapper: RowMapper) -> None:
    """Shows that for every field the last step says exactly what map puts into the payload, or that it does not."""
    payload = mapper.map(row).payload
    last = {step.field: step for step in mapper.explain(row) if step.field}
    sent = {name: step.value for name, step in last.items() if step.name == "sent"}
    flat: dict[str, object] = {}
    for name, value in payload.items():
        parts = value.items() if name in ("billingAddress", "primaryContact") and isinstance(value, dict) else None
        flat.update({f"{name}.{part}": item for part, item in parts} if parts is not None else {name: value})
    assert sent == flat
    assert all(step.value is KEEP for step in last.values() if step.name != "sent")


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(odd_text, typed_cells), max_size=8))
def test_a_survey_settles_or_asks(values: list[str | Cell]) -> None:
    """Shows that any column is decided or asked about, and that after a decision nothing in it is ambiguous."""
    spec = parse_mapping(
        "match: ID\nfields: {cf_n: {column: A, type: number}, cf_d: {column: A, type: date}}", name="m", environ={}
    )
    mapper = compile_mapping(spec, ("ID", "A"))
    source = [SourceRow(number, ("clt_1", value)) for number, value in enumerate(values, 2)]
    for row in source:
        mapper.survey(row)
    try:
        mapper.settle()
    except Question as question:
        if question.setting not in ("source.decimal", "source.dates"):
            raise
        return
    codes = {problem.code for row in source for problem in mapper.map(row).problems}
    assert not codes & {"ambiguous_number", "ambiguous_date"}


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["trim", "upper", "lower", "title", "squeeze", {"prefix": "x"}, {"pad": 6}]), max_size=4),
    st.text("aB cÄ", max_size=6),
)
def test_transforms_are_applied_from_left_to_right(transforms: list[object], text: str) -> None:
    """Shows that a list of transforms gives what its members give one after the other."""

    def once(chain: list[object], value: str) -> object:
        yaml = f"match: ID\nfields: {{cf_a: {{column: A, transform: {json.dumps(chain)}}}}}"
        mapper = compile_mapping(parse_mapping(yaml, name="m", environ={}), ("ID", "A"))
        return mapper.map(SourceRow(2, ("clt_1", value))).payload.get("cf_a", "")

    value: object = text.strip()
    for transform in transforms:
        value = once([transform], str(value))
    # Outer white space that a transform makes is the next cell's margin, so the whole is compared without it.
    assert str(once(transforms, text)).strip() == str(value).strip()


@pytest.fixture(scope="module")
def naughty(cases: Path) -> list[str]:
    """The big list of naughty strings."""
    strings: list[str] = json.loads((cases / "lists" / "blns" / "blns.json").read_text(encoding="utf-8"))
    return strings


def test_naughty_strings_as_values(naughty: list[str], mapper_of: Callable[..., RowMapper]) -> None:
    """Shows that each arrives unchanged but for its margin, is blank, or is refused with a word."""
    mapper = mapper_of("fields: {cf_a: A}", "A")
    refused = {}
    for text in naughty:
        row = mapper.map(SourceRow(2, ("clt_1", text)))
        if row.invalid:
            refused[text] = row.problems[0].code
        elif row.payload:
            assert str(row.payload["cf_a"]) in text
            assert len(str(row.payload["cf_a"])) >= len(text.strip()) - 40
        else:
            assert not text.strip("\ufeff\u200b\u180e\u2060\u00ad\u200e\u200f").strip() or not text.isascii()
    assert set(refused.values()) <= {"control_character", "error_cell", "narrow_cell", "exponent", "not_unicode"}
    assert len(refused) < 10


def test_naughty_strings_as_headers(naughty: list[str], spec_of: Callable[..., MappingSpec]) -> None:
    """Shows that a column may be called anything that can be seen, and is found by that name."""
    for text in naughty:
        spec_text = f"match: Client ID\nfields: {{cf_a: {{column: {json.dumps(text)}}}}}"
        try:
            mapper = compile_mapping(spec_of(spec_text), ("Client ID", text))
        except MappingError:
            assert not text.strip() or not text.isprintable() or "${" in text, text
            continue
        assert mapper.map(SourceRow(2, ("clt_1", "v"))).payload == {"cf_a": "v"}


def test_naughty_strings_as_yaml(naughty: list[str]) -> None:
    """Shows that quoted in YAML each is the text it is or refused, and bare it makes no exception but ours."""
    for text, form in product(naughty, ("quoted", "bare")):
        written = json.dumps(text) if form == "quoted" else text
        try:
            spec = parse_mapping(f"match: ID\nfields: {{cf_a: {{value: {written}}}}}", name="m", environ={})
        except MappingError:
            continue
        if form == "quoted" and "${" not in text:
            assert spec.fields["cf_a"].value == text


def test_the_day_times_and_spans_of_a_workbook_are_texts() -> None:
    """Shows that times and durations, which no type takes, are sent as the text that is seen."""
    spec = parse_mapping("match: ID\nfields: {cf_a: A, cf_b: {column: A, type: number}}", name="m", environ={})
    mapper = compile_mapping(spec, ("ID", "A"))
    for text, value, kind in (
        ("10:30:00", time(10, 30), CellKind.TIME),
        ("25:00:00", timedelta(hours=25), CellKind.DURATION),
        ("2024-03-04", date(2024, 3, 4), CellKind.DATE),
        ("2024-03-04T00:00:00", datetime(2024, 3, 4), CellKind.DATETIME),  # noqa: DTZ001
    ):
        row = mapper.map(SourceRow(2, ("clt_1", Cell(text, value, kind))))
        assert row.payload == {"cf_a": text}
        assert [problem.code for problem in row.problems] == ["not_number"]
