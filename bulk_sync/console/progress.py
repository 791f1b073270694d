"""How far a stage is: a live display on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import textwrap
import threading
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

PLAIN_SECONDS = 10.0
_REDRAWS_A_SECOND = 5
_IDLE_SECONDS = 1.0
"""Between two drawings of the live display while nothing happens: the time of the end moves all the same."""
_LAST_PROBLEMS = 3


class Progress(Protocol):
    """A stage's display."""

    @property
    def total(self) -> int | None:
        """How much there is to do, where that is known."""
        ...

    def step(self, done: int) -> None:
        """Tell how much is done."""
        ...

    def status(self, make: Callable[[], str]) -> None:
        """Say who makes the line beside the count: counts by status, rate, finish time.

        It is asked whenever something is shown, and in the running loop, whose objects it may use.
        """
        ...

    def problem(self, text: str) -> None:
        """Tell one of the last problems."""
        ...

    def pause(self) -> None:
        """Take the display away for a moment."""
        ...

    def resume(self) -> None:
        """Bring it back."""
        ...

    def close(self) -> None:
        """End it."""
        ...


def counted(name: str, done: int, total: int | None) -> str:
    """Say how far a stage is."""
    return f"{name}: {done:,} of {total:,}" if total else f"{name}: {done:,}"


def wrapped(status: str, width: int) -> list[str]:
    """Break a status between its parts, so that none is cut.

    >>> wrapped("4 updated, done about 09:05:53, 8 requests in the last minute of 60/min", 40)
    ['4 updated, done about 09:05:53,', '8 requests in the last minute of 60/min']
    """
    parts = status.replace(" ", "\xa0").replace(",\xa0", ", ")
    return [line.replace("\xa0", " ") for line in textwrap.wrap(parts, max(1, width))]


class _Ticks:
    """Calls something every so many seconds in the running loop."""

    def __init__(self, every: float, call: Callable[[], None]) -> None:
        self._every, self._call = every, call
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(every, self._tick)

    def cancel(self) -> None:
        self._next.cancel()

    def _tick(self) -> None:
        self._next = self._loop.call_later(self._every, self._tick)
        self._call()


class PlainProgress:
    """Writes how far a stage is every ten seconds, also while it waits for the quota; for logs and pipes.

    ``write`` gets the stage's name, what is done, the total and the status. It is called from a thread, since reading
    a source leaves the loop no time; with a status it is called in the loop, which then waits most of the time.
    """

    def __init__(
        self,
        name: str,
        total: int | None,
        write: Callable[[str, int, int | None, str], None],
        *,
        every: float = PLAIN_SECONDS,
    ) -> None:
        self._name, self._total, self._write = name, total, write
        self._done = 0
        self._every = every
        self._ticks: _Ticks | None = None
        self._status: Callable[[], str] = str
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="bulk-sync-progress", daemon=True)
        self._thread.start()

    @property
    def total(self) -> int | None:
        """How much there is to do."""
        return self._total

    def step(self, done: int) -> None:
        """Keep the count for the next line."""
        self._done = done

    def status(self, make: Callable[[], str]) -> None:
        """Ask for it at each line, in the loop from now on."""
        self.close()
        self._status = make
        self._ticks = _Ticks(self._every, self._line)

    def problem(self, text: str) -> None:
        """Leave problems to the results: a log of a nightly run stays short."""

    def pause(self) -> None:
        """Nothing to take away."""

    def resume(self) -> None:
        """Nothing to bring back."""

    def close(self) -> None:
        """End it: how it ended is said by whoever ended it."""
        self._ended.set()
        self._thread.join()
        if self._ticks:
            self._ticks.cancel()

    def _tick(self) -> None:
        while not self._ended.wait(self._every):
            self._line()

    def _line(self) -> None:
        self._write(self._name, self._done, self._total, self._status())


class LiveProgress:
    """A display that redraws itself: count and bar, counts by status, rate, finish time, the last problems."""

    def __init__(
        self, name: str, total: int | None, out: IO[str], clock: Callable[[], float], *, colour: bool = True
    ) -> None:
        self._name, self._total, self._clock = name, total, clock
        self._out, self._colour = out, colour
        self._done = 0
        self._status: Callable[[], str] = str
        self._ticks: _Ticks | None = None
        self._problems: list[str] = []
        self._drawn = 0.0
        self._live: Live | None = None
        self.resume()

    @property
    def total(self) -> int | None:
        """How much there is to do."""
        return self._total

    def step(self, done: int) -> None:
        """Redraw, a few times a second."""
        self._done = done
        if self._clock() - self._drawn >= 1 / _REDRAWS_A_SECOND:
            self._draw()

    def status(self, make: Callable[[], str]) -> None:
        """Ask for it at each drawing, and draw also while nothing is done."""
        self._status = make
        self._ticks = _Ticks(_IDLE_SECONDS, self._draw)

    def problem(self, text: str) -> None:
        """Keep the last few."""
        self._problems = [*self._problems, text][-_LAST_PROBLEMS:]

    def pause(self) -> None:
        """Take the display away."""
        if self._live:
            self._live.stop()
            self._live = None

    def resume(self) -> None:
        """Draw it again."""
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._out, no_color=not self._colour, highlight=False)
        self._live = Live(self._text(console.width), console=console, auto_refresh=False, transient=True)
        self._live.start(refresh=True)

    def close(self) -> None:
        """Take the display away for good."""
        if self._ticks:
            self._ticks.cancel()
        self.pause()

    def _draw(self) -> None:
        if self._live:
            self._drawn = self._clock()
            self._live.update(self._text(self._live.console.width), refresh=True)

    def _text(self, width: int) -> Text:
        from rich.text import Text

        bar = ""
        if self._total:
            filled = min(30, 30 * self._done // self._total)
            bar = f" [{'█' * filled}{'·' * (30 - filled)}]"
        lines = [counted(self._name, self._done, self._total) + bar]
        lines.extend(f"  {part}" for part in wrapped(self._status(), width - 2))
        lines.extend(f"  {problem}" for problem in self._problems)
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
