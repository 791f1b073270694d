"""Several rows for one client."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.errors import Problem
from bulk_sync.planning.merge import Merged, PayloadRow, merge_rows
from bulk_sync.records import Json


def test_one_row_is_its_own_change() -> None:
    """A single row goes through as it is."""
    assert merge_rows("clt_1", [PayloadRow(2, {"name": "A"})]) == Merged({"name": "A"}, (2,))


def test_rows_that_do_not_contradict_become_one_change() -> None:
    """Equal values, other fields and other parts of a unit join; the first row's spelling is sent."""
    rows = [
        PayloadRow(9, {"email": "", "billingAddress": {"city": "Dubai", "country": "AE"}}),
        PayloadRow(4, {"name": "A", "email": None, "billingAddress": {"city": "Dubai"}, "cf_n": 1}),
        PayloadRow(7, {"cf_n": 1.0}),
    ]
    merged = merge_rows("clt_1", rows)
    assert merged == Merged(
        {"name": "A", "email": None, "billingAddress": {"city": "Dubai", "country": "AE"}, "cf_n": 1}, (4, 7, 9)
    )
    assert merged.payload["email"] is None


def test_rows_that_contradict_are_refused_by_name_and_the_rest_goes_on() -> None:
    """Two rows want different e-mails: both are invalid, the third is sent."""
    rows = [
        PayloadRow(2, {"email": "a@b.c", "name": "A"}),
        PayloadRow(3, {"email": "x@y.z"}),
        PayloadRow(4, {"phone": "+1"}),
    ]
    hint = "keep one of the rows, or give them the same value"
    assert merge_rows("clt_1", rows) == Merged(
        {"phone": "+1"},
        (4,),
        (
            Problem(
                code="rows_contradict",
                message="rows for client clt_1 contradict: row 2 wants email 'a@b.c', row 3 'x@y.z'",
                hint=hint,
                row=2,
                field="email",
                value="a@b.c",
            ),
            Problem(
                code="rows_contradict",
                message="rows for client clt_1 contradict: row 3 wants email 'x@y.z', row 2 'a@b.c'",
                hint=hint,
                row=3,
                field="email",
                value="x@y.z",
            ),
        ),
    )


def test_parts_of_a_unit_contradict_by_part_and_custom_objects_as_a_whole() -> None:
    """An address contradicts in one part; a custom field's object is one value."""
    address = [PayloadRow(n, {"billingAddress": {"city": c, "country": "AE"}}) for n, c in ((2, "Dubai"), (3, "Doha"))]
    assert [problem.field for problem in merge_rows("c", address).problems] == ["billingAddress.city"] * 2
    custom = [PayloadRow(2, {"cf_x": {"a": 1}}), PayloadRow(3, {"cf_x": {"a": 1, "b": 2}})]
    assert [problem.field for problem in merge_rows("c", custom).problems] == ["cf_x"] * 2


def test_what_rows_want_is_told_without_pythons_words() -> None:
    """A field that is cleared, a yes and a list are told as a person or JSON writes them."""
    rows = [PayloadRow(2, {"email": None}), PayloadRow(3, {"email": "a@b.c"}), PayloadRow(4, {"email": True})]
    assert [problem.message.partition("contradict: ")[2] for problem in merge_rows("c", rows).problems] == [
        "row 2 wants email (empty), row 3 'a@b.c', row 4 true",
        "row 3 wants email 'a@b.c', row 2 (empty), row 4 true",
        "row 4 wants email true, row 2 (empty), row 3 'a@b.c'",
    ]


def test_many_rows_are_named_in_part() -> None:
    """Of ten contradicting rows five are named."""
    rows = [PayloadRow(number, {"name": str(number)}) for number in range(2, 12)]
    assert merge_rows("c", rows).problems[0].message.endswith("row 7 '7' and 4 more rows")


payloads = st.dictionaries(
    st.sampled_from(["name", "email", "cf_a", "billingAddress"]),
    st.sampled_from([None, "", "a", "b", 1, 1.0]) | st.dictionaries(st.sampled_from("xy"), st.sampled_from("ab")),
)


@given(st.lists(payloads, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_the_order(wanted: list[dict[str, Json]], dice: random.Random) -> None:
    """However the rows of a client come in, the change and its problems are the same."""
    rows = [PayloadRow(number, payload) for number, payload in enumerate(wanted, start=2)]
    merged = merge_rows("c", rows)
    assert merge_rows("c", dice.sample(rows, len(rows))) == merged
    assert {*merged.rows} | {problem.row for problem in merged.problems} == {row.row_number for row in rows}
    assert not {*merged.rows} & {problem.row for problem in merged.problems}
