"""What a reply teaches about the quota: pure, from state and :class:`Allowance` to state."""

from __future__ import annotations

import math
from typing import NamedTuple

from bulk_sync.sending.headers import LONGEST_WAIT, Allowance
from bulk_sync.sending.limiter import (
    CLOCK_DRIFT,
    ROUNDED_DOWN_FROM,
    SPELL_MEMORY,
    may_round_down,
    opens_at,
    pace_interval,
    take_back,
)
from bulk_sync.sending.quota_state import SURE, QuotaState, Terms, hold, spend
from bulk_sync.sending.rate import DEFAULT_RATE

_WINDOWS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Seconds: windows that people choose."""

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 600.0
_RECOVERY = 0.998
_SLOWEST = 100.0
_EARLY = 0.002
"""Seconds added to a reset: clocks are read before and after, and timers fire a little early."""

_UNSTEADY = 0.02
"""Seconds by which a reset that stays the same may differ from reply to reply."""


class Answer(NamedTuple):
    """What became of one request: ``status`` None where no reply came, ``left`` False if it never left."""

    member: str
    sent_at: float
    answered_at: float
    allowance: Allowance
    status: int | None = None
    left: bool = True
    probe: bool = False
    places: int = 1
    """0 for a request that left in a free spell and holds no place."""
    seconds: float = 0.0
    """The latency; ``sent_at`` may be earlier, when the request got its place."""


def learn(state: QuotaState, terms: Terms, answer: Answer) -> QuotaState:
    """Take in what became of one request; its place is free again."""
    if answer.probe and state.prober == answer.member:
        state = state._replace(probing_until=0.0, prober="")
    if not answer.left:
        return take_back(state, terms, answer.answered_at, answer.member, answer.places)
    state = hold(state, answer.member, -answer.places, answer.answered_at)
    if answer.status is None:
        return spend(state, 1)
    state = _time(state, answer.seconds or answer.answered_at - answer.sent_at)
    if answer.allowance.remaining is not None:
        state = _notice(state, terms, answer)
    elif answer.status < 500 and answer.status != 429 and (state.seen is None or answer.probe):
        state = state._replace(seen=False)
    else:
        state = spend(state, 1)
    if answer.status == 429:
        return _refused(state, answer)
    if answer.probe:
        state = state._replace(alone=False)
    return state._replace(refusals=0, slowdown=max(1.0, state.slowdown * _RECOVERY))


def _time(state: QuotaState, seconds: float) -> QuotaState:
    timed = min(state.timed + 1, 1000)
    if not state.timed:
        return state._replace(quickest=seconds, slowest=seconds, timed=timed)
    middle = (state.quickest + state.slowest) / 2
    return state._replace(
        quickest=min(seconds, state.quickest + (middle - state.quickest) / 100),
        slowest=max(seconds, state.slowest + (middle - state.slowest) / 100),
        timed=timed,
    )


def _refused(state: QuotaState, answer: Answer) -> QuotaState:
    """Wait a 429 out: by Retry-After, else by the reset, else doubling; so does what was told too short."""
    now, told = answer.answered_at, answer.allowance
    again = answer.sent_at >= state.blocked_at
    refusals = state.refusals + 1 if again else max(1, state.refusals)
    backoff = min(_FIRST_BACKOFF * 2.0 ** min(refusals - 1, 20), _LONGEST_BACKOFF)
    wait = told.retry_after if told.retry_after is not None else (told.reset_in or None)
    if wait is None:
        wait = backoff
    elif refusals > 1:
        wait = max(wait, backoff / 2)
    wait = min(wait, LONGEST_WAIT) * (1 + CLOCK_DRIFT) + _EARLY
    return state._replace(
        blocked_at=now if again else state.blocked_at,
        blocked_until=max(state.blocked_until, now + wait),
        refusals=refusals,
        alone=True,
        low=None,
        lower=None,
        queue=(),
        refill=state.refill // 2,
        tied=0,
        slowdown=state.slowdown if state.seen or not again else min(state.slowdown * 1.3, _SLOWEST),
        floors=state.floors or (answer.probe and state.coarse and told.retry_after is None),
    )


def _notice(state: QuotaState, terms: Terms, answer: Answer) -> QuotaState:
    """Take in a reply that says what remains."""
    told, left = answer.allowance, answer.allowance.remaining or 0
    state = _steady(state, answer, left)
    state = _feel(state, answer, left)
    state = _tie(state, answer, left)
    state = _limit(state, terms, answer, left)
    state = _round(state, answer, left)
    state = _reset(state, answer, left)
    risen = answer.probe or left > state.previous_left
    fresh = not state.fresh_at or (risen and left + 1 >= state.limit / 2)
    turned = state.drained and answer.probe and left + 1 >= 0.8 * state.limit
    if not left and state.trickles:
        state = _used_up(state, terms, answer)
    return state._replace(
        seen=True,
        heard=answer.answered_at,
        probe_slot=0.0,
        top=max(state.top, left + 1),
        coarse=told.coarse if told.reset_in is not None else state.coarse,
        previous_left=left,
        fresh_at=answer.sent_at if fresh else state.fresh_at,
        turned_at=answer.sent_at if turned else state.turned_at,
        drained=not turned and (state.drained or left <= 0.2 * state.limit),
    )


def _round(state: QuotaState, answer: Answer, left: int) -> QuotaState:
    """Keep the least of what the replies tell that may not have counted each other's requests."""
    if state.remaining is None or answer.sent_at > state.heard:
        return state._replace(low=left, lower=None, round_began=answer.answered_at)
    least = left if state.lower is None else min(state.lower, left)
    if answer.sent_at > state.round_began:
        return state._replace(low=least, lower=None, round_began=answer.answered_at)
    return state._replace(lower=least)


def _feel(state: QuotaState, answer: Answer, left: int) -> QuotaState:
    """Notice places that came back though no window can have ended, or a new window that is far from full."""
    if not state.seen or answer.sent_at <= state.heard or left < state.previous_left:
        return state
    if _forgets_ours(state, answer.answered_at):
        return state
    early = answer.answered_at < state.reset_from
    partly = left + 1 < state.limit / 2
    return state._replace(refill=min(SURE, state.refill + early + partly))


def _forgets_ours(state: QuotaState, now: float) -> bool:
    """Tell whether a sliding log would just now forget requests of ours: that is no sign of a bucket."""
    return any(spell.first + state.window <= now <= spell.last + state.window * SPELL_MEMORY for spell in state.spells)


def _tie(state: QuotaState, answer: Answer, left: int) -> QuotaState:
    """Notice a reset that rises by the pace with every place used: the time until a bucket is full."""
    reset, interval = answer.allowance.reset_in, state.window / state.limit if state.limit else 0.0
    if reset is None or not interval:
        return state
    used = state.tied_left - left
    tolerance = interval + (1.0 if answer.allowance.coarse else 0.0)
    if not state.tied_reset or abs(reset - state.tied_reset - used * interval) > tolerance:
        return state._replace(tied=0, tied_left=left, tied_reset=reset)
    return state._replace(tied=min(SURE, state.tied + (abs(used) * interval > 2 * tolerance)))


def _limit(state: QuotaState, terms: Terms, answer: Answer, left: int) -> QuotaState:
    limit = answer.allowance.limit or max(state.limit, left + 1)
    if answer.allowance.window:
        return state._replace(limit=limit, window=answer.allowance.window, policy=True)
    if state.policy:
        return state
    assumed = DEFAULT_RATE.seconds if terms.rate.unpaced else terms.rate.seconds
    reset = answer.allowance.reset_in or 0.0
    state = state._replace(limit=limit, window=state.window or assumed)
    if reset > state.window + 1:
        return state._replace(window=_usual(reset - 0.5), learned=False)
    window = _window(state, answer, left, reset)
    if window is None:
        longest = _longest(state, answer.answered_at)
        return state._replace(window=longest) if longest <= state.window / 2 else state
    return state._replace(window=min(state.window, window), learned=True)


def _window(state: QuotaState, answer: Answer, left: int, reset: float) -> float | None:
    """Infer the window of a server that names none, None where nothing tells: all of a quota is back after it."""
    if begun := _just_begun(state, answer, left):
        return begun
    if logged := _of_a_log(state, answer):
        return logged
    if state.drained and state.turned_at and answer.probe and left + 1 >= 0.8 * state.limit:
        return _usual(0.98 * max(answer.sent_at - state.turned_at, reset))
    return None


def _longest(state: QuotaState, now: float) -> float:
    """Return the longest of the usual windows that could have let through what has left.

    Each rule lets through two quotas at most, and a quota for each window.
    """
    if not state.spells or state.blocked_at >= state.spells[0].first:
        return math.inf
    beyond = sum(spell.many for spell in state.spells) - state.in_flight - 2 * state.limit
    if beyond < state.limit / 4:
        return math.inf
    return _usual(state.limit * (now - state.spells[0].first) / beyond)


def _steady(state: QuotaState, answer: Answer, left: int) -> QuotaState:
    """Notice a reset that stays the same."""
    reset = answer.allowance.reset_in
    if reset is None:
        return state
    state = state._replace(longest_reset=max(state.longest_reset, reset))
    if state.steady_from and abs(reset - state.steady_reset) <= (0.0 if answer.allowance.coarse else _UNSTEADY):
        most, least = max(state.steady_most, left), min(state.steady_least, left)
        return state._replace(steady_most=most, steady_least=least)
    return state._replace(steady_reset=reset, steady_from=answer.sent_at, steady_most=left, steady_least=left)


def _of_a_log(state: QuotaState, answer: Answer) -> float | None:
    """Return the window of a sliding log that tells when its last request is forgotten: always a window from now.

    While nearly a whole quota is used, the reset of a bucket rises; while time passes, that of a window falls, unless
    all its requests leave at its beginning, when it is the window as well. One second is told by too many servers
    that mean the next place.
    """
    coarse = answer.allowance.coarse
    swing = state.steady_most - state.steady_least
    lasted = answer.answered_at - state.steady_from
    enough = 1.0 if coarse else 10 * _UNSTEADY
    if swing < 0.8 * state.limit or lasted <= enough or state.steady_reset <= (1.0 if coarse else 0.0):
        return None
    usual = _usual(state.steady_reset)
    return usual if usual <= 1.005 * state.steady_reset + coarse else state.longest_reset + coarse


def _just_begun(state: QuotaState, answer: Answer, left: int) -> float | None:
    """Return the window that begins with this very request, if only one of the usual ones fits what is told of it.

    The window before was used up, this one is whole but for the request; it began no earlier than that one ended, and
    ends as its reset says. A bucket needs longer to fill than the reset it then tells.
    """
    told = answer.allowance
    waited = answer.sent_at - state.heard
    if not told.reset_in or left + 1 != state.limit or state.previous_left > 0.2 * state.limit:
        return None
    if not 0 < waited <= told.reset_in:
        return None
    began = max(state.heard, min(state.reset_from, answer.sent_at))
    # In whole seconds it may be rounded either way; a short one up, since a second less is another window.
    rounded = told.coarse and told.reset_in >= ROUNDED_DOWN_FROM - 1
    least = told.reset_in - 1 if rounded else told.reset_in * (1 - CLOCK_DRIFT)
    most = told.reset_in + told.coarse + answer.answered_at - began
    fitting = [usual for usual in _WINDOWS if least < usual <= most]
    return float(fitting[0]) if len(fitting) == 1 else None


def _usual(seconds: float) -> float:
    return float(next((usual for usual in _WINDOWS if usual >= seconds), seconds))


def _reset(state: QuotaState, answer: Answer, left: int) -> QuotaState:
    """Narrow down when the window ends; bounds that exclude the known ones belong to another window."""
    told = answer.allowance
    if told.reset_in is None or (told.reset_in == 0 and left):
        return state  # a server that tells when the next request may leave says 0 while some remain
    slack = 1.0 if told.coarse and may_round_down(state) else 0.0
    drift = told.reset_in * CLOCK_DRIFT + _EARLY
    earliest, latest = answer.sent_at + told.reset_in - told.coarse - drift, answer.answered_at + told.reset_in + drift
    bound = answer.answered_at + state.window + drift if state.policy else 0.0
    bound = max(bound, latest) if bound else 0.0
    passed = answer.sent_at >= state.reset_by or (not left and answer.sent_at > state.heard)
    if not passed and earliest <= state.reset_by + slack and latest + slack >= state.reset_from:
        return state._replace(
            reset_from=max(earliest, state.reset_from),
            reset_by=min(latest, state.reset_by),
            reset_latest=min(bound, state.reset_latest) if state.reset_latest else bound,
        )
    if not passed and latest < state.reset_from and answer.sent_at <= state.round_began:
        return state  # a late reply from a window that has ended
    return state._replace(reset_from=earliest, reset_by=latest, reset_latest=bound)


def _used_up(state: QuotaState, terms: Terms, answer: Answer) -> QuotaState:
    """Let the even pace go on when the next place is back."""
    if state.refills_evenly and (state.top == 1 or not state.previous_left):
        return state  # as it must be for a burst of one, and until the margin has gained a place
    if state.refills_surely:
        back = answer.sent_at + pace_interval(state, terms) + state.jitter
    else:
        back = min(answer.sent_at + (answer.allowance.reset_in or 0.0) + state.jitter, opens_at(state))
    return state._replace(next_slot=max(state.next_slot, back))
