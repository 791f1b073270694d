"""A week of nights: what changes is sent, what stays is not; a bad night is told once, and mended by a retry."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import Any

import pytest

from bulk_sync.sandbox import Fault, FaultKind, Faults, Scripted

House = Any
JOB = ("run", "export.csv", "-m", "clients.yaml", "--yes", "--json", "--quiet", "--skip-same", "--require-fresh", "24h")
MAPPING = """
version: 1
resource: clients
match: Client ID
fields:
  name: Company
  email: E-mail
  billingAddress.city: City
partial: [billingAddress]
"""
HEADER = ["Client ID", "Company", "E-mail", "City"]
ROWS = [[f"clt_{n}", f"Company {n}", f"info{n}@x.example", "Dubai"] for n in range(1, 6)]
REFUSES_4 = Scripted(
    fault=Fault(kind=FaultKind.STATUS, status=400, message="Secret Name is taken"),
    ids=frozenset({"clt_4"}),
    methods=frozenset({"PATCH"}),
)


@pytest.mark.skipif(os.name == "nt", reason="the job is run as cron runs it")
def test_seven_nights(house: House) -> None:
    """Monday to Sunday, each night with what is asked of the API, what is told, and whether the heart beat."""
    pytest.importorskip("apprise", reason="notifications are an extra")
    house.folder.joinpath("clients.yaml").write_text(MAPPING, encoding="utf-8")
    house.server.seed([{"id": f"clt_{n}", "name": f"Old {n}"} for n in range(1, 6)])

    # Monday: everything is new.
    house.export([HEADER, *ROWS])
    night = house.job(*JOB)
    assert (night.code, night.summary["counts"]["updated"], night.beats) == (0, 5, 1), night
    assert night.told == [("bulk-sync: 5 rows changed", f"run {night.summary['run']}: 5 updated")]
    assert night.err == ""

    # Tuesday: the same file. Nothing is asked of the API, nothing is told, the heart beats.
    asked = house.server.counters["requests"]
    night = house.job(*JOB)
    assert (night.code, night.summary["stopped_by"], night.summary["run"]) == (0, "same", None)
    assert (house.server.counters["requests"], night.told, night.beats) == (asked, [], 1)

    # Wednesday: written anew with the same content but for a column's order of rows: read, nothing to send.
    # The city, which no answer shows, is known from the ledger.
    house.export([HEADER, *reversed(ROWS)])
    night = house.job(*JOB)
    assert (night.code, night.summary["counts"]["unchanged"]) == (0, 5)
    assert (night.summary["requests"].get("patch", 0), night.told, night.beats) == (0, [], 1)

    # Thursday: two changes and a bad address; the API refuses one. Told with causes, without a value.
    house.serve(Faults(script=(REFUSES_4,)))
    rows = [list(row) for row in ROWS]
    rows[0][3], rows[3][1], rows[4][2] = "Sharjah", "Company Four", "no address"
    house.export([HEADER, *rows])
    night = house.job(*JOB, "--output", "thursday.csv")
    thursday = night.summary["run"]
    assert (night.code, night.beats) == (1, 1)
    assert {name: count for name, count in night.summary["counts"].items() if count} == {
        "updated": 1, "unchanged": 2, "invalid": 1, "failed": 1,
    }  # fmt: skip
    assert [(each["row"], each["code"]) for each in night.summary["problems"]] == [(5, "BAD_REQUEST"), (6, "bad_email")]
    [(title, text)] = night.told
    assert title == "bulk-sync: 2 rows did not go through"
    assert text.splitlines()[1:3] == [
        '- 1 invalid: bad_email in column "E-mail" (C6)',
        "- 1 failed: BAD_REQUEST (row 5)",
    ]
    assert not {"Secret", "no address", "Four"} & set(text.split())

    # Friday: the same causes. They were told; nothing changed: silence.
    night = house.job(*JOB)
    assert (night.code, night.told, night.beats) == (1, [], 1)

    # Saturday: the export is two days old. Refused, told, and no heartbeat.
    two_days_ago = time.time() - 2 * 86400
    os.utime(house.folder / "export.csv", (two_days_ago, two_days_ago))
    night = house.job(*JOB)
    assert (night.code, night.summary["run"], night.beats) == (2, None, 0)
    assert "48.0 hours old; --require-fresh allows 24.0" in night.summary["error"]["message"]
    assert [title for title, _ in night.told] == ["bulk-sync: nothing was sent (exit code 2)"]
    assert house.job(*JOB).told == []

    # Sunday: the API takes the client again, the address was corrected in the results: a retry, then a quiet night.
    house.serve()
    results = house.folder / "thursday.csv"
    results.write_bytes(results.read_bytes().replace(b"no address", b"five@x.example"))
    night = house.job("retry", "thursday.csv", "--yes", "--json", "--quiet")
    assert (night.code, night.summary["parent"], night.summary["requests"]["patch"]) == (0, thursday, 2)
    assert [title for title, _ in night.told] == ["bulk-sync: 2 rows changed"]
    rows[4][2] = "five@x.example"
    house.export([HEADER, *rows])
    night = house.job(*JOB)
    assert (night.code, night.summary["counts"]["unchanged"], night.told) == (0, 5, [])


def test_an_undo_ends_the_sameness(house: House) -> None:
    """What an undo took back is sent again, though source, mapping and target are those of a good run."""
    house.folder.joinpath("clients.yaml").write_text(MAPPING, encoding="utf-8")
    house.server.seed([{"id": "clt_1", "name": "Old"}])
    house.export([HEADER, ["clt_1", "Company 1", "", ""]])
    first = house.job(*JOB).summary
    assert first["counts"]["updated"] == 1
    assert house.job("undo", first["run"], "--yes", "--json").summary["counts"]["updated"] == 1
    assert house.job(*JOB).summary["counts"]["updated"] == 1
    assert house.job(*JOB).summary["stopped_by"] == "same"


@pytest.mark.parametrize(
    ("rows", "where", "code"),
    [([HEADER], "", 6), ([HEADER, *ROWS], "source: {where: {City: [Nowhere]}}", 6)],
    ids=["header without rows", "where leaves out every row"],
)
def test_an_empty_night_is_a_guards(house: House, rows: list[list[str]], where: str, code: int) -> None:
    """Nothing to send where something was expected: exit code 6 and no request, unless it is allowed by name."""
    house.folder.joinpath("clients.yaml").write_text(MAPPING + where, encoding="utf-8")
    house.export(rows)
    night = house.job("run", "export.csv", "-m", "clients.yaml", "--yes", "--json")
    assert (night.code, night.summary["stopped_by"], night.summary["requests"]["total"]) == (code, "guard:empty", 0)
    assert night.beats == 0
    assert house.job("run", "export.csv", "-m", "clients.yaml", "--yes", "--json", "--allow", "empty").code == 0
    sandbox = house.job("run", "export.csv", "-m", "clients.yaml", "--json", "--sandbox")
    assert (sandbox.code, sandbox.summary["stopped_by"]) == (0, None)


def test_an_empty_file_is_refused(house: House) -> None:
    """A missing and an empty export are exit code 2 when freshness was asked for."""
    house.folder.joinpath("clients.yaml").write_text(MAPPING, encoding="utf-8")
    assert house.job(*JOB).code == 2
    (house.folder / "export.csv").touch()
    assert "--require-fresh" in house.job(*JOB).summary["error"]["message"]


def test_a_dead_post_box_fails_no_run(house: House) -> None:
    """Neither notification nor heartbeat can be delivered: warned of without the address, and the run counts."""
    house.folder.joinpath("clients.yaml").write_text(MAPPING, encoding="utf-8")
    house.server.seed([{"id": "clt_1", "name": "Old"}])
    house.export([HEADER, ["clt_1", "Company 1", "", ""]])
    night = house.job(
        "run", "export.csv", "-m", "clients.yaml", "--yes", "--json",
        BULK_SYNC_NOTIFY="json://127.0.0.1:9/token-7", BULK_SYNC_HEARTBEAT="http://127.0.0.1:9/token-8",
    )  # fmt: skip
    assert night.code == 0
    assert "warning: the notification could not be sent: " in night.err
    assert "warning: the heartbeat at 127.0.0.1 could not be fetched: " in night.err
    assert "token" not in night.err
    [journal] = (house.folder / "state" / "runs").glob("*/journal.sqlite")
    connection = sqlite3.connect(journal)
    try:
        assert "token" not in str(connection.execute("SELECT * FROM run").fetchall())
    finally:
        connection.close()
