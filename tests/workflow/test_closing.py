"""How a command ends: its exit code, the causes behind many problems, the chosen rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.errors import Problem
from bulk_sync.journal.store import RunKind
from bulk_sync.records import RunSummary, Status
from bulk_sync.settings import resolve
from bulk_sync.workflow.closing import exit_code, grouped_problems, next_steps
from bulk_sync.workflow.intake import chooser

BLANK = RunSummary(
    "R", "run", 0, "", {}, {}, "clients.csv", "", "clients.yaml", "https://api.example.com", "acme", "", "", 0.0, ""
)
COUNTS = st.dictionaries(st.sampled_from(list(Status)), st.integers(0, 3))


@pytest.mark.parametrize(
    ("kind", "statuses", "stopped_by", "code"),
    [
        ("run", (), "", 0),
        ("run", ("updated", "unchanged", "skipped"), "", 0),
        ("run", ("updated", "invalid"), "", 1),
        ("run", ("failed",), "", 1),
        ("run", ("differs",), "", 1),
        ("undo", ("in_doubt",), "", 1),
        ("run", ("invalid", "not_sent"), "", 3),
        ("run", ("failed", "not_sent"), "max_requests", 3),
        ("run", ("not_sent",), "outage", 3),
        ("run", ("not_sent",), "local_fault", 3),
        ("run", ("failed", "not_sent"), "interrupted", 130),
        ("run", ("failed", "not_sent"), "key_refused", 4),
        ("run", ("not_sent",), "target_refused", 2),
        ("run", ("invalid", "not_sent"), "guard:shifted", 6),
        ("run", ("not_sent",), "declined", 6),
        ("plan", ("ready", "unchanged"), "", 0),
        ("check", ("ready", "invalid"), "", 1),
    ],
)
def test_the_exit_code_of_the_contract(kind: str, statuses: tuple[str, ...], stopped_by: str, code: int) -> None:
    """Each line of the table of exit codes, and the order where several fit."""
    assert exit_code(kind, {Status(name): 1 for name in statuses}, stopped_by) == code


@pytest.mark.parametrize(
    ("kind", "statuses", "stopped_by", "steps"),
    [
        ("run", "updated not_sent failed", "outage", ["go on where it stopped: bulk-sync resume R", "undo R"]),
        (
            "run",
            "updated failed",
            "",
            ["then: bulk-sync retry 'my file.xlsx'", "undo R"],
        ),
        ("run", "differs", "", ["the CRM holds another value than was sent", "undo R"]),
        ("run", "unchanged skipped", "", []),
        ("check", "ready invalid", "", ["correct the invalid rows in the source, then check again"]),
        ("check", "ready", "", []),
        ("plan", "ready", "", ["bulk-sync run --plan R"]),
        ("plan", "ready", "max_requests", ["make it anew: bulk-sync plan"]),
        ("plan", "unchanged", "", []),
    ],
)
def test_what_to_do_next(kind: RunKind, statuses: str, stopped_by: str, steps: list[str]) -> None:
    """Only what can be done: a plan that is not whole cannot be sent, a run that is at its end not resumed."""
    counts = dict.fromkeys(statuses.split(), 1)
    summary = BLANK._replace(kind=kind, counts=counts, stopped_by=stopped_by, output="my file.xlsx")
    told = next_steps(summary)
    assert len(told) == len(steps)
    assert all(step.endswith(end) for step, end in zip(told, steps, strict=True)), told


@given(COUNTS, st.sampled_from(["", "outage", "interrupted", "key_refused", "guard:filled", "something new"]))
def test_zero_means_that_nothing_is_left_to_look_at(counts: dict[Status, int], stopped_by: str) -> None:
    """A run ends with 0 only where every row is updated, unchanged or left out, and nothing stopped it."""
    fine = {Status.UPDATED, Status.UNCHANGED, Status.SKIPPED, Status.READY}
    left = [status for status, count in counts.items() if count and status not in fine]
    assert (exit_code("run", counts, stopped_by) == 0) == (not left and not stopped_by)


def test_many_problems_are_told_by_their_causes() -> None:
    """The most frequent first; a value that repeats is named; what does not is told together, warnings as such."""
    problems = [
        *[Problem("bad_email", "no @-sign", row=n, column="E-mail", value="n/a") for n in range(40)],
        *[Problem("bad_email", "no @-sign", row=n, column="E-mail", value=f"x{n}") for n in range(3)],
        Problem("odd", "looks odd", row=9, field="name", severity="warning"),
    ]
    assert grouped_problems(problems) == (
        (40, 'column "E-mail", value "n/a" (bad_email)'),
        (3, 'column "E-mail": no @-sign (bad_email)'),
        (1, "warning: name: looks odd (odd)"),
    )


def test_a_cause_does_not_say_of_all_its_rows_what_is_true_of_the_first() -> None:
    """A message that names a value stands for one row; the others have others, and a value told apart lends none."""
    unknown = [
        Problem("no_match", f"no client has {value!r}", row=row, column="E-mail", value=value)
        for row, value in enumerate(["a@x", "a@x", "b@x", "c@x"], start=2)
    ]
    assert grouped_problems(unknown) == (
        (2, 'column "E-mail", value "a@x" (no_match)'),
        (2, "column \"E-mail\": no client has 'b@x', and other messages (no_match)"),
    )
    many = [Problem("no_match", f"no client has {row}", row=row, value=str(row)) for row in range(2000)]
    assert grouped_problems(many) == ((2000, "no client has 0, and other messages (no_match)"),)
    late = [Problem("bad", "short" if row < 1500 else "long", row=row, value=str(row)) for row in range(2000)]
    assert grouped_problems(late) == ((2000, "short, and other messages (bad)"),)


@given(st.integers(1, 30), st.integers(0, 30))
def test_first_and_rows_choose_together(place: int, offset: int) -> None:
    """--first counts rows of the source, --rows names their numbers; a row must please both."""
    both = chooser(resolve({"first": "10", "rows": "2-8,20"}, environ={}))
    number = place + offset
    assert both(place, number) == (place <= 10 and (2 <= number <= 8 or number == 20))
    assert chooser(resolve({}, environ={}))(place, number)
