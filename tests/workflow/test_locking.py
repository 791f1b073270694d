"""Waiting for a lock: until it is free, until the time is over, or until a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.console.terminal import Terminal
from bulk_sync.errors import Busy
from bulk_sync.sending.ports import Interrupted, Stop, StopReason
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.desk import Desk, WallClock
from bulk_sync.workflow.locking import hold
from bulk_sync.workflow.runs import run_lock


class QuickClock(WallClock):
    """An hour passes in no time; others get their turn meanwhile."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(talk=Terminal(), folder=tmp_path, environ={}, clock=QuickClock())


def test_waiting_ends_when_the_holder_does(desk: Desk, tmp_path: Path) -> None:
    """The lock is had as soon as it is free, and kept until the stack is left."""
    path = tmp_path / "x.lock"

    async def go() -> None:
        first, second = ExitStack(), ExitStack()
        await hold(desk, first, path, "run 7", wait=None)
        asyncio.get_running_loop().call_soon(first.close)
        await hold(desk, second, path, "run 7", wait=60)
        with second, pytest.raises(Busy), exclusive(path, "run 7"):
            pytest.fail("two hold it")

    asyncio.run(go())


@pytest.mark.parametrize(("wait", "hint"), [(None, "wait for it with --wait 10m"), (60.0, "")])
def test_waiting_has_an_end(desk: Desk, tmp_path: Path, wait: float | None, hint: str) -> None:
    """Busy at once without --wait, else when that time is over."""
    path = tmp_path / "x.lock"
    with exclusive(path, "run 7"), ExitStack() as stack, pytest.raises(Busy) as caught:
        asyncio.run(hold(desk, stack, path, "run 7", wait=wait))
    assert (caught.value.message, caught.value.hint) == ("another process works on run 7", hint)
    assert (wait or 0.0) <= desk.clock.monotonic() <= (wait or 0.0) + 0.2


def test_a_stop_ends_the_waiting(desk: Desk, tmp_path: Path) -> None:
    """Ctrl-C is heard although nothing but a lock is waited for."""
    path = tmp_path / "x.lock"
    desk.stop.set(Stop(StopReason.INTERRUPTED, "interrupted", "bulk-sync resume goes on"))
    with exclusive(path, "run 7"), ExitStack() as stack, pytest.raises(Interrupted) as caught:
        asyncio.run(hold(desk, stack, path, "run 7", wait=60))
    assert caught.value.hint == "nothing was done yet: give the command again"
    assert desk.clock.monotonic() < 1


@pytest.mark.parametrize("command", ["resume", "retry", "run_plan"])
def test_a_run_that_another_process_works_on_is_waited_for(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], command: str
) -> None:
    """As the hint says, whatever is to be done with it."""
    office = open_office(records=[{"id": "clt_1", "name": "Old"}])
    office.clock = leaping_clock()
    source = office.source(("ID", "Name"), [("clt_1", "New"), ("clt_2", "New")])
    mapping = office.mapping(match="ID", fields={"name": "Name"})
    run = (office.plan if command == "run_plan" else office.run)(source, mapping).summary.run
    with ExitStack() as other:
        other.enter_context(exclusive(run_lock(office.desk(), run), f"run {run}"))
        with pytest.raises(Busy):
            getattr(office, command)(run, wait="1s")
        office.clock.on_sleep = lambda _: other.close()
        assert getattr(office, command)(run, wait="10m").summary.exit_code == 1
