"""The object of ``--json``."""

import json

import jsonschema
import pytest

from bulk_sync.errors import BulkSyncError, Busy, KeyRefused, Problem, SourceError
from bulk_sync.records import RunSummary
from bulk_sync.results.summary_json import FIRST_PROBLEMS, SUMMARY_SCHEMA, failure_json, summary_json

WHOLE = {
    "schema_version": 1,
    "run": "20260301-091500-7f3a",
    "kind": "run",
    "parent": None,
    "exit_code": 3,
    "stopped_by": "until",
    "sandbox": False,
    "counts": {
        "updated": 1,
        "differs": 0,
        "unchanged": 0,
        "invalid": 2,
        "failed": 1,
        "in_doubt": 0,
        "not_sent": 1,
        "skipped": 0,
        "ready": 0,
    },
    "rows": 5,
    "skipped": {"--first 5": 2},
    "requests": {"page": 1, "patch": 2, "total": 3},
    "quota": {"limit": 60, "remaining": 57, "rate": "60/min"},
    "timings": {
        "started_at": "2026-03-01T09:15:00+04:00",
        "finished_at": "2026-03-01T09:15:03+04:00",
        "seconds": 3.0,
        "requests_per_minute": 60.0,
    },
    "source": "clients.xlsx",
    "sheet": "Clients",
    "mapping": "clients.yaml",
    "target": "https://api.example.com",
    "account": "acme",
    "output": "clients-results.xlsx",
    "files": {"results": "clients-results.xlsx", "report": "r.html"},
    "problem_groups": [{"count": 1, "cause": '"n/a" is not an e-mail address'}],
    "problems": [
        {
            "code": "email_invalid",
            "message": "m",
            "hint": "h",
            "row": 3,
            "cell": "C3",
            "column": "E-mail",
            "field": "email",
            "value": "n/a",
            "severity": "error",
        }
    ],
    "notes": ["read as UTF-8"],
    "next_steps": [
        "to go on where it stopped: bulk-sync resume 20260301-091500-7f3a",
        "to take it back: bulk-sync undo 20260301-091500-7f3a",
    ],
    "plan": None,
    "told": None,
    "error": None,
}


def test_the_whole_object(summary: RunSummary) -> None:
    """Every name of the object, as scripts depend on them."""
    problem = Problem("email_invalid", "m", "h", 3, "C3", "E-mail", "email", "n/a")
    text = summary_json(summary, problems=(problem,), skipped={"--first 5": 2}, files={"report": "r.html"})
    assert json.loads(text) == WHOLE
    assert "\n" not in text


@pytest.mark.parametrize("error", [SourceError("bad \ud800 file", hint="save it"), Busy("b"), KeyRefused("k")])
def test_a_failure_has_the_same_names(error: BulkSyncError) -> None:
    """A script reads exit code and error where there was no run."""
    found = json.loads(failure_json(error))
    jsonschema.validate(found, SUMMARY_SCHEMA)
    assert set(found) == set(WHOLE)
    assert (found["run"], found["exit_code"], found["stopped_by"], found["error"]["hint"]) == (
        None, error.exit_code, type(error).__name__, error.hint,
    )  # fmt: skip


def test_the_object_fits_its_schema(summary: RunSummary) -> None:
    """The documented schema describes what is printed, with many problems and with none."""
    problems = [Problem("c", "x" * 10_000)] * 50
    for text in (summary_json(summary, problems=problems), summary_json(summary._replace(seconds=0, counts={}))):
        jsonschema.validate(json.loads(text), SUMMARY_SCHEMA)
    assert len(json.loads(summary_json(summary, problems=problems))["problems"]) == FIRST_PROBLEMS
    jsonschema.Draft202012Validator.check_schema(SUMMARY_SCHEMA)
