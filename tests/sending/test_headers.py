"""Every form in which servers tell a quota, the examples of the drafts among them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.sending.headers import LONGEST_WAIT, MOST_REQUESTS, NOTHING, Allowance, read_allowance

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "specs" / "ratelimit"
NOW = datetime(2019, 8, 5, 9, 27, tzinfo=UTC).timestamp()
DATE = "Mon, 05 Aug 2019 09:27:00 GMT"

# What each example says, as (limit, window, remaining, reset, retry after).
EXAMPLES: dict[str, tuple[float | None, ...]] = {
    "Date: Mon, 05 Aug 2019 09:27:00 GMT": (None, None, None, None, None),
    "Date: Tue, 15 Nov 1994 08:00:00 GMT": (None, None, None, None, None),
    "Date: Tue, 15 Nov 1994 18:00:00 GMT": (None, None, None, None, None),
    "RateLimit-Limit: 0": (None, None, None, None, None),
    "RateLimit-Limit: 0, 15;w=20": (15, 20, None, None, None),
    "RateLimit-Limit: 10": (10, None, None, None, None),
    "RateLimit-Limit: 10, 100;w=60": (10, 60, None, None, None),
    "RateLimit-Limit: 10, 10;w=1, 50;w=60, 1000;w=3600, 5000;w=86400": (5000, 86400, None, None, None),
    "RateLimit-Limit: 10, 10;w=1;burst=1000, 1000;w=3600": (1000, 3600, None, None, None),
    "RateLimit-Limit: 100": (100, None, None, None, None),
    "RateLimit-Limit: 100, 100;w=10": (100, 10, None, None, None),
    "RateLimit-Limit: 100, 100;w=60": (100, 60, None, None, None),
    'RateLimit-Limit: 100, 100;w=60;burst=1000;comment="sliding window", 5000;w=3600;burst=0;comment="fixed window"': (
        5000,
        3600,
        None,
        None,
        None,
    ),
    "RateLimit-Limit: 10000": (10000, None, None, None, None),
    "RateLimit-Limit: 10000, 10000;w=1000": (10000, 1000, None, None, None),
    "RateLimit-Limit: 12": (12, None, None, None, None),
    "RateLimit-Limit: 12, 12;w=1": (12, 1, None, None, None),
    "RateLimit-Limit: 15": (15, None, None, None, None),
    "RateLimit-Limit: 15, 100;w=60": (15, 60, None, None, None),
    "RateLimit-Limit: 5000": (5000, None, None, None, None),
    "RateLimit-Limit: 5000, 1000;w=3600, 5000;w=86400": (5000, 86400, None, None, None),
    "RateLimit-Policy: 10000;w=1000": (10000, 1000, None, None, None),
    "RateLimit-Policy: 1000;w=3600, 5000;w=86400": (5000, 86400, None, None, None),
    "RateLimit-Policy: 100;w=10": (100, 10, None, None, None),
    "RateLimit-Policy: 100;w=60": (100, 60, None, None, None),
    'RateLimit-Policy: 100;w=60;burst=1000;comment="sliding window", 5000;w=3600;burst=0;comment="fixed window"': (
        5000,
        3600,
        None,
        None,
        None,
    ),
    "RateLimit-Policy: 10;w=1, 10;w=60": (10, 60, None, None, None),
    "RateLimit-Policy: 10;w=1, 50;w=60, 1000;w=3600, 5000;w=86400": (5000, 86400, None, None, None),
    "RateLimit-Policy: 10;w=1;burst=1000, 1000;w=3600": (1000, 3600, None, None, None),
    "RateLimit-Policy: 12;w=1": (12, 1, None, None, None),
    "RateLimit-Policy: 15;w=20": (15, 20, None, None, None),
    'RateLimit-Policy: "basic";q=100;w=60': (100, 60, None, None, None),
    'RateLimit-Policy: "burst";q=100;w=60,"daily";q=1000;w=86400': (1000, 86400, None, None, None),
    'RateLimit-Policy: "default";q=100;w=10': (100, 10, None, None, None),
    'RateLimit-Policy: "dynamic";q=100;w=60': (100, 60, None, None, None),
    'RateLimit-Policy: "dynamic";q=15;w=20': (15, 20, None, None, None),
    'RateLimit-Policy: "fixed";q=5000;w=3600;burst=0': (5000, 3600, None, None, None),
    'RateLimit-Policy: "fixedwindow";q=100;w=60': (100, 60, None, None, None),
    'RateLimit-Policy: "hour";q=1000;w=3600, "day";q=5000;w=86400': (5000, 86400, None, None, None),
    'RateLimit-Policy: "permin";q=50;w=60,"perhr";q=1000;w=3600': (1000, 3600, None, None, None),
    'RateLimit-Policy: "peruser";q=100;w=60;pk=:cHsdsRa894==:': (100, 60, None, None, None),
    # Bytes are not requests.
    'RateLimit-Policy: "peruser";q=65535;qu="bytes";w=10;pk=:sdfjLJUOUH==:': (None, None, None, None, None),
    'RateLimit-Policy: "peruser";q=65535;qu="content-bytes";w=10;pk=:sdfjLJUOUH==:': (None, None, None, None, None),
    'RateLimit-Policy: "sliding";q=100;w=60;burst=1000': (100, 60, None, None, None),
    'RateLimit-Policy: "sliding";q=12;w=1': (12, 1, None, None, None),
    'RateLimit-Policy: "somepolicy";q=10000;w=1000': (10000, 1000, None, None, None),
    "RateLimit-Policy: quota;q=10": (10, None, None, None, None),
    "RateLimit-Policy: quota;q=100;w=1": (100, 1, None, None, None),
    "RateLimit: limit=0, remaining=0, reset=20": (None, None, 0, 20, None),
    "RateLimit: limit=1, remaining=1, reset=36000": (1, None, 1, 36000, None),
    "RateLimit: limit=10, remaining=0, reset=10": (10, None, 0, 10, None),
    "RateLimit: limit=10, remaining=1, reset=7": (10, None, 1, 7, None),
    "RateLimit: limit=10, remaining=9, reset=50": (10, None, 9, 50, None),
    "RateLimit: limit=10, reset=1": (10, None, None, 1, None),
    "RateLimit: limit=100, remaining=0, reset=48": (100, None, 0, 48, None),
    "RateLimit: limit=100, remaining=0, reset=5": (100, None, 0, 5, None),
    "RateLimit: limit=100, remaining=0, reset=50": (100, None, 0, 50, None),
    "RateLimit: limit=100, remaining=20, reset=56": (100, None, 20, 56, None),
    "RateLimit: limit=100, remaining=50, reset=44": (100, None, 50, 44, None),
    "RateLimit: limit=100, remaining=50, reset=5": (100, None, 50, 5, None),
    "RateLimit: limit=100, remaining=50, reset=60": (100, None, 50, 60, None),
    "RateLimit: limit=100, remaining=60, reset=58": (100, None, 60, 58, None),
    "RateLimit: limit=100, remaining=99, reset=50": (100, None, 99, 50, None),
    "RateLimit: limit=10000, remaining=10000, reset=10": (10000, None, 10000, 10, None),
    # The draft breaks these lines; the rest of the value stands on the next one.
    "RateLimit: limit=12,    \\": (12, None, None, None, None),
    "RateLimit: limit=12,   \\": (12, None, None, None, None),
    "RateLimit: limit=15, remaining=15, reset=40": (15, None, 15, 40, None),
    "RateLimit: limit=5000, remaining=100, reset=36000": (5000, None, 100, 36000, None),
    'RateLimit: "basic";r=20;t=56': (None, None, 20, 56, None),
    'RateLimit: "basic";r=60;t=58': (None, None, 60, 58, None),
    'RateLimit: "daily";r=1;t=36400': (None, None, 1, 36400, None),
    'RateLimit: "day";r=100;t=36000': (None, None, 100, 36000, None),
    'RateLimit: "dayLimit";r=100;t=36000': (None, None, 100, 36000, None),
    'RateLimit: "default";r=0;t=48': (None, None, 0, 48, None),
    'RateLimit: "default";r=0;t=5': (None, None, 0, 5, None),
    'RateLimit: "default";r=0;t=50': (None, None, 0, 50, None),
    'RateLimit: "default";r=1;t=7': (None, None, 1, 7, None),
    'RateLimit: "default";r=300000000;t=60;pk=:QXBwLTk5OQ==:': (None, None, 300000000, 60, None),
    'RateLimit: "default";r=50;t=30': (None, None, 50, 30, None),
    'RateLimit: "default";r=999;pk=:dHJpYWwxMjEzMjM=:': (None, None, 999, None, None),
    'RateLimit: "dynamic";r=0;t=20': (None, None, 0, 20, None),
    'RateLimit: "dynamic";r=15;t=40': (None, None, 15, 40, None),
    'RateLimit: "dynamic";r=9;t=50': (None, None, 9, 50, None),
    'RateLimit: "fixedwindow";r=99;t=50': (None, None, 99, 50, None),
    'RateLimit: "problemPolicy";r=0;t=10': (None, None, 0, 10, None),
    'RateLimit: "sliding";q=12;r=1;t=1': (12, None, 1, 1, None),
    'RateLimit: "sliding";q=12;r=6;t=1': (12, None, 6, 1, None),
    'RateLimit: "sliding";r=50;t=44': (None, None, 50, 44, None),
    'RateLimit: "somepolicy";r=10000;t=10': (None, None, 10000, 10, None),
    # Without the remaining, which the draft requires, there is nothing to go by.
    "RateLimit: quota;t=1": (None, None, None, None, None),
    "RateLimit-Remaining: 0": (None, None, 0, None, None),
    "RateLimit-Remaining: 1": (None, None, 1, None, None),
    "RateLimit-Remaining: 100": (None, None, 100, None, None),
    "RateLimit-Remaining: 10000": (None, None, 10000, None, None),
    "RateLimit-Remaining: 20": (None, None, 20, None, None),
    "RateLimit-Remaining: 50": (None, None, 50, None, None),
    "RateLimit-Remaining: 6": (None, None, 6, None, None),
    "RateLimit-Remaining: 60": (None, None, 60, None, None),
    "RateLimit-Reset: 1": (None, None, None, 1, None),
    "RateLimit-Reset: 10": (None, None, None, 10, None),
    "RateLimit-Reset: 36000": (None, None, None, 36000, None),
    "RateLimit-Reset: 5": (None, None, None, 5, None),
    "RateLimit-Reset: 50": (None, None, None, 50, None),
    "RateLimit-Reset: 56": (None, None, None, 56, None),
    "RateLimit-Reset: 58": (None, None, None, 58, None),
    "RateLimit-Reset: 60": (None, None, None, 60, None),
    "RateLimit-Reset: 7": (None, None, None, 7, None),
    "Retry-After: 20": (None, None, None, None, 20),
    "Retry-After: Mon, 05 Aug 2019 09:27:05 GMT": (None, None, None, None, 5),
}


@pytest.mark.skipif(not CASES.is_dir(), reason="the public cases are not beside the repository")
def test_every_example_of_the_drafts_is_read() -> None:
    """Each header of drafts 01 to 10 says here what it says there, and none of them is left out."""
    found: dict[str, tuple[float | None, ...]] = {}
    for path in sorted(CASES.glob("draft-*.examples.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, value = line.split(": ", 1)
            found[line] = tuple(read_allowance({name: value}, wall_time=NOW))[:5]
    assert found == EXAMPLES


@pytest.mark.skipif(not CASES.is_dir(), reason="the public cases are not beside the repository")
def test_every_form_of_retry_after_is_read() -> None:
    """Seconds and the three forms of a date mean the same as RFC 9110 says; the past means now."""
    minute_before = datetime(1994, 11, 6, 8, 48, 37, tzinfo=UTC).timestamp()
    lines = (CASES / "retry_after.txt").read_text(encoding="utf-8").splitlines()
    forms = [line.split("\t") for line in lines if not line.startswith("#")]
    waits = {kind: read_allowance({"Retry-After": text}, wall_time=minute_before).retry_after for text, kind in forms}
    past = read_allowance({"Retry-After": forms[0][0]}, wall_time=NOW).retry_after
    assert (past, waits) == (
        0.0,
        {
            "http-date (past: wait 0)": LONGEST_WAIT,  # not past in 1994, and absurdly far: capped
            "delay-seconds": 120.0,
            "IMF-fixdate": 60.0,
            "rfc850-date (obsolete, MUST be accepted)": 60.0,
            "asctime-date (obsolete, MUST be accepted)": 60.0,
        },
    )


THREE = {"RateLimit-Limit": "60", "RateLimit-Remaining": "12", "RateLimit-Reset": "7"}


@pytest.mark.parametrize(
    ("headers", "allowance"),
    [
        pytest.param(THREE, Allowance(60, None, 12, 7.0, None, True), id="three of draft 03"),
        pytest.param(
            {name.upper(): value for name, value in THREE.items()}, Allowance(60, None, 12, 7.0, None, True), id="case"
        ),
        pytest.param(
            {f"x-{name}": value for name, value in THREE.items()}, Allowance(60, None, 12, 7.0, None, True), id="X-"
        ),
        pytest.param(
            {"X-Rate-Limit-Limit": "60", "X-Rate-Limit-Remaining": "3", "X-Rate-Limit-Reset": "1.5"},
            Allowance(60, None, 3, 1.5, None, False),
            id="X-Rate-Limit, with a fraction",
        ),
        pytest.param({**THREE, "RateLimit-Policy": "60;w=60"}, Allowance(60, 60.0, 12, 7.0, None, True), id="draft 06"),
        pytest.param(
            {"RateLimit": "limit=60, remaining=5, reset=9", "RateLimit-Policy": "60;w=60"},
            Allowance(60, 60.0, 5, 9.0, None, True),
            id="draft 07",
        ),
        pytest.param(
            {
                "RateLimit": '"minute";r=50;t=9, "hour";r=3;t=1800',
                "RateLimit-Policy": '"minute";q=60;w=60, "hour";q=1000;w=3600',
            },
            Allowance(1000, 3600.0, 3, 1800.0, None, True),
            id="draft 10, the strictest of two",
        ),
        pytest.param(
            {
                "RateLimit": '"bytes";r=0;t=9, "hour";r=3;t=1800',
                "RateLimit-Policy": '"bytes";q=60;w=60;qu="content-bytes", "hour";q=1000;w=3600',
            },
            Allowance(1000, 3600.0, 3, 1800.0, None, True),
            id="bytes are not requests",
        ),
        pytest.param(
            {"RateLimit": '"a,b;c=\\"d\\"";r=5;t=2'}, Allowance(None, None, 5, 2.0, None, True), id="a name in quotes"
        ),
        pytest.param(
            {**THREE, "X-RateLimit-Remaining": "0"}, Allowance(60, None, 12, 7.0, None, True), id="the newer wins"
        ),
        pytest.param(
            {**THREE, "RateLimit-Reset": str(int(NOW) + 9), "Date": DATE},
            Allowance(60, None, 12, 9.0, None, True),
            id="an epoch, by the server's clock",
        ),
        pytest.param(
            {**THREE, "RateLimit-Reset": str(int(NOW * 1000) + 9000), "Date": DATE},
            Allowance(60, None, 12, 9.0, None, True),
            id="an epoch in milliseconds",
        ),
        pytest.param(
            {"Retry-After": "Mon, 05 Aug 2019 09:28:00 GMT", "Date": DATE},
            Allowance(retry_after=60.0),
            id="a date, by the server's clock",
        ),
        pytest.param({**THREE, "RateLimit-Reset": "-5"}, Allowance(60, None, 12), id="a negative reset"),
        pytest.param({**THREE, "RateLimit-Remaining": "many"}, Allowance(60, None, None, 7.0, None, True), id="words"),
        pytest.param({**THREE, "RateLimit-Remaining": "nan"}, Allowance(60, None, None, 7.0, None, True), id="nan"),
        pytest.param(
            {"RateLimit-Limit": "9" * 18, "RateLimit-Remaining": "9" * 18, "RateLimit-Reset": "999999999"},
            Allowance(MOST_REQUESTS, None, MOST_REQUESTS, LONGEST_WAIT, None, True),
            id="absurd ones are capped",
        ),
        pytest.param({"Retry-After": "999999999"}, Allowance(retry_after=LONGEST_WAIT), id="an absurd wait"),
        pytest.param({"Retry-After": f"{NOW + 5:.0f}"}, Allowance(retry_after=5.0), id="an epoch as a wait"),
        pytest.param({"Retry-After": f"{NOW + 5:.0f}000"}, Allowance(retry_after=5.0), id="one in milliseconds"),
        pytest.param({"Retry-After": "Mon, 31 Feb 2019 09:28:00 GMT"}, NOTHING, id="no such day"),
        pytest.param({"RateLimit": ';;,",', "RateLimit-Policy": ";,;w=1"}, NOTHING, id="punctuation"),
        pytest.param({"Retry-After": "soon", "Content-Type": "text/html"}, NOTHING, id="nothing"),
    ],
)
def test_what_headers_say(headers: dict[str, str], allowance: Allowance) -> None:
    """Each form gives the allowance that it means; the wall clock here is an hour ahead of the server's."""
    wall_time = NOW + 3600 if "Date" in headers else NOW
    assert read_allowance(headers, wall_time=wall_time) == allowance


def test_a_year_of_two_digits_is_not_far_ahead() -> None:
    """RFC 9110: what would be more than 50 years ahead is in the past."""
    waits = [
        read_allowance({"Retry-After": f"Sunday, 06-Nov-{year} 08:49:37 GMT"}, wall_time=NOW).retry_after
        for year in ("94", "68", "70")
    ]
    assert waits == [0.0, LONGEST_WAIT, 0.0]


NAMES = st.sampled_from(
    ["RateLimit", "ratelimit-policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Limit",
     "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After", "Date"]
)  # fmt: skip
VALUES = st.text(max_size=30) | st.text('0123456789;=,"\\wqrt .', max_size=30) | st.integers().map(str)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.floats(1e9, 4e9))
def test_any_headers_give_a_sane_allowance(headers: dict[str, str], wall_time: float) -> None:
    """Whatever a server sends, nothing is raised and every number is within its bounds."""
    found = read_allowance(headers, wall_time=wall_time)
    assert found.limit is None or 1 <= found.limit <= MOST_REQUESTS
    assert found.remaining is None or 0 <= found.remaining <= MOST_REQUESTS
    assert found.reset_in is None or 0 <= found.reset_in <= LONGEST_WAIT
    assert found.retry_after is None or 0 <= found.retry_after <= LONGEST_WAIT
    assert found.window is None or found.window > 0
