"""What is known of one key's quota, shared by all processes of a machine: a value that can be stored. Pure.

Times are seconds of one monotonic clock that all these processes share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bulk_sync.records import Json
from bulk_sync.sending.rate import DEFAULT_RATE, Rate

SURE = 8
"""Evidence that is no longer doubted."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the user wants: a ``rate``, which is a ceiling if ``given``, and a ``share`` of the quota."""

    rate: Rate = DEFAULT_RATE
    given: bool = False
    share: float = 1.0

    @property
    def own(self) -> Rate:
        """The user's rate, shared with others."""
        return self.rate if self.rate.unpaced else self.rate.part(self.share)


class Hold(NamedTuple):
    """Places that a process has reserved and not reported yet, and when it was last heard of."""

    member: str
    places: int
    heard: float


class Spell(NamedTuple):
    """Requests that left close together: the first, the last, how many. Enough to count a window."""

    first: float
    last: float
    many: int


class QuotaState(NamedTuple):
    """Everything that decides when the next request may leave.

    The server grants ``remaining`` requests beyond all that it had counted when the replies of the latest round
    were made. A *round* begins when a reply comes to a request that left after the replies of the round before
    had come: only then have those certainly been counted. ``low`` is the least that was told up to
    ``round_began``, ``lower`` the least since.
    """

    seen: bool | None = None
    """Whether replies tell the quota; None while that is not known."""
    limit: int = 0
    """Requests in each window as the server says, 0 while it has not."""
    window: float = 0.0
    """Seconds, 0 while unknown; said by the server if ``policy``, else inferred from its resets."""
    policy: bool = False
    learned: bool = False
    """The window was inferred from more than one reset that it must be longer than."""
    low: int | None = None
    lower: int | None = None
    round_began: float = 0.0
    heard: float = 0.0
    """When a reply last told the quota."""
    reset_from: float = 0.0
    """The window does not end before this, as far as is known, …"""
    reset_by: float = 0.0
    """… and has ended by this if the server rounds up; 0 if unknown."""
    reset_latest: float = 0.0
    """… and by this in any case, since no window is longer than itself; 0 if unknown."""
    fresh_at: float = 0.0
    """When the request left that found at least half of the quota free, as at the beginning of a window."""
    drained: bool = False
    """Nearly nothing was left since."""
    turned_at: float = 0.0
    """When a request left that found nearly all free, after nearly nothing was: the beginning of a window."""
    coarse: bool = False
    """Resets are told in whole seconds."""
    floors: bool = False
    """The server was seen to round down."""
    top: int = 0
    """The most that was ever free, the request itself included: the size of a burst."""
    refill: int = 0
    """Evidence, up to SURE, that places come back one by one (token bucket, GCRA) and not all at once."""
    tied: int = 0
    """Evidence, up to SURE, that a reset is the time until all is full, so that it rises as the remaining falls."""
    tied_left: int = 0
    tied_reset: float = 0.0
    steady_reset: float = 0.0
    """What replies tell of the reset without a change …"""
    steady_from: float = 0.0
    """… since this moment …"""
    steady_most: int = 0
    """… while this was the most that remained …"""
    steady_least: int = 0
    """… and this the least."""
    longest_reset: float = 0.0
    """The longest that was ever told: no window is shorter."""
    previous_left: int = 0
    next_slot: float = 0.0
    """When the next request may leave at an even pace."""
    queue: tuple[str, ...] = ()
    """The processes that wait for a slot of the even pace, in their order."""
    alone: bool = False
    """The next request goes alone, whatever is known."""
    probing_until: float = 0.0
    """A request is out alone to learn the headers; others wait for its reply, but no longer than this."""
    prober: str = ""
    probe_slot: float = 0.0
    """Probes keep to the even pace among themselves."""
    blocked_at: float = 0.0
    blocked_until: float = 0.0
    """A 429 came, and holds everybody back until then."""
    refusals: int = 0
    """429s in a row, those of one burst counted once."""
    quickest: float = 0.0
    slowest: float = 0.0
    """Latencies, both drifting towards the middle: their distance is the jitter."""
    timed: int = 0
    """Replies whose latency is in these."""
    slowdown: float = 1.0
    """The pace is so much slower than thought right, after 429s that told nothing else."""
    holds: tuple[Hold, ...] = ()
    spells: tuple[Spell, ...] = ()
    """What left in the latest window of a ceiling."""

    @property
    def remaining(self) -> int | None:
        """What the server grants beyond what it has certainly counted; None if unknown."""
        if self.low is None:
            return self.lower
        return self.low if self.lower is None else min(self.low, self.lower)

    @property
    def in_flight(self) -> int:
        """Places reserved, by whomever, whose replies have not come."""
        return sum(hold.places for hold in self.holds)

    @property
    def jitter(self) -> float:
        """Seconds by which latencies differ."""
        return max(0.0, self.slowest - self.quickest)

    @property
    def trickles(self) -> bool:
        """Whether places come back one by one, as far as is known."""
        return self.refill >= 2 or self.tied >= 4

    @property
    def refills_surely(self) -> bool:
        """Whether a place comes back with every interval of the even pace, without doubt."""
        return self.tied >= 4 or (self.refill >= SURE and 2 * self.top <= self.limit)

    @property
    def refills_evenly(self) -> bool:
        """Whether those places can be counted on before replies tell of them, jitter or not."""
        interval = self.window / self.limit if self.limit else 0.0
        return self.refills_surely and max(self.top - 1, 0.1) * interval >= self.jitter


def to_json(state: QuotaState) -> dict[str, Json]:
    """Return the state as JSON holds it."""
    return state._asdict()


def from_json(stored: dict[str, Any]) -> QuotaState:
    """Read what :func:`to_json` gave. Raises ``TypeError``, ``ValueError`` or ``KeyError`` for anything else."""
    holds = tuple(Hold(*each) for each in stored.pop("holds"))
    spells = tuple(Spell(*each) for each in stored.pop("spells"))
    queue = tuple(stored.pop("queue"))
    return QuotaState(**stored, holds=holds, spells=spells, queue=queue)


def places_of(state: QuotaState, member: str) -> int:
    """Return how many places a process holds."""
    return sum(hold.places for hold in state.holds if hold.member == member)


def hold(state: QuotaState, member: str, change: int, now: float) -> QuotaState:
    """Change how many places a process holds. It has been heard of, and is present even with none."""
    places = max(0, places_of(state, member) + change)
    others = (each for each in state.holds if each.member != member)
    return state._replace(holds=(*others, Hold(member, places, now)))


def spend(state: QuotaState, places: int) -> QuotaState:
    """Count requests as made of which no reply says what they left."""
    low = None if state.low is None else max(0, state.low - places)
    lower = None if state.lower is None else max(0, state.lower - places)
    return state._replace(low=low, lower=lower)


def forget(state: QuotaState, members: Sequence[str], now: float) -> QuotaState:
    """Forget processes that have gone: unused places come back, but each may have been a request just made."""
    gone = sum(places_of(state, member) for member in members)
    prober_gone = state.prober in members
    state = spend(state, gone)._replace(
        holds=tuple(each for each in state.holds if each.member not in members),
        queue=tuple(name for name in state.queue if name not in members),
        probing_until=0.0 if prober_gone else state.probing_until,
    )
    # What they had in flight is counted by the replies to requests that leave from now on.
    return state._replace(low=state.remaining, lower=None, round_began=now) if gone else state


_TIMES = (
    *("round_began", "heard", "reset_from", "reset_by", "reset_latest", "fresh_at", "turned_at", "steady_from"),
    *("next_slot", "probing_until", "probe_slot", "blocked_at", "blocked_until"),
)


def shift(state: QuotaState, seconds: float) -> QuotaState:
    """Move every moment, where the clock began anew (the machine was started again); 0 stays "unknown"."""
    moved = {name: moment + seconds for name in _TIMES if (moment := getattr(state, name))}
    return state._replace(
        **moved,
        holds=tuple(each._replace(heard=each.heard + seconds) for each in state.holds),
        spells=tuple(Spell(each.first + seconds, each.last + seconds, each.many) for each in state.spells),
    )
