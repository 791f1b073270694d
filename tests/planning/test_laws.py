"""Laws of planning, against a small CRM that spells its answers in every way the API may."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_sync.planning.differ import DiffRules, diff
from bulk_sync.planning.ledger import LedgerEntry, record_accepted
from bulk_sync.planning.undo import DoneChange, UndoRules, plan_undo
from bulk_sync.planning.values import is_object, same_value
from bulk_sync.records import Json, Status

VECTORS = Path(__file__).parents[2].parent / "shared" / "cases" / "specs" / "rfc7396" / "index.json"

texts = st.text(alphabet="aB é\u00a0", max_size=4)
customs = texts | st.none() | st.integers(-2, 2) | st.just(1.0) | st.booleans() | st.lists(texts, max_size=2)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "phone": texts,
        "email": texts | st.none(),
        "jobTitle": texts,
        "taxNumber": texts | st.none(),
        "billingAddress": st.dictionaries(st.sampled_from(["city", "country"]), texts, min_size=1),
        "cf_a": customs,
        "cf_b": customs,
    },
)
worlds = st.fixed_dictionaries(
    {"prefix": st.booleans(), "nothing": st.sampled_from(["null", "empty", "absent"]), "trims": st.booleans()}
)
relaxed = settings(max_examples=60)


class Crm(Protocol):
    """What the fixture makes: see conftest."""

    stored: dict[str, dict[str, Json]]

    def patch(self, record_id: str, payload: Mapping[str, Json]) -> dict[str, Json]: ...

    def get(self, record_id: str) -> dict[str, Json]: ...


MakeCrm: TypeAlias = Callable[..., Crm]


def apply(
    crm: Crm, payload: Mapping[str, Json], rules: DiffRules, ledger: LedgerEntry | None
) -> tuple[DoneChange, LedgerEntry | None]:
    """Plan and send one change; return it as a journal has it, and the ledger after it."""
    before = crm.get("clt_1")
    change = diff(payload, before, rules=rules, ledger=ledger, now=0)
    if not change.send:
        return DoneChange("clt_1", {}, {}, Status.UNCHANGED, None), ledger
    answer = crm.patch("clt_1", change.send)
    entry = record_accepted(ledger, sent=change.send, answer=answer, at=0, readable=rules.readable, before=before)
    return DoneChange("clt_1", change.send, change.old, Status.UPDATED, answer), entry


def empty_again(value: Json) -> bool:
    """Whether a server that trims stores nothing for a value that is something."""
    return isinstance(value, str) and bool(value) and not value.strip()


@relaxed
@given(st.lists(payloads, min_size=1, max_size=3), worlds)
def test_planning_what_was_just_applied_gives_only_unchanged(
    fake_crm: MakeCrm, rules: DiffRules, wanted: list[dict[str, Json]], world: dict[str, Json]
) -> None:
    """Whatever the server's spelling, and for fields that it never shows: nothing is sent twice.

    Left out are texts that a trimming server stores as nothing: those are no value stored, and sent again.
    """
    crm = fake_crm(**world)
    ledger: LedgerEntry | None = None
    for payload in wanted:
        clean = {field: value for field, value in payload.items() if not empty_again(value)}
        _, ledger = apply(crm, clean, rules, ledger)
        again = diff(clean, crm.get("clt_1"), rules=rules, ledger=ledger, now=0)
        assert (again.send, again.held_back) == ({}, ())
        assert set(again.unchanged) == set(clean)


@relaxed
@given(payloads, payloads, worlds)
def test_undo_restores_and_a_second_undo_sends_nothing(
    fake_crm: MakeCrm, rules: DiffRules, first: dict[str, Json], second: dict[str, Json], world: dict[str, Json]
) -> None:
    """After undo every field that the run changed is as before, unless named as not restorable."""
    crm = fake_crm(**world)
    undoing = UndoRules(readable=rules.readable, nullable=rules.nullable, include_unverified=True)
    _, ledger = apply(crm, first, rules, None)
    before = dict(crm.stored.get("clt_1", {}))
    change, ledger = apply(crm, second, rules, ledger)
    undo = plan_undo(change, crm.get("clt_1"), rules=undoing, ledger=ledger)
    if undo.send:
        present = crm.get("clt_1")
        answer = crm.patch("clt_1", undo.send)
        ledger = record_accepted(ledger, sent=undo.send, answer=answer, at=0, readable=rules.readable, before=present)
    after = crm.stored.get("clt_1", {})
    assert undo.kept == ()
    for field in (before.keys() | after.keys()) - undo.not_restorable.keys():
        assert same_value(before.get(field), after.get(field)), field
    assert plan_undo(change, crm.get("clt_1"), rules=undoing, ledger=ledger).send == {}


@relaxed
@given(payloads, payloads, worlds)
def test_undoing_an_undo_brings_the_change_back(
    fake_crm: MakeCrm, rules: DiffRules, first: dict[str, Json], second: dict[str, Json], world: dict[str, Json]
) -> None:
    """The undo is a change like any other, with old values of its own."""
    crm = fake_crm(**world)
    undoing = UndoRules(readable=rules.readable, nullable=rules.nullable)
    _, ledger = apply(crm, first, rules, None)
    change, ledger = apply(crm, second, rules, ledger)
    changed = dict(crm.stored.get("clt_1", {}))
    undo = plan_undo(change, crm.get("clt_1"), rules=undoing, ledger=ledger)
    answer = crm.patch("clt_1", undo.send)
    back = plan_undo(
        DoneChange("clt_1", undo.send, undo.old, Status.UPDATED, answer), answer, rules=undoing, ledger=ledger
    )
    crm.patch("clt_1", back.send)
    after = crm.stored["clt_1"]
    for field in undo.send.keys() - back.not_restorable.keys():
        assert same_value(changed.get(field), after.get(field)), field


def merge_patch(target: Json, patch: Json) -> Json:
    """Apply a merge patch as RFC 7396, section 2, defines it."""
    if not is_object(patch):
        return patch
    merged = dict(target) if is_object(target) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


@pytest.mark.skipif(not VECTORS.exists(), reason="the public cases are not here")
def test_sending_only_what_differs_does_the_same_as_sending_all(rules: DiffRules) -> None:
    """For each vector of RFC 7396 with objects: the smaller patch leads to the same record as the whole."""
    tried = 0
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        original, patch, expected = vector["original"], vector["patch"], vector["result"]
        assert merge_patch(original, patch) == expected
        if is_object(original) and is_object(patch):
            every_field = replace(rules, readable=frozenset({*original, *patch}))
            send = diff(patch, original, rules=every_field, now=0).send
            assert same_value(merge_patch(original, send), expected)
            assert diff(patch, expected, rules=every_field, now=0).send == {}
            tried += 1
    assert tried == 10
