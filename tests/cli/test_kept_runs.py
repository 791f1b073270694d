"""A run that has sent anything is kept, whatever goes wrong afterwards."""

from __future__ import annotations

import shlex
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bulk_sync.journal import open_journal
from bulk_sync.sandbox import Quota, SandboxConfig, SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any
COUNT = 40
RUN = ("run", "clients.csv", "-m", "m.yaml", "--yes", "--json", "--output", "r.csv", "--read", "none")


def prepare(program: Program, serve_api: Serve) -> SandboxServer:
    server = serve_api(config=SandboxConfig(quota=Quota(rate="none"), latency=0.1))
    server.seed({"id": f"clt_{n}", "name": "Old"} for n in range(1, COUNT + 1))
    program.write("m.yaml", "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n")
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"New {n}"] for n in range(1, COUNT + 1))])
    program.target(server)
    return server


def test_a_journal_damaged_while_sending_is_not_thrown_away(program: Program, serve_api: Serve) -> None:
    """An entry that nobody wrote, found at the end: not exit code 0, and the run's folder stays for its owner."""
    server = prepare(program, serve_api)
    running = program.start(*RUN, "--workers", "2")
    while server.counters["PATCH"] < 4:
        assert running.poll() is None
        time.sleep(0.01)
    (path,) = program.state.glob("runs/*/journal.sqlite")
    connection = sqlite3.connect(path, timeout=10)
    with connection:
        connection.execute("UPDATE changes SET payload = replace(payload, 'New', 'Odd') WHERE id = 3")
    connection.close()
    ran = running.wait()
    assert (ran.code in {2, 3}, "does not fit its checksum" in ran.err) == (True, True), ran
    assert path.exists()


def test_a_report_alone(program: Program, serve_api: Serve) -> None:
    """Of a past run --report writes the page and no results; --what is of what --output names."""
    prepare(program, serve_api)
    run = program(*RUN).summary["run"]
    before = {path.name for path in program.folder.iterdir() if not path.name.startswith(".")}
    ran = program("runs", run, "--report", "page.html")
    after = {path.name for path in program.folder.iterdir() if not path.name.startswith(".")}
    assert (ran.code, ran.out, after - before) == (0, f"{program.folder / 'page.html'}\n", {"page.html"})
    told = program("runs", run, "--report", "page.html", "--json").summary
    assert (Path(told["output"]).name, told["files"]["report"]) == ("r.csv", str(program.folder / "page.html"))
    both = program("runs", run, "--report", "page.html", "--output", "again.csv")
    assert (both.code, both.out) == (0, f"{program.folder / 'again.csv'}\n")
    refused = program("runs", run, "--what", "changes")
    assert (refused.code, "--output FILE is missing" in refused.err) == (2, True), refused.err


def test_a_file_of_authorities_that_is_none(program: Program, serve_api: Serve) -> None:
    """--ca-file is refused by its name before anything is sent, from the environment as well."""
    prepare(program, serve_api)
    missing = Path(program.folder) / "ca.pem"
    ran = program(*RUN, "--base-url", "https://127.0.0.1:9/api/v1", BULK_SYNC_CA_FILE="ca.pem")
    assert (ran.code, f"--ca-file {missing}: No such file" in ran.err) == (2, True), ran


def test_a_run_that_had_not_read_its_source(program: Program, serve_api: Serve) -> None:
    """Resumed while another run is at work it stays as it is; its source changed meanwhile, it is refused."""
    server = prepare(program, serve_api)
    args = [*RUN[:-2], "--read", "each"]
    running = program.start(*args)
    while server.counters["GET"] < 4:
        assert running.poll() is None
        time.sleep(0.01)
    running.signal(signal.SIGINT)
    run = running.wait().summary["run"]
    first = program.start(*RUN[:6], "--output", "r2.csv", "--read", "none", "--workers", "1")
    while server.counters["PATCH"] < 1:
        assert first.poll() is None
        time.sleep(0.01)
    busy = program("resume", run, "--yes")
    assert busy.code == 5, busy.err
    first.signal(signal.SIGINT)
    assert first.wait().code == 130
    source = program.folder / "clients.csv"
    before = source.read_text()
    source.write_text(before.replace("New", "Newer"))
    for more in ((), ("--from-journal",)):
        refused = program("resume", run, "--yes", *more)
        assert (refused.code, str(source) in refused.err, "start a new run" in refused.err) == (2, True, True), refused
    source.write_text(before)
    ran = program("resume", run, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert {str(record["name"]) for record in server.records().values()} == {f"New {n}" for n in range(1, COUNT + 1)}


def test_what_a_purged_run_had_sent_stays_known(program: Program, serve_api: Serve) -> None:
    """Of a run that died before it could say so itself, too."""
    server = serve_api(clients=3)
    program.target(server).write("m.yaml", "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n")
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"New {n}"] for n in (1, 2, 3))])
    ran = program("run", "clients.csv", "-m", "m.yaml", "--yes", "--read", "none", "--max-requests", "2")
    assert ran.code == 3, ran.err
    (path,) = program.state.glob("runs/*/journal.sqlite")
    journal = open_journal(path)
    journal.update_header(facts={**journal.header.facts, "folded": False})
    journal.close()
    state = sqlite3.connect(program.state / "state.sqlite")
    with state:
        assert state.execute("DELETE FROM ledger").rowcount == 2
    assert program("purge", "--older-than", "0s").code == 0
    assert [*program.state.glob("runs/*"), *program.state.glob("locks/run-*")] == []
    assert state.execute("SELECT record_id FROM ledger ORDER BY 1").fetchall() == [("clt_1",), ("clt_2",)]
    state.close()


def test_purge_goes_on_past_what_it_cannot_remove(program: Program, serve_api: Serve, tmp_path: Path) -> None:
    """A run whose folder was moved to another disk, with a link in its place: kept and named, the others go."""
    server = prepare(program, serve_api)
    runs = []
    for _ in range(3):
        ran = program(*RUN[:4], "--yes", "--json", "--read", "none", "--rows", "2")
        runs.append(ran.summary["run"])
    assert server.counters["PATCH"] == 3
    linked = program.state / "runs" / runs[1]
    linked.rename(tmp_path / "moved")
    linked.symlink_to(tmp_path / "moved", target_is_directory=True)
    time.sleep(1.1)  # ids tell whole seconds
    ran = program("purge", "--older-than", "0s")
    assert (ran.code, runs[1] in ran.out + ran.err) == (0, True), ran
    assert [path.name for path in (program.state / "runs").iterdir()] == [runs[1]]
    assert (tmp_path / "moved" / "journal.sqlite").exists()


def test_what_to_do_next_finds_the_run_and_the_key_again(program: Program, serve_api: Serve) -> None:
    """Each command that is advised can be copied, from another folder too: with the state and the profile given."""
    server = prepare(program, serve_api)
    del program.environ["HEFFL_API_KEY"]
    program.write("p.toml", f'["my shop"]\nkey_command = "printf {server.key}"\n')
    program.environ["BULK_SYNC_PROFILES"] = str(program.folder / "p.toml")
    args = ("--profile", "my shop", "--state-dir", "my state", "--max-requests", "2")
    ran = program(*RUN[:-2], *args)
    assert ran.code == 3, ran.err
    elsewhere = program.folder / "elsewhere"
    elsewhere.mkdir()
    program = replace(program, folder=elsewhere, environ={**program.environ})
    resume, undo = (step.partition(": bulk-sync ")[2] for step in ran.summary["next_steps"])
    for told in (resume, undo):
        ran = program(*shlex.split(told), "--yes", "--json")
        assert (ran.code, ran.summary["counts"]["updated"]) == (0, COUNT), ran.err
