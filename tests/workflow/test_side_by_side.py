"""Two runs at once on one account with different mappings: the later one's values stay, and nobody tells otherwise."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bulk_sync.workflow.desk import WallClock

COUNT = 30


def prepared(open_office: Callable[..., Any], clock: Any) -> Any:
    office = open_office(records=[{"id": f"clt_{n:02}", "type": "company", "name": f"Old {n}"} for n in range(COUNT)])
    office.clock = clock
    return office


def sheet(office: Any, word: str) -> tuple[Any, Any]:
    """A source and a mapping of its own, whose job title no answer shows."""
    rows = [(f"clt_{n:02}", f"{word} {n}", word) for n in range(COUNT)]
    source = office.source(("ID", "Company", "Job"), rows, f"{word}.csv")
    return source, office.mapping(f"{word}.yaml", match="ID", fields={"name": "Company", "jobTitle": "Job"})


def meanwhile(office: Any, moment: float, work: Callable[[], Any]) -> list[Any]:
    """Let another process work from beginning to end at a moment of the clock's sleep; return what it gives."""
    given: list[Any] = []

    def once(slept: float) -> None:
        if slept < moment or given:
            return
        given.append(None)
        ours, office.clock = office.clock, WallClock()
        with ThreadPoolExecutor(1) as thread:  # a loop of its own
            given[0] = thread.submit(work).result()
        office.clock = ours

    office.clock.on_sleep = once
    return given


@pytest.mark.parametrize("workers", [1, 8])
def test_an_older_run_leaves_alone_what_a_newer_one_has_handled(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any], workers: int
) -> None:
    """Also what waits for its turn: it ends as superseded, with the newer run's name."""
    office = prepared(open_office, leaping_clock())
    newer = meanwhile(office, 10, lambda: office.run(*sheet(office, "Newer"), read="none"))
    older = office.run(*sheet(office, "Older"), read="none", rate="60/min", workers=workers)
    assert newer[0].summary.counts == {"updated": COUNT}
    assert older.summary.exit_code == 0 and set(older.summary.counts) == {"updated", "skipped"}
    ends = {(each.status, each.code, each.message) for each in office.rows(older) if each.status == "skipped"}
    assert ends == {("skipped", "superseded", f"the client was handled by the later run {newer[0].summary.run}")}
    names = [record["name"] for record in office.server.records().values()]
    assert sum(name.startswith("Older") for name in names) <= workers  # what was out, or left within the second
