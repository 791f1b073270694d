"""The lines of ``--log-format json``: one object an event, with stable names.

At the default level no line has a value of a cell or a record: figures and codes stand in fields of their own, and what
is said in words is masked.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

EVENTS = {
    "phase": "a stage of work begins: `phase`, `total`",
    "progress": "every ten seconds: `phase`, `done`, `total`",
    "plan": "the plan is made: `run`, `counts`, `changes`, `requests`",
    "opened": "the first `canaries` changes are verified, the rest goes out",
    "settled": "a change has ended: `change`, `status`, `code`, `http_status`, `attempts`",
    "paused": "the server seems to be out: `reason`, `seconds` until the next try",
    "resumed": "the server is back after `seconds`",
    "request": "with --verbose, a request came back: `kind`, `http_status`, `fault`, `verdict`, `seconds`",
    "note": "something is said: `text`",
    "warning": "something deserves attention: `text`",
    "ended": "the command has ended: `run`, `kind`, `exit_code`, `stopped_by`, `counts`, `requests`, `seconds`",
    "error": "the command was refused or stopped: `kind`, `exit_code`, `text`, `hint`",
}
"""Event → what it tells. Names are added, never renamed or removed."""

_MASK = "…"
_QUOTED = re.compile(r""""[^"]*"|'[^']*'|“[^”]*”|«[^»]*»""")
_ADDRESS = re.compile(r"[^\s,;:()]+@[^\s,;:()]+")
_NUMBER = re.compile(r"(?<![\w/-])\+?\d(?:[\s().-]?\d){6,}(?![\w/-])")


def masked(text: str) -> str:
    """Return a text without what may be somebody's: quoted parts, addresses, long numbers.

    >>> masked('F7: "05 12" is no phone; jane@x.example; run 20261122-022929-5a0c')
    'F7: … is no phone; …; run 20261122-022929-5a0c'
    >>> masked("call +971 50 123 4567")
    'call …'
    """
    for pattern in (_QUOTED, _ADDRESS, _NUMBER):
        text = pattern.sub(_MASK, text)
    return text


def event_line(event: str, /, **values: object) -> str:
    """Return one event as a line of JSON, with the moment at which it is made."""
    stamp = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    return json.dumps({"time": stamp, "event": event, **values}, default=str)
