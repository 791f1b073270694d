"""The end of a run: its figures, its exit code, its results, what the next step is."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

from bulk_sync.errors import ExitCode, OutputError, Problem
from bulk_sync.journal import Journal, JournalBook, RunHeader, Tallies
from bulk_sync.journal.book import iso
from bulk_sync.planning.codes import CHANGED_SINCE, CLIENT_GONE, NOT_RESTORABLE, SUPERSEDED
from bulk_sync.records import Json, RunSummary, Status
from bulk_sync.resources import get_resource
from bulk_sync.results import check_writable, write_results
from bulk_sync.results.placing import check_not_input, check_place, check_replaceable, default_path
from bulk_sync.results.table import What
from bulk_sync.results.text import on_a_line
from bulk_sync.settings import Settings
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.ending import Cause, causes, dropped_groups, first_problems, refused_groups, skipped_by_reason
from bulk_sync.workflow.reasons import ending, stopped_words
from bulk_sync.workflow.view import PlanView

_BAD = (Status.INVALID, Status.FAILED, Status.DIFFERS, Status.IN_DOUBT)
NOT_RESTORED = "not_restored"
"""Fact of an undo: what it is planned to leave as it is, by field and reason, with the number of rows."""
GONE = "the client no longer exists"
_LEFT_MEANWHILE = {
    "changed while it was undone": CHANGED_SINCE,
    "the client could not be read again": NOT_RESTORABLE,
    GONE: CLIENT_GONE,
    "a later run has handled the client": SUPERSEDED,
}
_VALUES_A_CAUSE = 1000
"""Distinct values remembered for each cause; more are told together."""


def exit_code(kind: str, counts: Mapping[Status, int], stopped_by: str) -> ExitCode:
    """Return how a command ends, in the order of the contract: 130, 4, 3, 6, 1, 0.

    ``check`` and ``plan`` end with 1 only for rows that are ``invalid``.
    """
    if stopped_by:
        return ending(stopped_by).exit_code
    if kind in {"check", "plan"}:
        return ExitCode.ROWS if counts.get(Status.INVALID) else ExitCode.OK
    if counts.get(Status.NOT_SENT):
        return ExitCode.HALTED
    return ExitCode.ROWS if any(counts.get(status) for status in _BAD) else ExitCode.OK


def not_restored(journal: Journal) -> tuple[tuple[int, str], ...]:
    """Return what an undo left as it was, as (rows, text): planned so, or found changed by someone while it sent."""
    if journal.header.kind != "undo":
        return ()
    planned = cast("Mapping[str, int]", journal.header.facts.get(NOT_RESTORED, {}))
    tallies = Tallies(journal)
    left = Counter(planned)
    for what, code in _LEFT_MEANWHILE.items():
        left[what] += tallies.rows_sent(Status.SKIPPED, code)
    return tuple((rows, f"not restored: {what}") for what, rows in left.items() if rows)


@dataclass(slots=True)
class _Cause:
    rows: int = 0
    values: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)  # of each of these values, the first
    beyond: set[str] = field(default_factory=set)  # of values that are not remembered: two tell that they differ

    def add(self, problem: Problem) -> None:
        """Count a problem in, with its value as long as there is room for it."""
        self.rows += 1
        if problem.value in self.values or len(self.values) < _VALUES_A_CAUSE:
            self.values[problem.value] += 1
            self.messages.setdefault(problem.value, problem.message)
        elif len(self.beyond) < 2:
            self.beyond.add(problem.message)


def grouped_problems(problems: Iterable[Problem], *, most: int = 20) -> tuple[tuple[int, str], ...]:
    """Return the causes behind the problems of many rows, the most frequent first, as (rows, text)."""
    causes: dict[tuple[str, str, str], _Cause] = {}
    for problem in problems:
        where = f'column "{problem.column}"' if problem.column else problem.field
        causes.setdefault((problem.severity, problem.code, where), _Cause()).add(problem)
    told: list[tuple[int, str]] = []
    for (severity, code, where), cause in causes.items():
        told.extend(_told_cause(severity, code, where, cause))
    told.sort(key=lambda item: -item[0])
    return tuple(told[:most])


def _told_cause(severity: str, code: str, where: str, cause: _Cause) -> Iterable[tuple[int, str]]:
    prefix = "warning: " if severity == "warning" else ""
    named = {value: count for value, count in cause.values.most_common(3) if count > 1 and value}
    for value, count in named.items():
        yield count, f'{prefix}{where}, value "{on_a_line(value)}" ({code})'
    if rest := cause.rows - sum(named.values()):
        # A message often names its row's value: it is not said of the rows that have others.
        told = dict.fromkeys(message for value, message in cause.messages.items() if value not in named)
        first, *others = *told, *sorted(cause.beyond - told.keys())
        more = ", and other messages" if others else ""
        yield rest, f"{prefix}{where + ': ' if where else ''}{on_a_line(first)}{more} ({code})"


def next_steps(summary: RunSummary, again: str = "", *, whole: bool = False) -> tuple[str, ...]:
    """Return what to do next, as commands and sentences.

    ``again``: the desk's options that each command needs. ``whole``: its plan was made to its end, whatever stopped it.
    """
    counts, run = summary.counts, summary.run
    steps = []
    if summary.kind == "check":
        if counts.get(Status.INVALID):
            steps.append("correct the invalid rows in the source, then check again")
        return tuple(steps)
    if summary.kind == "plan":
        if summary.stopped_by and not whole:
            steps.append("the plan is not whole and cannot be sent; make it anew: bulk-sync plan")
        elif counts.get(Status.READY):
            steps.append(f"to send exactly this within 24 hours: bulk-sync run --plan {run}{again}")
        return tuple(steps)
    if counts.get(Status.NOT_SENT):
        steps.append(f"to go on where it stopped: bulk-sync resume {run}{again}")
    elif any(counts.get(status) for status in (Status.FAILED, Status.IN_DOUBT, Status.INVALID)):
        target = summary.output or run
        steps.append(f"correct the rows in the results file, then: bulk-sync retry {shlex.quote(target)}{again}")
    if counts.get(Status.DIFFERS):
        steps.append("look at the rows that differ: the CRM holds another value than was sent")
    # A retry has rows that differ from the run before, too, and then there may be nothing of its own to take back.
    differing = counts.get(Status.DIFFERS) and (summary.kind != "retry" or summary.requests.get("patch"))
    if counts.get(Status.UPDATED) or differing:
        steps.append(f"to take it back: bulk-sync undo {run}{again}")
    return tuple(steps)


def summarise(journal: Journal, *, stopped_by: str = "", finished_at: float = 0.0) -> RunSummary:
    """Return a run's figures as the journal has them."""
    header = journal.header
    blank = blank_summary(journal)
    book = JournalBook(journal, blank)
    counts = book.counts()
    stopped = stopped_by or header.stopped_by
    code = exit_code(header.kind, counts, stopped)
    kept = not_restored(journal)
    if code is ExitCode.OK and kept:
        code = ExitCode.ROWS
    by_name = {status.value: counts[status] for status in Status if counts[status]}
    ended = (*refused_groups(journal, by_name), *dropped_groups(journal, by_name))
    summary = blank._replace(
        exit_code=int(code),
        stopped_by=stopped,
        stopped_words=stopped_words(stopped),
        counts=by_name,
        requests=book.request_counts(),
        finished_at=iso(finished_at) if finished_at else "",
        seconds=round(header.busy_seconds, 3),
        output=header.output,
        problem_groups=_by_size((*grouped_problems(book.problems()), *ended, *kept)),
    )
    return summary._replace(next_steps=next_steps(summary, whole=journal.planned))


def _by_size(groups: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    return tuple(sorted(groups, key=lambda group: -group[0]))


def blank_summary(journal: Journal) -> RunSummary:
    """Return a run's summary without its figures."""
    header = journal.header
    return RunSummary(
        run=header.run,
        kind=header.kind,
        exit_code=0,
        stopped_by="",
        counts={},
        requests={},
        source=header.source_path,
        sheet=header.sheet,
        mapping=header.mapping_path,
        target="SANDBOX" if header.sandbox else header.base_url,
        account=header.account,
        started_at=iso(header.created_at) if header.created_at else "",
        finished_at="",
        seconds=0.0,
        rate=str(header.facts.get("rate", "")),
        sandbox=header.sandbox,
        parent=header.parent,
        notes=header.notes,
        quota=cast("Mapping[str, Json]", header.facts.get("quota", {})),
    )


def readable_fields(journal: Journal) -> frozenset[str]:
    """Return the fields that the API's answers show."""
    return get_resource(journal.header.resource).readable


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a command's results go; checked before anything is sent."""

    path: Path | None
    """None: nobody wants a file, as a program that reads the rows from the journal."""
    named: bool
    """Whether the user named it: a default name replaces nothing."""
    settings: Settings

    def check(self, desk: Desk, source: Path | None, mapping: Path | None) -> None:
        """Refuse a place that cannot take the results, or is not ours to replace."""
        if self.path is not None:
            check_writable(self.path, source, mapping)
            check_replaceable(self.path, self._replaces(desk, self.path))
        if self.settings.report:
            _check_report(desk.folder / self.settings.report)

    def check_again(self, desk: Desk, header: RunHeader, results: Path | None = None) -> None:
        """As :meth:`check`, for the files that an earlier run had read, where they still stand.

        ``results``: its results file, where that is read now.
        """
        if self.path is not None:
            check_not_input(self.path, None, results=results)
        self.check(desk, _existing(header.source_path), _existing(header.mapping_path))

    def write(
        self, desk: Desk, journal: Journal, summary: RunSummary, *, what: What = "results"
    ) -> tuple[RunSummary, tuple[str, ...]]:
        """Write results and report; return the summary with the files' names, and what is to be said of them."""
        told = summary._replace(output=str(self.path or ""))
        told = told._replace(next_steps=next_steps(told, desk.again, whole=journal.planned))
        book = JournalBook(journal, told, readable=readable_fields(journal))
        notes: list[str] = []
        fallback = desk.run_folder(summary.run) if summary.kind != "check" else None
        if self.path is not None:
            written = write_results(
                book,
                self.path,
                what=what,
                mode=int(self.settings.output_mode, 8),
                replaces=self._replaces(desk, self.path),
                fallback=fallback,
            )
            desk.state.remember_output(written.path, written.fingerprint, summary.run)
            notes.extend(written.notes)
            told = told._replace(output=str(written.path))
            told = told._replace(next_steps=next_steps(told, desk.again, whole=journal.planned))
        if self.settings.report:
            from bulk_sync.results.html_page import write_report

            page = desk.folder / self.settings.report
            written = write_report(book, page, mode=int(self.settings.output_mode, 8), fallback=fallback)
            notes.extend(written.notes)
            told = told._replace(report=str(written.path))
        return told, tuple(notes)

    def _replaces(self, desk: Desk, path: Path) -> tuple[str, ...] | None:
        if self.named and self.settings.overwrite:
            return None
        known = desk.state.output_fingerprint(path) if self.named else None
        return (known,) if known else ()


def _check_report(path: Path) -> None:
    if path.suffix.lower() not in {".html", ".htm"}:
        raise OutputError(f'--report "{path}": a report is a page: name a file that ends in .html')
    check_place(path)


def outputs(desk: Desk, settings: Settings, *, source: str, run: str, kind: str) -> Outputs:
    """Return where results go: ``--output``, else a name in the working directory that nothing has yet."""
    word = {"check": "check", "plan": "plan"}.get(kind, "results")
    if settings.output:
        return Outputs(desk.folder / settings.output, named=True, settings=settings)
    if not desk.writes_files:
        return Outputs(None, named=False, settings=settings)
    return Outputs(default_path(source, run, kind=word, folder=desk.folder), named=False, settings=settings)


class Ended(NamedTuple):
    """How a workflow ended: its figures, what is still to be said, and the plan where one was made.

    ``problems`` are the first ones, ``skipped`` counts rows by code, ``files`` are those besides the results.
    """

    summary: RunSummary
    notes: tuple[str, ...] = ()
    view: PlanView | None = None
    problems: tuple[Problem, ...] = ()
    skipped: Mapping[str, int] = {}
    files: Mapping[str, str] = {}
    causes: tuple[Cause, ...] = ()


def with_cause(ended: Ended, message: str, hint: str) -> Ended:
    """Return the end of a run with what stopped it, where its summary says less, and first of all what to do."""
    if ending(ended.summary.stopped_by).says_all:
        return ended
    steps = (hint, *ended.summary.next_steps) if hint else ended.summary.next_steps
    return ended._replace(summary=ended.summary._replace(next_steps=steps), notes=(*ended.notes, message))


def tell_end(journal: Journal, summary: RunSummary, notes: tuple[str, ...] = ()) -> Ended:
    """Return how a run ended, with what its journal tells besides the figures."""
    book = JournalBook(journal, summary)
    return Ended(
        summary,
        notes,
        problems=first_problems(journal, book),
        skipped=skipped_by_reason(journal, summary),
        files={"report": summary.report} if summary.report else {},
        causes=causes(journal, book),
    )


def _existing(name: str) -> Path | None:
    return Path(name) if name not in {"", "-"} and Path(name).exists() else None
