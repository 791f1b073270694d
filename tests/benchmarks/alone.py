"""Our reader and our writer of workbooks by themselves: ``alone.py read SOURCE``, ``alone.py write OUTPUT ROWS``."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bulk_sync.records import ChangedField, RequestLine, RowResult, RunSummary, Status
from bulk_sync.results import write_results
from bulk_sync.sources import open_source

OWN_COLUMNS = 12
SUMMARY = RunSummary(
    "20250101-000000-0000", "run", 0, "", {"updated": 1}, {"patch": 1}, "clients.csv", "", "mapping.yaml",
    "https://api.example.com", "account", "2025-01-01T00:00:00+00:00", "2025-01-01T00:10:00+00:00", 600.0,
)  # fmt: skip


@dataclass(frozen=True)
class MadeBook:
    """Results of a run that never was: every row updated, with ten columns of ours beside twelve of the user's."""

    count: int
    header: tuple[str, ...] = tuple(f"Column {number}" for number in range(OWN_COLUMNS))
    sheet: str = ""
    summary: RunSummary = SUMMARY

    def rows(self) -> Iterator[RowResult]:
        """Make the rows."""
        for number in range(2, self.count + 2):
            values = tuple(f"value {number} {column}" for column in range(OWN_COLUMNS))
            yield RowResult(
                number, values, Status.UPDATED, "", f"clt_{number:08d}", f"C{number}", ("name", "email"), 200, 1,
                "accepted", "2025-01-01T00:00:00+00:00",
            )  # fmt: skip

    def rows_with_changes(self) -> Iterator[tuple[RowResult, tuple[ChangedField, ...]]]:
        """The rows without a change: the sheet Results is what is measured."""
        return ((row, ()) for row in self.rows())

    def changes(self) -> Iterator[ChangedField]:
        """None."""
        return iter(())

    def requests(self) -> Iterator[RequestLine]:
        """None."""
        return iter(())


def main(what: str, path: Path, count: int = 0) -> None:
    """Read all rows of a source, or write so many rows of results."""
    if what == "write":
        write_results(MadeBook(count), path)
        return
    with open_source(path) as source:
        deque(source.rows(), maxlen=0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
