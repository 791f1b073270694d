"""The report page, and the figures behind its drawings."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_sync.errors import Problem
from bulk_sync.records import RequestLine, RowResult, RunSummary, Status
from bulk_sync.results.charts import KINDS, request_figures
from bulk_sync.results.drawing import draw
from bulk_sync.results.html_page import write_report
from bulk_sync.results.page_rows import ROWS_SHOWN, gather_rows
from bulk_sync.results.table import RunBook

MakeBook = Callable[..., RunBook]


def _page(book: RunBook, folder: Path) -> str:
    return write_report(book, folder / "report.html").path.read_text("utf-8")


def test_the_page_needs_no_network(make_book: MakeBook, tmp_path: Path) -> None:
    """Nothing on the page leads out of it, and its policy would forbid it."""
    page = _page(make_book(), tmp_path)
    assert (
        re.findall(r"<(?:link|img|iframe|script src|base|form|a)\b|url\(|@import|https?://(?!api\.example)", page) == []
    )
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" in page


def test_the_page_tells_the_run(make_book: MakeBook, tmp_path: Path) -> None:
    """Counts, advice, causes and rows are on it, under the words of the other results."""
    words = re.sub(
        r"<style>.*?</style>|<script>.*?</script>|<title>.*?</title>", "", _page(make_book(), tmp_path), flags=re.DOTALL
    )
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", words)).replace("&#34;", '"').replace("&lt;", "<")
    for part in (
        "run 20260301-091500-7f3a of clients.xlsx - stopped: the time of --until has come · 2026-03-01T09:15:03+04:00",
        "5 rows 1 updated 20.0 % accepted by the API 2 invalid 40.0 % refused here, never sent",
        "What to do next to go on where it stopped: bulk-sync resume 20260301-091500-7f3a",
        "60 a minute allowed",
        "accepted 2 2xx refused 1 4xx",
        "half within 0.20 s",
        "Attempts a row took 1 attempt 2",
        '1 email_invalid E-mail → email "n/a" is not an e-mail address write name@domain Clients!C3',
        r"1 validation_error =HYPERLINK(1) \x1b[31m refused row 5",
        "Client ID Company E-mail Code Credit client changed message",
        '4 invalid row_width row 4 has 8 cells - the row as it stands in the file: a,"b',
        "2 more columns of the source are in the results file.",
    ):
        assert part in text


def test_the_sandbox_is_said(make_book: MakeBook, summary: RunSummary, tmp_path: Path) -> None:
    """A sandbox's page says so at its top, and whether anything was written to it."""
    assert "SANDBOX" not in _page(make_book(), tmp_path)
    written = summary._replace(sandbox=True)
    assert "SANDBOX - a stand-in was written to, not the CRM" in _page(make_book(summary=written), tmp_path)
    planned = written._replace(kind="plan", requests={"page": 1})
    assert "SANDBOX - for a stand-in, not the CRM; nothing was written" in _page(make_book(summary=planned), tmp_path)


def test_text_from_outside_is_text(make_book: MakeBook, tmp_path: Path) -> None:
    """Markup and script in a cell, a code, a message or a column's name stay what they are."""
    evil = "<script>alert(1)</script>\"' onload=x {{ 7*7 }}"
    problem = Problem(evil, evil, evil, None, evil, evil, evil, evil)
    rows = [RowResult(2, (evil,), Status.FAILED, evil, evil, evil, (evil,), 500, 1, evil, evil, (problem,))]
    page = _page(make_book(header=(evil,), rows=rows, changes=()), tmp_path)
    assert page.count("<script>") == 1
    assert "{{ 7*7 }}" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39; onload=x" in page


def test_very_many_rows_are_capped_visibly_and_the_urgent_ones_kept(make_book: MakeBook, tmp_path: Path) -> None:
    """The page says how many rows it leaves out; those that ask for attention are on it."""
    rows = [RowResult(n, ("x",), Status.FAILED if n % 100 == 0 else Status.UPDATED, "422") for n in range(2, 5_002)]
    book = make_book(header=("A",), rows=rows, changes=())
    kept = gather_rows(book)
    assert len(kept.rows) == ROWS_SHOWN
    assert Counter(row.status for row in kept.rows) == {"failed": 50, "updated": 1_950}
    assert [row.row_number for row in kept.rows] == sorted(row.row_number for row in kept.rows)
    assert "2,000 of 5,000 rows are shown here, those that ask for attention first" in _page(book, tmp_path)


def test_causes_are_grouped_and_bounded(make_book: MakeBook, tmp_path: Path) -> None:
    """One cause is one line with its count; more than a hundred are said to be more."""
    rows = [
        RowResult(n, ("x",), Status.INVALID, problems=(Problem(f"code{n % 150}", "m", column="A", cell=f"A{n}"),))
        for n in range(2, 602)
    ]
    book = make_book(header=("A",), rows=rows, changes=())
    kept = gather_rows(book)
    assert (len(kept.causes), kept.more_causes) == (100, 50)
    assert kept.causes[0][0] == 4
    assert "and 50 more causes" in _page(book, tmp_path)
    many = [RowResult(n, ("x",), Status.FAILED, f"code{n}") for n in range(2, 2_002)]
    assert gather_rows(make_book(header=("A",), rows=many)).more_causes == 900


def test_a_run_without_requests_has_no_timeline(make_book: MakeBook, tmp_path: Path) -> None:
    """A check sends nothing and draws nothing."""
    assert "Requests against the quota" not in _page(make_book(requests=()), tmp_path)


def test_an_older_report_is_replaced_and_nothing_else(make_book: MakeBook, tmp_path: Path) -> None:
    """A page of ours gives way; somebody else's page does not."""
    first, second = (write_report(make_book(), tmp_path / "report.html") for _ in range(2))
    assert (first.path, second.path, second.notes) == (tmp_path / "report.html", tmp_path / "report.html", ())
    (tmp_path / "theirs.html").write_text("<html>")
    third = write_report(make_book(), tmp_path / "theirs.html")
    assert third.path.name == "theirs-20260301-091500-7f3a.html"
    assert (tmp_path / "theirs.html").read_text() == "<html>"


@given(
    ats=st.lists(st.floats(0, 500_000), max_size=60),
    status=st.sampled_from([200, 201, 404, 429, 500, None]),
    rate=st.sampled_from(["60/min", "none", "", "1/s", "1000/h"]),
)
def test_the_timeline_loses_no_request(ats: list[float], status: int | None, rate: str) -> None:
    """Law: every request is in one span, in few enough spans, and every bar lies inside the drawing."""
    requests = [RequestLine(1_772_342_100 + at, "patch", status, 0.1, "x") for at in sorted(ats)]
    figures = request_figures(requests, rate)
    assert sum(sum(span.counts) for span in figures.timeline.spans) == figures.total == len(ats)
    assert len(figures.timeline.spans) <= 120
    drawing = draw(figures.timeline, UTC)
    assert all(bar.y >= -0.1 and bar.y + bar.height <= 200.1 and bar.x + bar.width <= 920.1 for bar in drawing.bars)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "accepted"),
        (204, "accepted"),
        (302, "refused"),
        (404, "refused"),
        (429, "slowed"),
        (503, "broken"),
        (None, "broken"),
    ],
)
def test_how_a_request_went(status: int | None, kind: str) -> None:
    """Each answer has one kind."""
    figures = request_figures([RequestLine(0.0, "patch", status, 0.1, "x")], "none")
    assert figures.kinds == ((kind, 1),)
    assert kind in KINDS


def test_quantiles_are_close_to_the_truth() -> None:
    """Latencies are kept in fine steps, so that a quantile is at most two per cent off."""
    requests = [RequestLine(float(n), "patch", 200, n / 1000, "ok") for n in range(1, 1001)]
    found = dict(request_figures(requests, "none").latencies.quantiles)
    assert found["half within"] == pytest.approx(0.5, rel=0.02)
    assert found["19 of 20 within"] == pytest.approx(0.95, rel=0.02)
    assert found["slowest"] == 1.0
