"""What is told of how a run ended besides its figures: causes, first problems, skipped rows by reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from bulk_sync.errors import Problem
from bulk_sync.journal import Journal, JournalBook, Tallies
from bulk_sync.planning.codes import CLIENT_GONE, PLANNING_CODES, STALE
from bulk_sync.records import RunSummary, Status
from bulk_sync.results.text import on_a_line

FIRST_PROBLEMS = 20
_CELLS_TOLD = 3
_DROPPED = (STALE, CLIENT_GONE)
"""Codes of changes that the CRM's present state forbade after they were planned."""
_BAD = (Status.FAILED, Status.DIFFERS, Status.IN_DOUBT)


class Cause(NamedTuple):
    """Why rows did not go through: nothing in it is a value from a cell or a record.

    ``where`` is the column or field, '' where it is none. ``cells`` names the first ones.
    """

    status: str
    code: str
    where: str
    rows: int
    cells: tuple[str, ...]

    @property
    def key(self) -> str:
        """What stays the same from night to night."""
        return f"{self.status}/{self.code}/{self.where}"

    def __str__(self) -> str:
        """Say it in a line."""
        more = "" if self.rows <= len(self.cells) else ", …"
        where = f" in {self.where}" if self.where else ""
        return f"{self.rows:,} {self.status}: {self.code or 'no code'}{where} ({', '.join(self.cells)}{more})"


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    cells: tuple[str, ...] = ()

    def add(self, cell: str) -> None:
        self.rows += 1
        if len(self.cells) < _CELLS_TOLD:
            self.cells = (*self.cells, cell)


def causes(journal: Journal, book: JournalBook) -> tuple[Cause, ...]:
    """Return why rows are invalid, failed, differ or are in doubt, the most frequent first."""
    found: dict[tuple[str, str, str], _Tally] = {}
    for problem in book.problems():
        if problem.severity == "error":
            where = f'column "{problem.column}"' if problem.column else problem.field
            tally = found.setdefault((Status.INVALID.value, problem.code, where), _Tally())
            tally.add(problem.cell or f"row {problem.row}")
    for number, status, code, _ in _bad_rows(journal, book.summary):
        found.setdefault((status, code, ""), _Tally()).add(f"row {number}")
    told = [Cause(*key, tally.rows, tally.cells) for key, tally in found.items()]
    return tuple(sorted(told, key=lambda cause: -cause.rows))


def first_problems(journal: Journal, book: JournalBook) -> tuple[Problem, ...]:
    """Return the first errors found here, then the first rows that the API refused, in row order."""
    found = list(islice((problem for problem in book.problems() if problem.severity == "error"), FIRST_PROBLEMS))
    for number, status, code, message in islice(_bad_rows(journal, book.summary), FIRST_PROBLEMS):
        found.append(Problem(code or status, message or status, row=number))
    found.sort(key=lambda problem: problem.row or 0)
    return tuple(found[:FIRST_PROBLEMS])


def _bad_rows(journal: Journal, summary: RunSummary) -> Iterator[tuple[int, str, str, str]]:
    if _has_bad(summary.counts):
        yield from Tallies(journal).sent_rows(_BAD)


def _has_bad(counts: Mapping[str, int]) -> bool:
    """Whether any row did not go through at the API: most runs have none, and need no pass over their outcomes."""
    return any(counts.get(status) for status in _BAD)


def refused_groups(journal: Journal, counts: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """Yield the causes of rows that did not go through at the API, as (rows, text)."""
    if not _has_bad(counts):
        return
    for rows, status, code, messages, message in Tallies(journal).sent_codes(_BAD):
        more = f", and {messages - 1:,} other message{'s' if messages > 2 else ''}" if messages > 1 else ""
        yield rows, f"{status}: {on_a_line(message)}{more} ({code or 'no code'})"


def dropped_groups(journal: Journal, counts: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """Yield why changes of the plan were not sent although nobody left them out, as (rows, text).

    An undo tells for itself what it does not restore.
    """
    if journal.header.kind == "undo" or not counts.get(Status.SKIPPED):
        return
    for rows, status, code, *_ in Tallies(journal).sent_codes((Status.SKIPPED,)):
        if code in _DROPPED:
            yield rows, f"{status}: {PLANNING_CODES[code]} ({code})"


def skipped_by_reason(journal: Journal, summary: RunSummary) -> dict[str, int]:
    """Return how many rows were skipped for which code."""
    return dict(Tallies(journal).skipped_codes()) if summary.counts.get(Status.SKIPPED) else {}
