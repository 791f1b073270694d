"""The gate: one quota for every process, in virtual time."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import pytest

from bulk_sync.records import Reply
from bulk_sync.sandbox.config import HeaderStyle, Quota, Rule
from bulk_sync.sandbox.quota import State, judge, quota_headers
from bulk_sync.sending.quota_state import Terms
from bulk_sync.sending.rate import UNPACED, Rate
from bulk_sync.state.quota import SharedQuota, Standing
from bulk_sync.state.store import StateFault
from tests.tools.virtual_time import START
from tests.tools.virtual_time import run_virtually as run


class VirtualClock:
    """The loop's time; ``wall`` is what the wall clock is ahead, ``rest`` what the machine slept."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.rest = 0.0

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.rest

    def time(self) -> float:
        return self.monotonic() + self.wall

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Server:
    """The sandbox's rules and headers, written by someone else, behind a network that takes 30 to 60 ms."""

    def __init__(self, clock: VirtualClock, quota: Quota, style: HeaderStyle) -> None:
        self._clock, self._quota, self._style = clock, quota, style
        self._states: list[State] = []
        self.statuses: list[int] = []
        self.arrivals: list[float] = []
        self.delays = 0

    async def answer(self) -> Reply:
        self.delays = (self.delays * 7 + 3) % 31
        began = self._clock.monotonic()
        await asyncio.sleep(0.02 + self.delays / 1000)
        now = self._clock.monotonic()
        standings, self._states = judge([self._quota], self._states, now)
        status = 200 if all(each.admitted for each in standings) else 429
        headers = quota_headers(standings, self._style, now=self._clock.time(), retry_after="seconds")
        self.statuses.append(status)
        self.arrivals.append(now)
        await asyncio.sleep(0.01)
        return Reply(status, headers, seconds=self._clock.monotonic() - began)


def gate(folder: Path, clock: VirtualClock, terms: Terms | None = None, said: list[str] | None = None) -> SharedQuota:
    """Open a gate to the quota that all of these tests share."""

    def say(old: Rate, new: Rate) -> None:
        if said is not None:
            said.append(f"{old} -> {new}")

    return SharedQuota(
        folder, origin="https://api.example", key_hash="k", terms=terms or Terms(), clock=clock, on_correction=say
    )


async def send(quota: SharedQuota, server: Server, requests: int, workers: int = 4) -> float:
    """Send until so many are accepted; return the seconds it took."""
    began = asyncio.get_running_loop().time()
    left = requests

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            permit = await quota.acquire()
            reply = await server.answer()
            quota.report(permit, reply)
            left += reply.http_status == 429

    await asyncio.gather(*(work() for _ in range(workers)))
    return asyncio.get_running_loop().time() - began


@pytest.mark.parametrize(
    ("style", "processes"),
    [(HeaderStyle.NONE, 4), (HeaderStyle.DRAFT_03, 1), (HeaderStyle.DRAFT_03, 4), (HeaderStyle.X, 4)],
)
@pytest.mark.parametrize(
    "quota",
    [
        Quota(rule=Rule.FIXED_WINDOW, phase=11.0),
        Quota(rule=Rule.SLIDING_LOG, reset="next"),
        Quota(rule=Rule.TOKEN_BUCKET),
        Quota(rule=Rule.GCRA, burst=5),
    ],
    ids=lambda quota: str(quota.rule),
)
def test_the_quota_is_used_and_never_passed(tmp_path: Path, quota: Quota, style: HeaderStyle, processes: int) -> None:
    """Whatever the server's rule and headers, 130 requests of one gate or of four meet no 429 and waste no minute."""

    async def job() -> tuple[set[int], float]:
        clock = VirtualClock()
        server = Server(clock, quota, style)
        gates = [gate(tmp_path, clock) for _ in range(processes)]
        took = await asyncio.gather(*(send(each, server, 132 // processes) for each in gates))
        for each in gates:
            each.close()
        return set(server.statuses), max(took)

    # Fixed windows begin 51 and 111 s after the start.
    told = {Rule.FIXED_WINDOW: 111.0, Rule.SLIDING_LOG: 120.0, Rule.TOKEN_BUCKET: 72.0, Rule.GCRA: 127.0}
    least = 132.0 if style is HeaderStyle.NONE else told[quota.rule]
    statuses, took = run(job())
    assert statuses == {200}
    assert took <= least / 0.97 + 1  # a second for the network's own time


def test_a_job_that_fits_goes_at_once_and_the_first_request_goes_alone(tmp_path: Path) -> None:
    """50 requests with 60 left: one alone, whose reply lets the others go in parallel."""

    async def job() -> tuple[list[float], float]:
        clock = VirtualClock()
        server = Server(clock, Quota(), HeaderStyle.DRAFT_03)
        with gate(tmp_path, clock) as quota:
            took = await send(quota, server, 50, workers=10)
        return server.arrivals, took

    arrivals, took = run(job())
    assert arrivals[1] - arrivals[0] > 0.03
    assert took < 1.0


def test_a_default_rate_that_headers_contradict_is_said_once(tmp_path: Path) -> None:
    """60 an hour: the correction is reported with both rates, the forecast follows it."""
    said: list[str] = []

    async def job() -> float:
        clock = VirtualClock()
        server = Server(clock, Quota(rate="60/h"), HeaderStyle.DRAFT_03)
        with gate(tmp_path, clock, said=said) as quota:
            await send(quota, server, 10)
            return quota.forecast(300)

    assert run(job()) == pytest.approx(5 * 3600, rel=0.01)
    assert said == ["60/min -> 60/h"]


def test_a_429_is_waited_out_by_all_processes(tmp_path: Path) -> None:
    """After a 429 with Retry-After nobody sends until its time has come, and then one goes first."""

    async def job() -> list[float]:
        clock = VirtualClock()
        first, second = gate(tmp_path, clock), gate(tmp_path, clock)
        began = clock.monotonic()
        first.report(await first.acquire(), Reply(429, {"Retry-After": "20"}, seconds=0.1))

        async def take(quota: SharedQuota) -> float:
            permit = await quota.acquire()
            at = clock.monotonic() - began
            await asyncio.sleep(0.5)
            quota.report(permit, Reply(200, {}, seconds=0.5))
            return at

        moments = sorted(await asyncio.gather(take(first), take(second)))
        first.close()
        second.close()
        return moments

    assert run(job()) == pytest.approx([20.0, 21.05], abs=0.3)


def test_429s_that_tell_nothing_are_waited_out_longer_and_longer(tmp_path: Path) -> None:
    """Without any header the wait doubles: 1, 2, 4, 8 s; a success begins anew."""

    async def job() -> list[float]:
        clock = VirtualClock()
        moments = []
        with gate(tmp_path, clock) as quota:
            for status in (429, 429, 429, 429, 200, 429, 200):
                permit = await quota.acquire()
                moments.append(clock.monotonic())
                quota.report(permit, Reply(status, {}, seconds=0.1))
        return [round(later - sooner, 1) for sooner, later in pairwise(moments)]

    waits = run(job())
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[5] <= 3.0


def test_a_place_that_was_not_used_comes_back(tmp_path: Path) -> None:
    """Of 60 places, those whose request never left are given out again at once."""

    async def job() -> tuple[int | None, float]:
        clock = VirtualClock()
        server = Server(clock, Quota(), HeaderStyle.DRAFT_10)
        with gate(tmp_path, clock) as quota:
            await send(quota, server, 1)
            for _ in range(200):
                quota.report(await quota.acquire(), None)
                quota.report(await quota.acquire(), Reply(None, {}, fault="dns", left=False))
            took = await send(quota, server, 59)
            return quota.standing().remaining, took

    remaining, took = run(job())
    assert (remaining, took < 3.0) == (0, True)


def test_places_in_stock_do_not_outlive_a_429_elsewhere(tmp_path: Path) -> None:
    """A process that has places in stock hears of another one's 429 before it uses them a second later."""

    async def job() -> float:
        clock = VirtualClock()
        server = Server(clock, Quota(rate="1000/min"), HeaderStyle.DRAFT_10)
        first, second = gate(tmp_path, clock), gate(tmp_path, clock)
        await send(first, server, 200, workers=20)
        permit = await first.acquire()
        refused = await second.acquire()
        await asyncio.sleep(1)
        second.report(refused, Reply(429, {"Retry-After": "30"}, seconds=1.0))
        began = clock.monotonic()
        await first.acquire()
        waited = clock.monotonic() - began
        first.report(permit, None)
        first.close()
        second.close()
        return waited

    assert run(job()) == pytest.approx(30, abs=0.2)


def test_cancelling_a_wait_leaves_nothing_reserved(tmp_path: Path) -> None:
    """Ten waits that are cancelled cost nothing: the next request leaves when it would have."""

    async def job() -> float:
        clock = VirtualClock()
        with gate(tmp_path, clock) as quota:
            quota.report(await quota.acquire(), Reply(200, {}, seconds=0.1))
            quota.report(await quota.acquire(), Reply(200, {}, seconds=0.1))
            began = clock.monotonic()
            waits = [asyncio.ensure_future(quota.acquire()) for _ in range(10)]
            await asyncio.sleep(0.3)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            await quota.acquire()
            return clock.monotonic() - began

    assert run(job()) == pytest.approx(1.03, abs=0.02)


def test_a_sleeping_machine_makes_no_burst(tmp_path: Path) -> None:
    """After an hour's sleep in the middle, no window sees more requests than its limit, told or not."""

    async def job(style: HeaderStyle, folder: Path) -> set[int]:
        clock = VirtualClock()
        server = Server(clock, Quota(rule=Rule.SLIDING_LOG), style)
        with gate(folder, clock) as quota:
            task = asyncio.ensure_future(send(quota, server, 150, workers=8))
            for _ in range(3):
                await asyncio.sleep(17.3)
                clock.rest += 3600
            await task
        return set(server.statuses)

    for style in (HeaderStyle.NONE, HeaderStyle.DRAFT_03):
        assert run(job(style, tmp_path / str(style))) == {200}


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_jump_of_the_wall_clock_changes_nothing(tmp_path: Path, jump: float) -> None:
    """The wall clock put a day back or ahead in the middle: no 429, and the time it would have taken."""

    async def job() -> tuple[set[int], float]:
        clock = VirtualClock()
        server = Server(clock, Quota(rule=Rule.SLIDING_LOG), HeaderStyle.DRAFT_03)
        with gate(tmp_path, clock) as quota:
            task = asyncio.ensure_future(send(quota, server, 100))
            await asyncio.sleep(20)
            clock.wall += jump
            return set(server.statuses), await task

    statuses, took = run(job())
    assert (statuses, took < 64) == ({200}, True)


def test_what_is_known_survives_a_restart_of_the_machine(tmp_path: Path) -> None:
    """The monotonic clock begins anew: what was used up is still waited for, by the wall clock's word."""

    async def job() -> float:
        clock = VirtualClock()
        server = Server(clock, Quota(phase=0.0), HeaderStyle.DRAFT_03)
        with gate(tmp_path, clock) as quota:
            await send(quota, server, 60)
        used_up = clock.time()
        clock.rest -= START - 10
        clock.wall += START - 10 + 15
        with gate(tmp_path, clock) as quota:
            await quota.acquire()
        return clock.time() - used_up

    # The window began at 960 and the machine was away for 15 s of it.
    assert run(job()) == pytest.approx(1020 - 1002, abs=3)


def test_places_of_a_dead_process_come_back(tmp_path: Path) -> None:
    """A process killed with its probe in flight holds nobody back for longer than a moment."""
    script = textwrap.dedent(
        """
        import asyncio, os, sys, time
        from pathlib import Path
        from bulk_sync.sending.quota_state import Terms
        from bulk_sync.state.quota import SharedQuota
        class Clock:
            monotonic = staticmethod(time.monotonic)
            time = staticmethod(time.time)
            sleep = staticmethod(asyncio.sleep)
        async def main():
            folder = Path(sys.argv[1])
            quota = SharedQuota(folder, origin="https://api.example", key_hash="k", terms=Terms(), clock=Clock())
            await quota.acquire()
            os.kill(os.getpid(), 9)
        asyncio.run(main())
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -9

    class RealClock(VirtualClock):
        def monotonic(self) -> float:
            return time.monotonic()

    async def job() -> float:
        began = time.monotonic()
        with gate(tmp_path, RealClock()) as quota:
            await quota.acquire()
        return time.monotonic() - began

    assert asyncio.run(job()) < 2.0


def test_unpaced_requests_cost_next_to_nothing(tmp_path: Path) -> None:
    """With no rate and no headers, 20,000 requests pass the gate in well under four seconds."""

    async def job() -> int:
        clock = VirtualClock()
        clock.monotonic = time.monotonic  # type: ignore[method-assign]
        with gate(tmp_path, clock, Terms(UNPACED, given=True)) as quota:
            for _ in range(20_000):
                quota.report(await quota.acquire(), Reply(200, {"content-type": "application/json"}))
            return quota.standing().limit

    began = time.perf_counter()
    assert asyncio.run(job()) == 0
    assert time.perf_counter() - began < 4


def test_unpaced_requests_obey_headers_and_429s(tmp_path: Path) -> None:
    """--rate none leaves it to the headers: their quota is kept to, and a 429 is waited out."""

    async def job() -> tuple[set[int], float]:
        clock = VirtualClock()
        server = Server(clock, Quota(), HeaderStyle.DRAFT_03)
        with gate(tmp_path, clock, Terms(UNPACED, given=True)) as quota:
            return set(server.statuses), await send(quota, server, 100, workers=20)

    statuses, took = run(job())
    assert (statuses <= {200}, 60 <= took < 64) == (True, True)


def test_a_state_that_cannot_be_read_is_learned_again_and_a_full_disk_is_said(tmp_path: Path) -> None:
    """An entry of another version is forgotten; a file that is no database stops the run and is named."""

    async def job() -> Standing:
        with gate(tmp_path, VirtualClock()) as quota:
            await quota.acquire()
        with sqlite3.connect(tmp_path / "state.sqlite") as connection:
            connection.execute("UPDATE quota SET body = ?", (json.dumps({"version": 99}),))
        connection.close()
        with gate(tmp_path, VirtualClock()) as quota:
            return quota.standing()

    assert run(job()) == Standing(0, 0.0, None, 0.0, None)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "state.sqlite").write_text("this is no database, whatever its name says" * 20)
    with pytest.raises(StateFault, match=r"broken/state\.sqlite: file is not a database"):
        run(_open(broken))


def test_a_disk_that_fills_up_is_named_as_such(tmp_path: Path) -> None:
    """SQLite rolls back by itself then; what is told is the disk, not that nothing was left to roll back."""

    async def job() -> None:
        with gate(tmp_path, VirtualClock()) as quota:
            with sqlite3.connect(tmp_path / "state.sqlite") as connection:
                connection.execute(
                    "CREATE TRIGGER full BEFORE INSERT ON quota "
                    "BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END"
                )
            connection.close()
            await quota.acquire()

    with pytest.raises(StateFault, match=r"state\.sqlite: database or disk is full"):
        run(job())


async def _open(folder: Path) -> None:
    gate(folder, VirtualClock())


def test_only_its_owner_reads_the_state(tmp_path: Path) -> None:
    """Folder and files are private."""

    async def job() -> dict[str, str]:
        with gate(tmp_path / "new", VirtualClock()):
            return {
                path.name[:6]: oct(path.stat().st_mode & 0o777)
                for path in [tmp_path / "new", *(tmp_path / "new").iterdir()]
            }

    modes = run(job())
    assert (modes["new"], modes["locks"]) == ("0o700", "0o700")
    assert modes["state."] == "0o600"


def test_a_foreign_permit_is_refused(tmp_path: Path) -> None:
    """Only what acquire gave may be reported."""

    async def job() -> None:
        with gate(tmp_path, VirtualClock()) as quota:
            quota.report("mine", None)

    with pytest.raises(TypeError, match="'mine' is no permit of this gate"):
        run(job())
