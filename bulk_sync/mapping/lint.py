"""Lint: what a mapping's author wants to know before a run. Plain data; a renderer prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bulk_sync.errors import MappingError, Mistake, Problem
from bulk_sync.mapping.mapper import RowMapper, compile_mapping
from bulk_sync.mapping.spec import MappingSpec, load_mapping
from bulk_sync.mapping.trials import run_tests
from bulk_sync.records import SourceRow

Rows = Callable[[], Iterable[SourceRow]]
"""Gives the rows of a source from the beginning, each time it is called."""

MAX_GROUPS = 1000


class ProblemGroup(NamedTuple):
    """The same problem on many rows: ``412 rows: column "Stage", value "Prospct": not listed … (first in E2)``."""

    rows: int
    first: Problem

    @property
    def cause(self) -> str:
        """What is wrong and where first, without the number of rows and the hint."""
        problem = self.first
        warning = "warning: " if problem.severity == "warning" else ""
        column = f'column "{problem.column}"' if problem.column else "the row"
        value = f', value "{problem.value}"' if problem.value else ""
        place = problem.cell or f"row {problem.row}"
        return f"{warning}{column}{value}: {problem.message} ({'first in ' if self.rows > 1 else ''}{place})"

    def __str__(self) -> str:
        """Say it in one line, without its hint."""
        return f"{'1 row' if self.rows == 1 else f'{self.rows:,} rows'}: {self.cause}"


class LintReport(NamedTuple):
    """What lint found. ``spec`` is None where the mapping has mistakes; ``files`` has their texts, for excerpts.

    ``tests`` is the number of the mapping's own tests that ran; those that failed are among the mistakes.
    ``groups`` is empty without a source, the most frequent first; ``ungrouped``: there are more than it has.
    """

    mistakes: tuple[Mistake, ...]
    spec: MappingSpec | None = None
    notes: tuple[str, ...] = ()
    groups: tuple[ProblemGroup, ...] = ()
    ungrouped: bool = False
    rows: int = 0
    tests: int = 0


def lint_mapping(
    path: Path,
    *,
    environ: Mapping[str, str],
    header: tuple[str, ...] | None = None,
    sheet: str = "",
    rows: Rows | None = None,
) -> LintReport:
    """Check a mapping file, run its tests, and hold it against a source where one is given.

    With ``header``: columns that are missing (mistakes) or unused (notes). With ``rows`` too: columns whose
    decimal sign or day order cannot be told (mistakes), values outside a map and every other problem, grouped.
    Rows that the mapping's ``where`` or ``rows: visible`` leaves out are not looked at.
    """
    try:
        spec = load_mapping(path, environ=environ)
    except MappingError as error:
        return LintReport(error.mistakes)
    mistakes = run_tests(spec)
    report = LintReport(mistakes, spec, tests=len(spec.tests))
    if header is None:
        return report
    try:
        mapper = compile_mapping(spec, header, sheet=sheet)
    except MappingError as error:
        return report._replace(mistakes=(*mistakes, *error.mistakes))
    report = report._replace(notes=mapper.notes)
    if rows is None:
        return report
    visible_only = spec.source.rows == "visible"

    def taken() -> Iterator[SourceRow]:
        return (row for row in rows() if not (visible_only and row.hidden))

    unsettled = _unsettled(spec, mapper, taken)
    count, groups = _group_problems(mapper, taken, unsettled)
    return report._replace(
        mistakes=(*mistakes, *unsettled.values()), rows=count, groups=groups.most_frequent(), ungrouped=groups.full
    )


def _unsettled(spec: MappingSpec, mapper: RowMapper, rows: Rows) -> dict[str, Mistake]:
    """Decide the columns that have two readings; return the fields for which the mapping must say it."""
    if not mapper.needs_survey:
        return {}
    for row in rows():
        mapper.survey(row)
    return {
        field: spec.document.where(("fields", field)).mistake(question.message, question.hint)
        for field, question in mapper.open_questions()
    }


def _group_problems(mapper: RowMapper, rows: Rows, unsettled: Collection[str]) -> tuple[int, ProblemCounter]:
    groups = ProblemCounter()
    count = 0
    for row in rows():
        if not mapper.selects(row):
            continue
        count += 1
        for problem in mapper.map(row).problems:
            if problem.field not in unsettled or not problem.code.startswith("ambiguous"):
                groups.add(problem)
    return count, groups


class ProblemCounter:
    """Groups problems by their cause: code, column, field and value. Holds a bounded number of groups.

    ``full``: there were causes beyond it.
    """

    def __init__(self) -> None:
        self.full = False
        self._rows: Counter[tuple[str, str, str, str]] = Counter()
        self._first: dict[tuple[str, str, str, str], Problem] = {}

    def add(self, problem: Problem) -> None:
        """Count a problem. Beyond the bound only causes already known are counted."""
        cause = (problem.code, problem.column, problem.field, problem.value)
        if cause in self._first or len(self._first) < MAX_GROUPS:
            self._first.setdefault(cause, problem)
            self._rows[cause] += 1
        else:
            self.full = True

    def most_frequent(self) -> tuple[ProblemGroup, ...]:
        """Return the groups, the largest first; equal ones in the order of the source."""
        return tuple(ProblemGroup(rows, self._first[cause]) for cause, rows in self._rows.most_common())


def point_out(mistake: Mistake, text: str) -> str:
    """Show a mistake as editors do: ``file:line:column: message``, the line, a caret under the place, the hint.

    ``text`` is the file's; a mistake without a line shows no excerpt.
    """
    shown = [str(mistake)]
    lines = text.splitlines()
    if 0 < mistake.line <= len(lines):
        line = lines[mistake.line - 1]
        start = max(0, mistake.column - 80)
        margin = "".join("\t" if character == "\t" else " " for character in line[start : mistake.column - 1])
        shown += [f"    {line[start : start + 120]}", f"    {margin}^"]
    if mistake.hint:
        shown.append(f"hint: {mistake.hint}")
    return "\n".join(shown)
