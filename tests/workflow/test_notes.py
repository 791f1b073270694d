"""What is said of a source is kept with its run: in the figures, the JSON and the workbook's Summary."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from bulk_sync.sending.ports import Interrupted, Stop, StopReason
from bulk_sync.workflow import checking, running
from bulk_sync.workflow.closing import Ended
from tests.workflow.office import Listener, Office


class Ear(Listener):
    """Remembers what is merely said, too."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    """A workbook whose row is longer than its header, with a hidden row and a column that is not used."""
    office = open_office(records=[{"id": f"clt_{n}", "name": "Old"} for n in (1, 2)])
    book = Workbook()
    assert book.active is not None
    for line in (["Client ID", "Company", "Remarks"], ["clt_1", "New", "", "beyond"], ["clt_2", "New", ""]):
        book.active.append(line)
    book.active.row_dimensions[3].hidden = True
    book.save(office.folder / "clients.csv")  # called by a name that is not its kind
    office.talk = Ear()
    return office


@pytest.mark.parametrize("command", ["run", "plan", "check"])
def test_all_that_is_said_of_a_source_is_in_the_summary(command: str, office: Office) -> None:
    """Notes before the first row and after the last, of the mapping's join too, and what was detected."""
    send: Callable[..., Ended] = getattr(office, command)
    mapping = office.mapping(match="Client ID", fields={"name": "Company"})
    ended = send(Path("clients.csv"), mapping, output="r.xlsx", quiet=True)
    assert isinstance(office.talk, Ear)
    assert list(ended.summary.notes) == office.talk.said
    for words in ("D2 and perhaps more cells", "1 row is hidden", "Remarks", "although called", "detected"):
        assert any(words in note for note in ended.summary.notes), words
    lines = load_workbook(office.folder / "r.xlsx")["Summary"].iter_rows(values_only=True)
    told = " ".join(str(line[1]) for line in lines)
    assert [note for note in ended.summary.notes if " ".join(note.split()) not in " ".join(told.split())] == []


def test_what_is_said_of_a_retry_is_kept_with_it(office: Office) -> None:
    """The mapping that moved, the earlier retry, and what was found in the results file."""
    mapping = office.mapping(match="Client ID", fields={"name": "Company"})
    first = office.run(Path("clients.csv"), mapping, output="r.xlsx")
    office.mapping(match="Client ID", fields={"name": "Remarks"})
    office.retry("r.xlsx")
    again = office.retry(first.summary.run)
    assert len(office.talk.warnings) == 3
    assert list(again.summary.notes) == office.talk.warnings[1:]


@pytest.mark.parametrize("kind", ["run", "plan", "check"])
def test_what_to_do_after_an_interruption_while_reading(open_office: Callable[..., Any], kind: str) -> None:
    """A run goes on; of a plan or a check there is nothing to go on with."""
    office = open_office(records=[{"id": "clt_1", "name": "Old"}])
    source = office.source(("ID", "Name"), [("clt_1", "New")])
    desk = office.desk()
    desk.stop.set(Stop(StopReason.INTERRUPTED, "interrupted", "bulk-sync resume goes on"))
    command = {"run": running.run, "plan": running.plan, "check": checking.check}[kind]
    with pytest.raises(Interrupted) as caught:
        asyncio.run(command(desk, source, office.mapping(match="ID", fields={"name": "Name"})))
    if kind != "run":
        assert caught.value.hint == f"begin it anew: bulk-sync {kind}"
        return
    assert (found := re.fullmatch(r"bulk-sync resume (\S+) goes on", caught.value.hint))
    assert office.resume(found[1]).summary.counts == {"updated": 1}
