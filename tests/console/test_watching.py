"""What a run's progress counts."""

from __future__ import annotations

from bulk_sync.console.watching import Watcher
from bulk_sync.records import Change, Outcome, Status


class Display:
    """A progress display that keeps what it was told."""

    total = 3

    def __init__(self) -> None:
        self.done: list[int] = []
        self.said: list[str] = []

    def step(self, done: int) -> None:
        self.done.append(done)

    def status(self, text: str) -> None:
        self.said.append(text)

    def problem(self, text: str) -> None:
        self.said.append(text)

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def close(self) -> None: ...


def test_a_change_that_was_in_doubt_and_is_settled_counts_once() -> None:
    """Both in what is done and by status."""
    display = Display()
    watcher = Watcher(display, float, lambda _: None, quota=lambda: "60/min")
    for number, status in ((1, Status.UPDATED), (2, Status.IN_DOUBT), (3, Status.UPDATED), (2, Status.UPDATED)):
        watcher.settled(Change(number, f"clt_{number}", {}), Outcome(number, status))
    assert display.done == [1, 2, 3, 3]
    assert watcher.counts == {Status.UPDATED: 3, Status.IN_DOUBT: 0}
