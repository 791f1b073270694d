"""What the plan says of the requests it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulk_sync.console.plan_text import clock, difference_text, plan_lines, requests_line
from bulk_sync.workflow.view import Difference, PlanView


@pytest.mark.parametrize(
    ("rate", "known", "said"),
    [
        ("60/min", True, "at 60/min"),
        ("none", True, "as fast as the API lets"),
        ("100/min", False, "if at 100/min, which the API's headers leave open"),
    ],
)
def test_the_finish_is_told_with_what_it_rests_on(rate: str, known: bool, said: str) -> None:
    """A window that nobody has named yet is an assumption, and is called one."""
    view = PlanView(
        run="r", kind="run", source="s", target="t", sandbox=False, rows=300, counts={}, changes=300,
        send_requests=300, rate=rate, rate_known=known, seconds=300.0, finish_at=1_790_000_000.0,
    )  # fmt: skip
    assert requests_line(view) == f"requests           300, {said}: 5 min, done about {clock(1_790_000_000.0)}"
    after = requests_line(replace(view, left_now="59 of 60"))
    assert f"{said}{', 59 of 60 left now' if known else ''}: 5 min" in after
    assert (view.to_json()["rate"], view.to_json()["rate_known"]) == (rate, known)


def test_the_heading_says_what_is_planned() -> None:
    """An undo is called one, with what it cannot restore; the sandbox is named once."""
    view = PlanView(
        run="r2", kind="undo", source="c.csv", target="SANDBOX", sandbox=True, rows=3, counts={}, changes=3,
        parent="r1", cells_not_restorable=2, not_restorable=(("jobTitle", 2),),
    )  # fmt: skip
    lines = list(plan_lines(view))
    assert lines[0] == "Undo of r1, as run r2: what c.csv changed in SANDBOX (a stand-in, no real client is touched)"
    [lost] = [line for line in lines if "jobTitle" in line]
    assert lost == "  not restorable       2   old value unknown, or not to be put back: jobTitle 2"
    plan = list(plan_lines(replace(view, kind="run", parent="")))
    assert plan[0] == "Plan r2: c.csv → SANDBOX (a stand-in, no real client is touched)"
    [lost] = [line for line in plan if "jobTitle" in line]
    assert lost.startswith("  not undoable         2   ")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("ACME LLC", "ACME  LLC", '"ACME LLC" → "ACME  LLC"'),
        ("ACME LLC", "ACME\u00a0LLC", '"ACME LLC" → "ACME\\xa0LLC"'),
        ("ACME LLC", "ACME LLC ", '"ACME LLC" → "ACME LLC "'),
        ("1 Main St\nDubai", "1 Main St Dubai", '"1 Main St\\nDubai" → "1 Main St Dubai"'),
        ("a\tb", "a\u200bb", '"a\\tb" → "a\\u200bb"'),
    ],
)
def test_values_that_differ_in_blanks_look_different(old: str, new: str, told: str) -> None:
    """Each stands on one line, with its blanks as many and of the kind that they are."""
    assert difference_text(Difference(2, "clt_1", "name", old, new, old_known=True)) == f"name: {told}"
