"""Locks of the operating system: a live holder is respected, a dead one never blocks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulk_sync.errors import Busy, DiskFault
from bulk_sync.state.locks import exclusive, lock_name

HOLDER = (
    "import sys, time; from pathlib import Path; from bulk_sync.state.locks import exclusive\n"
    "with exclusive(Path(sys.argv[1]), 'it'):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(float(sys.argv[2]))\n"
)


class Holder:
    """Another process that holds a lock for so many seconds."""

    def __init__(self, path: Path, seconds: float) -> None:
        command = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(Path(__file__).parents[2])}
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "held\n"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "x.lock"


@pytest.fixture
def holder(path: Path) -> Iterator[Holder]:
    found = Holder(path, 60)
    yield found
    found.end()


def test_a_live_holder_is_respected(path: Path, holder: Holder) -> None:
    """Busy at once, with what is held and how to wait."""
    began = time.monotonic()
    with pytest.raises(Busy) as caught, exclusive(path, "run 7"):
        pytest.fail("two hold it")
    assert time.monotonic() - began < 1
    assert (caught.value.exit_code, caught.value.message) == (5, "another process works on run 7")
    assert "--wait" in caught.value.hint


def test_a_dead_holder_never_blocks(path: Path, holder: Holder) -> None:
    """Killed, it leaves its file behind and nothing else."""
    holder.end()
    assert path.exists()
    with exclusive(path, "run 7"):
        pass


def test_it_is_free_again_afterwards(path: Path) -> None:
    """Also when what was done inside has failed; its folder is the owner's only."""
    with pytest.raises(ZeroDivisionError), exclusive(path, "x"):
        raise ZeroDivisionError
    with exclusive(path, "x"):
        pass
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_place_that_takes_no_lock_is_named(tmp_path: Path) -> None:
    """A file where the folder should be, as a disk that refuses: a fault of the disk, and no defect."""
    (tmp_path / "locks").touch()
    with (
        pytest.raises(DiskFault, match=r"locks/run\.lock: cannot be locked"),
        exclusive(tmp_path / "locks" / "run.lock", "run x"),
    ):
        pass


def test_lock_names_tell_their_parts_apart() -> None:
    """Account and mapping together, not their letters run together; any characters."""
    names = {
        lock_name("a", "bc"),
        lock_name("ab", "c"),
        lock_name("a", "b", "c"),
        lock_name("ab/c"),
        lock_name("\udc80"),
    }
    assert len(names) == 5
    assert all(name.endswith(".lock") and "/" not in name for name in names)
