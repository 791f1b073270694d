"""Whether a file stays as it is while it is read: a CSV is opened anew for each pass over its rows."""

from __future__ import annotations

from pathlib import Path

from bulk_sync.errors import SourceError


class Unchanged:
    """A file as it was when it was opened first: its size, and when it was last written.

    The header is read in one pass and the rows in another. Of a file that is replaced in between, values would stand
    under the names of other columns; of one that is still written, the last value might be half of what is meant.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _state(path)

    def check(self) -> None:
        """Raise :class:`SourceError` if the file is no longer what it was."""
        if _state(self._path) != self._seen:
            raise SourceError(
                f"{self._path} has changed while it was read",
                hint="wait until the program that writes it is done, then run the command again",
            )


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
