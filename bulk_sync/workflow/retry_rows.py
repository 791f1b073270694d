"""The rows of a retry: which are tried again, which stay as the run left them, which cannot be told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bulk_sync.errors import Problem
from bulk_sync.journal import Journal, JournalBook, PlanTables, RowEntry, Tallies
from bulk_sync.mapping.mapper import RowMapper
from bulk_sync.planning import codes
from bulk_sync.records import MappedRow, RowResult, SourceRow, Status, cell_text
from bulk_sync.results.read_back import Edit, RetryRow
from bulk_sync.workflow.deciding import UNREAD
from bulk_sync.workflow.intake import LEFT_OUT, NOT_CHOSEN, mapped_entry

AGAIN = frozenset({Status.FAILED, Status.IN_DOUBT, Status.NOT_SENT, Status.INVALID})
"""Statuses that are tried again as they are; an ``invalid`` row only to see whether its problem is still there."""
_SENT = frozenset({Status.UPDATED, Status.DIFFERS, Status.UNCHANGED, Status.IN_DOUBT})
"""Statuses of rows whose client has, or may have, what they wanted."""
EDITS_TOLD = 100


@dataclass(slots=True)
class Findings:
    """What was found in the results file, for the plan: all of it counted, the first edited cells told."""

    edits: int = 0
    told: list[str] = field(default_factory=list)
    ignored: int = 0
    """Rows with an edit in a ``sync_`` column."""
    unusable: int = 0
    """Rows whose ``sync_row`` is blank, repeated or foreign."""
    deleted: int = 0
    """Rows that the results file no longer has."""
    unchosen: list[tuple[int, str]] = field(default_factory=list)
    """Rows that are not chosen, but whose client has or may have what they sent, each with that client."""

    def add(self, row: int, edits: Iterable[Edit]) -> None:
        """Count the edited cells of a row."""
        for edit in edits:
            self.edits += 1
            if len(self.told) < EDITS_TOLD:
                old, new = cell_text(edit.old), cell_text(edit.new)
                self.told.append(f'edited: row {row}, {edit.cell}, column "{edit.column}": "{old}" → "{new}"')

    def notes(self) -> Iterator[str]:
        """Yield what the plan says of the file."""
        yield from self.told
        if more := self.edits - len(self.told):
            yield f"and {more:,} more edited cells"
        for count, what in (
            (self.ignored, "with an edit in a sync_ column, which is ignored"),
            (self.unusable, "whose sync_row is blank, repeated or of no row of the run: invalid"),
            (self.deleted, "deleted from the results file: not part of the retry"),
        ):
            if count:
                yield f"{count:,} {'row' if count == 1 else 'rows'} {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How rows are judged: the run before, its mapping, and the options that leave rows or fields out."""

    before: Journal
    book: JournalBook
    mapper: RowMapper
    chosen: Callable[[int, int], bool]
    mapper_before: RowMapper | None
    """The mapping with the fields that the run before was kept to, where its plan was then reduced."""


def retry_entries(rows: Iterator[RetryRow], rules: RetryRules, found: Findings) -> Iterator[RowEntry]:
    """Yield each row of the results file, then those that it no longer has, as they go into the retry's journal.

    A row that cannot be told apart gets a number above all others, since its own is no use; of a repeated row the
    first copy keeps it. Rows that had been sent go in with what they wanted, for a further row of their client.
    """
    spare = Tallies(rules.before).last_row()
    seen: set[int] = set()
    for place, row in enumerate(rows, 1):
        if row.result is None or row.sync_row is None:
            found.unusable += 1
            source = _first_copy(row, rules, seen)
            if source is None:
                spare += 1
                source = SourceRow(spare, row.values, None, row.problems or (_NO_ROW,))
            yield RowEntry(source, None, None, Status.INVALID, source.problems[0].code)
            continue
        seen.add(row.sync_row)
        found.ignored += any(problem.code == "sync_column_edited" for problem in row.problems)
        yield _entry(place, row, row.result, rules, found)
    if len(seen) == rules.book.counts().total():
        return
    for was in rules.book.rows():
        if was.row_number not in seen:
            found.deleted += 1
            wish, record = _wish(was, rules), was.client_id or None
            yield RowEntry(plain_row(was), wish, record, Status.SKIPPED, LEFT_OUT, "deleted from the results file")


def _first_copy(row: RetryRow, rules: RetryRules, seen: set[int]) -> SourceRow | None:
    """Return the run's own row for the first of several lines that claim to be it."""
    was = rules.book.row(row.sync_row) if row.sync_row is not None and row.sync_row not in seen else None
    if was is None:
        return None
    seen.add(was.row_number)
    return SourceRow(was.row_number, was.values, was.line, row.problems, was.raw)


def _entry(place: int, row: RetryRow, result: RowResult, rules: RetryRules, found: Findings) -> RowEntry:
    source = SourceRow(result.row_number, row.values, result.line, row.problems, result.raw)
    if not row.edits and result.status not in AGAIN and result.code != NOT_CHOSEN:
        return _kept(source, result, rules)
    if not source.values:
        return RowEntry(source._replace(problems=result.problems), None, None, Status.INVALID, result.code)
    plain = source._replace(problems=())
    if not rules.mapper.selects(plain):
        return RowEntry(source, None, None, Status.SKIPPED, LEFT_OUT, "left out by the mapping's where")
    mapped = rules.mapper.map(plain)
    known = _known(row, result, mapped, rules)
    if not rules.chosen(place, result.row_number):
        if known and result.status in _SENT:
            found.unchosen.append((result.row_number, known))
        wish = _reduced(mapped, result, rules)._replace(problems=())
        return RowEntry(source, wish, known, Status.SKIPPED, NOT_CHOSEN, _what_it_was(row, result, rules))
    found.add(result.row_number, row.edits)
    return mapped_entry(source, _reduced(mapped, result, rules), rules.mapper.spec, known)


def _reduced(mapped: MappedRow, result: RowResult, rules: RetryRules) -> MappedRow:
    """Take out the fields that were left out of the run's plan, but for those whose cells were edited since."""
    wanted = PlanTables(rules.before).wish(result.row_number) if rules.mapper_before else None
    if rules.mapper_before is None or wanted is None:
        return mapped
    planned = rules.mapper_before.map(plain_row(result)).payload
    left_out = {name: value for name, value in planned.items() if name not in wanted}
    kept = {name: value for name, value in mapped.payload.items() if name not in left_out or left_out[name] != value}
    return mapped._replace(payload=kept)


def _what_it_was(row: RetryRow, result: RowResult, rules: RetryRules) -> str:
    """Say what becomes of a row that needs a retry and is left out, and how the run had left it."""
    if result.code == NOT_CHOSEN:
        return result.message
    left = f"{result.status} by run {rules.before.header.run}{', and edited since' if row.edits else ''}"
    return f"left out by --rows or --first, still to be retried: {left}{': ' * bool(result.message)}{result.message}"


def _known(row: RetryRow, result: RowResult, mapped: MappedRow, rules: RetryRules) -> str | None:
    """Return the client that the run found for a row whose keys are what they were, whatever they would find now."""
    if not result.client_id or (rules.mapper.spec.match[0].by == "id" and result.code in _NOT_FOUND):
        return None
    if row.edits and rules.mapper.map(plain_row(result)).keys != mapped.keys:
        return None
    return result.client_id


def plain_row(result: RowResult) -> SourceRow:
    """Return a row as the run read it."""
    return SourceRow(result.row_number, result.values, result.line)


def _kept(source: SourceRow, result: RowResult, rules: RetryRules) -> RowEntry:
    """Keep a row that is not tried again: what had succeeded needs nothing now, the rest is as it was."""
    run, wish, record = rules.before.header.run, _wish(result, rules), result.client_id or None
    if result.status in {Status.UPDATED, Status.UNCHANGED}:
        return RowEntry(source, wish, record, Status.UNCHANGED, "", f"{result.status} by run {run}, and not edited")
    message = f"as run {run} left it: {result.message}" if result.message else f"as run {run} left it"
    return RowEntry(source, wish, record, result.status, result.code, message)


def _wish(result: RowResult, rules: RetryRules) -> MappedRow | None:
    """Return what a row wanted that its client has, or may have, by the run or by one before it."""
    reduced = rules.mapper_before is not None or result.code == LEFT_OUT
    stored = reduced and PlanTables(rules.before).wish(result.row_number) is not None
    if not (result.status in _SENT or stored) or not result.client_id:
        return None
    mapped = _reduced(rules.mapper.map(plain_row(result)), result, rules)
    return None if mapped.invalid else mapped._replace(problems=())


_NOT_FOUND = frozenset({codes.NO_MATCH, codes.KEYS_DISAGREE, UNREAD})
"""Codes of rows that stand beside the client whose id they name, although the run did not find that it is theirs."""
_NO_ROW = Problem("sync_row_blank", "the row has no sync_row")
