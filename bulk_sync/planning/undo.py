"""What of an earlier change can be put back: only what the run changed, and only where its value still stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bulk_sync.planning import codes
from bulk_sync.planning.ledger import LedgerEntry
from bulk_sync.planning.values import is_custom, is_empty, readable_in, same_value, shown_value
from bulk_sync.records import Json, Status

APPLIED = frozenset({Status.UPDATED, Status.DIFFERS, Status.IN_DOUBT})
"""Statuses of changes that were, or may have been, applied."""


class DoneChange(NamedTuple):
    """A change of the run that is undone, as its journal has it.

    ``old`` lacks the fields whose old value was never known; ``answer`` is the client as the API answered, None
    where it did not. ``status`` None: the change never ended (a crash), so it may have been applied.
    """

    record_id: str
    payload: Mapping[str, Json]
    old: Mapping[str, Json]
    status: Status | None
    answer: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRules:
    """What holds for the whole undo.

    ``nullable``: plain fields that null clears (custom fields always are); ``empty_text``: fields that the
    mapping clears with ``""``; ``include_unverified``: put back what no answer shows, too; ``only_fields``: top
    level names to limit the undo to, None for all.
    """

    readable: frozenset[str]
    nullable: frozenset[str]
    empty_text: frozenset[str] = frozenset()
    include_unverified: bool = False
    only_fields: frozenset[str] | None = None


class Undo(NamedTuple):
    """What to put back, and what stays.

    ``send`` with ``old`` (the values that are replaced by it, for undoing the undo) is the change; ``kept`` were
    changed by someone since; ``not_restorable`` by field with the reason; ``nothing`` are back already.
    """

    send: dict[str, Json]
    old: dict[str, Json]
    kept: tuple[str, ...] = ()
    not_restorable: Mapping[str, str] = {}
    nothing: tuple[str, ...] = ()
    gone: bool = False

    def idle_outcome(self) -> tuple[Status, str, str]:
        """Return status, code and message where nothing is sent."""
        if self.gone:
            return Status.SKIPPED, codes.CLIENT_GONE, "the client no longer exists"
        if self.kept:
            return Status.SKIPPED, codes.CHANGED_SINCE, self.remark()
        if self.not_restorable:
            return Status.SKIPPED, codes.NOT_RESTORABLE, self.remark()
        return Status.UNCHANGED, codes.NOTHING_TO_UNDO, "the record has its old values"

    def remark(self) -> str:
        """Say what is not put back, beside what is; '' where everything is."""
        parts = [f"kept, as changed since: {', '.join(self.kept)}"] if self.kept else []
        parts += [f"{field} not restored: {why}" for field, why in self.not_restorable.items()]
        return "; ".join(parts)


_UNKNOWN = "its old value is not known"
_UNVERIFIED = "no answer shows it; --include-unverified puts it back"
_NOT_CLEARABLE = "it was empty, and the API does not document a way to clear it"

_Verdict = Literal["restore", "kept", "nothing", "unknown", "unverified"]


def plan_undo(
    done: DoneChange,
    record: Mapping[str, Json] | None,
    *,
    rules: UndoRules,
    ledger: LedgerEntry | None = None,
) -> Undo:
    """Plan to undo one change, given the client as it is now (None: it is gone)."""
    if done.status is not None and done.status not in APPLIED:
        return Undo({}, {})
    if record is None:
        return Undo({}, {}, gone=True)
    send: dict[str, Json] = {}
    replaced: dict[str, Json] = {}
    kept: list[str] = []
    lost: dict[str, str] = {}
    nothing: list[str] = []
    for field in done.payload:
        if rules.only_fields is not None and field not in rules.only_fields:
            continue
        verdict, present = _verdict(field, done, record, rules, ledger)
        if verdict == "restore" and not _clearable(field, done.old[field], rules):
            lost[field] = _NOT_CLEARABLE
        elif verdict == "restore":
            send[field] = _as_sent(field, done.old[field], rules)
            replaced[field] = present
        elif verdict == "kept":
            kept.append(field)
        elif verdict == "nothing":
            nothing.append(field)
        else:
            lost[field] = _UNKNOWN if verdict == "unknown" else _UNVERIFIED
    return Undo(send, replaced, tuple(kept), lost, tuple(nothing))


def _verdict(
    field: str,
    done: DoneChange,
    record: Mapping[str, Json],
    rules: UndoRules,
    ledger: LedgerEntry | None,
) -> tuple[_Verdict, Json]:
    """Judge one field; with the value that restoring it would replace."""
    shown, present = shown_value(record, field, readable=rules.readable)
    left = done.payload[field]
    if shown:
        answer = done.answer or {}
        answered, stored = shown_value(answer, field, readable=readable_in(answer, rules.readable))
        left = stored if answered else left
    else:
        if not rules.include_unverified:
            return ("unverified" if field in done.old else "unknown"), None
        last = ledger.values.get(field) if ledger else None
        present = last.sent if last else left
    if field not in done.old:
        return "unknown", present
    if same_value(done.old[field], present):
        return "nothing", present
    return ("restore" if same_value(left, present) else "kept"), present


def _clearable(field: str, old: Json, rules: UndoRules) -> bool:
    if not is_empty(old) or is_custom(field):
        return True
    return field in rules.nullable or field in rules.empty_text


def _as_sent(field: str, old: Json, rules: UndoRules) -> Json:
    """Return an old value as the API takes it: nothing is null, or "" where the mapping says so."""
    if not is_empty(old):
        return old
    return "" if field in rules.empty_text else None
