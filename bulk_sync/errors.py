"""Everything that can go wrong: exceptions that end a run, problems that travel with the data, exit codes.

The tree of exceptions::

    BulkSyncError              ends the command; one ``try`` in the CLI turns it into message, hint, exit code
    ├── Refused            2   usage, configuration, mapping or source: nothing was sent
    │   ├── SourceError        the file cannot be read as a table
    │   ├── MappingError       every mistake of a mapping at once
    │   ├── OutputError        the results cannot be put where they were asked for
    │   └── Question           an answer is missing; asked on a terminal, refused without one
    ├── Halted             3   breaker, limit or local fault: ``resume`` goes on
    │   └── DiskFault          state or journal cannot be read or written
    ├── KeyRefused         4   the API does not take the key
    ├── Busy               5   another process works on this run, or on this account with this mapping
    ├── GuardStop          6   stopped before sending by a guard, or by the user's no
    └── Defect            70   our own mistake

A problem with *data* is never an exception: it is a :class:`Problem`, a value that reaches the results.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, NamedTuple


class ExitCode(IntEnum):
    """How a command ends, as scripts see it."""

    OK = 0
    ROWS = 1
    REFUSED = 2
    HALTED = 3
    KEY_REFUSED = 4
    BUSY = 5
    GUARD = 6
    DEFECT = 70
    INTERRUPTED = 130


EXIT_MEANINGS = {
    ExitCode.OK: "every row is updated, unchanged or left out by the user's own rule; check and plan: none is invalid",
    ExitCode.ROWS: "finished, and some rows are invalid, failed, differs or in_doubt; or undo did not restore all",
    ExitCode.REFUSED: "usage, configuration, mapping or source refused, or the wrong target: nothing was sent",
    ExitCode.HALTED: "stopped by the breaker, a limit or a local fault: rows are left not_sent, and resume goes on",
    ExitCode.KEY_REFUSED: "the key was refused; resume goes on with a good one",
    ExitCode.BUSY: "another process works on this run, or on this account with this mapping",
    ExitCode.GUARD: "stopped before sending by a guard, or by your no",
    ExitCode.DEFECT: "a defect in bulk_sync; details are in a file that it names",
    ExitCode.INTERRUPTED: "interrupted; resume goes on",
}


class Problem(NamedTuple):
    """A finding about data: what is wrong, where, and what was expected.

    ``cell`` is the name a person finds it by (``Clients!F213``, ``F213 (line 220)``); several, joined with
    a comma, where a template drew on several cells. ``value`` is the offending text as it was seen.
    An ``error`` makes its row ``invalid``; a ``warning`` is told and the row goes on.
    """

    code: str
    message: str
    hint: str = ""
    row: int | None = None
    cell: str = ""
    column: str = ""
    field: str = ""
    value: str = ""
    severity: Literal["error", "warning"] = "error"


class BulkSyncError(Exception):
    """Ends a command. ``message`` says what, where and what was expected; ``hint`` what to do next."""

    exit_code = ExitCode.DEFECT

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(BulkSyncError):
    """Usage, configuration, mapping or source refused: nothing was sent."""

    exit_code = ExitCode.REFUSED


class SourceError(Refused):
    """The source cannot be read as the table that the mapping needs."""


class OutputError(Refused):
    """The results cannot be written where they were asked for; found out before anything is sent."""


class Mistake(NamedTuple):
    """One mistake in a mapping file. ``line`` and ``column`` count from 1; 0 where none applies."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """``file:line:column: message``, as editors and terminals link it."""
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}"


class MappingError(Refused):
    """Every mistake of a mapping at once."""

    def __init__(self, mistakes: tuple[Mistake, ...], *, hint: str = "") -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes), hint=hint)
        self.mistakes = mistakes


class Question(Refused):
    """An answer only the user can give. On a terminal it is asked; without one it is a refusal.

    ``setting`` is the mapping key that settles it for good (``source.encoding``), ``choices`` what may be
    answered (empty: free text), the first being the most likely.
    """

    def __init__(self, message: str, *, setting: str, choices: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.setting = setting
        self.choices = choices


class Halted(BulkSyncError):
    """Stopped by the breaker, a limit or a local fault; ``resume`` goes on."""

    exit_code = ExitCode.HALTED


class DiskFault(Halted):
    """The disk refuses state or journal. What to do then is for whoever knows what was at work to add to the hint."""

    def __init__(self, message: str, *, hint: str = "make room or mend the disk") -> None:
        super().__init__(message, hint=hint)


class KeyRefused(BulkSyncError):
    """The API refused the key; ``resume`` goes on with a good one."""

    exit_code = ExitCode.KEY_REFUSED


class Busy(BulkSyncError):
    """Another process works on this run, or on this account with this mapping."""

    exit_code = ExitCode.BUSY


class GuardStop(BulkSyncError):
    """Stopped before sending by a guard, or by the user's no."""

    exit_code = ExitCode.GUARD


class Defect(BulkSyncError):
    """A mistake of bulk_sync itself."""
