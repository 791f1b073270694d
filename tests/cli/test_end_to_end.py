"""The main job on the command line, over real HTTP: a sheet goes in, clients are updated, a results sheet comes out."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.sandbox import Fault, FaultKind, Faults, SandboxServer, Scripted

Serve = Callable[..., SandboxServer]
Program = Any

HEADER = ["Client ID", "Company", "E-mail", "Phone", "City", "Score", "Notes"]
ROWS = [
    ["clt_1", "Acme Trading", "Info@Acme.example", "050 123 4567", "Dubai", "12.5", "first"],
    ["clt_2", "Bravo", "", "", "", "", ""],
    ["clt_3", "", "not an address", "", "", "", ""],
    ["clt_4", "Delta", "", "", "Sharjah", "", ""],
    ["clt_5", "Echo", "", "", "", "7", ""],
    ["clt_6", "Foxtrot", "", "", "", "", ""],
    ["", "Nobody", "", "", "", "", ""],
    ["clt_8", "", "", "", "", "", "only a note"],
    ["clt_1", "", "", "", "Dubai", "12.5", "clt_1 again"],
    ["clt_9", "India", "", "", "", "", "unknown there"],
    ["clt_10", "Juliet", "", "", "", "", "always 500"],
]
MAPPING = """
version: 1
resource: clients
match: Client ID
fields:
  name: Company
  email: {column: E-mail, transform: [lower]}
  phone: {column: Phone, transform: [{phone: AE}]}
  billingAddress.city: City
  cf_score: {column: Score, type: number}
partial: [billingAddress]
ignore: [Notes]
"""


def always(client: str, fault: Fault, *, method: str = "PATCH", after: str = "") -> Scripted:
    return Scripted(fault=fault, ids=frozenset({client}), methods=frozenset({method}), after=after)


FAULTS = Faults(
    script=(
        always("clt_4", Fault(kind=FaultKind.STATUS, status=400, message="A client with this name already exists")),
        always("clt_5", Fault(kind=FaultKind.DROP, fields=("cf_*",))),
        always("clt_6", Fault(kind=FaultKind.STATUS, status=404, message="Client not found")),
        always("clt_10", Fault(kind=FaultKind.STATUS, status=500)),
        always("clt_10", Fault(kind=FaultKind.STATUS, status=503), method="GET", after="PATCH"),
    )
)


STATUSES = [
    ("2", "updated", "", "clt_1", "SBX000001", "name, email, phone, cf_score, billingAddress", "200", "1"),
    ("3", "unchanged", "", "clt_2", "", "", "", "0"),
    ("4", "invalid", "bad_email", "clt_3", "", "", "", "0"),
    ("5", "failed", "BAD_REQUEST", "clt_4", "", "name, billingAddress", "400", "1"),
    ("6", "differs", "differs", "clt_5", "SBX000005", "name, cf_score", "200", "1"),
    ("7", "failed", "NOT_FOUND", "clt_6", "", "name", "404", "1"),
    ("8", "invalid", "no_key", "", "", "", "", "0"),
    ("9", "unchanged", "", "clt_8", "", "", "", "0"),
    ("10", "updated", "", "clt_1", "SBX000001", "name, email, phone, cf_score, billingAddress", "200", "1"),
    ("11", "invalid", "no_match", "clt_9", "", "", "", "0"),
    ("12", "in_doubt", "INTERNAL_SERVER_ERROR", "clt_10", "", "name", "500", "2"),
]
MESSAGES = [
    "accepted; no answer shows billingAddress",
    "the record has these values",
    "{sheet}C4: not an e-mail address (no @-sign)",
    "A client with this name already exists",
    "cf_score: sent 7, stored nothing",
    "Client not found",
    "{sheet}A8: the row has no Client ID, so no client can be found for it",
    "every mapped cell is blank and kept",
    "sent with row 2; accepted; no answer shows billingAddress",
    "{sheet}A11: no such client: clt_9",
    "Something is wrong; after 2 attempts; the record could not be read",
]
COLUMNS = (
    "sync_row", "sync_status", "sync_code", "sync_client_id", "sync_client_number", "sync_changed",
    "sync_http_status", "sync_attempts", "sync_message", "sync_finished_at",
)  # fmt: skip
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
STORED = {
    "clt_1": {
        "name": "Acme Trading",
        "email": "info@acme.example",
        "phone": "+971501234567",
        "cf_score": 12.5,
        "billingAddress": {"city": "Dubai"},
    },
    "clt_2": {"name": "Bravo"},
    "clt_3": {"name": "Old 3"},
    "clt_4": {"name": "Old 4"},
    "clt_5": {"name": "Echo"},
    "clt_6": {"name": "Old 6"},
    "clt_8": {"name": "Old 8"},
    "clt_10": {"name": "Old 10"},
}
ARGS = ("--mapping", "m.yaml", "--yes", "--attempts", "2", "--allow", "new-custom-field")


def expected_lines(*, sheet: str = "") -> list[dict[str, str]]:
    """The whole results but for the moments."""
    lines = []
    for row, ends, message in zip(ROWS, STATUSES, MESSAGES, strict=True):
        ended = (*ends, message.format(sheet=sheet))
        lines.append(dict(zip(HEADER, row, strict=True)) | dict(zip(COLUMNS, ended, strict=False)))
    return lines


@pytest.fixture
def server(serve_api: Serve) -> SandboxServer:
    found = serve_api(FAULTS)
    found.seed([{"id": f"clt_{n}", "name": "Bravo" if n == 2 else f"Old {n}"} for n in (1, 2, 3, 4, 5, 6, 8, 10)])
    return found


def stored(server: SandboxServer) -> dict[str, dict[str, object]]:
    """What the server holds, without what it made up itself."""
    own = {"id", "number", "type", "createdAt"}
    return {
        name: {key: value for key, value in record.items() if key not in own}
        for name, record in server.records().items()
    }


def test_a_csv_goes_in_and_every_row_comes_out_with_its_end(
    program: Program, server: SandboxServer, results: Any
) -> None:
    """Run afresh by its module: the whole results, the server's final state, what was asked of it, exit code 1."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("clients.csv", [HEADER, *ROWS])
    ran = program.as_module("run", "clients.csv", *ARGS, "--output", "r.csv", "--json", "--state-dir", "state")
    lines = results(program.folder / "r.csv")
    stamps = [line.pop("sync_finished_at") for line in lines]
    assert lines == expected_lines()
    assert all(STAMP.fullmatch(stamp) for stamp in stamps)
    assert stored(server) == STORED
    assert {entry.key for entry in server.log} == {"right"}
    summary = ran.summary
    kept = {name: summary[name] for name in ("exit_code", "stopped_by", "counts", "output")}
    assert (ran.code, kept) == (
        1,
        {
            "exit_code": 1,
            "stopped_by": None,
            "counts": {"updated": 2, "differs": 1, "unchanged": 2, "invalid": 3, "failed": 2, "in_doubt": 1},
            "output": str(program.folder / "r.csv"),
        },
    )
    assert summary["requests"] == {"get": 3, "page": 2, "patch": 6, "total": 11} and len(server.log) == 11
    assert (program.folder / "r.csv").stat().st_mode & 0o777 == 0o600


def test_a_workbook_goes_in_and_a_workbook_comes_out(program: Program, server: SandboxServer, workbook: Any) -> None:
    """The same rows from XLSX end the same way; cells are named with their sheet; Changes and Problems are filled."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_xlsx("clients.xlsx", [HEADER, *([cell or None for cell in row] for row in ROWS)])
    ran = program("run", "clients.xlsx", *ARGS, "--output", "r.xlsx")
    sheets = workbook(program.folder / "r.xlsx")
    head, *lines = sheets["Results"]
    found = [
        {str(name): "" if cell is None else str(cell) for name, cell in zip(head, line, strict=True)} for line in lines
    ]
    for line in found:
        assert STAMP.fullmatch(line.pop("sync_finished_at"))
    assert (ran.code, found) == (1, expected_lines(sheet="Clients!"))
    assert stored(server) == STORED
    assert list(sheets) == ["Results", "Changes", "Problems", "Summary"]
    assert sheets["Changes"] == CHANGES
    assert sheets["Problems"] == PROBLEMS


CHANGES: list[list[object]] = [
    ["row", "client", "field", "old", "new", "stored"],
    [2, "clt_1", "name", "Old 1", "Acme Trading", "Acme Trading"],
    [2, "clt_1", "email", "(empty)", "info@acme.example", "info@acme.example"],
    [2, "clt_1", "phone", "(empty)", "+971501234567", "+971501234567"],
    [2, "clt_1", "cf_score", "(empty)", 12.5, 12.5],
    [2, "clt_1", "billingAddress.city", "(not read)", "Dubai", "(not shown)"],
    [5, "clt_4", "name", "Old 4", "Delta", "(not shown)"],
    [5, "clt_4", "billingAddress.city", "(not read)", "Sharjah", "(not shown)"],
    [6, "clt_5", "name", "Old 5", "Echo", "Echo"],
    [6, "clt_5", "cf_score", "(empty)", 7, "(empty)"],
    [7, "clt_6", "name", "Old 6", "Foxtrot", "(not shown)"],
    [12, "clt_10", "name", "Old 10", "Juliet", "(not shown)"],
]
PROBLEMS: list[list[object]] = [
    ["row", "cell", "results_cell", "column", "field", "value", "code", "message", "hint"],
    [
        4,
        "Clients!C4",
        "C4",
        "E-mail",
        "email",
        "not an address",
        "bad_email",
        "not an e-mail address (no @-sign)",
        "correct the address in the source",
    ],
    [
        8,
        "Clients!A8",
        "A8",
        "Client ID",
        None,
        None,
        "no_key",
        "the row has no Client ID, so no client can be found for it",
        "if it is a total or a note, delete it from the source; else fill the cell in",
    ],
    [11, "Clients!A11", "A11", "Client ID", None, "clt_9", "no_match", "no such client: clt_9", None],
]


def test_a_default_name_in_the_working_directory(program: Program, server: SandboxServer) -> None:
    """Without --output the results lie beside the user as SOURCE-results-RUN.xlsx, and the summary names them."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("some clients.csv", [HEADER, ROWS[1]])
    summary = program("run", "some clients.csv", *ARGS, "--json").summary
    assert summary["output"] == str(program.folder / f"some clients-results-{summary['run']}.xlsx")
    assert [path.name for path in program.folder.glob("*.xlsx")] == [f"some clients-results-{summary['run']}.xlsx"]


def test_a_header_without_rows_sends_nothing_and_says_so(program: Program, server: SandboxServer, results: Any) -> None:
    """0 rows: for check no problem, for a run a guard that goes by its name, and then results with a header alone."""
    program.target(server).write("m.yaml", MAPPING)
    program.write_csv("empty.csv", [HEADER])
    checked = program("check", "empty.csv", "-m", "m.yaml", "--output", "c.csv")
    assert (checked.code, "0 rows" in checked.err) == (0, True)
    stopped = program("run", "empty.csv", *ARGS, "--output", "r.csv")
    assert (stopped.code, "empty: the source has a header but no rows" in stopped.err) == (6, True)
    ran = program("run", "empty.csv", *ARGS, "--allow", "empty", "--output", "r.csv")
    assert (ran.code, "0 rows" in ran.err, results(program.folder / "r.csv")) == (0, True, [])
    assert server.log == []


def test_standard_input_is_a_source(program: Program, server: SandboxServer, results: Any) -> None:
    """``-`` reads a CSV from standard input and keeps it for the run."""
    program.target(server).write("m.yaml", MAPPING)
    source = program.write_csv("piped.csv", [HEADER, ROWS[0]])
    ran = program("run", "-", *ARGS, "--output", "r.csv", stdin=source)
    assert (ran.code, [line["sync_status"] for line in results(program.folder / "r.csv")]) == (0, ["updated"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name of a file is Unicode")
def test_names_of_files_that_are_no_utf_8(program: Program) -> None:
    """As an archive from an old Windows leaves them: every command works on them, and their results are known again."""
    name = os.fsdecode(b"caf\xe9")
    folder = program.folder / name
    folder.mkdir()
    rows = "ID,Company\nclt_1,Acme\n"
    (folder / f"{name}.csv").write_text(rows)
    (folder / f"{name}.yaml").write_text("match: ID\nfields:\n  name: Company\n")
    job = (f"{name}/{name}.csv", "-m", f"{name}/{name}.yaml", "--sandbox")
    results = f"{name}/r{name}.xlsx"
    commands: list[tuple[str, ...]] = [
        *(("check", *job), ("run", *job, "--output", results), ("run", *job, "--output", results)),
        *(("runs", results), ("retry", results, "--yes"), ("undo", results, "--yes")),
    ]
    for command in commands:
        ran = program(*command, "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
