"""``SOURCE -``: kept for the run, gone with a refusal, and called standard input."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import SandboxServer

Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n"
RESULTS = "ID,Company,sync_row,sync_status\nclt_1,Acme,2,updated\n"
GOOD = "ID,Company\nclt_1,New\n"

REFUSED = {
    "empty": ("", "standard input is empty (0 bytes)", ()),
    "another header": ("X,Y\n1,2\n", 'no column "ID" in the source', ()),
    "a results file": (RESULTS, "standard input is a results file", ()),
    "a letter in a zip's name": ("PK\x03\x04 and no more", "standard input is a damaged", ()),
    "nobody to ask": (GOOD, "--yes", ()),
    "the rows stop": ("ID,Company\nclt_1,\x00\x01\x02\x03\x04\x05\x06\n", "standard input is binary data", ()),
    "output in no folder": (GOOD, "none", ("--output", "none/r.csv")),
    "stale": ("", "standard input: empty", ("--require-fresh", "1h")),
}


@pytest.fixture
def ready(program: Program, serve_api: Callable[..., SandboxServer]) -> Program:
    program.write("m.yaml", MAPPING)
    return program.target(serve_api(clients=1))


def runs_of(program: Program) -> list[str]:
    folder = program.state / "runs"
    return sorted(item.name for item in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_leaves_no_copy_behind(name: str, ready: Program) -> None:
    """What customers' data came in is gone, the list of runs is empty, and no message names an inner path."""
    text, said, more = REFUSED[name]
    given = ready.write("given", text)
    ran = ready("run", "-", "-m", "m.yaml", *(() if name == "nobody to ask" else ("--yes",)), *more, stdin=given)
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert str(ready.state) not in ran.err
    assert runs_of(ready) == []


def test_another_process_at_work_leaves_no_copy_either(ready: Program) -> None:
    """Refused for the account's lock, after the input was read."""
    slow = ready.write_csv("slow.csv", [["ID", "Company"], *([f"clt_{n}", "X"] for n in range(1, 200))])
    first = ready.start("run", slow.name, "-m", "m.yaml", "--yes", "--rate", "5/s", "--read", "each")
    while not runs_of(ready):
        time.sleep(0.01)
    ran = ready("run", "-", "-m", "m.yaml", "--yes", stdin=ready.write("given", GOOD))
    first.signal(9)
    assert ran.code == 5, ran.err
    assert len(runs_of(ready)) == 1


def test_a_check_keeps_nothing(ready: Program) -> None:
    """Its results are a file; what it read is gone."""
    ran = ready("check", "-", "-m", "m.yaml", "--output", "r.csv", stdin=ready.write("given", GOOD))
    assert ran.code == 0, ran.err
    assert runs_of(ready) == []


def test_a_workbook_is_not_said_to_lie_about_its_kind(ready: Program) -> None:
    """What has no name cannot have a wrong one, but it is said what was found."""
    given = ready.write_xlsx("given.xlsx", [["ID", "Company"], ["clt_1", "New"]])
    ran = ready("run", "-", "-m", "m.yaml", "--yes", "--output", "r.csv", stdin=given)
    assert ran.code == 0, ran.err
    assert ".csv" not in ran.err.replace("r.csv", "")


def test_a_signal_ends_the_wait_for_input_that_never_comes(ready: Program) -> None:
    """The one signal is enough; nothing is left behind, and a program is told as of any other end."""
    pipe = ready.folder / "never"
    os.mkfifo(pipe)
    keeper = os.open(pipe, os.O_RDWR)  # so that there is somebody who may still write
    running = ready.start("run", "-", "-m", "m.yaml", "--yes", "--json", stdin=pipe)
    while not runs_of(ready):
        assert running.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)  # it is opened, and then read
    running.signal(signal.SIGINT)
    ran = running.wait(20)
    os.close(keeper)
    assert (ran.code, ran.summary["exit_code"], "nothing was sent" in ran.err) == (130, 130, True), ran
    assert runs_of(ready) == []


def age(folder: Path, days: float) -> None:
    then = time.time() - days * 86400
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))


def test_purge_takes_what_never_became_a_run(ready: Program) -> None:
    """Killed before its journal was begun: not listed, removed when it is old; a damaged journal stays and is named."""
    folders = {}
    for name, text in (
        ("20200101-000000-0001", None),
        ("20200101-000000-0002", b""),
        ("20200101-000000-0003", b"x" * 99),
    ):
        folders[name] = folder = ready.state / "runs" / name
        folder.mkdir(parents=True)
        (folder / "stdin").write_text(GOOD)
        if text is not None:
            (folder / "journal.sqlite").write_bytes(text)
    foreign = ready.state / "runs" / "my notes"
    foreign.mkdir()
    listed = ready("runs").out
    assert [name in listed for name in folders] == [False, True, True]
    young = ready("purge", "--older-than", "1h")
    assert (young.code, len(runs_of(ready))) == (0, 4), young
    for folder in (*folders.values(), foreign):
        age(folder, 40)
    old = ready("purge", "--older-than", "30d")
    assert old.code == 0
    assert "removed, since no run began in them: 20200101-000000-0001\n" in old.err
    assert [f"kept: run 20200101-000000-000{n}" in old.err for n in (2, 3)] == [True, True]
    assert runs_of(ready) == ["20200101-000000-0002", "20200101-000000-0003", "my notes"]
