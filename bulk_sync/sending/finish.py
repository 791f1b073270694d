"""When requests will be done, by what is known of the quota and the network: pure, told the time.

What nobody has told cannot be foretold: a server that names no window has to be watched for one, and until then
:func:`finish_known` says that the forecast rests on an assumption.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bulk_sync.sending.limiter import effective_rate, opens_at, pace_interval, room_within
from bulk_sync.sending.quota_state import QuotaState, Terms, places_of
from bulk_sync.sending.rate import DEFAULT_RATE


class Sending(NamedTuple):
    """Who asks: the process, whose requests in flight are among those it counts, and how many it sends at once.

    ``lanes`` 0: any number.
    """

    member: str = ""
    lanes: int = 0


ANYBODY = Sending()


def finish_in(state: QuotaState, terms: Terms, now: float, requests: int, who: Sending = ANYBODY) -> float:
    """Return the seconds until ``requests`` more are done, those of ``who`` that are out among them."""
    if requests <= 0:
        return 0.0
    wait = max(0.0, state.blocked_until - now)
    least = _on_the_way(state, requests, who)
    rate = effective_rate(state, terms)
    if rate.unpaced:
        return wait + least
    interval = pace_interval(state, terms)
    if not state.seen or state.remaining is None:
        paced = max(0.0, state.next_slot - now - wait) + (requests - 1) * interval
        return wait + max(paced + _latency(state), least)
    beyond = requests - _grants(state, terms, now, who)
    if beyond <= 0:
        return wait + least
    if state.trickles or _fills(state):
        return max(wait + least, beyond * interval + _latency(state))
    each = max(1, int(rate.count))
    windows = math.ceil(beyond / each) - 1
    # The first request of a window goes alone. A window that it opens is late by its way, one of the server's clock
    # is not: half of it is what is known.
    alone = _latency(state)
    opened = max(wait, opens_at(state) - now, 0.0) + windows * (rate.seconds + alone / 2)
    return max(wait + least, opened + alone + _on_the_way(state, beyond - windows * each - 1, who))


def finish_known(state: QuotaState, terms: Terms) -> bool:
    """Tell whether the forecast rests on what the server, the user or the API's documents say of the window.

    It does not where the server's headers neither name a window nor have ended one, and do not look like the documented
    one: another limit, or a reset that is near though hardly anything is used.
    """
    told = terms.given and not terms.rate.unpaced
    if not state.seen or state.policy or state.learned or told:
        return True
    documented = (state.limit, state.window) == (int(DEFAULT_RATE.count), DEFAULT_RATE.seconds)
    near = state.reset_by and state.reset_by - state.heard < state.window / 4
    return documented and (state.trickles or _fills(state) or not near)


def _grants(state: QuotaState, terms: Terms, now: float, who: Sending) -> int:
    """Return how many may be done without waiting: what remains, less what others have out.

    Its own are taken as counted in what remains, as most of them are: a window more would be told for none of them.
    """
    left = min((state.remaining or 0) - state.in_flight + 2 * places_of(state, who.member), state.limit)
    if now >= opens_at(state):
        left = max(left, min(state.top, state.limit) if state.trickles else state.limit)
    if terms.share < 1 or terms.given:
        left = min(left, room_within(state, terms, now)[0])
    return max(0, left)


def _fills(state: QuotaState) -> bool:
    """Tell whether the one reset that is known is the time until a bucket is full, for a few places were taken."""
    used = state.limit - state.previous_left
    interval = state.window / state.limit if state.limit else 0.0
    reset = state.reset_by - state.heard
    return 0 < used * interval < state.window / 4 and reset <= used * interval + 1.0 + _latency(state)


def _latency(state: QuotaState) -> float:
    return (state.quickest + state.slowest) / 2


def _on_the_way(state: QuotaState, requests: int, who: Sending) -> float:
    """Return the seconds that requests take when nothing holds them back."""
    if requests <= 0:
        return 0.0
    return _latency(state) * (math.ceil(requests / who.lanes) if who.lanes else 1)
