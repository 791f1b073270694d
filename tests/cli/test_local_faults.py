"""A disk that takes no more: the run stops before it sends more, names the file, ends with 3, and resumes later."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.sandbox import SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n"
COUNT = 200
RUN = ("run", "clients.csv", "--mapping", "m.yaml", "--yes", "--json", "--output", "r.csv", "--read", "none")


@pytest.fixture
def server(serve_api: Serve, program: Program) -> SandboxServer:
    found = serve_api()
    found.seed({"id": f"clt_{n}", "name": "Old"} for n in range(1, COUNT + 1))
    program.write("m.yaml", MAPPING)
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"New {n}"] for n in range(1, COUNT + 1))])
    program.target(found)
    return found


def held(server: SandboxServer) -> dict[str, object]:
    return {name: record["name"] for name, record in server.records().items()}


def wanted() -> dict[str, object]:
    return {f"clt_{n}": f"New {n}" for n in range(1, COUNT + 1)}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
@pytest.mark.parametrize("kilobytes", [40, 100, 200, 300, 450])
def test_a_file_that_may_not_grow(kilobytes: int, program: Program, server: SandboxServer, results: Any) -> None:
    """At whatever write the limit strikes: exit code 3 with the file's name, no lie about any row, and a good end."""
    ran = program(*RUN, file_limit=kilobytes * 1024)
    sent = server.counters["PATCH"]
    assert ran.code in {0, 3}, ran
    if ran.code == 3:
        assert str(program.state) in ran.err and "hint" in ran.err + "hint" * ("resume" in ran.err), ran.err
        assert "Traceback" not in ran.err and "defect" not in ran.err
    else:
        assert (kilobytes, sent) == (450, COUNT)
    if ran.code == 3 and (program.folder / "r.csv").exists():
        lines = results(program.folder / "r.csv")
        changed = {client for client, name in held(server).items() if name != "Old"}
        told = {line["ID"] for line in lines if line["sync_status"] == "updated"}
        not_sent = {line["ID"] for line in lines if line["sync_status"] == "not_sent"}
        assert told <= changed and not not_sent & changed
    again = program("resume", "--yes", "--json")
    if again.code == 2:  # it had not come as far as having a run
        assert (sent, "no run is unfinished" in again.err) == (0 if ran.code else COUNT, True)
        again = program(*RUN, "--overwrite")
    assert again.code == 0, again.err
    assert held(server) == wanted()
    assert server.counters["PATCH"] <= COUNT + 8


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(program: Program, server: SandboxServer, small_disk: Path, results: Any) -> None:
    """ENOSPC in the middle of sending: exit code 3, the journal named, results outside; with room again all is sent."""
    filler = small_disk / "filler"
    state = str(small_disk / "state")
    filler.write_bytes(b"x" * 100_000)
    ran = program(*RUN, BULK_SYNC_STATE_DIR=state)
    assert (ran.code, state in ran.err) == (3, True), ran
    sent = server.counters["PATCH"]
    assert sent < COUNT
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again = program("resume", "--yes", "--json", BULK_SYNC_STATE_DIR=state)
    if again.code == 2:
        assert sent == 0
        again = program(*RUN, "--overwrite", BULK_SYNC_STATE_DIR=state)
    assert (again.code, again.summary["counts"]) == (0, {"updated": COUNT}), again.err
    assert held(server) == wanted()
    lines = results(Path(again.summary["output"]))  # beside r.csv: what was full could not remember whose that is
    assert Counter(line["sync_status"] for line in lines) == {"updated": COUNT}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
@pytest.mark.parametrize("kilobytes", [8, 24, 48, 80, 120, 160, 250, 400])
def test_the_advice_can_be_followed(kilobytes: int, program: Program, server: SandboxServer) -> None:
    """Resume is advised by its run where there is one, to begin again where there is none; both lead to a good end."""
    ran = program(*RUN, file_limit=kilobytes * 1024)
    if ran.code == 0:
        return
    advised = re.findall(r"mend the disk, then: bulk-sync (resume \S+)", ran.err)
    assert (ran.code, "make room or mend the disk" in ran.err) == (3, True), ran.err
    if advised:
        assert "--state-dir" not in ran.err
        again = program(*advised[0].split(), "--yes", "--json")
    else:
        assert "begin again: nothing was sent" in ran.err or "--state-dir" in ran.err, ran.err
        assert not list(program.state.glob("runs/*")) and not server.counters["PATCH"]
        again = program(*RUN)
    assert (again.code, again.summary["counts"]) == (0, {"updated": COUNT}), again.err


def test_a_full_disk_of_the_state_alone(program: Program, server: SandboxServer, small_disk: Path) -> None:
    """The run's journal has room, quota and ledger have none: resume is what goes on, not a state elsewhere."""
    state, elsewhere = small_disk / "state", program.folder / "elsewhere"
    state.mkdir()
    elsewhere.mkdir()
    (state / "runs").symlink_to(elsewhere)
    assert program("plan", *RUN[1:4], "--read", "none", "--output", "p.csv", BULK_SYNC_STATE_DIR=str(state)).code == 0
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    os.truncate(filler, filler.stat().st_size - 64_000)
    ran = program(*RUN, BULK_SYNC_STATE_DIR=str(state))
    assert (ran.code, str(state / "state.sqlite") in ran.err, "--state-dir" in ran.err) == (3, True, False), ran.err
    (advised,) = set(re.findall(r"mend the disk, then: bulk-sync (resume \S+)", ran.err))
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again = program(*advised.split(), "--yes", "--json", BULK_SYNC_STATE_DIR=str(state))
    assert (again.code, again.summary["counts"]) == (0, {"updated": COUNT}), again.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
@pytest.mark.parametrize(
    "command",
    [("mapping", "suggest", "-"), ("mapping", "lint", "m.yaml", "-"), ("check", "clients.csv", "--mapping", "m.yaml")],
)
@pytest.mark.parametrize("blocks", [0, 1])
def test_no_room_for_temporary_files(program: Program, command: tuple[str, ...], blocks: int) -> None:
    """A full disk is no defect: exit code 3, what the room is wanting for, and a hint."""
    program.write("m.yaml", MAPPING)
    sheet = program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", "A"] for n in range(COUNT))])
    limited = f'ulimit -f {blocks} && exec "$@"'
    ran = subprocess.run(
        ["sh", "-c", limited, "sh", sys.executable, "-B", "-m", "bulk_sync", *command],
        cwd=program.folder,
        env=program.environment(PYTHONPATH=str(Path(__file__).parents[2])),
        input=sheet.read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "hint: make room" in ran.stderr) == (3, True), ran.stderr
    assert "defect" not in ran.stderr and "what the output goes to" not in ran.stderr


def test_a_full_disk_of_the_sandbox(program: Program, small_disk: Path) -> None:
    """It is a local fault with the file's name, as for the rest of the state, and no defect of the program."""
    program.write("m.yaml", MAPPING)
    program.write_csv("clients.csv", [["ID", "Company"], ["clt_1", "New"]])
    (small_disk / "filler").write_bytes(b"x" * 120_000)
    ran = program("run", "clients.csv", "-m", "m.yaml", "--sandbox", BULK_SYNC_STATE_DIR=str(small_disk / "state"))
    assert (ran.code, "sandbox.sqlite3: " in ran.err) == (3, True), ran.err
    assert "hint: make room or mend the disk" in ran.err and "defect" not in ran.err


def test_results_that_cannot_be_written_at_the_end(program: Program, server: SandboxServer) -> None:
    """The folder of --output vanishes while sending: told, and the results are in the run's folder instead."""
    folder = program.folder / "out"
    folder.mkdir()
    running = program.start(*RUN[:-4], "--output", "out/r.csv", "--read", "none", "--workers", "1")
    while server.counters["PATCH"] < 1 and running.poll() is None:
        pass
    folder.rmdir()
    ran = running.wait()
    output = Path(ran.summary["output"] or "")
    assert (ran.code, output.parent) == (0, program.state / "runs" / ran.summary["run"]), ran.err
    assert "could not be written" in ran.err
    assert len(output.read_text(encoding="utf-8").splitlines()) == COUNT + 1
