"""Figures of a plan, its first requests, and whether it still fits later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.planning.canary import CANARIES, CanaryPicker
from bulk_sync.planning.differ import Diff
from bulk_sync.planning.stale import PlanCheck, check_plan
from bulk_sync.planning.summary import FieldTally, PlanTally
from bulk_sync.records import Json, Status

READABLE = frozenset({"name", "email"})


def test_the_figures_of_a_plan() -> None:
    """Changes, cells by what happens to them, also field by field, and rows of which something is to be said."""
    tally = PlanTally()
    tally.add_idle(Diff({}, {}, unchanged=("jobTitle",), rests_on_ledger=("jobTitle",)), 1)
    tally.add_idle(Diff({}, {}, held_back=("name",)), 1)
    tally.add_change(
        (2, 5),
        Diff(
            send={"name": "A", "email": None, "billingAddress": {"city": "Dubai"}},
            old={"name": "B", "email": "a@b.c"},
            not_restorable=("billingAddress",),
            cleared=("email",),
            partial_units=("billingAddress",),
        ),
    )
    assert tally.summary()._asdict() == {
        "changes": 1,
        "cells_set": 2,
        "cells_cleared": 1,
        "cells_held_back": 1,
        "cells_not_restorable": 1,
        "rows_on_ledger": 1,
        "rows_with_partial_units": 2,
        "rows_merged": 2,
        "fields": {
            "billingAddress": FieldTally(set=1, not_restorable=1),
            "email": FieldTally(cleared=1),
            "name": FieldTally(set=1, held_back=1),
        },
    }


def test_fields_are_counted_over_any_number_of_different_changes() -> None:
    """Thousands of changes that differ in their fields come to the same figures as if each were counted alone."""
    tally = PlanTally()
    for number in range(3000):
        named = {f"cf_{bit}": "" if number % 3 else "A" for bit in range(12) if number >> bit & 1}
        cleared = tuple(named) if number % 3 else ()
        tally.add_change((number,), Diff(named, {}, cleared=cleared, held_back=("name",)))
    fields = tally.summary().fields
    assert fields["name"] == FieldTally(held_back=3000)
    with_first = [number for number in range(3000) if number & 1]
    kept = sum(number % 3 == 0 for number in with_first)
    assert fields["cf_0"] == FieldTally(set=kept, cleared=len(with_first) - kept)
    assert tally.summary().fields == fields


def test_canaries_cover_every_field_with_few_changes() -> None:
    """Greedy: the change with the most fields first, then those with what is left."""
    picker = CanaryPicker()
    for number, fields in enumerate([{"name"}, {"name", "email"}, {"phone"}, {"email", "phone", "cf_a"}, {"name"}]):
        picker.see(number, fields)
    assert picker.pick() == (0, 3)
    assert CanaryPicker().pick() == ()


@given(st.lists(st.sets(st.sampled_from("abcdefghijkl"), min_size=1, max_size=4), max_size=60))
def test_canaries_are_few_and_cover_all_that_ten_can(kinds: list[set[str]]) -> None:
    """At most ten; fewer only when every field is covered; the same for the same plan."""
    picker = CanaryPicker()
    for number, fields in enumerate(kinds):
        picker.see(number, fields)
    picked = picker.pick()
    covered = set().union(*(kinds[number] for number in picked))
    assert len(set(picked)) == len(picked) <= CANARIES
    assert covered == set().union(*kinds) or len(picked) == CANARIES


def test_canaries_of_a_plan_with_countless_sets_of_fields() -> None:
    """Beyond a thousand different sets only those with a new field are remembered."""
    picker = CanaryPicker()
    for number in range(1500):
        picker.see(number, {f"cf_{number % 40}", f"cf_{number // 40}"})
    picker.see(2000, {"name"})
    assert 2000 in picker.pick() or len(picker.pick()) == CANARIES


def test_a_stored_plan_against_the_record_as_it_is_now() -> None:
    """Fields that moved, that are done by someone else, and that cannot be seen."""
    payload: dict[str, Json] = {"name": "A", "email": "new", "jobTitle": "CEO"}
    old: dict[str, Json] = {"name": "B", "email": None}
    fits = check_plan(payload, old, {"name": "B"}, readable=READABLE)
    assert (fits, fits.outcome(payload)) == (PlanCheck((), (), ("jobTitle",)), None)
    moved = check_plan(payload, old, {"name": "C", "email": "new"}, readable=READABLE)
    assert moved == PlanCheck(("name",), ("email",), ("jobTitle",))
    assert moved.outcome(payload) == (Status.SKIPPED, "stale", "changed since the plan was made: name; plan again")
    done = check_plan({"name": "A"}, old, {"name": "A"}, readable=READABLE)
    assert done.outcome({"name": "A"}) == (Status.UNCHANGED, "", "the record has these values by now")


def test_a_plan_made_blindly_cannot_be_stale() -> None:
    """Where the plan saw no old value, or the record cannot be read, nothing has moved."""
    assert check_plan({"name": "A"}, {}, {"name": "C"}, readable=READABLE) == PlanCheck((), (), ("name",))
    assert check_plan({"name": "A"}, {"name": "B"}, None, readable=READABLE) == PlanCheck((), (), ("name",))
