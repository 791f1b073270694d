"""When the next request may leave: pure decisions over a :class:`QuotaState`, told the time.

Four rules are in use on servers (fixed window, sliding log, token bucket, GCRA), and no header names the rule:

- **Nothing told**: an even pace, a little slower than the quota, is right for all four, whatever their phase.
- **Remaining told**: under each rule what remains only grows by itself, so whatever was granted, less what may not be
  counted in it, can leave at once. When that is used up, its reset is waited for, and the first request of the
  new window goes alone to learn what it grants.
- **Places that come back one by one** (bucket, GCRA) are felt for: the last two of a burst leave at the even pace,
  and if what remains does not fall meanwhile, the pace goes on without waiting for any reset.

What the replies teach is in ``quota_learning``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bulk_sync.sending.quota_state import QuotaState, Spell, Terms, forget, hold, places_of
from bulk_sync.sending.rate import Rate

CLOCK_DRIFT = 1e-4
"""The clocks of two machines differ by no more than this share."""

LEAST_MARGIN = 0.02
MOST_MARGIN = 0.029
"""The even pace is slower than the quota by the measured jitter, within these bounds: 97 % are promised."""

PROBE_PATIENCE = 10.0
"""Seconds after which a request without a reply holds nobody back any more."""

LEASE = 120.0
"""Seconds after which a process that is alive, but was not heard of, no longer holds back others."""

FREE_SPELL = 0.25
"""Seconds for which an unpaced process need not ask again: so much later it hears of a 429 elsewhere."""

_LATENESS = 0.005
"""Seconds of a late start that the next slot makes good."""

_TIMED_ENOUGH = 10
"""Replies after which their jitter is believed."""

_FASTEST_TURN = 0.005
"""Seconds: slots closer than this are given out several at once, since nobody wakes up more often."""

ROUNDED_DOWN_FROM = 20.0
"""Seconds: in longer windows a reset in whole seconds may have been rounded down, and one more costs little.

In shorter ones it is taken as rounded up, as servers with such windows must, until a 429 says otherwise.
"""

_STALE = 2.0
"""Seconds after which a new window is asked for anew, though the old one had places left: others may use it."""

_GRACE = 0.05
_POLL_LEAST = 0.01
_SPELLS = 128
SPELL_MEMORY = 1.05
"""Windows for which what left is kept in mind."""


class Grant(NamedTuple):
    """``places`` may leave now; with none, ask again at ``ask_at``, or when a reply has come.

    ``probe``: the one place is to learn the headers. ``free_until``: until then any number may leave unasked.
    """

    places: int = 0
    ask_at: float = 0.0
    probe: bool = False
    free_until: float = 0.0


def effective_rate(state: QuotaState, terms: Terms) -> Rate:
    """Return the rate that can be kept up in the long run: the server's, within a given one, each shared."""
    if not (state.seen and state.limit and state.window):
        return terms.own
    told = Rate(float(state.limit), state.window).part(terms.share)
    return terms.own if terms.given and terms.own.per_second < told.per_second else told


def pace_interval(state: QuotaState, terms: Terms) -> float:
    """Return the seconds between requests at the even pace, with a margin for jitter."""
    rate = effective_rate(state, terms)
    if rate.unpaced:
        return 0.0
    return rate.interval * (1 + _margin(state, rate)) * state.slowdown


def _margin(state: QuotaState, rate: Rate) -> float:
    """Return the share by which the pace is slower than the rate, so that requests may come closer than they left.

    Where they leave far apart, jitter counts against the distance of two (a strict GCRA); where they leave so close
    that this is beyond reach, against the whole window.
    """
    if state.trickles and state.previous_left:
        return 0.0  # a place is in hand: what replies tell is the better measure
    if state.timed < _TIMED_ENOUGH:
        return MOST_MARGIN
    spacing = (state.jitter + _LATENESS) / rate.interval
    if spacing > 3 * MOST_MARGIN:
        spacing = (state.jitter + _LATENESS) / rate.seconds
    return min(max(spacing, LEAST_MARGIN), MOST_MARGIN)


def reserve(state: QuotaState, terms: Terms, now: float, member: str, wanted: int = 1) -> tuple[QuotaState, Grant]:
    """Ask for up to ``wanted`` places for the process ``member``; they are its own until reported."""
    state = _without_silent(state, member, now)
    if now < state.blocked_until:
        return state, Grant(ask_at=state.blocked_until)
    if _must_probe(state, now):
        return _probe(state, terms, now, member)
    if state.seen:
        return _within_headers(state, terms, now, member, wanted)
    if terms.rate.unpaced:
        return hold(state, member, 0, now), Grant(free_until=now + FREE_SPELL)
    return _at_even_pace(state, terms, now, member, wanted)


def join(state: QuotaState, member: str, now: float) -> QuotaState:
    """Let a process take part. The first one asks the headers anew: others may have used the key meanwhile."""
    if not state.holds:
        state = state._replace(alone=True, seen=state.seen or None, queue=(), probing_until=0.0)
    return hold(state, member, 0, now)


def take_back(state: QuotaState, terms: Terms, now: float, member: str, places: int) -> QuotaState:
    """Return places whose requests never left."""
    interval = pace_interval(state, terms)
    slot = state.next_slot
    if slot > now:
        slot = max(now, slot - places * interval)
    return _uncount(hold(state, member, -places, now), places)._replace(next_slot=slot)


def leave_queue(state: QuotaState, member: str) -> QuotaState:
    """Stop waiting for a slot of the even pace."""
    return state._replace(queue=tuple(name for name in state.queue if name != member))


def _without_silent(state: QuotaState, member: str, now: float) -> QuotaState:
    """Hear of one process, and give up the places of those that were not heard of for long: stopped, not dead."""
    if not any(each.member == member and each.heard > now - LEASE / 10 for each in state.holds):
        state = hold(state, member, 0, now)
    silent = [each.member for each in state.holds if each.places and each.heard < now - LEASE]
    return forget(state, silent, now) if silent else state


def opens_at(state: QuotaState) -> float:
    """Return when the window that is known has certainly ended, or the next place is back."""
    if not state.reset_by:
        return state.heard + max(state.window, 1.0)
    told = state.reset_by
    if state.coarse and not state.trickles and may_round_down(state):
        told = min(told + 1.0, state.reset_latest or math.inf)
    if state.remaining or state.in_flight or 2 * state.top <= state.limit:
        return told
    # A window's request is forgotten a window later, and a bucket is full by then; a log may only tell of the last.
    window = state.window * (1 + CLOCK_DRIFT)
    own = (
        spell.last + window + state.slowest
        for spell in state.spells
        if spell.last >= state.fresh_at and spell.last + window > state.heard
    )
    return min(told, next(own, told))


def may_round_down(state: QuotaState) -> bool:
    """Tell whether a reset in whole seconds may be up to one second early."""
    return state.floors or state.window >= ROUNDED_DOWN_FROM


def _must_probe(state: QuotaState, now: float) -> bool:
    if state.seen is None:
        return True
    if not state.seen:
        return state.alone
    if state.remaining is None:
        return True
    if state.trickles and not state.alone:
        return now >= state.heard + max(state.window, PROBE_PATIENCE)
    left = state.remaining - state.in_flight
    opened = now - opens_at(state)
    if left >= 1:
        return state.alone or (opened >= 0 and now >= state.heard + _STALE)
    # While replies are awaited, what came back may be theirs: they are waited for, unless they hang.
    return opened >= (PROBE_PATIENCE if state.in_flight else 0.0)


def _probe(state: QuotaState, terms: Terms, now: float, member: str) -> tuple[QuotaState, Grant]:
    if now < state.probing_until:
        return state, Grant(ask_at=min(state.probing_until, now + poll_interval(state)))
    if now < state.probe_slot:
        return state, Grant(ask_at=state.probe_slot)
    room, later = room_within(state, terms, now)
    if room < 1:
        return state, Grant(ask_at=later)
    interval = pace_interval(state, terms)
    state = _count(state, terms, now, 1)._replace(
        probing_until=now + PROBE_PATIENCE,
        prober=member,
        probe_slot=now + interval,
        next_slot=max(state.next_slot, now + interval),
    )
    return hold(state, member, 1, now), Grant(1, probe=True)


def _within_headers(state: QuotaState, terms: Terms, now: float, member: str, wanted: int) -> tuple[QuotaState, Grant]:
    room, later = room_within(state, terms, now)
    if room < 1:
        return state, Grant(ask_at=later)
    interval = pace_interval(state, terms)
    left = (state.remaining or 0) - state.in_flight
    feels = state.trickles or _resets_soon(state, interval, now)
    spare = left - _kept_back(state, terms) if feels else left
    if spare >= 1:
        fair = max(1, spare // (8 * max(1, len(state.holds))))
        places = min(fair, room, max(1, wanted))
        state = _count(state, terms, now, places)._replace(next_slot=max(state.next_slot, now + interval))
        return hold(state, member, places, now), Grant(places)
    if (feels and left >= 1) or state.refills_evenly or (state.trickles and not state.in_flight):
        return _at_even_pace(state, terms, now, member, min(wanted, room))
    if state.in_flight > places_of(state, member):
        return state, Grant(ask_at=now + poll_interval(state))
    opens = opens_at(state)
    late = opens + PROBE_PATIENCE if now >= opens else opens
    return state, Grant(ask_at=max(late, now + _POLL_LEAST))


def _resets_soon(state: QuotaState, interval: float, now: float) -> bool:
    """Tell whether going slow for the last places of a burst costs nothing: the reset is not far."""
    return state.reset_by - now <= min(3 * interval, 5.0) + (2.0 if state.coarse else 0.0)


def _kept_back(state: QuotaState, terms: Terms) -> int:
    """Return how many places of a burst leave at the even pace, to feel whether they come back."""
    return min(max(2, math.ceil((1 - terms.share) * state.top)), state.top // 2)


def _at_even_pace(state: QuotaState, terms: Terms, now: float, member: str, wanted: int) -> tuple[QuotaState, Grant]:
    """Give out the next slot of an absolute schedule, in turn to the processes that wait for one."""
    interval = pace_interval(state, terms)
    if member not in state.queue:
        state = state._replace(queue=(*state.queue, member))
    turn = state.queue.index(member)
    due = state.next_slot
    grace = min(interval / 2, _GRACE)
    if now < due or (turn and now < due + grace):
        return hold(state, member, 0, now), Grant(ask_at=max(due + turn * interval, now + grace / 4))
    places = min(max(1, wanted), max(1, int(_FASTEST_TURN / interval))) if interval else wanted
    start = max(due, now - (min(interval / 4, _LATENESS) if interval > _FASTEST_TURN else _LATENESS))
    state = _count(state, terms, now, places)._replace(
        next_slot=start + places * interval,
        # Whoever was passed over comes late, or has gone: it queues again if it asks.
        queue=state.queue[turn + 1 :],
    )
    return hold(state, member, places, now), Grant(places)


def poll_interval(state: QuotaState) -> float:
    """Return how often to look whether another process has heard what all wait for."""
    return min(max(state.window / 200, _POLL_LEAST), 0.1)


def _ceilings(state: QuotaState, terms: Terms) -> list[Rate]:
    """Return what may not be passed in any window, whatever headers grant: a given rate, a share of the quota."""
    ceilings = [terms.own] if terms.given and not terms.rate.unpaced else []
    if terms.share < 1 and state.seen and state.limit and state.window:
        ceilings.append(Rate(float(state.limit), state.window).part(terms.share))
    return ceilings


def room_within(state: QuotaState, terms: Terms, now: float) -> tuple[int, float]:
    """Return how many may leave now within the ceilings, and when to ask again if none."""
    room, later = 1 << 30, now
    for ceiling in _ceilings(state, terms):
        counted = [spell for spell in state.spells if spell.last + ceiling.seconds >= now]
        free = max(1, int(ceiling.count)) - sum(spell.many for spell in counted)
        if free < 1 and counted:
            later = max(later, counted[0].last + ceiling.seconds * 1.0001)
        room = min(room, free)
    return room, later


def _count(state: QuotaState, terms: Terms, now: float, places: int) -> QuotaState:
    """Keep in mind what leaves, for as long as a window may count it."""
    if state.seen is False:
        return state
    window = max(state.window, 1.0, *(ceiling.seconds for ceiling in _ceilings(state, terms)))
    spells = state.spells
    if spells and spells[0].last + window * SPELL_MEMORY < now:
        spells = tuple(spell for spell in spells if spell.last + window * SPELL_MEMORY >= now)
    if spells and now - spells[-1].first < window / _SPELLS:
        *before, latest = spells
        return state._replace(spells=(*before, Spell(latest.first, now, latest.many + places)))
    return state._replace(spells=(*spells, Spell(now, now, places)))


def _uncount(state: QuotaState, places: int) -> QuotaState:
    if not state.spells:
        return state
    *before, latest = state.spells
    return state._replace(spells=(*before, latest._replace(many=max(0, latest.many - places))))
