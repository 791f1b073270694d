"""Quota, faults and keys, with the whole program over real HTTP."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.sandbox import (
    Faults,
    HeaderStyle,
    Outage,
    Quota,
    SandboxConfig,
    SandboxServer,
    parse_faults,
)

FREE = Quota(rate="none")
Serve = Callable[..., SandboxServer]
Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n  email: E-mail\n"


def fill(program: Program, count: int, *, name: str = "clients.csv") -> None:
    """Write a mapping and a sheet of so many clients."""
    program.write("m.yaml", MAPPING)
    rows = [[f"clt_{n}", f"Company {n}", f"c{n}@example.com"] for n in range(1, count + 1)]
    program.write_csv(name, [["ID", "Company", "E-mail"], *rows])


def held(server: SandboxServer) -> dict[str, tuple[object, object]]:
    return {name: (record["name"], record.get("email")) for name, record in server.records().items()}


def wanted(count: int) -> dict[str, tuple[object, object]]:
    return {f"clt_{n}": (f"Company {n}", f"c{n}@example.com") for n in range(1, count + 1)}


RUN = ("run", "clients.csv", "--mapping", "m.yaml", "--yes", "--json", "--output", "r.csv", "--overwrite")


def test_one_answer_in_five_a_fault_and_every_row_is_updated(program: Program, serve_api: Serve) -> None:
    """300 rows through 5xx, resets and lost answers: all updated, and the server holds what the sheet says."""
    server = serve_api(parse_faults("0.2", seed=5), clients=300)
    fill(program.target(server), 300)
    ran = program(*RUN, "--workers", "16")
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": 300}), ran.err
    assert held(server) == wanted(300)
    struck = sum(count for name, count in server.counters.items() if name.startswith("fault "))
    assert 40 <= struck <= 120


def test_sixty_in_two_seconds_without_a_429(program: Program, serve_api: Serve) -> None:
    """300 rows at 60 requests in 2 s, told by headers: no 429, and hardly longer than the quota's own time."""
    server = serve_api(config=SandboxConfig(quota=Quota(rate="60/2s")), clients=300)
    fill(program.target(server), 300)
    ran = program(*RUN, "--workers", "8", "--rate", "60/2s")
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": 300}), ran.err
    assert server.counters["429"] == 0
    patches = [entry.at for entry in server.log]
    least = (len(patches) - 60) / 60 * 2
    assert least <= max(patches) - min(patches) + 2 <= least + 8  # generous: the machine may be busy


def test_a_wrong_key_stops_at_once(program: Program, serve_api: Serve, results: Any) -> None:
    """At most as many requests as workers, exit code 4, every row not_sent, and resume goes on with the right key."""
    server = serve_api(clients=40)
    fill(program.target(server), 40)
    key = program.environ.pop("HEFFL_API_KEY")
    ran = program(*RUN, "--workers", "4", "--read", "none", HEFFL_API_KEY="heffl_user_wrong")
    assert (ran.code, ran.summary["stopped_by"], ran.summary["counts"]) == (4, "key_refused", {"not_sent": 40})
    assert 1 <= len(server.log) <= 4
    assert {line["sync_status"] for line in results(program.folder / "r.csv")} == {"not_sent"}
    assert "the API refused the key" in ran.err and "HEFFL_API_KEY" in ran.err
    assert "heffl_user_wrong" not in ran.err + ran.out
    again = program("resume", ran.summary["run"], "--json", HEFFL_API_KEY=key)
    assert (again.code, again.summary["counts"], held(server)) == (0, {"updated": 40}, wanted(40)), again.err


def test_a_wrong_key_found_out_while_reading(program: Program, serve_api: Serve) -> None:
    """Where the present state is read first, that is where the key is refused: one request, exit code 4."""
    server = serve_api(clients=40)
    fill(program.target(server), 40)
    key = program.environ["HEFFL_API_KEY"]
    ran = program(*RUN, HEFFL_API_KEY="heffl_user_wrong")
    assert (ran.code, ran.summary["counts"], len(server.log)) == (4, {"not_sent": 40}, 1), ran.err
    again = program("resume", "--yes", "--json", HEFFL_API_KEY=key)
    assert (again.code, again.summary["counts"]) == (0, {"updated": 40}), again.err


def test_a_key_revoked_in_the_middle(program: Program, serve_api: Serve) -> None:
    """What was answered is kept, the rest is not_sent, exit code 4."""
    server = serve_api(Faults(revoked_after=30), clients=60)
    fill(program.target(server), 60)
    ran = program(*RUN, "--read", "none", "--workers", "4")
    counts = ran.summary["counts"]
    assert (ran.code, counts) == (4, {"updated": 30, "not_sent": 30}), ran.err
    assert server.counters["requests"] <= 34


@pytest.mark.parametrize("headers", [HeaderStyle.NONE, HeaderStyle.DRAFT_10])
def test_every_kind_of_header_is_heeded(headers: HeaderStyle, program: Program, serve_api: Serve) -> None:
    """Ninety rows at 30 a second whatever the headers, and no 429; without headers at the given pace."""
    server = serve_api(config=SandboxConfig(quota=Quota(rate="30/s"), headers=headers), clients=90)
    fill(program.target(server), 90)
    ran = program(*RUN, "--rate", "30/s", "--read", "none")
    assert (ran.code, ran.summary["counts"], server.counters["429"]) == (0, {"updated": 90}, 0), ran.err


def test_two_runs_share_one_quota(program: Program, serve_api: Serve) -> None:
    """Two processes with one key and different mappings at once: together they keep to the quota."""
    server = serve_api(config=SandboxConfig(quota=Quota(rate="60/2s")), clients=120)
    fill(program.target(server), 120)
    program.write("m2.yaml", MAPPING.replace("  email: E-mail\n", "ignore: [E-mail]\n"))
    first = program.start(*RUN, "--read", "none", "--rate", "60/2s")
    second = program.start(
        "run", "clients.csv", "-m", "m2.yaml", "--yes", "--json", "--output", "r2.csv",
        "--read", "none", "--rate", "60/2s",
    )  # fmt: skip
    ends = (first.wait(), second.wait())
    assert [ran.code for ran in ends] == [0, 0], ends
    assert (server.counters["429"], server.counters["PATCH"]) == (0, 240)


def test_an_outage_of_seconds_fails_no_row(program: Program, serve_api: Serve) -> None:
    """The server refuses connections for two seconds in the middle: every row is updated with few probes."""
    outages = (Outage(start=3.0, end=5.0),)
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(outages=outages), latency=0.05)
    server = serve_api(config=config, clients=300)
    fill(program.target(server), 300)
    ran = program(*RUN, "--read", "none", "--workers", "2")
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": 300}), ran.err
    assert held(server) == wanted(300)


def test_an_outage_beyond_its_limit_stops_and_resume_ends_it(program: Program, serve_api: Serve, results: Any) -> None:
    """--max-outage passed: exit code 3, the rest not_sent and none failed; resume ends with all updated."""
    server = serve_api(config=SandboxConfig(quota=FREE, latency=0.1), clients=200)
    fill(program.target(server), 200)
    running = program.start(*RUN, "--read", "none", "--max-outage", "2s", "--workers", "16")
    while server.counters["requests"] < 40 and running.poll() is None:
        time.sleep(0.01)
    away = server.base_url
    server.stop()
    ran = running.wait()
    counts = ran.summary["counts"]
    assert (ran.code, ran.summary["stopped_by"]) == (3, "outage"), ran.err
    assert set(counts) <= {"updated", "not_sent", "in_doubt"} and sum(counts.values()) == 200
    assert counts.get("in_doubt", 0) <= 16
    server.start()
    assert server.base_url == away
    again = program("resume", "--json")
    assert (again.code, again.summary["counts"], held(server)) == (0, {"updated": 200}, wanted(200)), again.err
    assert Counter(line["sync_status"] for line in results(program.folder / "r.csv")) == {"updated": 200}
