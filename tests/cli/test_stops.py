"""Signals, limits and second processes: a run that stops leaves true results, and resume ends it."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n"
COUNT = 80
SLOW = SandboxConfig(quota=Quota(rate="none"), latency=0.1)
RUN = ("run", "clients.csv", "--mapping", "m.yaml", "--yes", "--json", "--output", "r.csv", "--read", "none")


@pytest.fixture
def server(serve_api: Serve, program: Program) -> SandboxServer:
    """A server that takes a tenth of a second for each answer, and a sheet of its clients."""
    found = serve_api(config=SLOW)
    found.seed({"id": f"clt_{n}", "name": "Old"} for n in range(1, COUNT + 1))
    program.write("m.yaml", MAPPING)
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"New {n}"] for n in range(1, COUNT + 1))])
    program.target(found)
    return found


def wait_for(server: SandboxServer, requests: int) -> None:
    """Wait until so many requests were answered."""
    ends = time.monotonic() + 60
    while server.counters["requests"] < requests:
        assert time.monotonic() < ends, "the run did not begin to send"
        time.sleep(0.005)


def names(server: SandboxServer) -> dict[str, object]:
    return {name: record["name"] for name, record in server.records().items()}


def ends_whole(program: Program, server: SandboxServer, results: Any) -> None:
    """Resume ends with 0: each client was sent once, or twice where its request was cut off, and all are right."""
    again = program("resume", "--json")
    assert (again.code, again.summary["counts"]) == (0, {"updated": COUNT}), again.err
    assert names(server) == {f"clt_{n}": f"New {n}" for n in range(1, COUNT + 1)}
    assert {line["sync_status"] for line in results(program.folder / "r.csv")} == {"updated"}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_between_requests(name: str, program: Program, server: SandboxServer, results: Any) -> None:
    """No new request after 100 ms, those in flight are answered, results written, exit code 130; resume goes on."""
    running = program.start(*RUN, "--workers", "4")
    wait_for(server, 20)
    at = time.time()
    running.signal(getattr(signal, name))
    ran = running.wait()
    counts = ran.summary["counts"]
    assert (ran.code, ran.summary["stopped_by"], set(counts)) == (130, "interrupted", {"updated", "not_sent"}), ran.err
    assert max(entry.at for entry in server.log) <= at + 0.1 + 0.05  # half the latency is on the way there
    lines = results(program.folder / "r.csv")
    assert Counter(line["sync_status"] for line in lines) == counts
    applied = {entry.client_id for entry in server.log if entry.applied}
    assert {line["ID"] for line in lines if line["sync_status"] == "updated"} == applied
    assert f"bulk-sync resume {ran.summary['run']}" in ran.err
    ends_whole(program, server, results)
    assert server.counters["PATCH"] == COUNT


def test_a_second_signal_leaves_at_once(
    program: Program, serve_api: Serve, server: SandboxServer, results: Any
) -> None:
    """With a server that takes three seconds: gone within one, exit code 130, and resume loses and doubts nothing."""
    slow = serve_api(config=SandboxConfig(quota=Quota(rate="none"), latency=3.0))
    slow.seed({"id": f"clt_{n}", "name": "Old"} for n in range(1, COUNT + 1))
    running = program.start(*RUN, BULK_SYNC_BASE_URL=slow.base_url)
    journals = program.state / "runs"
    ends = time.monotonic() + 30
    while not any(path.stat().st_size for path in journals.glob("*/journal.sqlite-wal")) and time.monotonic() < ends:
        time.sleep(0.02)
    time.sleep(1.5)
    running.signal(signal.SIGINT)
    time.sleep(0.2)
    at = time.monotonic()
    running.signal(signal.SIGINT)
    ran = running.wait()
    assert (ran.code, time.monotonic() - at < 1.0) == (130, True)
    assert "the journal is whole" in ran.err
    slow.stop()


def test_a_signal_while_reading(program: Program, server: SandboxServer) -> None:
    """Stopped before anything was sent: exit code 130, every row not_sent, and resume begins anew."""
    args = [arg for arg in RUN if arg not in {"--read", "none"}]
    running = program.start(*args, "--read", "each")
    wait_for(server, 10)
    running.signal(signal.SIGTERM)
    ran = running.wait()
    assert (ran.code, ran.summary["counts"], server.counters["PATCH"]) == (130, {"not_sent": COUNT}, 0), ran.err
    again = program("resume", "--yes", "--json", "--output", "r2.csv")
    assert (again.code, again.summary["counts"]) == (0, {"updated": COUNT}), again.err


@pytest.mark.parametrize("reason", ["max_requests", "max_duration"])
def test_a_limit_stops_between_rows(reason: str, program: Program, server: SandboxServer, results: Any) -> None:
    """--max-requests and --max-duration: exit code 3, the rest not_sent, and resume, without the limit, ends it."""
    limit = {"max_requests": ("--max-requests", "25"), "max_duration": ("--max-duration", "1s")}[reason]
    ran = program(*RUN, *limit)
    counts = ran.summary["counts"]
    assert (ran.code, ran.summary["stopped_by"]) == (3, reason), ran.err
    assert (set(counts), sum(counts.values())) == ({"updated", "not_sent"}, COUNT)
    assert counts["updated"] == server.counters["requests"]
    if reason == "max_requests":
        assert counts["updated"] == 25
    ends_whole(program, server, results)
    assert server.counters["PATCH"] == COUNT


def test_a_second_process_leaves_at_once(program: Program, server: SandboxServer) -> None:
    """Same account and mapping: exit code 5 within two seconds, nothing sent by it; resume of the live run, too."""
    running = program.start(*RUN)
    wait_for(server, 5)
    at = time.monotonic()
    second = program(*RUN[:-4], "--output", "r2.csv")
    took = time.monotonic() - at
    third = program("resume", re.findall(r"\d{8}-\d{6}-\w{4}", running.said)[0])
    assert (second.code, third.code, took < 2.0) == (5, 5, True), (second, third, took)
    assert "another process works on" in second.err and "--wait" in second.err
    assert not (program.folder / "r2.csv").exists()
    ran = running.wait()
    assert (ran.code, ran.summary["counts"], server.counters["PATCH"]) == (0, {"updated": COUNT}, COUNT)


def test_a_second_process_may_wait(program: Program, server: SandboxServer) -> None:
    """With --wait it goes on when the first has ended, and finds nothing left to change."""
    running = program.start(*RUN)
    wait_for(server, 5)
    ran = program(*RUN[:-4], "--output", "r2.csv", "--wait", "1m")
    assert running.wait().code == 0
    assert (ran.code, ran.summary["counts"]) == (0, {"unchanged": COUNT}), ran.err


def test_a_dead_holder_never_blocks(program: Program, server: SandboxServer, results: Any) -> None:
    """After kill -9 the locks are free at once."""
    running = program.start(*RUN)
    wait_for(server, 20)
    running.signal(signal.SIGKILL)
    assert running.wait().code == -signal.SIGKILL
    assert not Path(program.folder / "r.csv").exists()
    again = program("resume", "--json")
    assert (again.code, again.summary["counts"]) == (0, {"updated": COUNT}), again.err
    assert {line["sync_status"] for line in results(program.folder / "r.csv")} == {"updated"}
