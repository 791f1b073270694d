"""The gate between real processes and in real time: 60 in 2 s, a network with 30 ms of jitter, four rules."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bulk_sync.sandbox.config import HeaderStyle, Quota, Rule
from bulk_sync.sandbox.quota import State, judge, quota_headers

CLIENT = """
import asyncio, json, sys, time
from pathlib import Path
from bulk_sync.records import Reply
from bulk_sync.sending.quota_state import Terms
from bulk_sync.sending.rate import Rate
from bulk_sync.state.quota import SharedQuota

class Clock:
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    sleep = staticmethod(asyncio.sleep)

async def worker(quota, port, left):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while left:
        left.pop()
        permit = await quota.acquire()
        began = time.monotonic()
        writer.write(b"go\\n")
        status, headers = json.loads(await reader.readline())
        quota.report(permit, Reply(status, headers, seconds=time.monotonic() - began))
        if status == 429:
            left.append(None)
    writer.close()
    await writer.wait_closed()

async def main():
    folder, port, requests = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    terms = Terms(Rate(60, 2), given=True)
    with SharedQuota(folder, origin="o", key_hash="k", terms=terms, clock=Clock()) as quota:
        left = [None] * requests
        await asyncio.gather(*(worker(quota, port, left) for _ in range(10)))

asyncio.run(main())
"""


async def _serve(
    folder: Path, quota: Quota, style: HeaderStyle, processes: int, requests: int
) -> tuple[list[int], float]:
    """Run the processes against a server; return the statuses and the seconds from the first to the last arrival."""
    states: list[State] = []
    statuses: list[int] = []
    arrivals: list[float] = []
    dice = random.Random(7)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal states
        while await reader.readline():
            await asyncio.sleep(0.01 + dice.random() * 0.015)
            now = time.monotonic()
            standings, states = judge([quota], states, now)
            status = 200 if all(each.admitted for each in standings) else 429
            statuses.append(status)
            arrivals.append(now)
            headers = quota_headers(standings, style, now=time.time())
            await asyncio.sleep(0.01 + dice.random() * 0.015)
            writer.write(json.dumps([status, headers]).encode() + b"\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clients = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, str(folder), str(port), str(requests // processes), stderr=subprocess.PIPE
        )
        for _ in range(processes)
    ]
    errors = [(await client.communicate())[1] for client in clients]
    server.close()
    await server.wait_closed()
    assert [error for error in errors if error] == []
    return statuses, arrivals[-1] - arrivals[0]


@pytest.mark.demand
@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("style", [HeaderStyle.NONE, HeaderStyle.DRAFT_03, HeaderStyle.DRAFT_10])
@pytest.mark.parametrize(
    "quota",
    [
        Quota(rate="60/2s", rule=Rule.FIXED_WINDOW, phase=0.3),
        Quota(rate="60/2s", rule=Rule.SLIDING_LOG, reset="next"),
        Quota(rate="60/2s", rule=Rule.TOKEN_BUCKET),
        Quota(rate="60/2s", rule=Rule.GCRA, burst=5),
    ],
    ids=lambda quota: str(quota.rule),
)
def test_no_429_at_sixty_in_two_seconds(tmp_path: Path, quota: Quota, style: HeaderStyle, processes: int) -> None:
    """One process or four send 300 requests without a 429, in the time of an even pace or less."""
    statuses, took = asyncio.run(_serve(tmp_path, quota, style, processes, 300))
    print(f"\n{quota.rule} {style} {processes}: {took:.2f} s, {300 / took / 30:.1%} of the rate")  # noqa: T201
    assert set(statuses) == {200}
    assert took <= 10 / 0.93
