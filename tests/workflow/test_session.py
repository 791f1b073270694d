"""What is told of the quota: to the display of sending, and where a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.sandbox import Quota as Limit
from bulk_sync.sandbox import SandboxConfig
from bulk_sync.sending.limits import Limits
from bulk_sync.sending.rate import UNPACED, Rate
from bulk_sync.state.quota import Standing
from bulk_sync.workflow.session import Session


class Quota:
    """A quota as a session asks it."""

    def __init__(self, rate: Rate, *, known: bool) -> None:
        self._rate, self._known = rate, known

    def rate(self) -> Rate:
        return self._rate

    def foretells(self) -> bool:
        return self._known

    def standing(self) -> Standing:
        return Standing(60, 60.0, 5 if self._known else None, 12.0, told=self._known)


@pytest.mark.parametrize(
    ("rate", "known", "allowed"),
    [
        (Rate(60, 60), True, "60/min, 5 of 60 left"),
        (Rate(60, 60), False, "60/min as assumed"),
        (UNPACED, True, ""),
        (UNPACED, False, ""),
    ],
)
def test_what_is_allowed_is_said_where_there_is_a_limit(rate: Rate, allowed: str, *, known: bool) -> None:
    """``--rate none`` has nothing to compare the last minute's requests with."""
    nobody: Any = None
    quota: Any = Quota(rate, known=known)
    session = Session(nobody, nobody, nobody, nobody, quota, nobody, Limits(workers=4), nobody)
    assert session._allowed() == allowed


@pytest.mark.parametrize("stored", [False, True])
def test_a_pace_that_the_quota_knows_already_is_said_where_a_run_goes_on(
    open_office: Callable[..., Any], *, stored: bool
) -> None:
    """The server's limit is remembered, and told while the quota is being opened; the plan then has the time."""
    records = [{"id": f"clt_{n}", "type": "company", "name": f"Name {n}"} for n in range(4)]
    office = open_office(SandboxConfig(quota=Limit(rate="30/2s")), records)
    source = office.source(("ID", "Company"), [(f"clt_{n}", f"New {n}") for n in range(4)])
    mapping = office.mapping(match="ID", fields={"name": "Company"})
    if stored:
        before = office.plan(source, mapping, rate="60/2s").summary.run
    else:
        before = office.run(source, mapping, rate="60/2s", max_requests=2).summary.run
    office.talk.warnings.clear()
    again = office.run_plan if stored else office.resume
    assert again(before, rate="60/2s").summary.counts == {"updated": 4}
    assert office.talk.warnings == ["the API's headers say 30/2s, not 60/2s: the pace follows them"]
