"""kill -9 at any moment, then resume: nothing lost, nothing with an outcome sent again, the same results."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n  email: E-mail\n"
RUN = ("run", "clients.csv", "--mapping", "m.yaml", "--yes", "--output", "r.csv")
WORKERS = 8


def fill(program: Program, count: int) -> None:
    """Every tenth row is invalid, every eleventh repeats the row before."""
    program.write("m.yaml", MAPPING)
    rows = []
    for n in range(1, count + 1):
        client = n - 1 if n % 11 == 0 else n
        rows.append([f"clt_{client}", f"Company {client}", "no address" if n % 10 == 0 else f"c{client}@example.com"])
    program.write_csv("clients.csv", [["ID", "Company", "E-mail"], *rows])


def held(server: SandboxServer) -> dict[str, dict[str, object]]:
    records = server.records()
    return {name: {key: record.get(key) for key in ("name", "email")} for name, record in records.items()}


def with_outcome(program: Program) -> set[str]:
    """Which clients have a durable outcome, as another reader of the journal sees it."""
    found: set[str] = set()
    for path in program.state.glob("runs/*/journal.sqlite"):
        connection = sqlite3.connect(path)
        try:
            found |= {
                client
                for (client,) in connection.execute(
                    "SELECT record_id FROM changes JOIN outcomes ON outcomes.change = changes.id "
                    "WHERE outcomes.status NOT IN ('in_doubt', 'not_sent')"
                )
            }
        except sqlite3.OperationalError:
            pass  # killed before it had tables
        finally:
            connection.close()
    return found


def kill_somewhere(program: Program, server: SandboxServer, dice: random.Random, args: tuple[str, ...]) -> int | None:
    """Start, kill after a while or after some requests; return the exit code, None where it was killed."""
    running = program.start(*args, "--workers", WORKERS)
    if dice.random() < 0.3:
        time.sleep(dice.uniform(0, 0.5))
    else:
        upto = server.counters["requests"] + dice.randrange(1, 60)
        while server.counters["requests"] < upto and running.poll() is None:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.02))
    running.signal(signal.SIGKILL)
    code: int = running.wait().code
    return None if code == -signal.SIGKILL else code


def shoot(program: Program, server: SandboxServer, *, kills: int, seed: int) -> int:
    """Kill and resume until so many kills are done or the run has ended; return how many there were."""
    dice = random.Random(seed)
    done = 0
    code = kill_somewhere(program, server, dice, RUN)
    while code is None:
        done += 1
        ended, seen = with_outcome(program), len(server.log)
        args: tuple[str, ...] = ("resume", "--yes")
        if done >= kills:
            ran = program(*args)
            code = ran.code
            assert code != 2 or "no run is unfinished" in ran.err, ran.err
        else:
            code = kill_somewhere(program, server, dice, args)
        if code == 2 and ended:  # it was killed after it had come to its end: its results are there
            return done
        if code == 2:  # it was killed before there was a run
            code = kill_somewhere(program, server, dice, RUN)
        again = {entry.client_id for entry in server.log[seen:] if entry.method == "PATCH"}
        assert not again & ended, "sent again although it had an outcome"
    assert code == 1, code
    return done


def unbroken(program: Program, serve_api: Serve, count: int, results: Any) -> tuple[list[dict[str, str]], Any]:
    """What a run that nobody kills makes of the same sheet."""
    server = serve_api(clients=count)
    assert program(*RUN[:-1], "unbroken.csv", "--workers", "16", **of(server), BULK_SYNC_STATE_DIR="other").code == 1
    return results(program.folder / "unbroken.csv"), held(server)


def of(server: SandboxServer) -> dict[str, str]:
    return {"BULK_SYNC_BASE_URL": server.base_url, "HEFFL_API_KEY": server.key}


def killed_at_random(
    program: Program, serve_api: Serve, results: Any, steady: Any, *, count: int, kills: int, seed: int
) -> int:
    """Run under fire and compare everything with an unbroken run."""
    server = serve_api(config=SandboxConfig(quota=Quota(rate="none"), latency=0.05), clients=count)
    fill(program.target(server), count)
    expected, state = unbroken(program, serve_api, count, results)
    done = shoot(program, server, kills=kills, seed=seed)
    assert steady(results(program.folder / "r.csv")) == steady(expected)
    assert held(server) == state
    sent = Counter(entry.client_id for entry in server.log if entry.method == "PATCH")
    assert sum(sent.values()) - len(sent) <= done * WORKERS
    return done


def test_twenty_kills(program: Program, serve_api: Serve, results: Any, steady: Any) -> None:
    """600 rows, 8 workers, killed twenty times: results and server as if nothing had happened."""
    done = killed_at_random(program, serve_api, results, steady, count=600, kills=20, seed=20)
    assert done >= 10


@pytest.mark.demand
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_kills(seed: int, program: Program, serve_api: Serve, results: Any, steady: Any) -> None:
    """The same over ten runs of 600 rows, twenty kills each."""
    killed_at_random(program, serve_api, results, steady, count=600, kills=20, seed=seed)


@pytest.mark.parametrize(
    ("given", "rows"),
    [(("--first", "3"), [2, 3, 4]), (("--rows", "4-5,7"), [4, 5, 7]), (("--only-fields", "name"), [2, 3, 4, 5, 6, 7])],
)
def test_killed_while_reading_the_same_rows_and_fields_are_sent_to_the_same_file(
    given: tuple[str, str], rows: list[int], program: Program, serve_api: Serve, results: Any
) -> None:
    """The source is read again by the run's own choice of rows and fields, and its results keep their name."""
    server = serve_api(config=SandboxConfig(quota=Quota(rate="none"), latency=0.5), clients=6)
    fill(program.target(server), 6)
    running = program.start(*RUN, *given)
    while not server.counters["requests"]:
        assert running.poll() is None
        time.sleep(0.01)
    running.signal(signal.SIGKILL)
    assert (running.wait().code, server.counters["PATCH"]) == (-signal.SIGKILL, 0)
    ended = program("resume", "--yes")
    assert ended.code == 0, ended.err
    sent = [row for row in results(program.folder / "r.csv") if row["sync_status"] == "updated"]
    assert [int(row["sync_row"]) for row in sent] == rows
    fields = {"name"} if "--only-fields" in given else {"name", "email"}
    assert {frozenset(row["sync_changed"].split(", ")) for row in sent} == {frozenset(fields)}


@pytest.mark.parametrize("command", ["plan", "undo"])
def test_a_plan_or_an_undo_killed_while_sending_keeps_the_name_of_its_results(
    command: str, program: Program, serve_api: Serve, results: Any
) -> None:
    """What resume writes stands where it was asked for, and the plan's own file stays as it was."""
    server = serve_api(config=SandboxConfig(quota=Quota(rate="none"), latency=0.1), clients=9)
    fill(program.target(server), 9)
    if command == "plan":
        made = program("plan", "clients.csv", "-m", "m.yaml", "--json", "--output", "before.csv")
        args = ["run", "--plan", made.summary["run"]]
    else:
        made = program("run", "clients.csv", "-m", "m.yaml", "--yes", "--json", "--output", "before.csv")
        args = ["undo", made.summary["run"]]
    before = (program.folder / "before.csv").read_bytes()
    upto = server.counters["PATCH"] + 3
    running = program.start(*args, "--yes", "--output", "named.csv", "--workers", "1")
    while server.counters["PATCH"] < upto:
        assert running.poll() is None
        time.sleep(0.01)
    running.signal(signal.SIGKILL)
    assert running.wait().code == -signal.SIGKILL
    assert program("resume", "--yes").code == 0
    assert {row["sync_status"] for row in results(program.folder / "named.csv")} == {"updated"}
    assert (program.folder / "before.csv").read_bytes() == before
    assert {path.name for path in program.folder.glob("*.csv")} == {"clients.csv", "before.csv", "named.csv"}


def test_killed_while_results_are_written(program: Program, serve_api: Serve, results: Any) -> None:
    """Killed after the last request: resume sends nothing, and the results are whole."""
    server = serve_api(clients=50)
    fill(program.target(server), 50)
    running = program.start(*RUN, "--workers", "1", "--read", "none")
    while server.counters["PATCH"] < len({n - 1 if n % 11 == 0 else n for n in range(1, 51) if n % 10}) - 1:
        assert running.poll() is None or server.counters["PATCH"]
        if running.poll() is not None:
            break
    running.signal(signal.SIGKILL)
    running.wait()
    before = server.counters["PATCH"]
    again = program("resume", "--yes")
    assert again.code in {1, 2} and server.counters["PATCH"] - before <= 2, again.err
    assert len(results(program.folder / "r.csv")) == 50
