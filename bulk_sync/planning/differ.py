"""What of a payload is to be sent: only the fields that differ from the record, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Literal, NamedTuple, Protocol

from bulk_sync.planning import codes
from bulk_sync.planning.ledger import LedgerEntry, left_alone
from bulk_sync.planning.values import emptied, field_agrees, is_custom, is_empty, is_object, same_value, shown_value
from bulk_sync.records import Json, Status


class FieldPolicy(Protocol):
    """What the mapping says about one field."""

    @property
    def overwrite(self) -> Literal["always", "if_empty", "if_ours"]:
        """Whether a present value may be replaced."""
        ...

    @property
    def compare(self) -> Literal["exact", "loose"]:
        """Whether spacing and letter case make a difference."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRules:
    """What holds for every row of a run.

    ``readable``: plain fields that answers show; ``nullable``: plain fields that can be cleared (custom fields
    always can); ``policies``: by top-level payload name, a field without one is overwritten always and compared
    exactly; ``unit_parts``: the mapped parts of each unit, so that rows with blank ones can be counted;
    ``trust_seconds``: how long the ledger is believed, 0 for ``--trust-ledger no``.
    """

    readable: frozenset[str]
    nullable: frozenset[str]
    trust_seconds: float
    policies: Mapping[str, FieldPolicy] = dataclass_field(default_factory=dict)
    unit_parts: Mapping[str, frozenset[str]] = dataclass_field(default_factory=dict)
    guarded: frozenset[str] = dataclass_field(init=False)
    """The fields whose overwrite rule asks for the present value."""

    def __post_init__(self) -> None:
        """Derive the guarded fields."""
        guarded = frozenset(field for field, policy in self.policies.items() if policy.overwrite != "always")
        object.__setattr__(self, "guarded", guarded)

    def restorable(self, field: str, old: Json) -> bool:
        """Whether a known old value could be sent back: a field that was empty must be one that clears."""
        return not is_empty(old) or is_custom(field) or field in self.nullable


class Diff(NamedTuple):
    """What a payload would change. Every field of the payload is in exactly one of send, unchanged, held_back.

    Of the fields in ``send``: ``old`` has the old values that are known; ``not_restorable`` names those that undo
    could not put back; ``cleared`` those that are emptied; ``partial_units`` the units with a mapped part that is
    blank. Of the unchanged: ``rests_on_ledger`` are those that no answer shows, ``as_answered`` those that the
    server keeps in its own spelling.
    """

    send: Mapping[str, Json]
    old: Mapping[str, Json]
    not_restorable: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    partial_units: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    rests_on_ledger: tuple[str, ...] = ()
    as_answered: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()


class _Present(NamedTuple):
    """What is known of a field's present value; ``seen`` in the record itself, else from the ledger."""

    known: bool
    value: Json
    seen: bool


class _Agreement(NamedTuple):
    """How a record already has a value: told by the ledger, or in the spelling the server answered with."""

    on_ledger: bool
    as_answered: bool


_SEEN = _Agreement(on_ledger=False, as_answered=False)
_UNKNOWN = _Present(known=False, value=None, seen=False)


class _Comparison:
    """One row against one record; asks the ledger's fingerprint at most once."""

    __slots__ = ("_entry", "_left_alone", "_now", "_record", "_rules")

    def __init__(self, record: Mapping[str, Json], entry: LedgerEntry | None, rules: DiffRules, now: float) -> None:
        self._record = record
        self._entry = entry
        self._rules = rules
        self._now = now
        self._left_alone: bool | None = None

    def present(self, field: str) -> _Present:
        shown, value = shown_value(self._record, field, readable=self._rules.readable)
        if shown:
            return _Present(known=True, value=value, seen=True)
        if self._entry is None or not self._believed(field, self._entry, self._record):
            return _UNKNOWN
        return _Present(known=True, value=self._entry.values[field].stored, seen=False)

    def _believed(self, field: str, entry: LedgerEntry, record: Mapping[str, Json]) -> bool:
        value = entry.values.get(field)
        if value is None or self._rules.trust_seconds <= 0 or self._now - value.at > self._rules.trust_seconds:
            return False
        if self._left_alone is None:
            self._left_alone = left_alone(entry, record, readable=self._rules.readable)
        return self._left_alone

    def agreement(self, field: str, value: Json, present: _Present) -> _Agreement | None:
        """How the record already has the value, or None: it differs, or nothing is known."""
        if not present.known:
            return None
        if present.seen and isinstance(value, str) and value == present.value:
            return _SEEN
        policy = self._rules.policies.get(field)
        loose = policy is not None and policy.compare == "loose"
        if field_agrees(field, value, present.value, loose=loose):
            return _Agreement(on_ledger=not present.seen, as_answered=False)
        last = self._entry.values.get(field) if self._entry is not None else None
        if last is None or last.dropped:
            return None
        if same_value(value, last.sent) and same_value(last.stored, present.value):
            return _Agreement(on_ledger=not present.seen, as_answered=True)
        return None

    def held_back(self, field: str, present: _Present) -> bool:
        """Whether the field's overwrite rule keeps the record's value; what is unknown is kept, too."""
        policy = self._rules.policies.get(field)
        if policy is None or policy.overwrite == "always":
            return False
        if policy.overwrite == "if_empty":
            return not (present.known and is_empty(present.value))
        last = self._entry.values.get(field) if self._entry is not None else None
        return last is None or not present.known or not same_value(last.stored, present.value)


def diff(
    payload: Mapping[str, Json],
    record: Mapping[str, Json] | None,
    *,
    rules: DiffRules,
    ledger: LedgerEntry | None = None,
    now: float,
) -> Diff:
    """Compare a payload with its record.

    ``record`` is None in a blind run: everything is sent and every old value unknown, but a field whose
    overwrite rule asks for the present value is held back. ``now`` is Unix time.
    """
    if record is None:
        return _blind(payload, rules)
    comparison = _Comparison(record, ledger, rules, now)
    send: dict[str, Json] = {}
    old: dict[str, Json] = {}
    unchanged: dict[str, _Agreement] = {}
    held_back: list[str] = []
    for field, value in payload.items():
        present = comparison.present(field)
        if agreement := comparison.agreement(field, value, present):
            unchanged[field] = agreement
        elif comparison.held_back(field, present):
            held_back.append(field)
        else:
            send[field] = value
            if present.known and _has_parts(field, value, present):
                old[field] = present.value
    return Diff(
        send=send,
        old=old,
        not_restorable=tuple(field for field in send if field not in old or not rules.restorable(field, old[field])),
        cleared=emptied(send),
        partial_units=_partial_units(send, rules),
        unchanged=tuple(unchanged),
        rests_on_ledger=tuple(field for field, found in unchanged.items() if found.on_ledger),
        as_answered=tuple(field for field, found in unchanged.items() if found.as_answered),
        held_back=tuple(held_back),
    )


def _blind(payload: Mapping[str, Json], rules: DiffRules) -> Diff:
    """Return what a payload changes where nothing is known: the general way takes five times as long for it."""
    held_back: tuple[str, ...] = ()
    send = payload
    if not rules.guarded.isdisjoint(payload):
        held_back = tuple(field for field in payload if field in rules.guarded)
        send = {field: value for field, value in payload.items() if field not in rules.guarded}
    return Diff(
        send=send,
        old={},
        not_restorable=tuple(send),
        cleared=emptied(send),
        partial_units=_partial_units(send, rules),
        held_back=held_back,
    )


def _has_parts(field: str, value: Json, present: _Present) -> bool:
    """Whether an old value tells what each part of a unit was that is sent now.

    What this tool sent last is all that is known of a unit that no answer shows. A part that was not in it may have any
    value, which sending that again would not put back.
    """
    if present.seen or is_custom(field) or not (is_object(value) and is_object(present.value)):
        return True
    return present.value.keys() >= value.keys()


def _partial_units(send: Mapping[str, Json], rules: DiffRules) -> tuple[str, ...]:
    return tuple(
        [
            unit
            for unit, parts in rules.unit_parts.items()
            if (value := send.get(unit)) is not None and is_object(value) and not value.keys() >= parts
        ]
    )


def idle_outcome(change: Diff) -> tuple[Status, str, str]:
    """Return status, code and message of a row that sends nothing (``change.send`` is empty)."""
    if change.held_back:
        return Status.SKIPPED, codes.HELD_BACK, held_back_message(change.held_back)
    if not change.unchanged:
        return Status.UNCHANGED, "", "every mapped cell is blank and kept"
    parts = ["the record has these values"] if len(change.rests_on_ledger) < len(change.unchanged) else []
    if change.rests_on_ledger:
        parts.append(f"no answer shows {', '.join(change.rests_on_ledger)}: this tool last had them accepted so")
    if change.as_answered:
        parts.append(f"the server keeps its own spelling of {', '.join(change.as_answered)}")
    return Status.UNCHANGED, "", "; ".join(parts)


def held_back_message(fields: Iterable[str]) -> str:
    """Say which fields are kept as they are because of their overwrite rule."""
    return f"overwrite keeps the record's value of {', '.join(fields)}"
