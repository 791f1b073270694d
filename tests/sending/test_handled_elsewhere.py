"""What someone else has handled meanwhile does not leave: asked before each attempt, when its turn has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bulk_sync.records import Change, Outcome, Status

MakeWorld = Callable[..., Any]


def from_moment(moment: float, *ids: int) -> Callable[[Change], Outcome | None]:
    """Someone else has handled these changes' records by then."""

    def handled(change: Change) -> Outcome | None:
        late = asyncio.get_running_loop().time() >= moment and change.id in ids
        return Outcome(change.id, Status.SKIPPED, "superseded", "by another") if late else None

    return handled


def test_what_was_handled_never_leaves(make_world: MakeWorld) -> None:
    """Canaries and others: skipped without a request, and the permit is free again; the rest is sent."""
    world = make_world(10, canaries=2)
    world.handled = from_moment(0.0, 1, 5, 6)
    report = world.send()
    assert report.counts == {Status.SKIPPED: 3, Status.UPDATED: 7}
    assert {int(request.record_id[4:]) for _, request in world.server.requests} == {2, 3, 4, 7, 8, 9, 10}
    assert (world.gate.unused, world.log.outcomes[5].code) == (3, "superseded")


def test_what_waits_to_be_tried_again_is_not(make_world: MakeWorld) -> None:
    """A refused connection is certain: skipped. A lost answer is not: the record is read, and nothing is sent again."""
    first = {1: "refuse", 2: "lost", 3: "reset"}

    def script(request: Any, number: int, now: float) -> str:
        return first.pop(int(request.record_id[4:]), "ok")

    world = make_world(3, script)
    world.handled = from_moment(1000.1, 1, 2, 3)
    report = world.send()
    assert report.counts == {Status.SKIPPED: 1, Status.UPDATED: 1, Status.IN_DOUBT: 1}
    assert [world.log.outcomes[number].status for number in (1, 2, 3)] == ["skipped", "updated", "in_doubt"]
    assert world.server.patches() == 3
