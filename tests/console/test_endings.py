"""What is said of a run that stopped: each thing once, and what to do as the next step."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_sync.console.summary_text import summary_lines
from bulk_sync.records import RunSummary

Desk = Any
RUN = ("run", "c.csv", "-m", "m.yaml", "--yes", "--output", "r.csv", "--overwrite")


def end_of(desk: Desk, *args: str, **environ: str) -> list[str]:
    """Return how a command ends, from the line that says why it stopped; how many requests it took is not shown."""
    lines = desk.steady(desk(*args, **environ).err).splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("stopped: "))
    return [line for line in lines[begin:] if line.startswith(("stopped:", "next:", "warning:", "hint:"))]


def test_a_limit_is_told_once(desk: Desk) -> None:
    """The summary says it all: neither the limit nor the advice comes again as a warning."""
    assert end_of(desk, *RUN, "--max-requests", "2") == [
        "stopped: --max-requests is used up",
        "next: to go on where it stopped: bulk-sync resume RUN",
        "next: to take it back: bulk-sync undo RUN",
    ]


def test_a_refused_key_is_told_with_what_to_do(desk: Desk) -> None:
    """The API's own words are a detail that the summary lacks; the advice is the first of the next steps."""
    assert end_of(desk, *RUN, "--read", "none", HEFFL_API_KEY="heffl_user_another") == [
        "stopped: the API refused the key",
        "next: check the key (HEFFL_API_KEY; made in Heffl under Settings, Developers); then: bulk-sync resume",
        "next: to go on where it stopped: bulk-sync resume RUN",
        "warning: the API refused the key: Invalid API key",
    ]


def test_a_key_that_is_refused_for_the_list_is_told_no_other_way(desk: Desk) -> None:
    """No number of requests would have read it to its end."""
    assert end_of(desk, *RUN, "--read", "list", HEFFL_API_KEY="heffl_user_another") == [
        "stopped: the API refused the key",
        "next: check the key (HEFFL_API_KEY; made in Heffl under Settings, Developers); then: bulk-sync resume",
        "next: to go on where it stopped: bulk-sync resume RUN",
        "warning: the API refused the key: Invalid API key",
    ]


@pytest.mark.parametrize(
    ("causes", "output", "told"),
    [
        (10, "r.xlsx", ""),
        (11, "r.xlsx", "  and 1 more cause: see the sheet Problems"),
        (12, "r.csv", "  and 2 more causes: see sync_message in the results"),
        (12, "R.JSONL", "  and 2 more causes: see sync_message in the results"),
        (12, "", "  and 2 more causes"),
    ],
)
def test_causes_that_are_not_told_are_where_the_results_have_them(causes: int, output: str, told: str) -> None:
    """Only a workbook has sheets to look at."""
    groups = tuple((1, f"cause {n}") for n in range(causes))
    summary = RunSummary("r", "check", 1, "", {"invalid": causes}, {}, "s", "", "m", "t", "a", "", "", 0.0)
    lines = list(summary_lines(summary._replace(output=output, problem_groups=groups)))
    assert [line for line in lines if "more cause" in line] == ([told] if told else [])
