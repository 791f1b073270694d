"""``--json``: one object of the same names on every way out of every command that takes it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bulk_sync.results.summary_json import SUMMARY_SCHEMA
from bulk_sync.sandbox import SandboxServer

Program = Any

MAPPING = "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n  email: E-mail\n"
TABLE = [["ID", "Company", "E-mail", "More"], ["clt_1", "New", "@@", ""], ["clt_2", "New", "", ""]]


def told(out: str) -> dict[str, Any]:
    """Return the one object that was printed, if it is what the schema says."""
    (line,) = out.splitlines()
    found: dict[str, Any] = json.loads(line)
    jsonschema.validate(found, SUMMARY_SCHEMA)
    assert set(found) == set(SUMMARY_SCHEMA["properties"])  # type: ignore[arg-type]
    return found


@pytest.fixture
def ready(program: Program, serve_api: Callable[..., SandboxServer]) -> Program:
    program.write("m.yaml", MAPPING)
    program.write("bad.yaml", MAPPING.replace("name", "nmae"))
    program.write_csv("c.csv", TABLE)
    program.write_csv("DataFrame", TABLE)
    os.utime(program.folder / "DataFrame", (0, 0))
    return program.target(serve_api(clients=2))


REFUSED = {
    "no source": ("run", "--json"),
    "no mapping": ("run", "c.csv", "--json"),
    "a file that is not there": ("run", "absent.csv", "-m", "m.yaml", "--yes", "--json"),
    "nobody to ask": ("run", "c.csv", "-m", "m.yaml", "--json"),
    "an unknown option": ("check", "c.csv", "--bogus", "--json"),
    "a bad setting": ("run", "c.csv", "-m", "m.yaml", "--yes", "--workers", "many", "--json"),
    "a bad mapping": ("plan", "c.csv", "-m", "bad.yaml", "--json"),
    "an unknown run": ("resume", "2020", "--json"),
    "a bad duration": ("purge", "--older-than", "soon", "--json"),
    "a mapping that cannot be written": ("mapping", "suggest", "c.csv", "--output", "absent/x.yaml", "--json"),
    "a source that is stale": ("check", "DataFrame", "-m", "m.yaml", "--require-fresh", "1h", "--json"),
    "no such transform": ("mapping", "transforms", "splt", "--json"),
    "no such cell": ("mapping", "explain", "c.csv", "B99", "-m", "m.yaml", "--json"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_every_name(name: str, ready: Program) -> None:
    """What is not known is null, 0 or empty, and nothing is asserted of a run that did not come about."""
    ran = ready(*REFUSED[name])
    found = told(ran.out)
    assert (ran.code, found["exit_code"], bool(found["error"]["message"])) == (2, 2, True)
    assert (found["run"], found["kind"], found["sandbox"], found["rows"]) == (None, None, None, 0)
    assert set(found["counts"].values()) == {0}


@pytest.mark.parametrize("command", ["run", "check", "plan"])
def test_a_command_that_ran_has_every_name(command: str, ready: Program) -> None:
    """With rows of which one is invalid."""
    more = ("--yes",) if command == "run" else ()
    found = told(ready(command, "c.csv", "-m", "m.yaml", "--json", "--output", "r.csv", *more).out)
    assert (found["kind"], found["rows"], found["counts"]["invalid"], found["told"]) == (command, 2, 1, None)


def test_commands_that_make_no_run_tell_what_they_were_asked_for(ready: Program) -> None:
    """Lint, explain, suggest and purge print no plain text beside their object, nor instead of it."""
    clean = told(ready("mapping", "lint", "m.yaml", "c.csv", "--json").out)
    assert (clean["rows"], clean["told"]["mistakes"], clean["problem_groups"]) == (
        2,
        [],
        [{"count": 1, "cause": 'column "E-mail", value "@@": not an e-mail address (two @-signs) (C2)'}],
    )
    assert "More" in clean["notes"][0]
    ran = ready("mapping", "lint", "bad.yaml", "--json")
    faulty = told(ran.out)
    assert (ran.code, faulty["exit_code"], faulty["told"]["mistakes"][0]["line"]) == (2, 2, 5)
    row = told(ready("mapping", "explain", "c.csv", "2", "-m", "m.yaml", "--json").out)
    assert (row["told"]["sent"], row["problems"][0]["code"]) == (None, "bad_email")
    cell = told(ready("mapping", "explain", "c.csv", "B3", "-m", "m.yaml", "--json").out)["told"]
    assert (cell["sent"], cell["steps"][-1]["value"]) == ({"name": "New"}, "New")
    assert "Company" in told(ready("mapping", "suggest", "c.csv", "--json").out)["told"]["mapping"]
    schema = told(ready("mapping", "schema", "--json").out)["told"]["schema"]
    assert schema == json.loads(ready("mapping", "schema").out)
    listed = told(ready("mapping", "transforms", "--json").out)["told"]["transforms"]
    (split,) = told(ready("mapping", "transforms", "split", "--json").out)["told"]["transforms"]
    assert split in listed
    assert split["examples"][0] == '{split: {on: ",", part: 1}}: "Berg, Jan" → "Berg"'
    assert told(ready("key", "test", "--json").out)["account"]
    assert told(ready("purge", "--older-than", "3d", "--json").out)["told"] == {
        "forgotten": [], "removed": [], "kept": [],
    }  # fmt: skip


def test_past_runs_have_every_name_the_damaged_ones_too(ready: Program) -> None:
    """One object a line in the list; the one of a run names the file that was written again."""
    run = told(ready("run", "c.csv", "-m", "m.yaml", "--yes", "--json", "--output", "r.csv").out)["run"]
    again = told(ready("runs", run, "--output", "again.csv", "--json").out)
    assert Path(again["output"]).name == "again.csv"
    changes = told(ready("runs", run, "--what", "changes", "--output", "changes.csv", "--json").out)
    assert (Path(changes["output"]).name, Path(changes["files"]["changes"]).name) == ("r.csv", "changes.csv")
    assert any("r.csv" in step for step in changes["next_steps"])
    (ready.state / "runs" / run / "journal.sqlite").write_bytes(b"x" * 999)
    damaged = told(ready("runs", "--json").out)
    assert (damaged["run"], damaged["kind"], bool(damaged["error"]["message"])) == (run, None, True)
