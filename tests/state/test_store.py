"""What outlives runs: ledger, learned facts, the files that are ours."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest

from bulk_sync.state.store import State, StateFault, make_private


def test_the_state_is_the_owner_s_only(tmp_path: Path) -> None:
    """Folders that are made, and the file, can be read by nobody else; a folder that was there is left as it is."""
    tmp_path.chmod(0o755)
    state = State(tmp_path / "a" / "b")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, tmp_path / "a", state.folder, state.path)]
    assert [oct(mode) for mode in modes] == ["0o755", "0o700", "0o700", "0o600"]
    state.close()


def test_the_ledger_keeps_the_last_word_on_a_record(tmp_path: Path) -> None:
    """By account and record, the run that wrote it, whole entries; another account has its own."""
    state = State(tmp_path)
    state.write_ledger("a", [("clt_1", "r1", '{"values":{"name":"A"}}'), ("clt_2", "r1", '{"values":{}}')])
    state.write_ledger("a", [("clt_1", "r2", '{"values":{"name":null,"cf_x":[1,"é"]}}')])
    state.close()
    state = State(tmp_path)
    found = [
        state.ledger_entry(account, record) for account, record in (("a", "clt_1"), ("a", "clt_2"), ("b", "clt_1"))
    ]
    assert found == [("r2", {"values": {"name": None, "cf_x": [1, "é"]}}), ("r1", {"values": {}}), None]
    state.close()


def test_a_batch_of_the_ledger_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """What fails in the middle leaves the older entries."""
    state = State(tmp_path)
    state.write_ledger("a", [("clt_1", "r1", "{}")])
    with pytest.raises(StateFault):
        state.write_ledger("a", [("clt_1", "r2", "{}"), ("clt_2", "r2", object())])  # type: ignore[list-item]  # the fault
    assert (state.ledger_entry("a", "clt_1"), state.ledger_entry("a", "clt_2")) == (("r1", {}), None)
    state.close()


def test_a_damaged_entry_of_the_ledger_is_named(tmp_path: Path) -> None:
    """As a torn file leaves it: by file and client, with advice, and as no defect of the program."""
    state = State(tmp_path)
    state.write_ledger("a", [("clt_1", "r1", '{"values":{"na')])
    with pytest.raises(StateFault, match="client clt_1 is damaged") as raised:
        state.ledger_entry("a", "clt_1")
    assert (str(tmp_path) in raised.value.message, "backup" in raised.value.hint) == (True, True)
    state.close()


def test_a_ledger_of_before_goes_on(tmp_path: Path) -> None:
    """A state file whose ledger was made without row ids is read and written as it is."""
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as connection, connection:
        connection.execute(
            "CREATE TABLE ledger (account TEXT NOT NULL, record_id TEXT NOT NULL, run TEXT NOT NULL, "
            "body TEXT NOT NULL, PRIMARY KEY (account, record_id)) WITHOUT ROWID"
        )
        connection.execute("INSERT INTO ledger VALUES ('a', 'clt_1', 'r1', '{}')")
    state = State(tmp_path)
    state.write_ledger("a", [("clt_1", "r2", "{}"), ("clt_2", "r2", "{}")])
    assert state.ledger_entries("a", ["clt_1", "clt_2"]) == {"clt_1": ("r2", "{}"), "clt_2": ("r2", "{}")}
    state.close()


def test_learned_facts_and_outputs(tmp_path: Path) -> None:
    """They are found under the name they were kept by; a forgotten run's files are nobody's."""
    state = State(tmp_path / "state")
    state.learn("a", "account", {"clients": 10})
    state.learn("a", "account", {"clients": 11})
    path = tmp_path / "r.csv"
    state.remember_output(path, "abc", "run1")
    assert (state.learned("a", "account"), state.learned("b", "account")) == ({"clients": 11}, None)
    assert (state.output_fingerprint(path), state.run_of_output(path)) == ("abc", "run1")
    state.forget_run("run1")
    assert (state.output_fingerprint(path), state.run_of_output(path)) == (None, None)
    state.close()


def test_a_state_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file that is no database, and a folder that is a file: the path and a hint."""
    (tmp_path / "state.sqlite").write_bytes(b"a letter\n" * 200)
    with pytest.raises(StateFault) as caught:
        State(tmp_path)
    assert (str(tmp_path / "state.sqlite") in caught.value.message, "--state-dir" in caught.value.hint) == (True, True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateFault):
        State(tmp_path / "file")


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """A second process that writes the ledger waits its turn; nothing is lost."""
    program = (
        "import sys; from pathlib import Path; from bulk_sync.state.store import State\n"
        "state = State(Path(sys.argv[1]))\n"
        "for n in range(60): state.write_ledger('a', [(f'{sys.argv[2]}_{n}', 'r', '{}')])\n"
    )
    root = str(Path(__file__).parents[2])
    others = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], env={"PYTHONPATH": root})
        for name in ("x", "y")
    ]
    assert [other.wait(60) for other in others] == [0, 0]
    connection = sqlite3.connect(tmp_path / "state.sqlite")
    assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (120,)
    connection.close()


def test_a_new_state_waits_for_another_process_that_makes_it(tmp_path: Path) -> None:
    """Runs started together on no state directory: while one writes its tables, the others come, and wait."""
    first = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None, check_same_thread=False)
    first.execute("BEGIN IMMEDIATE")
    timer = Timer(0.3, first.execute, ["COMMIT"])
    timer.start()
    State(tmp_path).close()
    timer.join()
    assert first.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    first.close()


def test_make_private_is_content_with_what_is_there(tmp_path: Path) -> None:
    """Called twice it does nothing more."""
    make_private(tmp_path / "a")
    make_private(tmp_path / "a")
    assert (tmp_path / "a").is_dir()
