"""What is counted over a run's rows, by SQL alone: quick, and without checking each entry on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from bulk_sync.journal.store import Journal
from bulk_sync.records import Status

_Found = TypeVar("_Found", bound="tuple[object, ...]")


class Tallies:
    """The figures of a journal. A row that a change carries counts by how the change ended."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def last_row(self) -> int:
        """Return the largest row number, 1 where there is none."""
        return self._number("SELECT coalesce(max(number), 1) FROM rows")

    def requests(self, kind: str) -> int:
        """Return how many requests of a kind left or were about to."""
        return self._number("SELECT count(*) FROM requests WHERE kind = ?", kind)

    def last_request(self, kind: str) -> float:
        """Return when the last request of a kind left or was about to (Unix time), 0 where there was none."""
        with self._journal.faults():
            (at,) = self._journal.connection.execute(
                "SELECT coalesce(max(intended_at), 0) FROM requests WHERE kind = ?", (kind,)
            ).fetchone()
        return float(at)

    def rows_planned(self, status: Status, code: str) -> int:
        """Return how many rows ended so without a change."""
        return self._number("SELECT count(*) FROM rows WHERE status = ? AND code = ?", status.value, code)

    def rows_sent(self, status: Status, code: str) -> int:
        """Return how many rows' changes ended so."""
        return self._number("SELECT count(*) FROM sent_rows WHERE status = ? AND code = ?", status.value, code)

    def planned_codes(self, statuses: Iterable[Status]) -> list[tuple[int, str, str]]:
        """Return the ends of rows without a change as (rows, status, code), the most frequent first."""
        return self._all(
            f"SELECT count(*), status, code FROM rows WHERE status IN ({_list(statuses)}) GROUP BY status, code "
            "ORDER BY 1 DESC"
        )

    def skipped_codes(self) -> list[tuple[str, int]]:
        """Return why rows were skipped, before or while sending, as (code, rows), the most frequent first."""
        return self._all(
            "SELECT coalesce(nullif(code, ''), 'own_rule'), count(*) FROM ended_rows WHERE status = 'skipped' "
            "GROUP BY 1 ORDER BY 2 DESC"
        )

    def sent_codes(self, statuses: Iterable[Status]) -> list[tuple[int, str, str, int, str]]:
        """Return how changes ended as (rows, status, code, different messages, one of them)."""
        return self._all(
            "SELECT count(*), status, code, count(DISTINCT message), min(message) FROM sent_rows "
            f"WHERE status IN ({_list(statuses)}) GROUP BY status, code"
        )

    def sent_rows(self, statuses: Iterable[Status]) -> Iterator[tuple[int, str, str, str]]:
        """Yield the rows whose changes ended so as (row, status, code, message), in row order."""
        with self._journal.faults():
            for found in self._journal.connection.execute(
                f"SELECT row, status, code, message FROM sent_rows WHERE status IN ({_list(statuses)}) ORDER BY row"
            ):
                yield self._readable(found)

    def _number(self, sql: str, *values: str) -> int:
        with self._journal.faults():
            (number,) = self._journal.connection.execute(sql, values).fetchone()
        return int(number)

    def _all(self, sql: str) -> list[Any]:
        with self._journal.faults():
            return [self._readable(found) for found in self._journal.connection.execute(sql)]

    def _readable(self, found: _Found) -> _Found:
        """Return what was found, unless a text in it has become bytes, which a flipped bit does."""
        if any(isinstance(value, bytes) for value in found):
            raise self._journal.damaged("it has bytes where a text was written")
        return found


def _list(statuses: Iterable[Status]) -> str:
    return ", ".join(f"'{status.value}'" for status in statuses)
