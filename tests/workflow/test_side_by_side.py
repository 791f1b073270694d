"""Two runs at once on one account with different mappings: the later one's values stay, and nobody tells otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

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
        with ThreadPoolExecutor(1) as thread:  # a loop of its own
            given[0] = thread.submit(work).result()

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


def holds(office: Any, word: str) -> set[str]:
    """Which clients have this word's name and job title at the server."""
    return {
        client
        for client, record in office.server.records().items()
        if (record["name"].split()[0], record.get("jobTitle")) == (word, word)
    }


def unchanged(office: Any, word: str) -> set[str]:
    """For which clients a plan of this word's sheet finds nothing to send."""
    rows = office.rows(office.plan(*sheet(office, word)))
    return {row.values[0] for row in rows if row.status == "unchanged"}


def test_of_two_unfinished_runs_the_last_word_stands(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """The older run writes over what the newer one, still at work, has sent: the ledger says so, for each client."""
    office = prepared(open_office, leaping_clock())
    flags = {"read": "none", "rate": "60/min", "workers": 1}
    half_way, go_on = threading.Event(), threading.Event()
    newer = threading.Thread(target=lambda: office.run(*sheet(office, "Newer"), **flags), daemon=True)

    def at(_: float) -> None:  # by what has arrived: how much that is at a moment depends on how busy the machine is
        if threading.current_thread() is newer:
            if len(holds(office, "Newer")) >= 2 * COUNT // 3 and not half_way.is_set():
                half_way.set()
                go_on.wait(60)
        elif len(holds(office, "Older")) >= COUNT // 3 and not newer.ident:
            newer.start()
            half_way.wait(60)

    office.clock.on_sleep = at
    older = office.run(*sheet(office, "Older"), **flags)
    go_on.set()
    newer.join(60)
    assert older.summary.counts == {"updated": COUNT}
    last = {word: holds(office, word) for word in ("Older", "Newer")}
    assert len(last["Older"]) >= 3 and len(last["Newer"]) >= 10 and len(last["Older"] | last["Newer"]) == COUNT
    assert {word: unchanged(office, word) for word in last} == last


def test_what_an_earlier_night_left_is_not_believed(
    open_office: Callable[..., Any], leaping_clock: Callable[[], Any]
) -> None:
    """A field that no answer shows, changed by the older run before the newer one handled the client's other fields."""
    office = prepared(open_office, leaping_clock())
    office.run(*sheet(office, "Night"))
    rows = [(f"clt_{n:02}", f"Newer {n}", "Older") for n in range(COUNT)]
    source = office.source(("ID", "Company", "Job"), rows)
    jobs = office.mapping("jobs.yaml", match="ID", fields={"jobTitle": "Job"}, ignore=["Company"])
    names = office.mapping("names.yaml", match="ID", fields={"name": "Company"}, ignore=["Job"])
    newer = meanwhile(office, 10, lambda: office.run(source, names))
    older = office.run(source, jobs, rate="60/min", workers=1)
    sent = {row.client_id for row in office.rows(older) if row.status == "updated"}
    assert newer[0].summary.counts == {"updated": COUNT} and 5 <= len(sent) < COUNT
    night = office.plan(sheet(office, "Night")[0], office.mapping("j.yaml", match="ID", fields={"jobTitle": "Job"}))
    assert (
        sent <= {row.values[0] for row in office.rows(night) if row.status == "ready"} != set(office.server.records())
    )
