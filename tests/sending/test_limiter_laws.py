"""Laws of the limiter, for any rate, any replies and any order of events."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bulk_sync.sending.finish import finish_in
from bulk_sync.sending.headers import NOTHING, Allowance
from bulk_sync.sending.limiter import LEAST_MARGIN, join, leave_queue, reserve, take_back
from bulk_sync.sending.quota_learning import Answer, learn
from bulk_sync.sending.quota_state import QuotaState, Terms, forget, from_json, hold, places_of, shift, to_json
from bulk_sync.sending.rate import UNPACED, Rate

MEMBERS = ("a", "b", "c")
rates = st.builds(Rate, st.integers(1, 200).map(float), st.floats(0.5, 4000))


@dataclass
class Out:
    """A request that has left and is not answered."""

    member: str
    sent_at: float
    probe: bool


class AnyServer(RuleBasedStateMachine):
    """Processes ask, send, are answered, fail and die in any order; the server says anything."""

    @initialize(rate=rates | st.just(UNPACED), given_=st.booleans(), share=st.sampled_from([1.0, 0.7, 0.1]))
    def begin(self, rate: Rate, given_: bool, share: float) -> None:
        self.terms = Terms(rate, given=given_, share=share)
        self.state = QuotaState()
        self.now = 1000.0
        self.out: list[Out] = []
        self.departures: list[float] = []
        for member in MEMBERS:
            self.state = join(self.state, member, self.now)

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(member=st.sampled_from(MEMBERS), wanted=st.integers(1, 5))
    def ask(self, member: str, wanted: int) -> None:
        self._hear()
        before = places_of(self.state, member)
        self.state, grant = reserve(self.state, self.terms, self.now, member, wanted)
        assert grant.places <= wanted
        assert places_of(self.state, member) == before + grant.places
        if grant.free_until:
            assert self.terms.rate.unpaced and not self.state.seen
        elif not grant.places:
            assert self.now < grant.ask_at < self.now + 100_000
        self.out += [Out(member, self.now, grant.probe) for _ in range(grant.places)]
        self.departures += [self.now] * grant.places

    @rule(member=st.sampled_from(MEMBERS))
    def ask_when_told(self, member: str) -> None:
        self._hear()
        self.state, grant = reserve(self.state, self.terms, self.now, member)
        if grant.places:
            self.out.append(Out(member, self.now, grant.probe))
            self.departures.append(self.now)
        elif not grant.free_until:
            self.now = grant.ask_at

    def _hear(self) -> None:
        """Every process is heard of: none is taken for stopped."""
        for member in MEMBERS:
            self.state = hold(self.state, member, 0, self.now)

    @rule(
        index=st.integers(0, 50),
        status=st.sampled_from([200, 200, 200, 404, 429, 503, None]),
        limit=st.none() | st.integers(1, 300),
        window=st.none() | st.floats(0.5, 4000),
        remaining=st.none() | st.integers(0, 300),
        reset=st.none() | st.floats(0, 4000),
        retry_after=st.none() | st.floats(0, 100),
        coarse=st.booleans(),
    )
    def answer(
        self,
        index: int,
        status: int | None,
        limit: int | None,
        window: float | None,
        remaining: int | None,
        reset: float | None,
        retry_after: float | None,
        coarse: bool,
    ) -> None:
        if not self.out:
            return
        out = self.out.pop(index % len(self.out))
        told = Allowance(limit, window, remaining, reset, retry_after, coarse) if status else NOTHING
        in_flight = self.state.in_flight
        self.now += 0.001
        self.state = learn(
            self.state, self.terms, Answer(out.member, out.sent_at, self.now, told, status, True, out.probe)
        )
        assert self.state.in_flight == in_flight - 1
        if status == 429:
            assert reserve(self.state, self.terms, self.now, out.member)[1].places == 0

    @rule(member=st.sampled_from(MEMBERS))
    def gives_back(self, member: str) -> None:
        mine = [out for out in self.out if out.member == member]
        if mine:
            self.out.remove(mine[-1])
            self.state = take_back(self.state, self.terms, self.now, member, 1)
            self.departures.remove(mine[-1].sent_at)

    @rule(member=st.sampled_from(MEMBERS))
    def dies(self, member: str) -> None:
        self.state = join(forget(self.state, [member], self.now), member, self.now)
        self.out = [out for out in self.out if out.member != member]

    @rule(member=st.sampled_from(MEMBERS))
    def stops_waiting(self, member: str) -> None:
        self.state = leave_queue(self.state, member)

    @rule(requests=st.integers(0, 1000))
    def forecasts(self, requests: int) -> None:
        assert 0 <= finish_in(self.state, self.terms, self.now, requests) < 1e10

    @invariant()
    def is_stored_whole(self) -> None:
        if hasattr(self, "state"):
            assert from_json(json.loads(json.dumps(to_json(self.state)))) == self.state
            assert shift(self.state, 0.0) == self.state
            assert self.state.in_flight == len(self.out)

    @invariant()
    def a_given_rate_is_never_passed(self) -> None:
        if not hasattr(self, "state") or not self.terms.given or self.terms.rate.unpaced:
            return
        # A slot may be given out several at once where slots are closer than anyone wakes up.
        most = max(1, int(self.terms.own.count)) + 1
        latest = [moment for moment in self.departures if moment > self.now - self.terms.own.seconds * 0.999]
        assert len(latest) <= most


AnyServer.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestAnyServer = AnyServer.TestCase


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.001, 5)), min_size=5, max_size=80),
    st.integers(2, 100),
    st.floats(10, 600),
)
def test_no_more_leave_than_the_last_headers_granted(
    steps: list[tuple[bool, float]], limit: int, window: float
) -> None:
    """Between two resets at most what was told to remain leaves, whenever it is asked and answered."""
    terms = Terms(UNPACED, given=True)
    ends = 1000.0 + window
    state, grant = reserve(join(QuotaState(), "a", 1000.0), terms, 1000.0, "a")
    assert grant.places == 1
    now, counted, waiting = 1000.001, 1, [(1000.0, True, limit - 1)]
    for asks, seconds in steps:
        now += seconds
        if now >= ends - 0.1:
            break
        if asks:
            state, grant = reserve(state, terms, now, "a", 10)
            for _ in range(grant.places):
                counted += 1
                waiting.append((now, grant.probe, limit - counted))
        elif waiting:
            sent_at, probe, remaining = waiting.pop()
            told = Allowance(limit, window, remaining, ends - now)
            state = learn(state, terms, Answer("a", sent_at, now, told, 200, True, probe))
        assert counted <= limit


@given(rates, st.integers(2, 40), st.lists(st.floats(0, 0.02), min_size=40, max_size=40))
def test_without_headers_any_window_holds_no_more_than_the_rate(rate: Rate, requests: int, late: list[float]) -> None:
    """Nothing told: in any time t at most t × rate + 1 leave, however late the timers are, and not much less."""
    terms = Terms(rate)
    state, now, moments = join(QuotaState(), "a", 1000.0)._replace(seen=False), 1000.0, list[float]()
    while len(moments) < requests:
        state, grant = reserve(state, terms, now, "a")
        if not grant.places:
            now = max(grant.ask_at, now + 1e-9) + late[len(moments)] * min(rate.interval, 1.0)
            continue
        moments += [now] * grant.places
        state = learn(state, terms, Answer("a", now, now, NOTHING, 200, True, grant.probe))
    catch_up = min(rate.interval / 4, 0.005) if rate.interval > 0.005 else 0.01
    for first in range(len(moments)):
        for last in range(first + 1, len(moments)):
            took = moments[last] - moments[first] + catch_up
            assert last - first <= took / (rate.interval * (1 + LEAST_MARGIN)) + 1e-6
    assert moments[-1] - moments[0] <= (len(moments) - 1) * rate.interval * 1.06


@given(st.integers(1, 200), st.floats(1, 4000), st.integers(1, 2000))
def test_the_forecast_is_right_at_an_even_pace(limit: int, window: float, requests: int) -> None:
    """Nothing told: the forecast is the requests times the interval, within the margin."""
    state = QuotaState(seen=False)
    seconds = finish_in(state, Terms(Rate(limit, window)), 1000.0, requests + 1)
    assert requests * window / limit <= seconds <= requests * window / limit * 1.03


def test_the_forecast_counts_windows_that_are_told() -> None:
    """20 left, the window ends in 30 s: 20 take no time, 21 take 30 s, 80 too, 81 take 90 s."""
    told = Answer("a", 1000.0, 1000.1, Allowance(60, 60.0, 20, 30.0), 200, True, True)
    state, _ = reserve(join(QuotaState(), "a", 1000.0), Terms(), 1000.0, "a")
    state = learn(state, Terms(), told)
    forecasts = [round(finish_in(state, Terms(), 1000.1, requests)) for requests in (0, 20, 21, 80, 81)]
    assert forecasts == [0, 0, 30, 30, 90]


def test_a_process_that_was_stopped_holds_nobody_back_for_long() -> None:
    """With three places held by a process that is silent for two minutes, the others have all of the quota again."""
    state = join(join(QuotaState(), "stopped", 1000.0), "a", 1000.0)
    state = hold(state, "stopped", 3, 1000.0)
    state, _ = reserve(state, Terms(), 1000.0, "a")
    told = Answer("a", 1000.0, 1000.1, Allowance(60, 3600.0, 3, 500.0), 200, True, True)
    state = learn(state, Terms(), told)
    waits = [reserve(state, Terms(), now, "a")[1].places for now in (1001.0, 1119.0)]
    state, grant = reserve(state, Terms(), 1121.0, "a")
    assert (waits, state.in_flight, places_of(state, "stopped"), grant.places) == ([0, 0], 0, 0, 0)
    told = Answer("a", 1500.0, 1500.1, Allowance(60, 3600.0, 59, 60.0), 200, True, True)
    state, grant = reserve(learn(state, Terms(), told), Terms(), 1500.2, "a", 5)
    assert grant.places == 5
