"""Faults drawn from a seed: the books balance, and each status agrees with what the server holds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_sync.records import Change, Request, Status
from bulk_sync.sending.breaker import BreakerSettings
from bulk_sync.sending.limits import Limits

FAULTS: tuple[str | int, ...] = ("lost", "reset", "hang", "refuse", 500, 502, 503, 429, 200, 400, 404, 408, 409, 403)

OUT: tuple[str | int, ...] = ("refuse", "reset", "hang", 503)
CURSES: tuple[str | int, ...] = ("lost", 500, 409)
READING: tuple[str | int, ...] = ("reset", 500, 429)


class Weather:
    """Draws a mood for each minute and a fault by the mood; some rows are cursed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.rate = self.dice.choice([0.05, 0.2, 0.5, 0.9])
        self.kinds = self.dice.sample(FAULTS, self.dice.randint(1, 6))
        self.cursed = {f"clt_{self.dice.randint(1, 40)}" for _ in range(3)}
        self.outages = [
            (begin, begin + self.dice.choice([5, 100, 700])) for begin in self.dice.sample(range(1000, 1200), 2)
        ]

    def __call__(self, request: Request, number: int, now: float) -> str | int:
        if any(begin < now < end for begin, end in self.outages):
            return self.dice.choice(OUT)
        if request.record_id in self.cursed and request.kind == "patch":
            return self.dice.choice(CURSES)
        if request.kind != "patch":  # reading may fail, but it does not lie
            return self.dice.choice(READING) if self.dice.random() < self.rate else "ok"
        return self.dice.choice(self.kinds) if self.dice.random() < self.rate else "ok"


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), stop_after=st.none() | st.floats(0.01, 900), workers=st.sampled_from([1, 4, 20]))
def test_the_books_balance(make_world: Callable[..., Any], seed: int, stop_after: float | None, workers: int) -> None:
    """Law: every row ends once; updated means held; failed and not sent mean never applied."""
    world = make_world(40, Weather(seed), canaries=seed % 3)
    limits = Limits(
        workers=workers, breaker=BreakerSettings(max_outage=600, systemic_first=10**6, systemic_later=10**6)
    )
    report = world.send(limits, seed=seed, stop_after=stop_after)
    ends = world.log.outcomes
    counts = Counter(outcome.status for outcome in ends.values())
    assert +report.counts == counts
    assert set(counts) <= {Status.UPDATED, Status.FAILED, Status.IN_DOUBT}
    for number in range(1, 41):
        held = world.server.records[f"clt_{number}"]["name"] == f"N{number}"
        status = ends[number].status if number in ends else Status.NOT_SENT
        if status is Status.UPDATED:
            assert held, number
        elif status is not Status.IN_DOUBT:
            assert not held, (number, status)
    if report.stop is None:
        assert len(ends) == 40
    assert report.requests.total() == len(world.server.requests)


def test_a_crash_of_the_process_leaves_enough_to_resume(make_world: Callable[..., Any]) -> None:
    """Rows begun and never answered are in doubt for the next process, which sends the rest and only that."""
    world = make_world(40, lambda request, number, now: "ok")
    world.send(stop_after=0.55)
    done = set(world.log.outcomes)
    before = Counter(request.record_id for _, request in world.server.requests)
    changes = [Change(n, f"clt_{n}", {"name": f"N{n}"}) for n in range(1, 41) if n not in done]
    world.changes = lambda: iter(changes)
    world.send()
    sent = Counter(request.record_id for _, request in world.server.requests)
    assert (len(world.log.outcomes), set(sent.values()), bool(before)) == (40, {1}, True)
