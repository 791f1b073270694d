"""A journal comes into being whole: killed at any moment, its maker leaves one that can be read, or none."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bulk_sync.journal import RunHeader, create_journal, open_journal
from bulk_sync.journal import store as making


def killed_at_line(number: int, path: Path, header: RunHeader) -> bool:
    """Make a journal in a process that dies before the so-manieth line of the making; whether it died."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = number

    def watch(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename != making.__file__:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(9)
        return watch

    sys.settrace(watch)
    create_journal(path, header)
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_killed_while_it_is_made(tmp_path: Path, header: RunHeader) -> None:
    """At whatever line: what stands there says what run it is of, and a folder without a journal is no run."""
    line, left = 0, 0
    while killed_at_line(line := line + 1, path := tmp_path / str(line) / "journal.sqlite", header):
        if not path.exists():
            continue
        left += 1
        journal = open_journal(path)
        assert journal.header == header
        journal.close()
    assert line > 30 and left
