"""The last part of a run: what its journal says of it until its results are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bulk_sync.console.terminal import Terminal
from bulk_sync.errors import Halted
from bulk_sync.journal import Journal, RunHeader, create_journal, open_journal
from bulk_sync.records import RunSummary
from bulk_sync.settings import resolve
from bulk_sync.workflow.closing import Outputs
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.runs import PastRun, journal_path
from bulk_sync.workflow.sending_off import close_run

RUN = "20260102-030405-abcd"


class Killed(BaseException):
    """The process is no more."""


class DyingOutputs(Outputs):
    """The process is killed while its results are written."""

    def write(self, *_args: object, **_more: object) -> tuple[RunSummary, tuple[str, ...]]:
        raise Killed


class RefusedOutputs(Outputs):
    """There is no place for the results."""

    def write(self, *_args: object, **_more: object) -> tuple[RunSummary, tuple[str, ...]]:
        raise Halted("no space left", hint="make room")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    environ = {"BULK_SYNC_STATE_DIR": str(tmp_path / "state")}
    with Desk(talk=Terminal(quiet=True), folder=tmp_path, environ=environ) as opened:
        yield opened


@pytest.fixture
def journal(desk: Desk) -> Iterator[Journal]:
    """A run that was stopped once before, ended with 3, and has now sent everything."""
    header = RunHeader(run=RUN, account="a", base_url="https://api.example/v1", header=("ID",), source_path="c.csv")
    made = create_journal(journal_path(desk, RUN), header)
    made.update_header(state="sending", exit_code=3, stopped_by="max_requests")
    yield made
    made.close()


def unfinished(desk: Desk) -> bool:
    """What another process sees."""
    journal = open_journal(journal_path(desk, RUN))
    try:
        return PastRun(RUN, journal.header).unfinished
    finally:
        journal.close()


def close(desk: Desk, journal: Journal, kind: type[Outputs]) -> None:
    outputs = kind(desk.folder / "r.csv", named=True, settings=resolve({}, environ={}))
    close_run(desk, journal, outputs, began=desk.clock.monotonic(), state="done")


def test_a_run_is_done_when_its_results_are_there(desk: Desk, journal: Journal) -> None:
    """The ordinary end."""
    close(desk, journal, Outputs)
    assert ((desk.folder / "r.csv").exists(), unfinished(desk), journal.header.exit_code) == (True, False, 0)


def test_a_run_that_dies_over_its_results_is_for_resume_to_end(desk: Desk, journal: Journal) -> None:
    """Killed after the last outcome and before its results were in place: resume by itself finds it."""
    with pytest.raises(Killed):
        close(desk, journal, DyingOutputs)
    assert unfinished(desk)


def test_a_run_without_room_for_its_results_is_for_resume_to_end(desk: Desk, journal: Journal) -> None:
    """Every row has its end, the results have none."""
    close(desk, journal, RefusedOutputs)
    assert unfinished(desk)
