"""What a reply means: a table from status code or kind of fault to a verdict. Pure.

The table is data (:data:`TABLE`), so that the README shows it and a test compares the two. Its one principle:
what may have been applied is never called failed or not sent. A request that left and got no definite answer
may have been applied, whatever else is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from bulk_sync.records import Reply, Request
from bulk_sync.sending.answers import is_answer, names_unknown_field, other_client


class Fault(StrEnum):
    """Why no answer came, or none that can be used; ``Reply.fault``."""

    NAME = "name"
    """The host's name cannot be looked up. Nothing left."""
    CERTIFICATE = "certificate"
    """The certificate is untrusted, expired or of another host. Nothing left."""
    CONNECT = "connect"
    """No connection: refused, unreachable, or not within the time for it. Nothing left."""
    TLS = "tls"
    """The TLS handshake failed for another reason than the certificate. Nothing left."""
    TIMEOUT = "timeout"
    """No whole answer within the deadline."""
    BROKEN = "broken"
    """The connection was reset or closed, or what came was not HTTP."""
    TOO_LARGE = "too_large"
    """The answer is larger than the limit for a body."""
    UNSENDABLE = "unsendable"
    """The id or the payload cannot be put into a request. Nothing left."""
    STOPPED = "stopped"
    """The run was stopped between the intent and the request. Nothing left."""


class Verdict(StrEnum):
    """What to do about a reply. The journal keeps these words."""

    DONE = "done"
    """The API's word for it: the answer is what was asked for."""
    AGAIN = "again"
    """Try again; this attempt was certainly not applied."""
    AGAIN_IN_DOUBT = "again_in_doubt"
    """Try again; this attempt may have been applied. With the attempts used up the row is ``in_doubt``."""
    FAILED = "failed"
    """Refused for good, by this very answer."""
    IN_DOUBT = "in_doubt"
    """Not to be tried again, and it may have been applied."""
    STOP = "stop"
    """Stop the run; this attempt was certainly not applied."""


class Trouble(StrEnum):
    """What a reply says about the server as a whole, for the breaker."""

    NONE = "none"
    """The server does its work; this row may still be wrong."""
    OUTAGE = "outage"
    """One of a kind that comes in streaks when a server is down."""
    QUOTA = "quota"
    """The quota is used up: the gate knows for how long."""
    SYSTEMIC = "systemic"
    """Every row would get this: no permission, a field that does not exist, another address."""
    KEY = "key"
    """The key is not taken."""
    MIXED_UP = "mixed_up"
    """It answers about another record: a mix-up on the way, or, if it goes on, what it takes the id for."""
    TARGET = "target"
    """Not the server that was meant; at first contact the end of the run, later an outage."""


TRIED_AGAIN = frozenset({Verdict.AGAIN, Verdict.AGAIN_IN_DOUBT})
"""The verdicts after which the request is sent again."""
MAYBE_APPLIED = frozenset({Verdict.AGAIN_IN_DOUBT, Verdict.IN_DOUBT})
"""The verdicts of an attempt that leaves its row in doubt."""
UNREACHED = frozenset({Trouble.OUTAGE, Trouble.TARGET})
"""The troubles in which the API itself gave no answer."""


class Ruling(NamedTuple):
    """A verdict with its consequences. ``counts``: it uses up one of the row's attempts."""

    verdict: Verdict
    trouble: Trouble = Trouble.NONE
    counts: bool = True


class Rule(NamedTuple):
    """A line of the table: ``when`` in words, and for the look-up status codes or faults."""

    when: str
    ruling: Ruling
    because: str
    statuses: tuple[int, ...] = ()
    faults: tuple[Fault, ...] = ()


_AGAIN = Ruling(Verdict.AGAIN_IN_DOUBT, Trouble.OUTAGE)
_NEVER_LEFT = Ruling(Verdict.AGAIN, Trouble.OUTAGE, counts=False)
_WRONG_TARGET = Ruling(Verdict.AGAIN, Trouble.TARGET, counts=False)
_UNSENT = Ruling(Verdict.FAILED, counts=False)
_MIXED_UP = Ruling(Verdict.AGAIN, Trouble.MIXED_UP)
_DONE = Ruling(Verdict.DONE)
_FAILED = Ruling(Verdict.FAILED)
_SYSTEMIC = Ruling(Verdict.FAILED, Trouble.SYSTEMIC)

TABLE = (
    Rule("2xx with the client that was asked for", _DONE, "the API's word for it", tuple(range(200, 300))),
    Rule("2xx without that client", _AGAIN, "a gateway may have answered, before or after the API"),
    Rule(
        "2xx with another client, to a GET",
        _MIXED_UP,
        "somebody mixed it up, or the API takes CLT_1 for clt_1: the third time it is believed, and nothing is sent",
    ),
    Rule(
        "3xx but 303",
        _SYSTEMIC,
        "redirects are never followed, the key goes to one origin; the base URL is wrong",
        tuple(status for status in range(300, 400) if status != 303),
    ),
    Rule(
        "303",
        Ruling(Verdict.IN_DOUBT, Trouble.SYSTEMIC),
        "says that the result is to be seen elsewhere: it may have been applied",
        (303,),
    ),
    Rule("401", Ruling(Verdict.STOP, Trouble.KEY, counts=False), "the key is not taken; no outcome of the row", (401,)),
    Rule("403", _SYSTEMIC, "no permission: on the first rows it stops the run, later it is the row's", (403,)),
    Rule(
        "408, 425",
        _AGAIN,
        "the server did not wait for the request, or not want it yet",
        (408, 425),
    ),
    Rule("429", Ruling(Verdict.AGAIN, Trouble.QUOTA, counts=False), "waited out by all; uses up no attempt", (429,)),
    Rule(
        "4xx that names an unknown field",
        _SYSTEMIC,
        "every row would get it: on the first rows it stops the run",
    ),
    Rule(
        "any other 4xx",
        _FAILED,
        "a definite refusal: the same request gets the same answer",
        tuple(status for status in range(400, 500) if status not in {401, 403, 408, 425, 429}),
    ),
    Rule("5xx", _AGAIN, "the API may have applied it before it failed", tuple(range(500, 600))),
    Rule("any other status", _AGAIN, "no HTTP that anyone defined"),
    Rule(
        "the name is unknown, or the certificate is untrusted, expired or of another host",
        _WRONG_TARGET,
        "nothing left; at first contact it ends the run with exit code 2",
        faults=(Fault.NAME, Fault.CERTIFICATE),
    ),
    Rule(
        "no connection, or no TLS",
        _NEVER_LEFT,
        "nothing left: the breaker's affair",
        faults=(Fault.CONNECT, Fault.TLS),
    ),
    Rule(
        "no whole answer within the deadline, or the connection broke",
        _AGAIN,
        "the answer may have been lost after the API applied it",
        faults=(Fault.TIMEOUT, Fault.BROKEN),
    ),
    Rule(
        "a larger answer than is read",
        _AGAIN,
        "with a 2xx or no status; another status counts as itself",
        faults=(Fault.TOO_LARGE,),
    ),
    Rule(
        "an id or a payload that no request can carry",
        _UNSENT,
        "nothing left; the row is invalid",
        faults=(Fault.UNSENDABLE,),
    ),
    Rule(
        "stopped before it left",
        Ruling(Verdict.AGAIN, counts=False),
        "nothing left; the row is not sent",
        faults=(Fault.STOPPED,),
    ),
)
"""Every status code and every kind of fault, in words and for the look-up."""

_BY_STATUS = {status: rule.ruling for rule in TABLE for status in rule.statuses}
_BY_FAULT = {str(fault): rule.ruling for rule in TABLE for fault in rule.faults}


def rule(request: Request, reply: Reply) -> Ruling:
    """Return the ruling for one reply.

    A status that came counts as itself even where the rest of the answer was lost: only a 2xx needs its body.
    Reading has no doubt, but follows the same table.
    """
    status = reply.http_status
    if status is None:
        return _BY_FAULT.get(reply.fault, _AGAIN)
    ruling = _BY_STATUS.get(status, _AGAIN)
    if ruling is _DONE:
        return _of_success(request, reply)
    if ruling is _FAILED and names_unknown_field(reply):
        return _SYSTEMIC
    return ruling


def _of_success(request: Request, reply: Reply) -> Ruling:
    if reply.fault:
        return _AGAIN
    if is_answer(request, reply.body):
        return _DONE
    return _MIXED_UP if request.kind == "get" and other_client(reply.body, request.record_id) else _AGAIN


_WORDS = {
    Verdict.DONE: "done",
    Verdict.AGAIN: "again",
    Verdict.AGAIN_IN_DOUBT: "again, then in doubt",
    Verdict.FAILED: "failed",
    Verdict.IN_DOUBT: "in doubt",
    Verdict.STOP: "stop the run",
}


def verdict_table() -> Iterator[tuple[str, str, str, str]]:
    """Yield the table's lines for the README: what came, verdict, whether it uses up an attempt, why."""
    for line in TABLE:
        ruling = line.ruling
        yield line.when, _WORDS[ruling.verdict], "yes" if ruling.counts else "no", line.because
