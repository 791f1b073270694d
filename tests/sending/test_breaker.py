"""The breaker in told time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.sending.breaker import Breaker, BreakerSettings, Signal
from bulk_sync.sending.policy import Trouble


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(11):
        assert breaker.observe(Trouble.OUTAGE, now) is Signal.NOTHING
    assert breaker.observe(Trouble.OUTAGE, now) is Signal.OPENED
    return breaker


def test_the_twelfth_failure_in_a_row_opens() -> None:
    """Eleven do not, and anything that shows life begins the count anew."""
    breaker = Breaker()
    for _ in range(5):
        for _ in range(11):
            breaker.observe(Trouble.OUTAGE, 0.0)
        breaker.observe(Trouble.NONE, 0.0)
    assert not breaker.open
    assert opened().open


def test_probes_come_after_1_2_4_to_30_seconds() -> None:
    """Each is counted from the beginning of the one before, so that slow probes do not delay the next."""
    breaker = opened(100.0)
    now, waits = 100.0, []
    for _ in range(8):
        waits.append(breaker.probe_wait(now))
        now += waits[-1]
        breaker.probing(now)
        breaker.observe(Trouble.OUTAGE, now + 0.5)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_ten_minutes_of_outage_cost_fewer_than_40_probes() -> None:
    """The longest way from probe to probe is half a minute."""
    breaker = opened(0.0)
    now, probes = 0.0, 0
    while (now := now + breaker.probe_wait(now)) < 600:
        breaker.probing(now)
        breaker.observe(Trouble.OUTAGE, now)
        probes += 1
    assert probes == 23


def test_the_first_sign_of_life_closes() -> None:
    """Even a refusal or a 429 shows that the server is there."""
    for trouble in (Trouble.NONE, Trouble.SYSTEMIC, Trouble.QUOTA):
        breaker = opened()
        assert breaker.observe(trouble, 5.0) is Signal.CLOSED
        assert (breaker.open, breaker.outage(5.0), breaker.probe_wait(5.0)) == (False, 0.0, 0.0)


def test_an_outage_is_counted_from_its_first_failure() -> None:
    """max_outage is the time without a sign of life, not since the breaker opened."""
    breaker = Breaker(BreakerSettings(max_outage=60.0))
    for second in range(12):
        breaker.observe(Trouble.OUTAGE, float(second))
    assert (breaker.outage(59.0), breaker.outlasted(59.0), breaker.outlasted(60.0)) == (59.0, False, True)


def test_a_streak_that_lasts_is_doubted_before_it_is_outlasted() -> None:
    """Ten seconds without a sign of life, or half of what an outage may last, if that is less."""
    for max_outage, moments in ((60.0, (10.0, 60.0)), (2.0, (1.0, 2.0))):
        breaker = Breaker(BreakerSettings(max_outage=max_outage))
        assert (breaker.doubted(99.0), breaker.outlasted(99.0)) == (False, False)
        breaker.observe(Trouble.OUTAGE, 100.0)
        found, now = [], 100.0
        while left := breaker.next_moment(now):
            now += left
            found.append((now - 100.0, breaker.doubted(now), breaker.outlasted(now)))
        assert found == [(moments[0], True, False), (moments[1], True, True)]
        assert not breaker.open
        breaker.observe(Trouble.NONE, now)
        assert (breaker.failing, breaker.doubted(now), breaker.outlasted(now)) == (False, False, False)


def test_tripping_opens_at_once_and_only_once() -> None:
    """Someone found out by other means that nothing answers."""
    breaker = Breaker()
    assert breaker.trip(10.0) is Signal.OPENED
    assert breaker.trip(11.0) is Signal.NOTHING
    assert (breaker.probe_wait(10.0), breaker.outage(12.0)) == (1.0, 2.0)


def test_refusals_that_every_row_would_get_stop_on_the_first_rows() -> None:
    """The fifth 403 in a row, with nothing accepted before, is systemic."""
    breaker = Breaker()
    signals = [breaker.observe(Trouble.SYSTEMIC, 0.0) for _ in range(5)]
    assert signals == [Signal.NOTHING] * 4 + [Signal.SYSTEMIC]


def test_after_an_accepted_row_a_refusal_is_the_rows_own_for_long() -> None:
    """Five 403s are then five rows without permission; fifty in a row are not."""
    breaker = Breaker()
    breaker.observe(Trouble.NONE, 0.0, accepted=True)
    signals = [breaker.observe(Trouble.SYSTEMIC, 0.0) for _ in range(50)]
    assert signals == [Signal.NOTHING] * 49 + [Signal.SYSTEMIC]


def test_a_row_error_between_makes_the_first_refusals_the_rows_own() -> None:
    """Four 403s, a 404, four 403s: nothing that every row gets."""
    breaker = Breaker()
    troubles = [*[Trouble.SYSTEMIC] * 4, Trouble.NONE, *[Trouble.SYSTEMIC] * 4]
    assert {breaker.observe(trouble, 0.0) for trouble in troubles} == {Signal.NOTHING}


def test_nothing_but_429_for_half_an_hour_is_too_long() -> None:
    """A quota that never opens is not waited for; a single long window is."""
    breaker = Breaker()
    assert breaker.observe(Trouble.QUOTA, 0.0) is Signal.NOTHING
    assert breaker.observe(Trouble.QUOTA, 3600.0) is Signal.NOTHING
    signals = [breaker.observe(Trouble.QUOTA, 3601.0 + n) for n in range(10)]
    assert signals[-1] is Signal.LIMITED


@given(st.lists(st.sampled_from(list(Trouble)), max_size=60))
def test_it_is_open_only_after_an_unbroken_streak(troubles: list[Trouble]) -> None:
    """Law: open exactly when the last twelve or more that say anything were failures."""
    breaker = Breaker()
    streak = 0
    for trouble in troubles:
        breaker.observe(trouble, 0.0)
        if trouble in {Trouble.OUTAGE, Trouble.TARGET}:
            streak += 1
        elif trouble is not Trouble.KEY:
            streak = 0
        assert breaker.open is (streak >= 12)
