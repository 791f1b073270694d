"""When two values are one, and what an answer shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.planning.values import same_value, shown_value
from bulk_sync.records import Json

READABLE = frozenset({"name", "email"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, ""),
        ("", None),
        (85, 85.0),
        ([1, "a"], [1.0, "a"]),
        ({"a": "", "b": 1}, {"b": 1}),
        ({"a": {"b": None}}, {"a": {}}),
        ([None], [""]),
    ],
)
def test_same(sent: Json, shown: Json) -> None:
    """Values that differ only in how an API spells nothing, or a number, are one."""
    assert same_value(sent, shown) and same_value(shown, sent)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (True, 1),
        (False, 0),
        (False, None),
        (0, None),
        ("1", 1),
        ("a", "A"),
        ("a ", "a"),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, [1]),
        ("ab", ["a", "b"]),
        ([True], [1]),
    ],
)
def test_different(sent: Json, shown: Json) -> None:
    """A boolean is no number, a text no number, order and letter case count."""
    assert not same_value(sent, shown) and not same_value(shown, sent)


def test_loose_forgives_spacing_and_letter_case_only() -> None:
    """Loose comparing forgives white space and letter case, deep, and nothing else."""
    assert same_value("+971 50 123", "+97150123", loose=True)
    assert same_value([" Al Noor "], ["AL  NOOR"], loose=True)
    assert not same_value("+971-50", "+97150", loose=True)


@given(json_values)
def test_every_value_is_itself(value: Json) -> None:
    """Comparing is reflexive for anything JSON can say."""
    assert same_value(value, value)


@given(json_values, json_values)
def test_comparing_is_symmetric(one: Json, other: Json) -> None:
    """Which side was sent does not matter."""
    assert same_value(one, other) == same_value(other, one)


@pytest.mark.parametrize(
    ("record", "field", "expected"),
    [
        ({"name": "A"}, "name", (True, "A")),
        ({"name": "A"}, "email", (True, None)),
        ({"name": "A"}, "jobTitle", (False, None)),
        ({"jobTitle": "CEO"}, "jobTitle", (True, "CEO")),
        ({"customFields": {"cf_tier": "A"}}, "cf_tier", (True, "A")),
        ({"customFields": {"tier": "A"}}, "cf_tier", (True, "A")),
        ({"customFields": {"cf_tier": None, "tier": "A"}}, "cf_tier", (True, None)),
        ({"customFields": {}}, "cf_tier", (True, None)),
        ({"customFields": None}, "cf_tier", (True, None)),
        ({"cf_tier": "A"}, "cf_tier", (True, "A")),
        ({"cf_other": "A"}, "cf_tier", (True, None)),
        ({"name": "A"}, "cf_tier", (False, None)),
    ],
)
def test_what_an_answer_shows(record: dict[str, Json], field: str, expected: tuple[bool, Json]) -> None:
    """Readable fields are shown even when absent; custom fields only by an answer that speaks of them."""
    assert shown_value(record, field, readable=READABLE) == expected
