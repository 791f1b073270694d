"""What this tool last got accepted for a client, and when that is still to be believed.

The ledger answers for the fields that no answer shows, and for values that the server stores in its own
spelling. Pure: an entry goes in, an entry comes out; the state package keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import blake2b
from json.encoder import encode_basestring_ascii
from typing import NamedTuple

from bulk_sync.planning.values import (
    CUSTOM_FIELDS,
    CUSTOM_PREFIX,
    is_custom,
    is_empty,
    is_list,
    is_object,
    readable_in,
    shown_value,
)
from bulk_sync.records import Json


class LedgerValue(NamedTuple):
    """One field as it was last accepted: what was sent, what the answer showed, Unix time of the answer.

    ``shown`` is False where the answer did not show the field; ``answered`` is then None.
    """

    sent: Json
    answered: Json
    shown: bool
    at: float

    @property
    def stored(self) -> Json:
        """What the record held after that answer, as far as known."""
        return self.answered if self.shown else self.sent

    @property
    def dropped(self) -> bool:
        """Whether the server accepted the value and stored nothing, so that it is worth sending again."""
        return self.shown and is_empty(self.answered) and not is_empty(self.sent)


class LedgerEntry(NamedTuple):
    """What is remembered of one client in one account.

    ``values`` by top-level payload name; ``fingerprint`` of the readable fields as our last answer showed
    them (see :func:`fingerprint`). ``at`` is the Unix time at which the last change ended that was, or may have been,
    applied.
    """

    values: Mapping[str, LedgerValue]
    fingerprint: Mapping[str, str]
    at: float

    def to_json(self) -> dict[str, Json]:
        """Return the entry as plain JSON values."""
        return {
            "values": {field: list(value) for field, value in self.values.items()},
            "fingerprint": dict(self.fingerprint),
            "at": self.at,
        }

    @classmethod
    def from_json(cls, stored: Json, *, readable: Collection[str]) -> LedgerEntry:
        """Return the entry that :meth:`to_json` or :func:`first_accepted` gave; ValueError where it is not one."""
        if not is_object(stored):
            raise ValueError("a ledger entry is an object")
        match stored:
            case {"sent": dict() as sent, "answer": dict() as answer, "at": int() | float() as at}:
                return record_accepted(None, sent=sent, answer=answer, at=float(at), readable=readable)
        values, marks = stored.get("values"), stored.get("fingerprint")
        if not (is_object(values) and is_object(marks)):
            raise ValueError("a ledger entry has values and a fingerprint")
        found = {field: _ledger_value(field, parts) for field, parts in values.items()}
        said = stored.get("at")  # an entry of an earlier version has none
        at = float(said) if isinstance(said, int | float) else max((value.at for value in found.values()), default=0.0)
        return cls(found, {field: str(mark) for field, mark in marks.items()}, at)


def first_accepted(sent: str, answer: str, at: float) -> str:
    """Return the JSON of a client's first entry, told what was sent and answered as JSON.

    It is worked out when it is read: a run ends with an entry for each of its rows, and few are ever asked for.
    """
    return f'{{"sent":{sent},"answer":{answer},"at":{at!r}}}'


def _ledger_value(field: str, parts: Json) -> LedgerValue:
    match parts:
        case [sent, answered, bool() as shown, int() | float() as at]:
            return LedgerValue(sent, answered, shown, float(at))
    raise ValueError(f"ledger value of {field}: expected sent, answered, shown, time")


def fingerprint(record: Mapping[str, Json], *, readable: Collection[str]) -> dict[str, str]:
    """Return a short digest of each readable and custom field that has a value.

    What :func:`values.same_value` takes for one value has one digest. An answer that shows custom fields is
    marked with ``customFields``, so that one that does not can be told from one that has none. Other fields
    (ids, times, figures the server keeps) are left out: they change without anybody's hand.
    """
    marks = {field: digest(record[field]) for field in readable if not is_empty(record.get(field))}
    customs, shown = custom_values(record)
    marks.update((field, digest(value)) for field, value in customs.items() if not is_empty(value))
    if shown:
        marks[CUSTOM_FIELDS] = ""
    return marks


def custom_values(record: Mapping[str, Json]) -> tuple[dict[str, Json], bool]:
    """Return a record's custom fields by their name with prefix, and whether the answer shows any at all."""
    nested = record.get(CUSTOM_FIELDS)
    found: dict[str, Json] = {}
    if is_object(nested):
        found = {name if is_custom(name) else CUSTOM_PREFIX + name: value for name, value in nested.items()}
    found.update((name, value) for name, value in record.items() if is_custom(name))
    return found, CUSTOM_FIELDS in record or bool(found)


def digest(value: Json) -> str:
    """Return a short digest that is one for values that are one."""
    # Most values are texts, and json.dumps with options takes ten times as long for one: it makes an encoder anew.
    text = encode_basestring_ascii(value) if type(value) is str and value else _encode(_canonical(value))
    return blake2b(text.encode(), digest_size=8).hexdigest()


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _canonical(value: Json) -> Json:
    """Spell a value in one way: no nothings in objects, whole floats as integers."""
    if is_empty(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_object(value):
        return {name: _canonical(part) for name, part in value.items() if not is_empty(part)}
    if is_list(value):
        return [_canonical(part) for part in value]
    return value


def left_alone(entry: LedgerEntry, record: Mapping[str, Json], *, readable: Collection[str]) -> bool:
    """Whether the client's readable fields are as our last answer left them.

    Compared are the fields that both that answer and this record show.
    """
    return _same_marks(entry.fingerprint, fingerprint(record, readable=readable), leaving_out=())


def _same_marks(ours: Mapping[str, str], theirs: Mapping[str, str], *, leaving_out: Collection[str]) -> bool:
    customs = CUSTOM_FIELDS in ours and CUSTOM_FIELDS in theirs
    return all(
        ours.get(field) == theirs.get(field)
        for field in (ours.keys() | theirs.keys()) - {CUSTOM_FIELDS}
        if field not in leaving_out and (customs or not is_custom(field))
    )


def record_accepted(
    entry: LedgerEntry | None,
    *,
    sent: Mapping[str, Json],
    answer: Mapping[str, Json],
    at: float,
    readable: Collection[str],
    before: Mapping[str, Json] | None = None,
) -> LedgerEntry:
    """Return the entry after the API accepted ``sent`` and answered with the client.

    ``before`` is the record as it was read before sending. Values that no answer shows are kept only if nobody
    touched the client between our last answer and this one: told by ``before``, or, for a blind run, by the
    fields of ``answer`` that were not sent now. Otherwise the new fingerprint would vouch for them wrongly.
    """
    marks = fingerprint(answer, readable=readable)
    values: dict[str, LedgerValue] = {}
    if entry is not None:
        if before is not None:
            alone = left_alone(entry, before, readable=readable)
        else:
            alone = _same_marks(entry.fingerprint, marks, leaving_out=sent.keys())
        values = {field: value for field, value in entry.values.items() if alone or value.shown}
    for field, value in sent.items():
        shown, answered = shown_value(answer, field, readable=readable_in(answer, readable))
        values[field] = LedgerValue(value, answered, shown, at)
    return LedgerEntry(values, marks, at)


def record_doubtful(entry: LedgerEntry | None, *, sent: Collection[str], at: float) -> LedgerEntry:
    """Return the entry after a change that may have been applied: the fields ``sent`` are not known any more."""
    if entry is None:
        return LedgerEntry({}, {}, at)
    values = {field: value for field, value in entry.values.items() if field not in sent}
    return LedgerEntry(values, entry.fingerprint, at)


def without_older(entry: LedgerEntry, *, sent: Collection[str], at: float) -> LedgerEntry:
    """Return an entry that stands although a change of the fields ``sent`` was accepted ``at`` by another run.

    What it has of these fields from before that is no longer what the record holds.
    """
    values = {field: value for field, value in entry.values.items() if field not in sent or value.at >= at}
    return entry._replace(values=values)
