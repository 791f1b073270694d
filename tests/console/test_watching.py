"""What a run's progress counts."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Callable

import pytest

from bulk_sync.console.plan_text import clock
from bulk_sync.console.progress import LiveProgress, PlainProgress, wrapped
from bulk_sync.console.watching import LastMinute, Watcher
from bulk_sync.errors import Halted
from bulk_sync.records import Change, Outcome, Request, Status


class Display:
    """A progress display that keeps what it was told."""

    total = 3

    def __init__(self) -> None:
        self.done: list[int] = []
        self.said: list[str] = []

    def step(self, done: int) -> None:
        self.done.append(done)

    def status(self, make: Callable[[], str]) -> None:
        self.make = make

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


def test_the_status_is_of_the_moment_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing ends the finish moves on, and requests of more than a minute ago are forgotten."""
    now = [1_790_000_000.0]
    monkeypatch.setattr("bulk_sync.console.watching.time.time", lambda: now[0])
    monkeypatch.setattr("bulk_sync.console.watching.time.monotonic", lambda: now[0])
    display = Display()
    watcher = Watcher(display, lambda left: 10.0 * left, lambda _: None, quota=lambda: "60/min")
    watcher.started(Request("patch", "clt_1"))
    watcher.settled(Change(1, "clt_1", {}), Outcome(1, Status.UPDATED))
    first = display.make()
    assert first == f"1 updated, done about {clock(now[0] + 20)}, 1 request in the last minute of 60/min"
    now[0] += 61
    assert display.make() == f"1 updated, done about {clock(now[0] + 20)}, 0 requests in the last minute of 60/min"


def test_a_quota_that_cannot_be_read_leaves_the_rest() -> None:
    """Who sends ends the run for it; the display tells what it knows."""

    def broken(_: int) -> float:
        raise Halted("the disk refuses")

    display = Display()
    Watcher(display, broken, lambda _: None)
    assert display.make() == "0 requests in the last minute"


def test_lines_come_while_nothing_ends() -> None:
    """Each asks for the status anew, in the loop; after the end none comes."""
    lines: list[str] = []
    made = iter(range(1000))

    async def wait() -> None:
        progress = PlainProgress("sending", 3, lambda *told: lines.append(f"{told[1]} {told[3]}"), every=0.01)
        progress.status(lambda: f"status {next(made)} in {asyncio.get_running_loop().is_running()}")
        await asyncio.sleep(0.1)
        progress.close()
        so_far = len(lines)
        await asyncio.sleep(0.05)
        assert len(lines) == so_far

    asyncio.run(wait())
    assert lines[:2] == ["0 status 0 in True", "0 status 1 in True"]


def test_a_live_display_moves_while_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn again each second, though no step is told."""
    monkeypatch.setattr("bulk_sync.console.progress._IDLE_SECONDS", 0.01)
    asked = iter(range(1000))

    async def wait() -> None:
        progress = LiveProgress("sending", 3, io.StringIO(), lambda: 0.0)
        progress.status(lambda: f"status {next(asked)}")
        await asyncio.sleep(0.1)
        progress.close()

    asyncio.run(wait())
    assert next(asked) > 1


def test_a_status_fits_the_terminal() -> None:
    """A line that is too long is broken between its parts: nothing of it is cut."""
    status = "1,234 updated, 12 failed, done about 09:23:41, 55 requests in the last minute of 60/min, 5 of 60 left"
    assert wrapped(status, 78) == [
        "1,234 updated, 12 failed, done about 09:23:41,",
        "55 requests in the last minute of 60/min, 5 of 60 left",
    ]
    assert wrapped(status, 200) == [status]
    assert max(map(len, wrapped(status, 38))) <= 38
    assert wrapped("", 78) == []


def test_the_last_minute_is_counted_in_little_memory() -> None:
    """A minute of 5,000 requests a second: all of them, to a tenth of a second, and no memory for each."""
    minute = LastMinute()
    for number in range(300_000):
        minute.add(100.0 + number / 5_000)
    assert abs(minute.count(160.0) - 300_000) <= 1_000
    assert len(minute._counts) <= 600
    minute.add(190.0)
    assert abs(minute.count(190.0) - 150_001) <= 1_000
    assert (minute.count(249.9), minute.count(250.1)) == (1, 0)
    minute.add(300.0)
    assert len(minute._counts) == 1


def test_the_last_minute_may_be_asked_from_another_thread() -> None:
    """As the progress display does, while requests leave."""
    minute, ended = LastMinute(), threading.Event()

    def send() -> None:
        for number in range(2_000):
            minute.add(number / 10)
        ended.set()

    sender = threading.Thread(target=send)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # many turns
    try:
        sender.start()
        while not ended.is_set():
            assert 0 <= minute.count(0.0) <= 2_000
        sender.join()
    finally:
        sys.setswitchinterval(usual)
    assert minute.count(199.9) == 600
