"""What happens at a real terminal: the plan and the question, guards by name, choices, the display while it sends."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

pty = pytest.importorskip("pty", reason="terminals of this kind are POSIX's")
Desk = Any
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A command at a terminal: what it wrote, and what is typed."""

    def __init__(self, desk: Desk, *args: str, columns: int = 100, **environ: str) -> None:
        import fcntl
        import struct
        import termios

        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        name = os.ttyname(slave)
        self._running = desk.start(*args, terminal=name, TERM="xterm-256color", **environ)
        self._slave = slave  # open as long as somebody may still write
        os.set_blocking(self._master, False)
        self.raw = ""

    @property
    def text(self) -> str:
        """What was written, without the terminal's codes."""
        return _ESCAPES.sub("", self.raw).replace("\r", "")

    def wait_for(self, words: str, seconds: float = 45.0) -> None:
        """Read until these words come."""
        ends = time.monotonic() + seconds
        while words not in self.text:
            self._read()
            assert time.monotonic() < ends, f"{words!r} did not come:\n{self.text}"

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._master, (line + "\n").encode())

    def end(self) -> int:
        """Read to the end; return the exit code."""
        ends = time.monotonic() + 60
        while (code := self._running.poll()) is None:
            self._read()
            assert time.monotonic() < ends, self.text
        self._read()
        return int(code)

    def close(self) -> None:
        self._running.signal(signal.SIGKILL)
        while self._running.poll() is None:
            time.sleep(0.01)
        os.close(self._master)
        os.close(self._slave)

    def _read(self) -> None:
        time.sleep(0.02)
        with suppress(OSError):
            self.raw += os.read(self._master, 65536).decode("utf-8", "replace")


@pytest.fixture
def at_terminal(desk: Desk) -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def make(*args: str, **options: Any) -> Screen:
        screens.append(Screen(desk, *args, **options))
        return screens[-1]

    yield make
    for screen in screens:
        screen.close()


RUN = ("run", "c.csv", "-m", "m.yaml", "--output", "r.csv")


def test_no_is_the_answer_unless_yes_is_typed(desk: Desk, at_terminal: Callable[..., Screen]) -> None:
    """The plan is shown and asked about; Enter alone sends nothing and ends with 6."""
    screen = at_terminal(*RUN)
    screen.wait_for("Send it? [y/N]")
    assert 'row 2, clt_1, name: "Old 1" → "Acme Trading"' in screen.text
    assert "each update may fire a webhook" in screen.text
    screen.type("")
    assert screen.end() == 6
    assert desk.server.counters["PATCH"] == 0


def test_yes_sends_under_a_display(desk: Desk, at_terminal: Callable[..., Screen]) -> None:
    """A y sends; the display shows counts, and is gone at the end, when the summary stands there."""
    screen = at_terminal(*RUN)
    screen.wait_for("Send it? [y/N]")
    screen.type("y")
    assert screen.end() == 1
    assert "sending: 0 of 3 [" in screen.text
    assert "5 rows: 2 updated, 1 unchanged, 1 invalid, 1 failed" in screen.text
    assert "next: to take it back: bulk-sync undo " in screen.text


def test_a_guard_is_overridden_by_its_name_only(desk: Desk, at_terminal: Callable[..., Screen]) -> None:
    """Neither --yes nor y passes a guard; its name, typed, does."""
    screen = at_terminal(*RUN, "--max-changed", "1", "--yes")
    screen.wait_for("To send all the same, type: max-changed")
    screen.type("y")
    assert screen.end() == 6
    screen = at_terminal(*RUN, "--max-changed", "1")
    screen.wait_for("To send all the same, type: max-changed")
    screen.type("max-changed")
    assert screen.end() == 1
    assert desk.server.counters["PATCH"] == 3


def test_what_only_the_user_knows_is_asked(desk: Desk, at_terminal: Callable[..., Screen]) -> None:
    """Numbers with two readings: the choices are listed, a wrong answer is told, and how to settle it for good."""
    (desk.folder / "c.csv").write_text('Client ID,Score\nclt_1,"1,234"\nclt_2,"2,345"\n')
    (desk.folder / "m.yaml").write_text(
        "version: 1\nresource: clients\nmatch: Client ID\nfields: {cf_score: {column: Score, type: number}}\n"
    )
    screen = at_terminal("check", "c.csv", "-m", "m.yaml", "--output", "r.csv")
    screen.wait_for("number or value?")
    screen.type("perhaps")
    screen.wait_for("'perhaps' is none of them")
    screen.type("1")
    screen.wait_for("to settle it for good, write in the mapping: source.decimal: ")
    assert screen.end() == 0


def test_a_narrow_terminal_without_colour(desk: Desk, at_terminal: Callable[..., Screen]) -> None:
    """Forty columns: the display's lines are cut, not wrapped; NO_COLOR means no colour."""
    screen = at_terminal(*RUN, "--yes", columns=40, NO_COLOR="1")
    assert screen.end() == 1
    drawn = [text.partition("\n")[0] for text in re.split(r"\x1b\[[0-9;?]*[A-Za-z]|\r", screen.raw)]
    shown = [text for text in drawn if text.startswith("sending: ")]
    assert shown
    assert max(map(len, shown)) <= 40
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.raw)


def test_a_cell_does_not_drive_the_terminal(desk: Desk, at_terminal: Callable[..., Screen]) -> None:
    """Control characters of somebody's cell are shown, not obeyed."""
    (desk.folder / "c.csv").write_text("Client ID,Company,E-mail\nclt_1,\x1b]0;owned\x07\x1b[2JAcme,\n")
    screen = at_terminal("plan", "c.csv", "-m", "m.yaml", "--output", "p.csv")
    assert screen.end() in {0, 1}
    assert "\x1b]0;" not in screen.raw
    assert "\x1b[2J" not in screen.raw


def test_nothing_to_send_asks_nothing(desk: Desk, at_terminal: Callable[..., Screen]) -> None:
    """A header without rows, with somebody there: said, not asked, exit code 0."""
    (desk.folder / "c.csv").write_text("Client ID,Company,E-mail\n")
    screen = at_terminal(*RUN)
    assert screen.end() == 0
    assert "the source has a header but no rows" in screen.text
