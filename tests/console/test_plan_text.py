"""What the plan says of the requests it takes."""

from __future__ import annotations

import pytest

from bulk_sync.console.plan_text import clock, requests_line
from bulk_sync.workflow.view import PlanView


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
    assert (view.to_json()["rate"], view.to_json()["rate_known"]) == (rate, known)
