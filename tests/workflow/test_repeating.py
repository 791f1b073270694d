"""``--skip-same``: a night on which nothing is to be done."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

COUNT = 4


@pytest.fixture
def office(open_office: Callable[..., Any]) -> Any:
    """One API, with a client for each row."""
    return open_office(records=[{"id": f"clt_{n}", "type": "company", "name": f"Name {n}"} for n in range(COUNT)])


def sheet(office: Any, word: str) -> tuple[Any, Any]:
    """One mapping, and a source that gives each client a new name."""
    rows = [(f"clt_{n}", f"{word} {n}") for n in range(COUNT)]
    return office.source(("ID", "Company"), rows, f"{word}.csv"), office.mapping(match="ID", fields={"name": "Company"})


def test_a_night_is_not_the_same_after_an_earlier_run_went_on(office: Any) -> None:
    """It began before the night and sent its values after it."""
    earlier = office.run(*sheet(office, "Other"), max_requests=3).summary
    assert earlier.counts["not_sent"]
    night = sheet(office, "Name")
    assert office.run(*night, skip_same=True).summary.exit_code == 0
    assert office.run(*night, skip_same=True).summary.stopped_by == "same"
    office.resume(earlier.run)
    sent = {record["name"] for record in office.server.records().values()}
    ended = office.run(*night, skip_same=True).summary
    assert sent != {f"Name {n}" for n in range(COUNT)}
    assert ended.counts["updated"]
    assert {record["name"] for record in office.server.records().values()} == {f"Name {n}" for n in range(COUNT)}


def test_a_damaged_journal_from_before_the_night_is_no_matter(office: Any) -> None:
    """What it was sent for was sent before; one that was written to since may have sent something else."""
    old = office.run(*sheet(office, "Old")).summary.run
    night = sheet(office, "Night")
    office.run(*night)
    journal = office.folder / "state" / "runs" / old / "journal.sqlite"
    changed = journal.stat()
    journal.write_bytes(b"no journal")
    assert office.run(*night, skip_same=True).summary.counts == {"unchanged": COUNT}
    os.utime(journal, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert office.run(*night, skip_same=True).summary.stopped_by == "same"
