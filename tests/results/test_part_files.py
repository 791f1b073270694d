"""A process that is killed over its results leaves a part of them: the next one to the same output clears it away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulk_sync.results.part_files import part_file
from bulk_sync.results.placing import place

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks that go with a process")

_WRITER = """
import sys, time
from pathlib import Path
from bulk_sync.results.part_files import part_file, scratch_folder
target = Path(sys.argv[1])
with part_file(target.parent, target) as path, scratch_folder(path) as folder:
    path.write_text("half of i")
    (folder / "sheet").write_text("what it is made from")
    print(path.name, flush=True)
    time.sleep(60)
"""


@contextmanager
def writing(target: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process in the midst of writing, and its file."""
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(target)], stdout=subprocess.PIPE, text=True)
    with writer:
        assert writer.stdout
        yield writer, target.parent / writer.stdout.readline().strip()
        writer.kill()


def _results(path: Path) -> tuple[str, ...]:
    path.write_text("all of it")
    return ()


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    """By the next results for the same output, whole as they are; one for another output leaves it."""
    target = tmp_path / "out.xlsx"
    with writing(target) as (writer, left):
        writer.send_signal(signal.SIGKILL)
    assert left.read_text() == "half of i"
    place(_results, tmp_path / "out.csv", run="r")
    place(_results, tmp_path / "out2.xlsx", run="r")
    assert left.exists()
    place(_results, target, run="r")
    assert {path.name for path in tmp_path.iterdir()} == {"out.xlsx", "out.csv", "out2.xlsx"}


def test_what_a_live_process_writes_stays(tmp_path: Path) -> None:
    """It is locked as long as it is written, and gone or in place after that."""
    target = tmp_path / "out.xlsx"
    with writing(target) as (_, part):
        place(_results, target, run="r")
        assert (part.read_text(), target.read_text()) == ("half of i", "all of it")
    with part_file(tmp_path, target) as ours, part_file(tmp_path, target) as again:
        assert {ours, again} <= set(tmp_path.iterdir()) and not part.exists()
    assert list(tmp_path.iterdir()) == [target]


def test_what_only_resembles_it_stays(tmp_path: Path) -> None:
    """Names of another form, another target's mark, a link, a folder, and a file with a second name."""
    target = tmp_path / "out.xlsx"
    with part_file(tmp_path, target) as path:
        name = path.name
    stem = name.removesuffix(".part.xlsx")
    others = [f"{stem}.xlsx", f"x{name}", f"{stem}x.part.xlsx", f"{stem[:-1]}A.part.xlsx", ".out-holidays.part.xlsx"]
    for other in others:
        (tmp_path / other).write_text("theirs")
    (tmp_path / f"{stem[:-1]}0.part.xlsx").symlink_to(tmp_path / others[0])
    (tmp_path / f"{stem[:-1]}1.part.xlsx").mkdir()
    (tmp_path / f"{stem[:-1]}2.part.xlsx").write_text("linked")
    os.link(tmp_path / f"{stem[:-1]}2.part.xlsx", tmp_path / "kept.xlsx")
    before = set(tmp_path.iterdir())
    place(_results, target, run="r")
    assert set(tmp_path.iterdir()) == {*before, target}
