"""A stream that may go away: what can be told to nobody is not told, and the work goes on."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO, cast


def patient(out: IO[str] | None, lost: Callable[[OSError], None] | None = None) -> IO[str]:
    """Return a stream that writes to ``out`` as long as somebody is there, as a terminal that was closed is not.

    None, as standard error is for a process that was given none, is nobody from the beginning. ``lost`` is told why
    no more could be written.
    """
    return cast("IO[str]", _Patient(out, lost))


class _Patient(io.TextIOBase):
    def __init__(self, out: IO[str] | None, lost: Callable[[OSError], None] | None) -> None:
        self._out = out
        self._lost = lost

    def write(self, text: str) -> int:
        """Write, or not."""
        if self._out is not None:
            try:
                return self._out.write(text)
            except OSError as error:
                self._leave(error)
        return len(text)

    def flush(self) -> None:
        """Flush, or not; Python asks for it at the very end too, when what is below may be closed already."""
        if self._out is not None and not self._out.closed:
            try:
                self._out.flush()
            except OSError as error:
                self._leave(error)

    def isatty(self) -> bool:
        """Tell whether a person reads."""
        return self._out is not None and self._out.isatty()

    def fileno(self) -> int:
        """Return the file's number, as a display asks for it to find out its width."""
        if self._out is None:
            raise OSError("nobody is there")
        return self._out.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        """The encoding of the stream."""
        return getattr(self._out, "encoding", None) or "utf-8"

    def _leave(self, error: OSError) -> None:
        """Let what the stream still holds go nowhere, or the interpreter would fail over it at its end."""
        with suppress(OSError, ValueError):
            if self._out is not None:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._out.fileno())
                os.close(nowhere)
        self._out = None
        if self._lost is not None:
            self._lost(error)
