"""From a reply and its ruling to how a change ended. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bulk_sync.records import Change, Json, Outcome, Reply, Status
from bulk_sync.sending.answers import client_of, read_error, redirect_target
from bulk_sync.sending.policy import Fault
from bulk_sync.sending.verify import compare, differs_message, unshown_message

_FAULT_WORDS = {
    Fault.NAME: "the host's name cannot be looked up",
    Fault.CERTIFICATE: "the server's certificate is not to be trusted",
    Fault.CONNECT: "no connection",
    Fault.TLS: "no TLS connection",
    Fault.TIMEOUT: "no whole answer in time",
    Fault.BROKEN: "the connection broke before the answer was whole",
    Fault.TOO_LARGE: "the answer was too large to be read",
    Fault.UNSENDABLE: "cannot be sent",
    Fault.STOPPED: "stopped before it was sent",
}


def accepted(change: Change, reply: Reply, attempts: int, readable: Collection[str]) -> Outcome:
    """Return the outcome of a 2xx with the client: ``updated``, or ``differs`` from what was sent."""
    record = client_of(reply.body, change.record_id)
    if record is None:
        raise ValueError("an accepted reply carries the client that was asked for")
    as_it_came = reply.body_json if record is reply.body else ""
    comparison = compare(change.payload, record, readable=readable)
    if comparison.differing:
        message = differs_message(comparison, change.payload, record)
        return Outcome(change.id, Status.DIFFERS, "differs", message, reply.http_status, attempts, record, as_it_came)
    message = unshown_message(comparison.unshown)
    return Outcome(change.id, Status.UPDATED, "", message, reply.http_status, attempts, record, as_it_came)


def refused(change: Change, reply: Reply, attempts: int) -> Outcome:
    """Return the outcome of a definite refusal: by the API ``failed``, by our own client ``invalid``."""
    code, message = describe(reply)
    status = Status.INVALID if reply.fault == Fault.UNSENDABLE else Status.FAILED
    return Outcome(change.id, status, code, message, reply.http_status, attempts)


def doubtful(change: Change, reply: Reply, attempts: int, why: str) -> Outcome:
    """Return ``in_doubt`` with the last reply's words and why it stayed so."""
    code, message = describe(reply)
    return Outcome(
        change.id, Status.IN_DOUBT, code, f"{message}; {why}" if why else message, reply.http_status, attempts
    )


def settled_by_reading(
    change: Change,
    last: Reply,
    read: Reply | None,
    attempts: int,
    *,
    old: Mapping[str, Json] | None,
    readable: Collection[str],
) -> Outcome:
    """Return what reading the record says about a change that may have been applied.

    ``old``: where the last reply is a definite refusal, the values before the change, as far as they are known.

    All that was sent is there: ``updated``. A definite refusal, and all that the record shows of it is as it was (or
    the record itself is not there): ``failed``. Everything else stays ``in_doubt``: another value may be what the API
    made of an earlier attempt's, and fields that no answer shows prove nothing.
    """
    # None counts where what left was the server's trouble: an outage, or a process that died.
    tries = f"after {attempts} attempt{'' if attempts == 1 else 's'}; " if attempts else ""
    if read is None:
        return doubtful(change, last, attempts, f"{tries}the record could not be read")
    if old is not None and last.http_status == read.http_status == 404:
        return refused(change, last, attempts)
    record = client_of(read.body, change.record_id) if read.http_status == 200 else None
    if record is None:
        return doubtful(change, last, attempts, f"{tries}reading the record: {describe(read)[1]}")
    comparison = compare(change.payload, record, readable=readable)
    if comparison.agrees:
        message = "no answer confirmed it, but the record, read afterwards, has all that was sent"
        return Outcome(change.id, Status.UPDATED, "", message, read.http_status, attempts, record)
    shown = change.payload.keys() - set(comparison.unshown)
    known = {name: value for name, value in (old or {}).items() if name in shown}
    if comparison.none_agrees and known.keys() == shown and compare(known, record, readable=readable).agrees:
        failed = refused(change, last, attempts)
        return failed._replace(message=f"{failed.message}; the record, read afterwards, is as it was before")
    if comparison.differing:
        why = f"{tries}the record, read afterwards, has other values in {', '.join(comparison.differing)}"
    else:
        why = f"{tries}no answer shows {', '.join(comparison.unshown)}"
    return doubtful(change, last, attempts, why)._replace(record=record)


def describe(reply: Reply, *, asked: str = "the client that was asked for") -> tuple[str, str]:
    """Return a reply's code and message for a row: the API's own words, or the fault's.

    ``asked`` is what a 2xx should have brought.
    """
    status = reply.http_status
    if status is None or (reply.fault and status < 300):
        words = _FAULT_WORDS.get(Fault(reply.fault), reply.fault) if reply.fault in set(Fault) else reply.fault
        return reply.fault, f"{words}: {reply.detail}" if reply.detail else words
    if 300 <= status < 400:
        return f"http_{status}", f"redirected to {redirect_target(reply)}; redirects are not followed"
    if 200 <= status < 300:
        return f"http_{status}", f"the answer is not {asked}"
    return read_error(reply)
