"""What a person reads on stderr, word for word, with ids and times made the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.sandbox import Fault, FaultKind, Faults, SandboxServer, Scripted

Serve = Callable[..., SandboxServer]
Program = Any

MAPPING = (
    "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n  email: {column: E-mail, blank: clear}\n"
)
ROWS = [
    ["ID", "Company", "E-mail", "Notes"],
    ["clt_1", "Acme", "a@example.com", "x"],
    ["clt_2", "Bravo", "", ""],
    ["clt_3", "Charlie", "no address", ""],
    ["clt_4", "Delta", "d@example.com", ""],
]


@pytest.fixture
def server(serve_api: Serve) -> SandboxServer:
    refused = Fault(kind=FaultKind.STATUS, status=400, message="A client with this name already exists")
    found = serve_api(Faults(script=(Scripted(fault=refused, ids=frozenset({"clt_4"})),)))
    found.seed([{"id": f"clt_{n}", "name": f"Old {n}", "email": f"old{n}@example.com"} for n in range(1, 5)])
    return found


def normal(text: str, program: Program, server: SandboxServer) -> str:
    """Make runs, times, folders and ports the same."""
    text = text.replace(str(program.folder), "FOLDER").replace(server.base_url, "URL")
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN", text)
    text = re.sub(r"\d\d:\d\d:\d\d", "TIME", text)
    return re.sub(r"\b\d+ s(?=, done|$)", "SECONDS", text, flags=re.MULTILINE)


def test_a_run_from_its_beginning_to_its_end(program: Program, server: SandboxServer) -> None:
    """Notes, plan, how it ended, where the results are, what to do next; and nothing on stdout."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("clients.csv", ROWS)
    ran = program("run", "clients.csv", "-m", "m.yaml", "--yes", "--output", "r.xlsx", "--rate", "100/s")
    assert (ran.code, ran.out) == (1, "")
    assert normal(ran.err, program, server).splitlines() == RUN_TEXT.strip("\n").splitlines()


def test_a_plan_is_on_stdout(program: Program, server: SandboxServer) -> None:
    """What was asked for goes to stdout, everything else to stderr; nothing is changed."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("clients.csv", ROWS)
    ran = program("plan", "clients.csv", "-m", "m.yaml", "--output", "p.xlsx", "--rate", "100/s")
    assert ran.code == 1
    assert normal(ran.out, program, server).splitlines() == PLAN_TEXT.strip("\n").splitlines()
    assert server.counters["PATCH"] == 0


def test_quiet_and_json_logs(program: Program, server: SandboxServer) -> None:
    """--quiet says only what went wrong; --log-format json writes one object a line, without personal values."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("clients.csv", ROWS[:2])
    quiet = program("run", "clients.csv", "-m", "m.yaml", "--yes", "--quiet", "--output", "q.xlsx")
    assert (quiet.code, quiet.err, quiet.out) == (0, "", "")
    program.write_csv("more.csv", [ROWS[0], ["clt_1", "Acme Two", "a2@example.com", ""]])
    ran = program("run", "more.csv", "-m", "m.yaml", "--yes", "--log-format", "json", "--verbose", "--output", "j.xlsx")
    events = [json.loads(line) for line in ran.err.splitlines()]
    assert ran.code == 0
    assert {"plan", "phase", "settled", "request"} <= {event["event"] for event in events}
    assert "Acme Two" not in ran.err and "a2@example.com" not in ran.err


RUN_TEXT = """
a column of the source not used: "Notes" (list them under `ignore` if that is on purpose)
detected; to settle it, paste into the mapping:
source:
  encoding: "utf-8"
  delimiter: ","
  header_row: 1
Plan RUN: FOLDER/clients.csv → URL
  rows                 4   3 ready, 1 invalid
  changes              3   one request each
  cells set            5
  cells cleared        1
  reading: list: all 4 clients on 1 page, instead of 3 single reads
       1 row: column "E-mail": not an e-mail address (no @-sign) (bad_email)
  first differences:
    row 2, clt_1, name: "Old 1" → "Acme"
    row 2, clt_1, email: "old1@example.com" → "a@example.com"
    row 3, clt_2, name: "Old 2" → "Bravo"
    row 3, clt_2, email: "old2@example.com" → (empty)
    row 5, clt_4, name: "Old 4" → "Delta"
    row 5, clt_4, email: "old4@example.com" → "d@example.com"
  requests             3 (1 already spent on reading), at 100/s: SECONDS, done about TIME
  each update may fire a webhook or an automation in the CRM
the first change is verified; sending the rest
run RUN: 4 rows: 2 updated, 1 invalid, 1 failed
requests: 4 (1 page, 3 patch) in SECONDS
  1 row: column "E-mail": not an e-mail address (no @-sign) (bad_email)
  1 row: failed: A client with this name already exists (BAD_REQUEST)
results: FOLDER/r.xlsx
next: correct the rows in the results file, then: bulk-sync retry FOLDER/r.xlsx
next: to take it back: bulk-sync undo RUN
"""
PLAN_TEXT = """
Plan RUN: FOLDER/clients.csv → URL
  rows                 4   1 invalid, 3 ready
  changes              3   one request each
  cells set            5
  cells cleared        1
  reading: list: all 4 clients on 1 page, instead of 3 single reads
       1 row: column "E-mail": not an e-mail address (no @-sign) (bad_email)
  first differences:
    row 2, clt_1, name: "Old 1" → "Acme"
    row 2, clt_1, email: "old1@example.com" → "a@example.com"
    row 3, clt_2, name: "Old 2" → "Bravo"
    row 3, clt_2, email: "old2@example.com" → (empty)
    row 5, clt_4, name: "Old 4" → "Delta"
    row 5, clt_4, email: "old4@example.com" → "d@example.com"
  requests             3 (1 already spent on reading), at 100/s: SECONDS, done about TIME
  each update may fire a webhook or an automation in the CRM
"""


def test_the_mapping_may_come_from_the_environment(program: Program) -> None:
    """As every option may; the argument wins."""
    program.write("m.yaml", MAPPING)
    program.write_csv("c.csv", ROWS)
    assert program("check", "c.csv", BULK_SYNC_MAPPING="m.yaml").code == 1
    refused = program("check", "c.csv", "--mapping", "none.yaml", BULK_SYNC_MAPPING="m.yaml")
    assert (refused.code, "none.yaml" in refused.err) == (2, True), refused.err


def test_a_key_is_told_with_where_it_came_from(program: Program, serve_api: Serve) -> None:
    """As --help says: a variable that is still set goes before the command of a profile, and so before its account."""
    server = serve_api()
    program.target(server)
    assert "key: from HEFFL_API_KEY\n" in program("key", "test").out
    command = {"BULK_SYNC_KEY_COMMAND": f"printf {server.key}"}
    refused = program("key", "test", HEFFL_API_KEY="another", **command)
    assert (refused.code, "the API refused the key from HEFFL_API_KEY: " in refused.err) == (4, True), refused.err
    assert "key: from the key command\n" in program("key", "test", HEFFL_API_KEY="", **command).out
