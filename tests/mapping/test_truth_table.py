"""The truth table of blank, clear, keep and the token: every cell × policy × nullability × way of clearing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from bulk_sync.errors import MappingError
from bulk_sync.mapping.mapper import RowMapper
from bulk_sync.records import MappedRow

CELLS = {"blank": "", "spaces": " \u00a0\t", "token": "CLEAR!", "escaped": "\\CLEAR!", "value": "Acme"}
POLICIES = (None, "keep", "clear", "error")
FIELDS = {"nullable": "taxNumber", "custom": "cf_a", "not nullable": "name"}

KEEP, REFUSED = "keep", "refused by the mapping"


def expected(cell: str, policies: tuple[str | None, str | None], clear_as: str, *, nullable: bool) -> object:
    """Say what design.md's rules give: a value to send, KEEP, a problem code, or REFUSED."""
    of_file, of_field = policies
    clearable = nullable or clear_as == "empty"
    cleared = "" if clear_as == "empty" else None
    if of_field == "clear" and not clearable:
        return REFUSED
    token = cleared if clearable else "cannot_clear"
    of_blank = {
        "keep": KEEP,
        "error": "blank_cell",
        "clear": cleared if of_field == "clear" or nullable else KEEP,
    }[of_field or of_file or "keep"]
    return {"value": "Acme", "escaped": "CLEAR!", "token": token, "blank": of_blank, "spaces": of_blank}[cell]


@pytest.mark.parametrize(
    ("cell", "of_file", "of_field", "kind", "clear_as"),
    list(product(CELLS, POLICIES, POLICIES, FIELDS, ("null", "empty"))),
)
def test_every_cell_under_every_policy(
    mapper_of: Callable[..., RowMapper],
    map_row: Callable[..., MappedRow],
    cell: str,
    of_file: str | None,
    of_field: str | None,
    kind: str,
    clear_as: str,
) -> None:
    """Shows that what is sent, kept or refused is what the rules of design.md say, in all 480 cases."""
    field = FIELDS[kind]
    own = f", blank: {of_field}" if of_field else ""
    text = f"clear_token: 'CLEAR!'\nfields: {{{field}: {{column: A, clear_as: {clear_as}{own}}}}}\n"
    text += f"blank: {of_file}\n" if of_file else ""
    want = expected(cell, (of_file, of_field), clear_as, nullable=kind != "not nullable")
    if want == REFUSED:
        with pytest.raises(MappingError, match=r"m\.yaml:3:\d+: name cannot be cleared"):
            mapper_of(text, "A")
        return
    row = map_row(mapper_of(text, "A"), CELLS[cell])
    codes = [problem.code for problem in row.problems if problem.severity == "error"]
    if want in ("cannot_clear", "blank_cell"):
        assert codes == [want]
        assert row.problems[0].cell == "Clients!B17"
    else:
        assert (codes, row.payload) == ([], {} if want == KEEP else {field: want})


def test_an_absent_column_is_a_mistake_of_the_mapping(mapper_of: Callable[..., RowMapper]) -> None:
    """Shows the table's last case: a column that the source lacks refuses the mapping, with its line."""
    with pytest.raises(MappingError) as caught:
        mapper_of("fields: {name: Companny}\n", "Company")
    assert str(caught.value) == 'm.yaml:2:16: no column "Companny" in the source'
    assert caught.value.mistakes[0].hint == "did you mean 'Company'?"


def test_no_token_means_no_clearing(mapper_of: Callable[..., RowMapper], map_row: Callable[..., MappedRow]) -> None:
    """Shows that CLEAR! is a text like any other where the mapping sets no token."""
    assert map_row(mapper_of("fields: {cf_a: A}", "A"), "CLEAR!").payload == {"cf_a": "CLEAR!"}


def test_the_token_in_a_unit_clears_only_at_the_users_word(
    mapper_of: Callable[..., RowMapper], map_row: Callable[..., MappedRow]
) -> None:
    """Shows that a part of a unit cannot be null, and is sent as "" under ``clear_as: empty``."""
    text = "clear_token: X\npartial: [billingAddress]\nfields: {billingAddress.city: {column: A%s}}"
    refused = map_row(mapper_of(text % "", "A"), "X")
    assert [problem.code for problem in refused.problems] == ["cannot_clear"]
    assert map_row(mapper_of(text % ", clear_as: empty", "A"), "X").payload == {"billingAddress": {"city": ""}}
