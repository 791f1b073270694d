"""The plan that a resume shows is about what is left to send, and what is left of the quota has one shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted


def stopped(open_office: Callable[..., Any], **flags: object) -> tuple[Any, str]:
    """Ten clients, of whom the first few are sent; the address is shown by no answer."""
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Old {n}"} for n in range(10)]
    office = open_office(records=records)
    source = office.source(("Client ID", "Company", "City"), [(f"clt_{n}", f"New {n}", "Dubai") for n in range(10)])
    fields = {"name": "Company", "billingAddress.city": "City"}
    mapping = office.mapping(match="Client ID", fields=fields, partial=["billingAddress"])
    ended = office.run(source, mapping, workers=1, **flags)
    return office, ended.summary.run


def test_a_resume_shows_what_is_left(open_office: Callable[..., Any]) -> None:
    """Figures and first differences are those of the changes without an outcome."""
    office, run = stopped(open_office, max_requests=5)
    whole = office.rows(office.resume(run, max_changed="0", max_requests=0))
    left = [row.row_number for row in whole if row.status == "not_sent"]
    assert 0 < len(left) < 10
    view = office.resume(run, max_changed="0").view
    assert (view.changes, view.cells_set, view.cells_not_restorable) == (len(left), 2 * len(left), len(left))
    assert view.not_restorable == (("billingAddress", len(left)),)
    assert {difference.row_number for difference in view.differences} <= set(left)
    assert [line.field for line in view.differences[:2]] == ["name", "billingAddress.city"]


def test_a_resumed_undo_keeps_what_it_cannot_restore(open_office: Callable[..., Any]) -> None:
    """What no change of the undo puts back is not restorable still, however much of the rest was sent."""
    office, run = stopped(open_office)
    undone = office.undo(run, workers=1, max_requests=4)
    shown: list[Any] = []
    office.talk.show = shown.append
    office.resume(undone.summary.run)
    [view] = shown
    assert 0 < view.cells_set == view.changes < 10
    assert view.not_restorable == (("billingAddress", 10),)


def test_a_plan_and_a_run_tell_the_quota_in_one_shape(open_office: Callable[..., Any]) -> None:
    """What a script reads of one it finds in the other."""
    office = open_office(config=SandboxConfig(quota=Quota(rate="60/min")), records=[{"id": "clt_0", "name": "Old"}])
    source = office.source(("Client ID", "Company"), [("clt_0", "New")])
    mapping = office.mapping(match="Client ID", fields={"name": "Company"})
    shapes = [office.plan(source, mapping).summary.quota, office.run(source, mapping).summary.quota]
    assert [set(shape) for shape in shapes] == [{"limit", "remaining", "reset_in", "window_seconds"}] * 2
    assert [(shape["limit"], shape["window_seconds"]) for shape in shapes] == [(60, 60.0)] * 2


def test_a_resume_tries_first_as_long_as_nothing_was_accepted(open_office: Callable[..., Any]) -> None:
    """Every row would be refused, and was it not mended: five rows more tell, and not all that are left."""
    refusal = Scripted(fault=Fault(kind=FaultKind.STATUS, status=400, message="read only"), attempts=frozenset({1}))
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(refusal,)))
    office = open_office(config, [{"id": f"clt_{n}", "type": "company", "name": f"Old {n}"} for n in range(40)])
    source = office.source(("ID", "Company"), [(f"clt_{n}", f"New {n}") for n in range(40)])
    ended = office.run(source, office.mapping(match="ID", fields={"name": "Company"}))
    for tried in (5, 10):
        assert (ended.summary.stopped_by, ended.summary.counts) == (
            "systemic",
            {"failed": tried, "not_sent": 40 - tried},
        )
        ended = office.resume(ended.summary.run)
