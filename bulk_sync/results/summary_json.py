"""The one object that ``--json`` prints, for the job that runs at night.

Its schema has a number, ``schema_version``. Names are added without a new number; none is renamed, removed or
given another meaning without one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bulk_sync.errors import BulkSyncError, Problem
from bulk_sync.records import Json, RunSummary, Status
from bulk_sync.results.text import MESSAGE_LIMIT, cut

SCHEMA_VERSION = 1
FIRST_PROBLEMS = 20
"""Problems that the object names; all of them are in the results."""


def summary_json(
    summary: RunSummary,
    *,
    problems: Sequence[Problem] = (),
    skipped: Mapping[str, int] | None = None,
    files: Mapping[str, str] | None = None,
    plan: Mapping[str, Json] | None = None,
) -> str:
    """Return the object for a run as one line of JSON; ``SUMMARY_SCHEMA`` says what is in it.

    ``problems`` are the run's first, ``skipped`` counts the skipped rows by reason, ``files`` names what was
    written besides the results (``report``); ``plan`` is what would be sent, where a plan was made and not sent.
    """
    told = _of_run(summary)
    told["skipped"] = dict(skipped or {})
    told["files"] = {**({"results": summary.output} if summary.output else {}), **(files or {})}
    told["problems"] = _first(problems)
    told["plan"] = dict(plan) if plan is not None else None
    return _one_line(told)


def failure_json(error: BulkSyncError, *, run: str = "") -> str:
    """Return the object for a command that ended without a summary: the same names, and ``error``.

    ``run``: the one that the error is about, where it is about one.
    """
    return _without_run(
        run=run or None,
        exit_code=int(error.exit_code),
        stopped_by=type(error).__name__,
        error={"message": error.message, "hint": error.hint},
    )


def answer_json(
    told: Mapping[str, Json], *, exit_code: int = 0, problems: Sequence[Problem] = (), **known: Json
) -> str:
    """Return the object for a command that makes no run: the same names, and in ``told`` what it was asked for.

    ``known`` are the values of those names that the command can fill.
    """
    return _without_run(exit_code=exit_code, told=dict(told), problems=_first(problems), **known)


def _without_run(**known: Json) -> str:
    return _one_line({**_of_run(_NO_RUN), "kind": None, "sandbox": None, **known})


def _of_run(summary: RunSummary) -> dict[str, Json]:
    seconds = summary.seconds
    requests = sum(summary.requests.values())
    return {
        "schema_version": SCHEMA_VERSION,
        "run": summary.run or None,
        "kind": summary.kind,
        "parent": summary.parent or None,
        "exit_code": int(summary.exit_code),
        "stopped_by": summary.stopped_by or None,
        "sandbox": summary.sandbox,
        "counts": {status.value: summary.counts.get(status.value, 0) for status in Status},
        "rows": sum(summary.counts.values()),
        "skipped": {},
        "requests": {**summary.requests, "total": requests},
        "quota": {**summary.quota, "rate": summary.rate or None},
        "timings": {
            "started_at": summary.started_at or None,
            "finished_at": summary.finished_at or None,
            "seconds": round(seconds, 3),
            "requests_per_minute": round(requests * 60 / seconds, 2) if seconds else None,
        },
        "source": summary.source,
        "sheet": summary.sheet or None,
        "mapping": summary.mapping,
        "target": summary.target,
        "account": summary.account,
        "output": summary.output or None,
        "files": {},
        "problem_groups": [{"count": count, "cause": cause} for count, cause in summary.problem_groups],
        "problems": [],
        "notes": list(summary.notes),
        "next_steps": list(summary.next_steps),
        "plan": None,
        "told": None,
        "error": None,
    }


_NO_RUN = RunSummary(
    run="",
    kind="run",
    exit_code=0,
    stopped_by="",
    counts={},
    requests={},
    source="",
    sheet="",
    mapping="",
    target="",
    account="",
    started_at="",
    finished_at="",
    seconds=0.0,
)


def _first(problems: Sequence[Problem]) -> list[Json]:
    return [{**found._asdict(), "message": cut(found.message, MESSAGE_LIMIT)} for found in problems[:FIRST_PROBLEMS]]


def _one_line(found: Json) -> str:
    # In ASCII: on Windows output that goes to a file or a pipe is not UTF-8, as whoever reads JSON takes it to be.
    return json.dumps(found, default=str)


_TEXT: dict[str, Json] = {"type": "string"}
_TEXT_OR_NULL: dict[str, Json] = {"type": ["string", "null"]}
_COUNT: dict[str, Json] = {"type": "integer", "minimum": 0}
_COUNTS: dict[str, Json] = {"type": "object", "additionalProperties": _COUNT}
_TEXTS: dict[str, Json] = {"type": "array", "items": _TEXT}

_PROPERTIES: dict[str, Json] = {
    "schema_version": {"const": SCHEMA_VERSION},
    "run": {**_TEXT_OR_NULL, "description": "the run's id; null where no run came about"},
    "kind": {"enum": ["run", "check", "plan", "retry", "undo", None], "description": "null where no run came about"},
    "parent": {**_TEXT_OR_NULL, "description": "the run that was retried or undone"},
    "exit_code": {"type": "integer", "description": "as the process ends"},
    "stopped_by": {**_TEXT_OR_NULL, "description": "what ended the run early; null where it finished"},
    "sandbox": {"type": ["boolean", "null"], "description": "null where no run came about"},
    "counts": {**_COUNTS, "description": "rows by status"},
    "rows": {**_COUNT, "description": "rows in the source: the sum of the counts"},
    "skipped": {**_COUNTS, "description": "skipped rows by reason"},
    "requests": {**_COUNTS, "description": "requests by kind, and their total"},
    "quota": {"type": "object", "description": "what the API said last of its limit, and the allowed rate"},
    "timings": {
        "type": "object",
        "properties": {
            "started_at": {**_TEXT_OR_NULL, "description": "ISO 8601 with offset"},
            "finished_at": _TEXT_OR_NULL,
            "seconds": {"type": "number", "minimum": 0},
            "requests_per_minute": {"type": ["number", "null"]},
        },
    },
    "source": _TEXT,
    "sheet": _TEXT_OR_NULL,
    "mapping": _TEXT,
    "target": _TEXT,
    "account": _TEXT,
    "output": {**_TEXT_OR_NULL, "description": "the results file, where it came to lie"},
    "files": {"type": "object", "additionalProperties": _TEXT},
    "problem_groups": {
        "type": "array",
        "items": {"type": "object", "properties": {"count": _COUNT, "cause": _TEXT}},
    },
    "problems": {
        "type": "array",
        "maxItems": FIRST_PROBLEMS,
        "items": {"type": "object", "required": list(Problem._fields)},
    },
    "notes": _TEXTS,
    "next_steps": _TEXTS,
    "plan": {
        "type": ["object", "null"],
        "description": "what would be sent; null where nothing was planned, or where it was sent",
        "required": ["rows", "counts", "changes", "cells", "first_differences", "requests", "finish_at", "findings"],
    },
    "told": {"type": ["object", "null"], "description": "what a command that makes no run was asked for"},
    "error": {
        "type": ["object", "null"],
        "properties": {"message": _TEXT, "hint": _TEXT},
        "description": "why a command ended without a run",
    },
}
SUMMARY_SCHEMA: Mapping[str, Json] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "bulk_sync summary",
    "type": "object",
    "required": list(_PROPERTIES),
    "properties": _PROPERTIES,
    "additionalProperties": False,
}
"""JSON Schema of the object."""
