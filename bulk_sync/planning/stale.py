"""Whether a plan made earlier still fits the record as it is now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from bulk_sync.planning import codes
from bulk_sync.planning.values import same_value, shown_value
from bulk_sync.records import Json, Status


class PlanCheck(NamedTuple):
    """A stored change against the present record.

    ``moved``: fields whose old value is no longer what the plan saw; ``done``: fields that have the new value by
    now; ``unseen``: fields that this answer does not show, or whose old value the plan did not know.
    """

    moved: tuple[str, ...]
    done: tuple[str, ...]
    unseen: tuple[str, ...]

    def outcome(self, payload: Mapping[str, Json]) -> tuple[Status, str, str] | None:
        """Return status, code and message of a change that is not to be sent; None: send it as planned.

        One moved field holds back the whole change: it was agreed to as a whole.
        """
        if self.moved:
            names = ", ".join(self.moved)
            return Status.SKIPPED, codes.STALE, f"changed since the plan was made: {names}; plan again"
        if len(self.done) == len(payload):
            return Status.UNCHANGED, "", "the record has these values by now"
        return None


def check_plan(
    payload: Mapping[str, Json],
    old: Mapping[str, Json],
    record: Mapping[str, Json] | None,
    *,
    readable: Collection[str],
) -> PlanCheck:
    """Compare what a plan saw (``old``, by field; absent where unknown) with the record as it is now.

    A record that cannot be read (None) shows nothing.
    """
    moved: list[str] = []
    done: list[str] = []
    unseen: list[str] = []
    for field, value in payload.items():
        shown, present = (False, None) if record is None else shown_value(record, field, readable=readable)
        if not shown:
            unseen.append(field)
        elif same_value(value, present):
            done.append(field)
        elif field not in old:
            unseen.append(field)
        elif not same_value(old[field], present):
            moved.append(field)
    return PlanCheck(tuple(moved), tuple(done), tuple(unseen))
