"""What every reader gives: a header, notes, and a stream of rows that can be read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Protocol, Self

from bulk_sync.records import SourceRow


class Source(Protocol):
    """Rows of one table.

    ``header`` has one folded name for each column, ``''`` where a column has none; duplicates stay.
    ``sheet`` is ``''`` where the kind has no sheets. ``notes`` say what was detected and deserves a word;
    ``detected`` is the ``source:`` block that would make the next run detect nothing.
    """

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        ...

    @property
    def sheet(self) -> str:
        """The sheet that is read."""
        ...

    @property
    def kind(self) -> str:
        """One of ``csv``, ``xlsx``, ``xls``, ``xlsb``, ``ods``, ``frame``."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found out before the first row."""
        ...

    @property
    def detected(self) -> Mapping[str, str | int]:
        """Keys and values of the mapping's ``source:`` block."""
        ...

    def rows(self) -> Iterator[SourceRow]:
        """Read from the first row below the header; each call begins again.

        Rows that a workbook hides come in their place with ``hidden``, whatever ``SourceOptions.rows`` says:
        with ``rows="visible"`` the reader of the rows counts them as left out, so that none is missing.

        :raises SourceError: in the middle too, where what follows cannot be read with certainty.
        """
        ...

    def closing_notes(self) -> tuple[str, ...]:
        """Return what only the end of the file tells; complete once ``rows()`` has run through."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close."""
        ...


class OpenSource:
    """What the readers share: ``with`` closes them, and most have nothing to close or to add."""

    def closing_notes(self) -> tuple[str, ...]:
        """Return what only the end of the file tells."""
        return ()

    def close(self) -> None:
        """Let go of the file; readers that open it for each pass hold nothing."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close."""
        self.close()
