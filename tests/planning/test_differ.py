"""What of a payload is sent: only what differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

import pytest

from bulk_sync.planning.differ import Diff, DiffRules, diff, idle_outcome
from bulk_sync.planning.ledger import LedgerEntry, LedgerValue, first_accepted, record_accepted
from bulk_sync.records import Json, Status

DAY = 86_400.0
ADDRESS: Json = {"city": "Dubai", "country": "AE"}


class Policy(NamedTuple):
    overwrite: Literal["always", "if_empty", "if_ours"] = "always"
    compare: Literal["exact", "loose"] = "exact"


def accepted(rules: DiffRules, sent: Mapping[str, Json], answer: Mapping[str, Json], at: float = 0) -> LedgerEntry:
    """Return the ledger after one accepted change."""
    return record_accepted(None, sent=sent, answer=answer, at=at, readable=rules.readable)


def test_only_fields_that_differ_are_sent(rules: DiffRules) -> None:
    """Equal fields stay out; the others go with their old values; clearing is named."""
    record: dict[str, Json] = {
        "id": "1",
        "name": "A",
        "phone": "+971 50",
        "email": "a@b.c",
        "customFields": {"tier": "Gold"},
    }
    payload = {"name": "A", "phone": "+97150", "email": None, "cf_tier": "Gold", "cf_new": "x"}
    assert diff(payload, record, rules=rules, now=0) == Diff(
        send={"phone": "+97150", "email": None, "cf_new": "x"},
        old={"phone": "+971 50", "email": "a@b.c", "cf_new": None},
        cleared=("email",),
        unchanged=("name", "cf_tier"),
    )


def test_what_cannot_be_put_back_is_named(rules: DiffRules) -> None:
    """Unknown old values, and empty ones of fields that the API cannot clear, could not be restored."""
    found = diff({"phone": "1", "website": "w", "jobTitle": "CEO"}, {"id": "1"}, rules=rules, now=0)
    assert found.old == {"phone": None, "website": None}
    assert found.not_restorable == ("phone", "jobTitle")


def test_a_blind_run_sends_everything(rules: DiffRules) -> None:
    """Without a record every value goes and no old value is known."""
    found = diff({"name": "A", "cf_x": 1}, None, rules=rules, now=0)
    assert (found.send, found.old, found.not_restorable) == ({"name": "A", "cf_x": 1}, {}, ("name", "cf_x"))


def test_loose_comparing_is_asked_for_by_field(rules: DiffRules) -> None:
    """Text is compared exactly unless the mapping says loose."""
    record = {"name": "al noor", "phone": "+971 50"}
    loose = replace(rules, policies={"name": Policy(compare="loose")})
    found = diff({"name": "AL  NOOR", "phone": "+97150"}, record, rules=loose, now=0)
    assert (tuple(found.send), found.unchanged) == (("phone",), ("name",))


def test_a_value_in_the_servers_spelling_is_not_sent_every_night(rules: DiffRules) -> None:
    """What was sent exactly so, and is held as it was answered, is unchanged; another value is not."""
    ledger = accepted(rules, {"name": "Al Noor "}, {"id": "1", "name": "Al Noor"})
    found = diff({"name": "Al Noor "}, {"name": "Al Noor"}, rules=rules, ledger=ledger, now=99 * DAY)
    assert (found.unchanged, found.as_answered, found.rests_on_ledger) == (("name",), ("name",), ())
    assert diff({"name": "Al Noor "}, {"name": "Other"}, rules=rules, ledger=ledger, now=0).send
    assert diff({"name": "Al Noor  "}, {"name": "Al Noor"}, rules=rules, ledger=ledger, now=0).send


def test_a_custom_field_that_the_server_drops_is_sent_again(rules: DiffRules) -> None:
    """Nothing stored is no spelling: the field is worth another try."""
    record: dict[str, Json] = {"id": "1", "customFields": {}}
    ledger = accepted(rules, {"cf_x": "Gold"}, record)
    assert diff({"cf_x": "Gold"}, record, rules=rules, ledger=ledger, now=0).send == {"cf_x": "Gold"}


def test_the_ledger_answers_for_what_no_answer_shows(rules: DiffRules) -> None:
    """For 30 days, as long as the readable fields are as our last answer left them, and unless told not to."""
    record: dict[str, Json] = {"id": "1", "name": "A", "updatedAt": "now", "customFields": {"n": 1}}
    sent: dict[str, Json] = {"jobTitle": "CEO", "billingAddress": ADDRESS}
    ledger = accepted(rules, sent, record)
    same = {**record, "updatedAt": "later", "email": None, "customFields": {"cf_n": 1.0}}
    found = diff(sent, same, rules=rules, ledger=ledger, now=30 * DAY)
    assert (found.send, found.rests_on_ledger) == ({}, ("jobTitle", "billingAddress"))
    touched = {**record, "name": "B"}
    unsure = diff(sent, touched, rules=rules, ledger=ledger, now=0)
    assert (unsure.send, unsure.old) == (sent, {})
    assert diff(sent, same, rules=rules, ledger=ledger, now=30 * DAY + 1).send == sent
    assert diff(sent, same, rules=replace(rules, trust_seconds=0), ledger=ledger, now=0).send == sent
    changed = diff({"jobTitle": "CFO"}, same, rules=rules, ledger=ledger, now=0)
    assert (changed.old, changed.not_restorable) == ({"jobTitle": "CEO"}, ())


def test_an_answer_without_custom_fields_neither_confirms_nor_denies_them(rules: DiffRules) -> None:
    """A list page that shows no custom fields does not shake the ledger, which then answers for them, too."""
    ledger = accepted(rules, {"cf_x": "Gold", "jobTitle": "CEO"}, {"name": "A", "customFields": {"cf_x": "Gold"}})
    found = diff({"cf_x": "Gold", "jobTitle": "CEO"}, {"name": "A"}, rules=rules, ledger=ledger, now=0)
    assert found.rests_on_ledger == ("cf_x", "jobTitle")


def test_a_unit_counts_as_one_field(rules: DiffRules) -> None:
    """One other part sends the whole unit; a part that is blank in the row says nothing; such rows are counted."""
    mapped = replace(rules, unit_parts={"billingAddress": frozenset({"city", "country"})})
    ledger = accepted(mapped, {"billingAddress": ADDRESS}, {"id": "1"})
    moved = {"billingAddress": {"city": "Doha"}}
    found = diff(moved, {"id": "1"}, rules=mapped, ledger=ledger, now=0)
    assert (found.send, found.old, found.partial_units) == (moved, {"billingAddress": ADDRESS}, ("billingAddress",))
    part = {"billingAddress": {"city": "Dubai"}}
    assert diff(part, {"id": "1"}, rules=mapped, ledger=ledger, now=0).unchanged == ("billingAddress",)


def test_a_part_that_was_never_sent_has_no_known_old_value(rules: DiffRules) -> None:
    """The ledger tells of the parts that this tool sent; another may have any value, and the API may have kept it."""
    ledger = accepted(rules, {"billingAddress": {"city": "Dubai"}}, {"id": "1"})
    more: tuple[dict[str, Json], ...] = ({"city": "Doha", "country": "QA"}, {"country": "AE"})
    for sent in more:
        found = diff({"billingAddress": sent}, {"id": "1"}, rules=rules, ledger=ledger, now=0)
        assert (found.old, found.not_restorable) == ({}, ("billingAddress",))
    seen: dict[str, Json] = {"id": "1", "billingAddress": {"city": "Dubai"}}
    found = diff({"billingAddress": {"country": "AE"}}, seen, rules=rules, ledger=ledger, now=0)
    assert (found.old, found.not_restorable) == ({"billingAddress": {"city": "Dubai"}}, ())


@pytest.mark.parametrize(
    ("overwrite", "present", "ledger", "sends"),
    [
        ("if_empty", "", None, True),
        ("if_empty", "old", None, False),
        ("if_ours", "old", None, False),
        ("if_ours", "", None, False),
        ("if_ours", "ours", "ours", True),
        ("if_ours", "theirs", "ours", False),
    ],
)
def test_overwrite_rules(
    rules: DiffRules, overwrite: Literal["if_empty", "if_ours"], present: str, ledger: str | None, sends: bool
) -> None:
    """if_empty fills only what is empty; if_ours replaces only what this tool last wrote."""
    held = replace(rules, policies={"name": Policy(overwrite)})
    entry = accepted(rules, {"name": ledger}, {"name": ledger}) if ledger else None
    found = diff({"name": "new"}, {"name": present}, rules=held, ledger=entry, now=0)
    assert (bool(found.send), found.held_back) == ((True, ()) if sends else (False, ("name",)))


def test_what_is_unknown_is_held_back_too(rules: DiffRules) -> None:
    """if_empty and if_ours send nothing where the present value is not known: blind, or never shown."""
    held = replace(rules, policies={"name": Policy("if_empty"), "jobTitle": Policy("if_empty")})
    assert diff({"name": "A"}, None, rules=held, now=0).held_back == ("name",)
    assert diff({"jobTitle": "A"}, {"id": "1"}, rules=held, now=0).held_back == ("jobTitle",)


def test_why_nothing_is_sent(rules: DiffRules) -> None:
    """A row that sends nothing says on what that rests; held back is the user's rule, hence skipped."""
    record: dict[str, Json] = {"name": "A"}
    ledger = accepted(rules, {"jobTitle": "CEO", "name": "A "}, record)
    held = replace(rules, policies={"phone": Policy("if_ours")})

    def outcome(payload: Mapping[str, Json]) -> tuple[Status, str, str]:
        return idle_outcome(diff(payload, record, rules=held, ledger=ledger, now=0))

    assert outcome({}) == (Status.UNCHANGED, "", "every mapped cell is blank and kept")
    assert outcome({"name": "A"}) == (Status.UNCHANGED, "", "the record has these values")
    reasons = [
        "the record has these values",
        "no answer shows jobTitle: this tool last had them accepted so",
        "the server keeps its own spelling of name",
    ]
    assert outcome({"name": "A ", "jobTitle": "CEO"}) == (Status.UNCHANGED, "", "; ".join(reasons))
    assert outcome({"phone": "1"}) == (Status.SKIPPED, "held_back", "overwrite keeps the record's value of phone")


def test_a_third_party_between_two_changes_is_noticed(rules: DiffRules) -> None:
    """A later answer does not vouch for older values if somebody touched the client in between."""
    first = accepted(rules, {"jobTitle": "CEO", "email": "x"}, {"name": "A", "email": "x"})

    def second(before: dict[str, Json] | None, answer: dict[str, Json]) -> LedgerEntry:
        sent = {"phone": "1"}
        return record_accepted(first, sent=sent, answer=answer, at=1, readable=rules.readable, before=before)

    ours: dict[str, Json] = {"name": "A", "email": "x", "phone": "1"}
    assert set(second({"name": "A", "email": "x"}, ours).values) == {"jobTitle", "email", "phone"}
    assert set(second({"name": "B", "email": "x"}, {**ours, "name": "B"}).values) == {"email", "phone"}
    assert set(second(None, ours).values) == {"jobTitle", "email", "phone"}
    assert set(second(None, {**ours, "name": "B"}).values) == {"email", "phone"}


def test_a_ledger_entry_survives_json(rules: DiffRules) -> None:
    """An entry is stored as JSON and read back as it was; anything else is refused."""
    entry = accepted(rules, {"name": "A", "billingAddress": ADDRESS}, {"name": "A", "customFields": {"x": [1, None]}})
    assert LedgerEntry.from_json(entry.to_json(), readable=rules.readable) == entry
    assert entry.fingerprint == accepted(rules, {}, {"name": "A", "customFields": {"cf_x": [1.0, ""]}}).fingerprint
    assert entry.values["billingAddress"] == LedgerValue(ADDRESS, None, shown=False, at=0)
    refused: tuple[Json, ...] = (
        None,
        {},
        {"values": {"a": [1]}, "fingerprint": {}},
        {"values": {"a": [1, 2, 3, 4]}, "fingerprint": {}},
        {"sent": {}, "answer": None, "at": 1},
    )
    for broken in refused:
        with pytest.raises(ValueError, match="ledger"):
            LedgerEntry.from_json(broken, readable=rules.readable)


def test_a_first_entry_is_worked_out_when_it_is_read(rules: DiffRules) -> None:
    """What was sent and answered, stored as it came, reads as the entry that accepting it makes."""
    sent: dict[str, Json] = {"name": "Añe", "billingAddress": ADDRESS, "cf_x": 1.5}
    answer: dict[str, Json] = {"name": "AÑE", "customFields": {"x": 1.5}}
    stored = json.loads(first_accepted(json.dumps(sent), json.dumps(answer), 1732684000.123))
    assert LedgerEntry.from_json(stored, readable=rules.readable) == accepted(rules, sent, answer, 1732684000.123)
