"""Rates as people write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_sync.sending.rate import UNPACED, Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate", "shown"),
    [
        ("60/min", Rate(60, 60), "60/min"),
        ("1/s", Rate(1, 1), "1/s"),
        ("60/2s", Rate(60, 2), "60/2s"),
        ("1000/h", Rate(1000, 3600), "1000/h"),
        (" 5 / 0.5 S ", Rate(5, 0.5), "5/0.5s"),
        ("100/2 hours", Rate(100, 7200), "100/2h"),
        ("10/day", Rate(10, 86400), "10/d"),
        ("None", UNPACED, "none"),
    ],
)
def test_a_rate_is_read_and_shown(text: str, rate: Rate, shown: str) -> None:
    """Every form is read, and shown in the shortest one."""
    assert (parse_rate(text), str(rate)) == (rate, shown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60", "'60' is not a rate: expected requests per time, such as 60/min, 1/s, 60/2s or 1000/h, or none"),
        ("", "'' is not a rate: expected requests per time, such as 60/min, 1/s, 60/2s or 1000/h, or none"),
        ("-1/s", "'-1/s' is not a rate: expected requests per time, such as 60/min, 1/s, 60/2s or 1000/h, or none"),
        ("٦٠/min", "'٦٠/min' is not a rate: expected requests per time, such as 60/min, 1/s, 60/2s or 1000/h, or none"),
        ("60/parsec", "'60/parsec' is not a rate: 'parsec' is no unit of time (s, min, h or d)"),
        (
            "0/min",
            (
                "'0/min' is not a rate: it allows no request; "
                "expected requests per time, such as 60/min, 1/s, 60/2s or 1000/h, or none"
            ),
        ),
        ("60/0s", "'60/0s' is not a rate: the time must be more than 0 and at most 31 days"),
        ("1/32d", "'1/32d' is not a rate: the time must be more than 0 and at most 31 days"),
        ("9999999999/s", "'9999999999/s' is not a rate: at most 1000000000 requests; for no limit say none"),
    ],
)
def test_what_is_no_rate_is_refused(text: str, message: str) -> None:
    """The message says what was found and what was expected."""
    with pytest.raises(ValueError) as caught:
        parse_rate(text)
    assert str(caught.value) == message


@given(st.integers(1, 10**9), st.integers(1, 31 * 86400))
@example(10**6, 2700)
@example(7, 2_678_399)
def test_what_is_shown_reads_as_the_same(count: int, seconds: int) -> None:
    """A rate survives being written and read."""
    assert parse_rate(str(Rate(count, seconds))) == Rate(count, seconds)


@given(st.text(max_size=12))
def test_any_text_is_a_rate_or_a_value_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    with suppress(ValueError):
        assert parse_rate(text).count >= 1
