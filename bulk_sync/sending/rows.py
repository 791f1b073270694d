"""The stream of changes on its way through the pool: what is known of one, and who takes the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from bulk_sync.records import Change, Outcome, Reply, Request
from bulk_sync.sending.policy import Trouble

NO_REPLY = Reply(None, {}, fault="unanswered", detail="an earlier attempt got no answer")
"""Stands for the last reply of a change that an earlier process left in doubt."""

_MIX_UPS = 3
"""Answers about another record that are no mix-up any more."""

CUT_OFF = Reply(None, {}, fault="unanswered", detail="the request was out, and its answer had not come")
"""Stands for the reply of a request that this process sent and did not wait for any longer."""


@dataclass(slots=True, eq=False)
class Task:
    """A request until it is settled; ``change`` is None for reading.

    ``attempts`` count; ``tries`` are all failures, for the backoff. ``doubtful``: an attempt may have been applied.
    ``flying``: one is out right now. ``spent``: seconds it has taken, outages not counted. ``worker`` is who sends it.
    """

    request: Request
    change: Change | None = None
    attempts: int = 0
    tries: int = 0
    doubtful: bool = False
    flying: bool = False
    spent: float = 0.0
    last: Reply = NO_REPLY
    trouble: Trouble = Trouble.NONE
    outcome: Outcome | None = None
    worker: asyncio.Task[object] | None = None

    def has_had(self, attempts: int) -> bool:
        """Whether so many attempts are used up; an answer about another record needs no more than a few."""
        return self.attempts >= (min(attempts, _MIX_UPS) if self.trouble is Trouble.MIXED_UP else attempts)


def change_task(change: Change) -> Task:
    """Begin with a change."""
    request = Request("patch", change.record_id, change.payload, payload_json=change.payload_json)
    return Task(request, change, doubtful=change.in_doubt)


def workers_of(tasks: Iterable[Task]) -> set[asyncio.Task[object] | None]:
    """Return who sends these."""
    return {task.worker for task in tasks}


class Changes:
    """A stream of changes that several workers share; the canaries stand first in it."""

    def __init__(self, changes: Iterable[Change] | AsyncIterator[Change]) -> None:
        self._plain: Iterator[Change] | None = None
        self._stream: AsyncIterator[Change] | None = None
        if isinstance(changes, AsyncIterator):
            self._stream = changes
        else:
            self._plain = iter(changes)
        self._kept: Change | None = None
        self._lock = asyncio.Lock()

    async def next(self) -> Change | None:
        """Return the next change, None at the end."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        if self._plain is not None:
            return next(self._plain, None)
        if self._stream is None:
            return None
        async with self._lock:  # an async generator cannot be asked twice at the same time
            return await anext(self._stream, None)

    async def canaries(self, more: int = 0) -> list[Change]:
        """Return the canaries at the head of the stream, else the next changes, at most ``more`` of them."""
        found: list[Change] = []
        while (change := await self.next()) is not None:
            if not change.canary and len(found) >= more:
                self._kept = change
                break
            found.append(change)
        return found

    async def goes_on(self) -> bool:
        """Whether there is a further change."""
        self._kept = await self.next()
        return self._kept is not None
