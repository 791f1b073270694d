"""Limits that the user sets, and custom fields that nobody has."""

from __future__ import annotations

import pytest

from bulk_sync.planning.guards import (
    CustomFieldWatch,
    GuardFinding,
    Limit,
    RowRange,
    RunFigures,
    RunLimits,
    limit_findings,
)
from bulk_sync.settings import GUARD_NAMES

FINE = RunFigures(rows=100, changed=30, invalid=2, cells=500, cleared=5, last_rows=110)


def test_a_run_within_its_limits_has_no_findings() -> None:
    """Limits that are just met are kept."""
    limits = RunLimits(
        max_changed=Limit(count=30),
        max_cleared=Limit(share=0.01),
        max_invalid=Limit.parse("0.02"),
        expect_rows=RowRange.parse("100..200"),
    )
    assert limit_findings(limits, FINE) == ()
    assert limit_findings(RunLimits(), FINE) == ()


def test_each_limit_is_named_with_its_figures() -> None:
    """One over each limit is found, in words that give both figures."""
    limits = RunLimits(
        max_changed=Limit.parse("29"),
        max_cleared=Limit.parse("0.009"),
        max_invalid=Limit.parse("1"),
        require_valid=True,
        expect_rows=RowRange.parse("101.."),
    )
    assert [(found.name, found.message) for found in limit_findings(limits, FINE)] == [
        ("max-changed", "30 of 100 rows would change; --max-changed allows 29"),
        ("max-cleared", "5 of 500 cells would be cleared; --max-cleared allows 0.009"),
        ("max-invalid", "2 of 100 rows are invalid; --max-invalid allows 1"),
        ("require-valid", "2 of 100 rows are invalid, and --require-valid was asked for"),
        ("expect-rows", "the source has 100 rows; expected were 101.."),
    ]


def test_an_empty_source_stops_and_a_much_smaller_one_warns() -> None:
    """No rows at all is no wish; fewer than half of last time is only told."""
    empty = limit_findings(RunLimits(), RunFigures(0, 0, 0, 0, 0, last_rows=100))
    smaller = limit_findings(RunLimits(), RunFigures(49, 0, 0, 0, 0, last_rows=100))
    assert [(found.name, found.severity) for found in empty] == [("empty", "stop")]
    assert [(found.name, found.severity) for found in smaller] == [("much-smaller", "warning")]
    assert "much-smaller" not in GUARD_NAMES  # there is nothing to allow
    assert limit_findings(RunLimits(), RunFigures(50, 0, 0, 0, 0, last_rows=100)) == ()


@pytest.mark.parametrize("text", ["", "-1", "1.5", "30%", "many", "nan"])
def test_a_limit_is_a_count_or_a_share(text: str) -> None:
    """Anything but a count or a share between 0 and 1 is refused."""
    with pytest.raises(ValueError, match="expected a count such as 30 or a share such as"):
        Limit.parse(text)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("4000..6000", 4000, 6000), ("4000..", 4000, None), ("..6000", None, 6000), ("5000", 5000, 5000)],
)
def test_a_range_of_rows(text: str, least: int | None, most: int | None) -> None:
    """A range is read and written back in the same words."""
    expected = RowRange.parse(text)
    assert expected == (least, most)
    assert str(expected) == text


@pytest.mark.parametrize("text", ["", "..", "a..b", "6..4", "4...6", "1.5"])
def test_a_broken_range_is_refused(text: str) -> None:
    """A range that cannot be understood is refused, never guessed."""
    with pytest.raises(ValueError, match=r"expected a range of rows such as 4000\.\.6000"):
        RowRange.parse(text)


def test_a_custom_field_that_no_client_has_is_doubtful() -> None:
    """A misspelt custom field is found, with the one that was meant; one that is null somewhere is none."""
    watch = CustomFieldWatch()
    watch.see({"id": "1", "customFields": {"tier": None, "cf_city": "Dubai"}})
    watch.see({"id": "2", "customFields": {}})
    wanted = ["name", "cf_tier", "cf_citty", "cf_new"]
    assert watch.findings(wanted, known=["cf_new"]) == (
        GuardFinding(
            "new-custom-field",
            (),
            "none of the 2 clients read has the custom field cf_citty",
            "did you mean cf_city? If it is right: extra_fields: [cf_citty] in the mapping, "
            "or --allow new-custom-field",
            "cf_citty",
        ),
    )


def test_nothing_is_doubtful_where_nothing_was_read() -> None:
    """A blind run knows no custom fields, so it doubts none."""
    assert CustomFieldWatch().findings(["cf_any"]) == ()
