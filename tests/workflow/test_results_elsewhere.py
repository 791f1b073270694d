"""Results and report that cannot be put where they were asked for: whatever is told of them names where they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.errors import Halted
from tests.workflow.office import Listener, Office

HEADER = ["Client ID", "Company", "E-mail"]


class Tidy(Listener):
    """Clears a folder away as soon as the source is read."""

    folder: Path

    def end_phase(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def office(open_office: Callable[..., Any]) -> Office:
    """An office whose folder ``out`` goes while a run is at work."""
    made: Office = open_office(records=[{"id": "clt_1", "name": "Old"}])
    made.mapping(match="Client ID", fields={"name": "Company", "email": "E-mail"})
    made.source(HEADER, [["clt_1", "New", ""], ["clt_2", "New", "none"]])
    (made.folder / "out").mkdir()
    made.talk = Tidy()
    made.talk.folder = made.folder / "out"
    return made


def test_both_go_into_the_folder_of_the_run(office: Office) -> None:
    """What to do next names the file that is there, and so does what programs are told."""
    ended = office.run(Path("clients.csv"), Path("mapping.yaml"), output="out/r.xlsx", report="out/r.html")
    kept = office.folder / "state" / "runs" / ended.summary.run
    assert (ended.summary.output, ended.files) == (str(kept / "r.xlsx"), {"report": str(kept / "r.html")})
    assert ended.summary.next_steps[0].endswith(f"bulk-sync retry {kept}/r.xlsx{office.desk().again}")
    assert (kept / "r.xlsx").is_file() and (kept / "r.html").is_file()
    assert [note.partition(" could")[0] for note in ended.notes[-2:]] == ["the results", "the report"]
    assert ended.summary.exit_code == 1


def test_a_report_alone_that_is_elsewhere_leaves_the_results_told(office: Office) -> None:
    """They are where they were asked for; the run is at its end."""
    ended = office.run(Path("clients.csv"), Path("mapping.yaml"), output="r.csv", report="out/r.html")
    assert ended.summary.output == str(office.folder / "r.csv")
    with pytest.raises(Exception, match="no run is unfinished"):
        office.resume()


def test_a_report_beside_a_page_of_somebody_elses(office: Office) -> None:
    """It is named, not theirs."""
    (office.folder / "theirs.html").write_text("hello")
    ended = office.run(Path("clients.csv"), Path("mapping.yaml"), output="r.csv", report="theirs.html")
    assert ended.files == {"report": str(office.folder / f"theirs-{ended.summary.run}.html")}


def test_a_check_has_no_run_to_write_it_from_later(office: Office) -> None:
    """The advice is another one than a run's."""
    with pytest.raises(Halted) as caught:
        office.check(Path("clients.csv"), Path("mapping.yaml"), output="out/r.csv")
    assert caught.value.hint == "free the place, or name another one, and check again"
