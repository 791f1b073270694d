"""What resume checks before it goes on: files, target, later runs, the journal itself."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.journal import open_journal
from bulk_sync.sandbox import SandboxServer

Serve = Callable[..., SandboxServer]
Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n"
COUNT = 20


@pytest.fixture
def server(serve_api: Serve) -> SandboxServer:
    found = serve_api()
    found.seed({"id": f"clt_{n}", "name": "Old"} for n in range(1, COUNT + 1))
    return found


@pytest.fixture
def stopped(program: Program, server: SandboxServer) -> str:
    """A run that stopped after ten of twenty requests, by its id."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("clients.csv", [["ID", "Company"], *([f"clt_{n}", f"New {n}"] for n in range(1, COUNT + 1))])
    ran = program(
        "run", "clients.csv", "-m", "m.yaml", "--yes", "--json", "--output", "r.csv", "--read", "none",
        "--max-requests", "10", "--workers", "1",
    )  # fmt: skip
    assert (ran.code, ran.summary["counts"]) == (3, {"updated": 10, "not_sent": 10}), ran.err
    run: str = ran.summary["run"]
    return run


@pytest.mark.parametrize("name", ["clients.csv", "m.yaml"])
def test_a_file_that_has_changed_since_is_refused(
    name: str, program: Program, server: SandboxServer, stopped: str
) -> None:
    """It says which file; nothing is sent; --from-journal goes on with what the run has read."""
    path = program.folder / name
    path.write_text(
        path.read_text() + "\n# changed\n" if name == "m.yaml" else path.read_text().replace("New", "Newer")
    )
    refused = program("resume")
    assert (refused.code, str(path) in refused.err, "--from-journal" in refused.err) == (2, True, True), refused.err
    assert server.counters["PATCH"] == 10
    ran = program("resume", "--from-journal", "--json")
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": COUNT}), ran.err
    assert {str(record["name"]) for record in server.records().values()} == {f"New {n}" for n in range(1, COUNT + 1)}


def test_missing_files_are_fine(program: Program, server: SandboxServer, stopped: str) -> None:
    """The journal has all that is needed: source and mapping may be gone."""
    (program.folder / "clients.csv").unlink()
    (program.folder / "m.yaml").unlink()
    ran = program("resume", stopped[:17], "--json")
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": COUNT}), ran.err


def test_another_base_url_is_refused(program: Program, serve_api: Serve, server: SandboxServer, stopped: str) -> None:
    """A run goes to the API that it began with."""
    other = serve_api()
    ran = program("resume", "--base-url", other.base_url)
    assert (ran.code, server.base_url in ran.err, other.log) == (2, True, []), ran.err


def test_rows_that_a_later_run_has_handled_are_superseded(
    program: Program, server: SandboxServer, stopped: str, results: Any
) -> None:
    """Their older values are not sent any more: skipped, with the later run's name."""
    rows = [["ID", "Company"], *([f"clt_{n}", f"Newest {n}"] for n in range(9, 14))]
    program.write_csv("later.csv", rows)
    later = program("run", "later.csv", "-m", "m.yaml", "--yes", "--json", "--output", "later-r.csv")
    assert (later.code, later.summary["counts"]) == (0, {"updated": 5}), later.err
    ran = program("resume", stopped, "--json")
    assert (ran.code, ran.summary["counts"]) == (0, {"updated": 17, "skipped": 3}), ran.err
    lines = {line["ID"]: line for line in results(program.folder / "r.csv")}
    skipped = [lines[f"clt_{n}"] for n in (11, 12, 13)]
    assert {(line["sync_status"], line["sync_code"]) for line in skipped} == {("skipped", "superseded")}
    assert all(later.summary["run"] in line["sync_message"] for line in skipped)
    assert server.records()["clt_12"]["name"] == "Newest 12"


@pytest.mark.parametrize(
    ("damage", "code", "says"),
    [
        ("UPDATE requests SET target = 'clt_1' WHERE id = 2", 2, "may have handled the same clients, and cannot tell"),
        ("UPDATE run SET value = '1'", 0, "has handled the same clients is not known"),
    ],
)
def test_a_later_run_that_cannot_tell_what_it_handled_is_named(
    program: Program, server: SandboxServer, stopped: str, damage: str, code: int, says: str
) -> None:
    """It died before it could say so, and its journal is damaged: that is not the journal of the run that goes on."""
    program.write_csv("later.csv", [["ID", "Company"], *([f"clt_{n}", f"Newest {n}"] for n in range(9, 14))])
    later = program("run", "later.csv", "-m", "m.yaml", "--yes", "--json", "--output", "later-r.csv").summary["run"]
    with closing(open_journal(program.state / "runs" / later / "journal.sqlite")) as journal:
        journal.update_header(facts={**journal.header.facts, "folded": False})
        journal.connection.execute(damage)
    ran = program("resume", stopped)
    assert (ran.code, f"run {later}" in ran.err, says in ran.err) == (code, True, True), ran.err


def test_a_run_that_is_done_sends_nothing_again(program: Program, server: SandboxServer, stopped: str) -> None:
    """Resumed twice: the second time there is nothing unfinished, and by its name nothing is left to send."""
    assert program("resume").code == 0
    nothing = program("resume")
    assert (nothing.code, "no run is unfinished" in nothing.err) == (2, True)
    named = program("resume", stopped, "--json")
    assert (named.code, named.summary["counts"], server.counters["PATCH"]) == (0, {"updated": COUNT}, COUNT), named.err


def test_results_changed_by_hand_are_not_replaced(program: Program, stopped: str, results: Any) -> None:
    """The results of the resumed run go beside a file that somebody has worked on meanwhile."""
    path = program.folder / "r.csv"
    path.write_text(path.read_text(encoding="utf-8") + "my own note\n", encoding="utf-8")
    ran = program("resume", "--json")
    assert "my own note" in path.read_text(encoding="utf-8")
    output = Path(ran.summary["output"] or "")
    assert (ran.code, output.name != "r.csv", output.suffix) == (0, True, ".csv"), ran.err
    assert Counter(line["sync_status"] for line in results(output)) == {"updated": COUNT}


def test_a_damaged_journal_is_refused_with_advice(program: Program, server: SandboxServer, stopped: str) -> None:
    """Torn in the middle, cut to nothing, overwritten: exit code 2, named, advice, nothing sent, the file untouched."""
    path = program.state / "runs" / stopped / "journal.sqlite"
    whole = path.read_bytes()
    dice = random.Random(1)
    for damaged in (
        whole[: len(whole) // 2],
        b"not a database at all" * 500,
        b"",
        whole[:8192] + bytes(dice.randrange(256) for _ in range(8192)) + whole[16384:],
    ):
        for name in ("journal.sqlite-wal", "journal.sqlite-shm"):
            path.with_name(name).unlink(missing_ok=True)
        path.write_bytes(damaged)
        ran = program("resume", stopped)
        assert (ran.code, str(path) in ran.err, "hint:" in ran.err) == (2, True, True), ran.err
        assert "Traceback" not in ran.err
        listed = program("runs")
        assert (listed.code, "damaged" in listed.out) == (0, True), listed
    assert server.counters["PATCH"] == 10
