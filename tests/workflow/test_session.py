"""What the display of sending is told of the quota."""

from __future__ import annotations

from typing import Any

import pytest

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
