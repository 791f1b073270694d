"""Types: what is sent is what was written, to the last digit, or a problem."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bulk_sync.mapping.mapper import RowMapper
from bulk_sync.records import MappedRow

MapperOf = Callable[..., RowMapper]
MapRow = Callable[..., MappedRow]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '{"a": [1, 1.50, -2.5e-3, 9007199254740992, "x", null]}',
            {"a": [1, 1.5, -0.0025, 9007199254740992, "x", None]},
        ),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "not_json"),
        ("0.1234567890123456789", "imprecise_number"),
        ("[9007199254740993]", "imprecise_number"),
        ("1e400", "imprecise_number"),
        ("1e99999999999999999999", "not_json"),
        ("1" * 5000, "imprecise_number"),
    ],
)
def test_json_keeps_every_key_and_digit(mapper_of: MapperOf, map_row: MapRow, text: str, found: object) -> None:
    """Shows that a key that stands twice and a number that JSON cannot carry are problems, not other values."""
    row = map_row(mapper_of("fields: {cf_a: {column: A, type: json}}", "A"), text)
    assert (row.problems[0].code if row.problems else row.payload["cf_a"]) == found
    assert {problem.value for problem in row.problems} <= {text}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("", "2024-04-03T10:11:00+04:00"),
        (", format: '%Y-%m-%d %H:%M'", "not_datetime"),
        (", format: '%Y-%m-%dT%H:%MZ'", "not_datetime"),
        (", format: '%Y-%m-%dT%H:%M%z'", "2024-04-03T10:11+0400"),
        (", format: '%d/%m/%Y'", "03/04/2024"),
    ],
)
def test_an_offset_is_sent_or_refused(mapper_of: MapperOf, map_row: MapRow, written: str, found: str) -> None:
    """Shows that a format without %z does not make another moment of a time that has an offset."""
    mapper = mapper_of(f"fields: {{cf_a: {{column: A, type: datetime{written}}}}}", "A")
    row = map_row(mapper, "2024-04-03T10:11:00+04:00")
    assert (row.problems[0].code if row.problems else row.payload["cf_a"]) == found
    assert not map_row(mapper, "2024-04-03 10:11").problems


def test_the_z_of_a_format_tells_of_utc(mapper_of: MapperOf, map_row: MapRow) -> None:
    """Shows that a time of UTC loses nothing in the form in which most exports have it."""
    mapper = mapper_of("fields: {cf_a: {column: A, type: datetime, format: '%Y-%m-%dT%H:%M:%SZ'}}", "A")
    for text in ("2024-04-03T10:11:00.000Z", "2024-04-03 10:11:00+00:00"):
        assert map_row(mapper, text).payload == {"cf_a": "2024-04-03T10:11:00Z"}
