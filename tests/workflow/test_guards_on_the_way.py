"""Guards and limits hold on every way to sending: run, a sent plan, resume, retry; and they let wishes pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

HEADER = ("Client ID", "Company", "E-mail")
FIELDS = {"name": "Company", "email": "E-mail"}


def client(number: int) -> dict[str, object]:
    return {
        "id": f"clt_{number:05}",
        "type": "company",
        "name": f"Company {number}",
        "email": f"c{number}@example.com",
        "phone": f"+97150{number:07}",
        "cf_tier": "Silver",
    }


def row(number: int, name: str = "", email: str = "") -> tuple[str, ...]:
    return (f"clt_{number:05}", name or f"Company {number}", email or f"c{number}@example.com")


def office_with(open_office: Callable[..., Any], rows: list[tuple[str, ...]], count: int = 20) -> tuple[Any, ...]:
    office = open_office(records=[client(number) for number in range(count)])
    return office, office.source(HEADER, rows), office.mapping(match="Client ID", fields=FIELDS)


ACCIDENTS = {
    "shifted": ([row(n, f"Company {n + 1}") for n in range(19)], FIELDS),
    "permuted": ([row(n, f"Company {(n * 7) % 20}") for n in range(20)], FIELDS),
    "filled": ([row(n, "Acme") for n in range(20)], FIELDS),
}


@pytest.mark.parametrize("guard", ["shifted", "permuted", "filled"])
def test_an_accident_stops_before_sending(open_office: Callable[..., Any], guard: str) -> None:
    """Exit code 6 with evidence and nothing sent, also on resume and as a sent plan; --allow by name sends it."""
    rows, _ = ACCIDENTS[guard]
    office, source, mapping = office_with(open_office, rows)
    stopped = office.run(source, mapping)
    assert (stopped.summary.exit_code, stopped.summary.stopped_by) == (6, f"guard:{guard}")
    (note,) = stopped.notes
    assert note.startswith(f"guard {guard}: name: ") and "row " in note and f"--allow {guard}" in note
    assert [found.guard for found in stopped.view.findings if found.stops] == [guard]

    again = office.resume(stopped.summary.run)
    assert (again.summary.exit_code, again.summary.stopped_by) == (6, f"guard:{guard}")
    plan = office.plan(source, mapping)
    assert plan.summary.exit_code == 0
    assert office.run_plan(plan.summary.run).summary.exit_code == 6
    assert "PATCH" not in office.requests()

    other = next(name for name in ("shifted", "permuted", "filled") if name != guard)
    assert office.resume(stopped.summary.run, allow=(other,)).summary.exit_code == 6
    assert office.resume(stopped.summary.run, allow=(guard,)).summary.exit_code == 0
    assert office.requests()["PATCH"] == stopped.summary.counts["not_sent"]


def test_emails_in_phone_are_swapped(open_office: Callable[..., Any]) -> None:
    """Two columns that were exchanged are stopped, merged rows and rows left out or not."""
    office = open_office(
        records=[{**client(n), "cf_a": f"a{n}@example.com", "cf_b": f"+9714{n:07}"} for n in range(20)]
    )
    rows = [(f"clt_{n:05}", f"+9714{n:07}", f"a{n}@example.com") for n in range(20)]
    source = office.source(("Client ID", "A", "B"), [*rows, *rows[:5], ("", "x", "y")])
    mapping = office.mapping(match="Client ID", fields={"cf_a": "A", "cf_b": "B"})
    assert office.run(source, mapping, rows="2-18,22-").summary.stopped_by == "guard:swapped"


def test_limits_see_what_matching_refused(open_office: Callable[..., Any]) -> None:
    """Rows without a client count for --max-invalid and --require-valid, although they were found after reading."""
    rows = [*(row(n, f"New {n}") for n in range(5)), ("clt_gone1", "A", "a@x.com"), ("clt_gone2", "B", "b@x.com")]
    office, source, mapping = office_with(open_office, rows)
    for flags, guard in ({"max_invalid": "1"}, "max-invalid"), ({"require_valid": True}, "require-valid"):
        stopped = office.run(source, mapping, **flags)
        assert (stopped.summary.exit_code, stopped.summary.stopped_by) == (6, f"guard:{guard}")
        assert len(stopped.notes) == 1
    assert "PATCH" not in office.requests()
    assert office.run(source, mapping, max_invalid="0.3").summary.counts == {"updated": 5, "invalid": 2}


def test_shares_are_of_the_rows_that_take_part(open_office: Callable[..., Any]) -> None:
    """Rows that were left out do not make the share of changed rows smaller."""
    office, source, mapping = office_with(open_office, [row(n, f"New {n}" if n < 2 else "") for n in range(20)])
    stopped = office.run(source, mapping, max_changed="0.5", first=3)
    assert stopped.summary.stopped_by == "guard:max-changed" and "2 of 3 rows would change" in stopped.notes[0]
    assert office.run(source, mapping, max_changed="0.5").summary.exit_code == 0


def test_a_much_smaller_file_is_a_warning(open_office: Callable[..., Any]) -> None:
    """Compared is the size of the files, not how many of their rows were chosen or valid; a retry is no small file."""
    office, source, mapping = office_with(open_office, [row(n) for n in range(20)])
    office.run(source, mapping, first=1)
    smaller = office.source(HEADER, [row(n, f"New {n}") for n in range(5)], name="small.csv")
    plan = office.plan(smaller, mapping)
    assert [(found.guard, found.stops) for found in plan.view.findings] == [("much-smaller", False)]
    assert office.run(smaller, mapping, expect_rows="10..").summary.stopped_by == "guard:expect-rows"
    assert office.run(smaller, mapping).summary.exit_code == 0
    assert office.plan(smaller, mapping).view.findings == ()


def test_a_new_custom_field_needs_a_word(open_office: Callable[..., Any]) -> None:
    """A custom field that no client has is refused with the nearest name, until extra_fields or --allow says yes."""
    office = open_office(records=[client(n) for n in range(5)])
    source = office.source(("Client ID", "Tier"), [(f"clt_{n:05}", "Gold") for n in range(5)])
    misspelt = office.mapping(match="Client ID", fields={"cf_teir": "Tier"})
    stopped = office.run(source, misspelt)
    assert stopped.summary.stopped_by == "guard:new-custom-field"
    assert "cf_teir" in stopped.notes[0] and "did you mean cf_tier?" in stopped.notes[0]
    plan = office.plan(source, misspelt)
    assert office.run_plan(plan.summary.run).summary.stopped_by == "guard:new-custom-field"
    assert office.resume(stopped.summary.run).summary.stopped_by == "guard:new-custom-field"
    assert "PATCH" not in office.requests()

    known = office.mapping("known.yaml", match="Client ID", fields={"cf_teir": "Tier"}, extra_fields=["cf_teir"])
    assert office.plan(source, known).view.findings == ()
    other = office.mapping("other.yaml", match="Client ID", fields={"cf_teir": "Tier", "phone": "Tier"})
    assert office.plan(source, other, only_fields="phone").view.findings == ()
    assert office.run(source, misspelt, allow=("new-custom-field",)).summary.exit_code == 0


def test_what_is_left_of_an_honest_run_is_no_accident(open_office: Callable[..., Any]) -> None:
    """A few cells that are left to be sent prove nothing that the whole plan did not."""
    rows = [row(n, "Acme Holding" if n in {0, 7, 14} else "") for n in range(20)]
    office, source, mapping = office_with(open_office, rows)
    stopped = office.run(source, mapping, max_requests=1)
    assert (stopped.summary.exit_code, stopped.summary.counts) == (3, {"unchanged": 17, "not_sent": 3})
    assert office.resume(stopped.summary.run).summary.counts == {"unchanged": 17, "updated": 3}


def test_clearing_is_limited(open_office: Callable[..., Any]) -> None:
    """--max-cleared stops a file whose column came empty; held to by resume."""
    office = open_office(records=[client(n) for n in range(10)])
    source = office.source(HEADER, [(f"clt_{n:05}", f"Company {n}", "") for n in range(10)])
    fields = {"name": "Company", "email": {"column": "E-mail", "blank": "clear"}}
    mapping = office.mapping(match="Client ID", fields=fields)
    stopped = office.run(source, mapping, max_cleared="5")
    assert stopped.summary.stopped_by == "guard:max-cleared" and "10 of 10 cells would be cleared" in stopped.notes[0]
    assert office.resume(stopped.summary.run).summary.stopped_by == "guard:max-cleared"
    assert office.resume(stopped.summary.run, max_cleared="10").summary.counts == {"updated": 10}


def test_check_holds_to_the_limits_of_a_run(open_office: Callable[..., Any]) -> None:
    """Rows left out make no share smaller; the exit code, the reason and the note are those of the run."""
    rows = [row(n, email="nobody" if n > 15 else "") for n in range(20)]
    office, source, mapping = office_with(open_office, rows)
    asked = {"rows": "17-21", "max_invalid": "0.5"}
    checked, ran = office.check(source, mapping, **asked), office.run(source, mapping, **asked)
    assert (checked.summary.exit_code, checked.summary.stopped_by) == (6, "guard:max-invalid")
    assert (ran.summary.exit_code, ran.summary.stopped_by) == (6, "guard:max-invalid")
    assert checked.notes == ran.notes
    assert checked.notes[0].endswith("4 of 5 rows are invalid; --max-invalid allows 0.5 (--allow max-invalid goes on)")
    allowed = office.check(source, mapping, allow=("max-invalid",), **asked)
    assert (allowed.summary.exit_code, allowed.summary.stopped_by, allowed.notes) == (1, "", ())
