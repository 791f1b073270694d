"""The person at the terminal, or the log of a nightly job: everything goes to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Literal

from bulk_sync.console.events import event_line, masked
from bulk_sync.console.patient import patient
from bulk_sync.console.plan_text import plan_lines
from bulk_sync.console.progress import LiveProgress, PlainProgress, Progress, counted
from bulk_sync.console.summary_text import summary_lines
from bulk_sync.errors import Question
from bulk_sync.records import RunSummary
from bulk_sync.sending.ports import Observer
from bulk_sync.workflow.desk import Forecast
from bulk_sync.workflow.view import PlanView

_TRIES = 3


class Terminal:
    """Implements ``workflow.desk.Talk``.

    On a terminal questions are asked and progress is a live display; elsewhere a plain line comes every ten
    seconds and questions are not answered. ``log_format`` json writes one object a line, with a stable
    ``event`` and, unless ``verbose``, no value of a cell or a record.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        log_format: Literal["text", "json"] = "text",
        out: IO[str] | None = None,
        answers: IO[str] | None = None,
        colour: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = patient(out or sys.stderr)
        self._answers = answers or sys.stdin
        self._quiet = quiet
        self._verbose = verbose
        self._json = log_format == "json"
        self._colour = colour
        self._clock = clock
        self._progress: Progress | None = None
        self.asking = False

    @property
    def interactive(self) -> bool:
        """Whether somebody can answer: both ends are a terminal and the log is text."""
        return not self._json and self._answers.isatty() and self._out.isatty()

    def say(self, text: str) -> None:
        """Say one thing, unless quiet."""
        if not self._quiet:
            self._write("note", text)

    def warn(self, text: str) -> None:
        """Say what deserves attention, also when quiet."""
        self._write("warning", f"warning: {text}")

    def ask(self, question: Question) -> str | None:
        """Ask; None where nobody answers or the answer is empty."""
        if not self.interactive:
            return None
        with self._aside():
            self._line(question.message)
            for number, choice in enumerate(question.choices, 1):
                self._line(f"  {number}) {choice}")
            for _ in range(_TRIES):
                answer = self._prompt("number or value? " if question.choices else "? ")
                if not answer:
                    return None
                if answer.isdigit() and 1 <= int(answer) <= len(question.choices):
                    answer = question.choices[int(answer) - 1]
                if not question.choices or answer in question.choices:
                    if "." in question.setting:  # a key of the mapping, not an option
                        self._line(f"to settle it for good, write in the mapping: {question.setting}: {answer}")
                    return answer
                self._line(f"{answer!r} is none of them")
            return None

    def confirm(self, view: PlanView) -> bool:
        """Show the plan and ask; without a terminal the answer is no."""
        self.show(view)
        if not self.interactive:
            return False
        guards = sorted({finding.guard for finding in view.findings if finding.stops and not finding.allowed})
        with self._aside():
            if guards:
                self._line(f"A guard found what looks like an accident. To send all the same, type: {' '.join(guards)}")
                return self._prompt("anything else stops: ").split() == guards
            return self._prompt(f"{view.question} [y/N] ").lower() in {"y", "yes"}

    def show(self, view: PlanView) -> None:
        """Show the plan."""
        if self._json:
            self._event("plan", run=view.run, counts=view.counts, changes=view.changes, requests=view.send_requests)
        elif not self._quiet:
            with self._aside():
                for line in plan_lines(view):
                    self._line(line)

    def ended(self, summary: RunSummary) -> None:
        """Say how a command ended; when quiet only where something is wrong."""
        if self._json:
            self._event(
                "ended",
                run=summary.run or None,
                kind=summary.kind,
                exit_code=summary.exit_code,
                stopped_by=summary.stopped_by or None,
                counts=dict(summary.counts),
                requests=sum(summary.requests.values()),
                seconds=summary.seconds,
            )
        elif summary.run and (summary.exit_code or not self._quiet):
            with self._aside():
                for line in summary_lines(summary):
                    self._line(line)

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a stage of work and its display."""
        self.end_phase()
        if self._json:
            self._event("phase", phase=name, total=total)
            self._progress = PlainProgress(name, total, self._tell_progress)
        elif self._quiet:
            return
        elif self._out.isatty():
            self._progress = LiveProgress(name, total, self._out, self._clock, colour=self._colour)
        else:
            self._progress = PlainProgress(name, total, self._write_progress)

    def _tell_progress(self, name: str, done: int, total: int | None, status: str) -> None:
        del status
        self._event("progress", phase=name, done=done, total=total)

    def _write_progress(self, name: str, done: int, total: int | None, status: str) -> None:
        self._line("; ".join(part for part in (counted(name, done, total), status) if part))

    def step(self, done: int) -> None:
        """Tell how far the stage is."""
        if self._progress:
            self._progress.step(done)

    def observer(self, forecast: Forecast, quota: Callable[[], str] = str) -> Observer:
        """Return the hooks that keep the display going while requests are sent; ``quota`` says what is allowed."""
        from bulk_sync.console.watching import JsonWatcher, Watcher

        if self._json:
            return JsonWatcher(self._event, self._progress, verbose=self._verbose)
        say = self.say if not self._quiet else _nothing
        return Watcher(self._progress, forecast, say, quota=quota, verbose=self._verbose)

    def end_phase(self) -> None:
        """End the stage and take its display away."""
        if self._progress:
            self._progress.close()
            self._progress = None

    def _write(self, event: str, text: str) -> None:
        if self._json:
            words = text.removeprefix("warning: ")
            self._event(event, text=words if self._verbose else masked(words))
            return
        with self._aside():
            for line in text.splitlines():
                self._line(line)

    def _event(self, event: str, /, **values: object) -> None:
        self._line(event_line(event, **values))

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Keep the live display from overwriting what is written meanwhile."""
        if self._progress:
            self._progress.pause()
        try:
            yield
        finally:
            if self._progress:
                self._progress.resume()

    def _prompt(self, text: str) -> str:
        self.asking = True  # from before the question is seen: whoever answers is quick
        try:
            self._out.write(text)
            self._out.flush()
            return self._answers.readline().strip()
        finally:
            self.asking = False

    def _line(self, text: str) -> None:
        # Control characters of somebody's cell or server must not drive the terminal.
        clean = "".join(char if char.isprintable() or char == " " else "�" for char in text)
        self._out.write(clean.encode("utf-8", "backslashreplace").decode() + "\n")
        self._out.flush()


def _nothing(text: str) -> None:
    del text
