"""Which of two runs is the later one is told by their ids, also where the clock was set back."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from bulk_sync.state.run_ids import CHANCES, new_run_id
from bulk_sync.state.store import State

NOON = 1_790_000_000.5


@pytest.mark.parametrize("behind", [-0.001, 0.0, 1.0, 3600.0, 40 * 86_400.0])
def test_a_new_id_is_the_greatest(behind: float) -> None:
    """However far the clock was set back, and where it was not: greater than all, of the same form, a second later."""
    before = [new_run_id(NOON - 7200, 3, others=()), new_run_id(NOON, CHANCES - 1, others=())]
    made = new_run_id(NOON - behind, 0, others=before)
    assert made > max(before)
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", made)
    assert made[:15] == ("20260921-141321" if behind >= 0 else before[1][:15])


def test_what_is_no_id_has_no_say() -> None:
    """A folder that somebody put beside the runs moves nothing."""
    plain = new_run_id(NOON, 0, others=())
    assert new_run_id(NOON, 0, others=("zzz", "99999999-999999", "")) == plain


def test_runs_are_known_by_folder_and_by_ledger(tmp_path: Path) -> None:
    """A purged run whose acceptances stand in the ledger is known still; the latest of an account never goes back."""
    state = State(tmp_path)
    (state.runs_folder / "20260101-000000-0000").mkdir(parents=True)
    state.write_ledger("a", [("clt_1", "20260103-000000-0000", "{}")])
    state.write_ledger("a", [("clt_2", "20260102-000000-0000", "{}")])
    assert set(state.known_runs()) == {"20260101-000000-0000", "20260103-000000-0000"}
    assert (state.latest_run("a"), state.latest_run("b")) == ("20260103-000000-0000", "")
    state.forget_account("a")
    assert (state.known_runs(), state.latest_run("a")) == (("20260101-000000-0000",), "")
    state.close()


def test_a_ledger_of_before_tells_its_latest_runs(tmp_path: Path) -> None:
    """A state file from before they were kept is looked through when it is opened."""
    state = State(tmp_path)
    state.write_ledger("a", [("clt_1", "r1", "{}"), ("clt_2", "r2", "{}")])
    state.write_ledger("b", [("clt_1", "r3", "{}")])
    state.close()
    with sqlite3.connect(state.path) as connection:
        connection.execute("DROP TABLE latest")
    connection.close()
    state = State(tmp_path)
    assert (state.latest_run("a"), state.latest_run("b")) == ("r2", "r3")
    state.close()
