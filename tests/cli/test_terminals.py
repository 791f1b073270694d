"""A person at a terminal who leaves in the middle: by Ctrl-C at a question, by closing the window, by ``| head``."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

Serve = Callable[..., SandboxServer]
Program = Any
COUNT = 60
RUN = ("run", "clients.csv", "-m", "m.yaml", "--output", "r.csv", "--read", "none", "--workers", "2")


@pytest.fixture
def server(serve_api: Serve, program: Program) -> SandboxServer:
    found = serve_api(config=SandboxConfig(quota=Quota(rate="none"), latency=0.05))
    found.seed({"id": f"clt_{n}", "name": "Old"} for n in range(1, COUNT + 1))
    program.write("m.yaml", "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n")
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"New {n}"] for n in range(1, COUNT + 1))])
    program.target(found)
    return found


class Session:
    """The program on a pseudo-terminal of its own, or with other streams."""

    def __init__(self, program: Program, *args: str, **streams: Any) -> None:
        root = Path(__file__).parents[2]
        self.window, inner = os.openpty()
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "BULK_SYNC_STATE_DIR": str(program.state)}
        take_terminal = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        start = "from bulk_sync.cli import main; main(sys.argv[1:])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", take_terminal + start, *args],
            cwd=program.folder,
            env={**environ, **program.environ},
            start_new_session=True,
            **{"stdin": inner, "stdout": subprocess.DEVNULL, "stderr": inner, **streams},
        )
        os.close(inner)
        self.shown = ""

    def read(self, upto: str, seconds: float = 60.0) -> str:
        """Read the screen until ``upto`` is on it."""
        ends = time.monotonic() + seconds
        while not re.search(upto, self.shown):
            assert time.monotonic() < ends, self.shown
            if select.select([self.window], [], [], 0.1)[0]:
                self.shown += os.read(self.window, 65536).decode()
        return self.shown

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.window, keys.encode())

    def close_window(self) -> None:
        """Hang up."""
        os.close(self.window)
        self.window = -1


@pytest.fixture
def open_session(program: Program) -> Iterator[Callable[..., Session]]:
    opened: list[Session] = []

    def start(*args: str, **streams: Any) -> Session:
        opened.append(Session(program, *args, **streams))
        return opened[-1]

    yield start
    for session in opened:
        if session.process.poll() is None:
            session.process.kill()
        session.process.wait()
        if session.window >= 0:
            session.close_window()


def statuses(program: Program, results: Any) -> Counter[str]:
    return Counter(line["sync_status"] for line in results(program.folder / "r.csv"))


def test_ctrl_c_at_the_question(program: Program, server: SandboxServer, open_session: Any, results: Any) -> None:
    """It is an answer: nothing is sent, exit code 130, results written; resume asks again and goes on."""
    session = open_session(*RUN)
    session.read(r"\[y/N\] ")
    session.type("\x03")
    assert (session.process.wait(30), server.counters["requests"]) == (130, 0)
    assert statuses(program, results) == {"not_sent": COUNT}
    again = program("resume", "--yes", "--json")
    assert (again.code, again.summary["counts"]) == (0, {"updated": COUNT}), again.err


def test_a_window_that_is_closed(program: Program, server: SandboxServer, open_session: Any, results: Any) -> None:
    """Hung up, with nobody left to write to: stopped all the same, results written, exit code 130."""
    session = open_session(*RUN, "--yes")
    session.read(r"sending: [1-9]")
    session.close_window()
    assert session.process.wait(30) == 130
    counts = statuses(program, results)
    assert counts == {"updated": server.counters["requests"], "not_sent": COUNT - server.counters["requests"]}
    assert counts["not_sent"]


def test_a_reader_of_the_log_that_goes_away(
    program: Program, server: SandboxServer, open_session: Any, results: Any
) -> None:
    """``2>&1 | head -1``: the run goes on to its end, and its exit code is the run's."""
    reading, writing = os.pipe()
    session = open_session(*RUN, "--yes", "--verbose", "--json", stdout=writing, stderr=writing)
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)
    assert session.process.wait(60) == 0
    assert statuses(program, results) == {"updated": COUNT}


def test_ctrl_c_while_another_run_is_waited_for(program: Program, server: SandboxServer, open_session: Any) -> None:
    """--wait does not hold whoever changes his mind."""
    first = program.start(*RUN, "--yes", "--workers", "1")
    while server.counters["requests"] < 5:
        time.sleep(0.01)
    lock = program.state / "locks"
    before = len(list(lock.iterdir()))
    session = open_session(*RUN, "--yes", "--wait", "10m", "--verbose")
    ends = time.monotonic() + 2.0  # to be sure that it waits, not starts
    while time.monotonic() < ends and first.poll() is None:
        time.sleep(0.05)
    session.type("\x03")
    assert session.process.wait(30) == 130
    assert len(list(lock.iterdir())) == before
    first.signal(signal.SIGTERM)
    assert first.wait().code in {0, 130}


def test_a_refusal_that_nobody_reads(program: Program, open_session: Any) -> None:
    """``2>&1 | true``: the exit code says it all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    session = open_session("check", "missing.csv", "-m", "missing.yaml", stdout=writing, stderr=writing)
    os.close(writing)
    assert session.process.wait(60) == 2
