"""The limits of time that a user gives count from the beginning of the command."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bulk_sync.console.terminal import Terminal
from bulk_sync.errors import Refused
from bulk_sync.settings import resolve
from bulk_sync.workflow.desk import Desk, WallClock
from bulk_sync.workflow.session import _limits


class HandClock(WallClock):
    """Goes on when told to; it is five to six in the morning."""

    def __init__(self) -> None:
        self.gone = 0.0
        self.start = datetime(2026, 11, 23, 5, 55).astimezone().timestamp()

    def monotonic(self) -> float:
        return 1000.0 + self.gone

    def time(self) -> float:
        return self.start + self.gone


def test_a_sheet_that_takes_long_to_read_does_not_move_the_end() -> None:
    """--until 06:00 is this morning although reading took until ten past; --max-duration began before it."""
    clock = HandClock()
    desk = Desk(talk=Terminal(), flags={"until": "06:00", "max_duration": "20m"}, environ={}, clock=clock)
    clock.gone = 900.0
    limits = _limits(desk, desk.settings(), frozenset())
    assert limits.until is not None
    assert datetime.fromtimestamp(limits.until, UTC).astimezone().strftime("%d %H:%M") == "23 06:00"
    assert limits.ends_at == 1000.0 + 1200.0
    assert limits.next_moment(monotonic=clock.monotonic(), wall=clock.time()) == 0.0


@pytest.mark.parametrize("text", ["0", "0s"])
def test_a_request_has_some_time(text: str) -> None:
    """A deadline of nothing would be none at all."""
    with pytest.raises(Refused, match="--timeout: expected more than 0"):
        resolve({"timeout": text}, environ={})
