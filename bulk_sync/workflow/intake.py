"""From a file and a mapping to rows in the journal: opened, asked about, read, mapped, checked."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_sync.errors import Question, SourceError
from bulk_sync.journal import Journal, PlanTables, RowEntry
from bulk_sync.mapping.mapper import RowMapper, compile_mapping
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.records import MappedRow, SourceRow, Status
from bulk_sync.settings import Settings
from bulk_sync.sources import SourceOptions, open_source
from bulk_sync.sources.source import Source
from bulk_sync.workflow.desk import Desk

if TYPE_CHECKING:
    from pandas import DataFrame

SETTLED = "settled"
"""Fact of a run: the user's answers about decimal signs and dates."""

LEFT_OUT = "left_out"
"""Code of a row that ``--rows``, ``--first`` or the mapping's ``where`` or ``rows: visible`` leaves out."""

REDUCED = "reduced"
"""Fact of a run, and of its retries: rows want less than the mapping says, as fields were left out of its plan."""

NOT_CHOSEN = "not_chosen"
"""Code of a row that needs a retry and that ``--rows`` or ``--first`` of one left out."""

HIDDEN = "hidden in the workbook, left out by rows: visible"

CODES = {
    LEFT_OUT: "left out by --rows, --first, or the mapping's rows or where",
    NOT_CHOSEN: "left out by --rows or --first of a retry; a retry of its results takes the row up again",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A source and the mapping made ready for it."""

    source: Source
    mapper: RowMapper
    spec: MappingSpec
    settled: Mapping[str, str]
    """The user's answers (decimal, dates), which a later retry of the run needs again."""
    notes: tuple[str, ...]
    """What was said of the source before its first row."""


def open_table(
    desk: Desk, path: Path, spec: MappingSpec, settings: Settings, *, frame: DataFrame | None = None
) -> Table:
    """Open the source as the mapping needs it and join the two, asking what only the user knows.

    A ``frame`` takes the file's place.

    Raises :class:`SourceError`, :class:`MappingError`, or :class:`Question` where nobody answers.
    """
    source: Source
    if frame is not None:
        from bulk_sync.sources.frame import FrameSource

        source = FrameSource(frame)
    else:
        source = open_plain(desk, path, source_options(spec, settings), needs=spec.columns())
    _say(desk, source.notes)
    if {"sync_row", "sync_status"} <= set(source.header):
        source.close()
        raise SourceError(
            f"{path} is a results file of bulk_sync",
            hint=f"to send again what failed or what you corrected in it: bulk-sync retry {path}",
        )
    try:
        settled: dict[str, str] = {}
        mapper = settle_mapper(desk, spec, source.header, source.sheet, _Rows(source, spec), settled)
        _say(desk, mapper.notes)
        return Table(source, mapper, spec, settled, (*source.notes, *mapper.notes))
    except BaseException:
        source.close()
        raise


def _detected(source: Source, spec: MappingSpec) -> Iterator[str]:
    """Yield the mapping's ``source:`` block as it was detected, for what the mapping leaves out."""
    given = spec.source.model_dump(exclude_none=True)
    lines = [f"  {name}: {json.dumps(value)}" for name, value in source.detected.items() if name not in given]
    if lines:
        yield "\n".join(["detected; to settle it, paste into the mapping:", "source:", *lines])


def open_plain(desk: Desk, path: Path, options: SourceOptions, *, needs: Collection[str] = ()) -> Source:
    """Open a source, asking what only the user knows: its sheet, its encoding."""
    while True:
        try:
            return open_source(path, options, needs=needs)
        except Question as question:
            options = _settled(options, _option(question), _answer(desk, question))


def settle_mapper(
    desk: Desk,
    spec: MappingSpec,
    header: tuple[str, ...],
    sheet: str,
    rows: Iterable[SourceRow],
    settled: dict[str, str],
) -> RowMapper:
    """Compile the mapping for a header, and decide from ``rows`` what all values of a column decide.

    ``rows`` are iterated anew for each attempt; asks where both readings fit, and keeps the answers in ``settled``.
    """
    while True:
        mapper = compile_mapping(spec, header, sheet=sheet, **settled)
        if not mapper.needs_survey:
            return mapper
        for row in rows:
            mapper.survey(row)
        try:
            mapper.settle()
        except Question as question:
            settled[_option(question)] = _answer(desk, question)
        else:
            return mapper


class _Rows:
    """The rows of a source that the mapping takes, from the beginning each time."""

    def __init__(self, source: Source, spec: MappingSpec) -> None:
        self._source = source
        self._visible_only = spec.source.rows == "visible"

    def __iter__(self) -> Iterator[SourceRow]:
        rows = self._source.rows()
        return (row for row in rows if not row.hidden) if self._visible_only else rows


def source_options(spec: MappingSpec, settings: Settings) -> SourceOptions:
    """Return how the mapping, and ``--sheet`` above it, want the source to be read."""
    block = spec.source
    return SourceOptions(
        sheet=settings.sheet or block.sheet,
        header_row=block.header_row,
        encoding=block.encoding,
        delimiter=block.delimiter,
        rows=block.rows,
    )


def _settled(options: SourceOptions, name: str, answer: str) -> SourceOptions:
    if name == "header_row":
        return replace(options, header_row=int(answer))
    if name == "encoding":
        return replace(options, encoding=answer)
    if name == "delimiter":
        return replace(options, delimiter=answer)
    return replace(options, sheet=answer)


def _option(question: Question) -> str:
    return question.setting.rpartition(".")[2]


def _answer(desk: Desk, question: Question) -> str:
    answer = desk.talk.ask(question)
    if answer is None:
        raise question
    return answer


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def take_in(desk: Desk, journal: Journal, table: Table, settings: Settings) -> None:
    """Read, map and check every row, and keep them in the journal, with what is said of them; nothing is requested.

    Raises :class:`Interrupted` between batches when a stop is asked for.
    """
    tables = PlanTables(journal)
    chosen = chooser(settings)
    detected = tuple(_detected(table.source, table.spec))
    _say(desk, detected)
    desk.talk.phase("reading")
    for count in tables.add_rows(_entries(table, chosen)):
        desk.talk.step(count)
        await asyncio.sleep(0)  # lets a signal through
        if desk.stop.is_set():
            stopped = (await desk.stop.wait()).error()
            run, kind = journal.header.run, journal.header.kind
            stopped.hint = f"bulk-sync resume {run} goes on" if kind == "run" else f"begin it anew: bulk-sync {kind}"
            raise stopped
    desk.talk.end_phase()
    closing = table.source.closing_notes()
    _say(desk, closing)
    journal.update_header(notes=(*journal.header.notes, *detected, *closing))
    tables.index_records()


def _say(desk: Desk, notes: Iterable[str]) -> None:
    for note in notes:
        desk.talk.say(note)


def _entries(
    table: Table,
    chosen: Callable[[int, int], bool],
) -> Iterator[RowEntry]:
    map_row = table.mapper.map
    visible_only = table.spec.source.rows == "visible"
    for place, row in enumerate(table.source.rows(), 1):
        if not chosen(place, row.row_number):
            yield RowEntry(row, None, None, Status.SKIPPED, LEFT_OUT, "left out by --rows or --first")
        elif row.hidden and visible_only:
            yield RowEntry(row, None, None, Status.SKIPPED, LEFT_OUT, HIDDEN)
        elif row.problems and any(problem.severity == "error" for problem in row.problems):
            yield _refused(row)
        elif not table.mapper.selects(row):
            yield RowEntry(row, None, None, Status.SKIPPED, LEFT_OUT, "left out by the mapping's where")
        else:
            yield mapped_entry(row, map_row(row), table.spec)


def _refused(row: SourceRow) -> RowEntry:
    code = next(problem.code for problem in row.problems if problem.severity == "error")
    return RowEntry(row, None, None, Status.INVALID, code)


def mapped_entry(row: SourceRow, mapped: MappedRow, spec: MappingSpec, known: str | None = None) -> RowEntry:
    """Return how a row that ``spec`` has mapped goes into the journal.

    ``known`` is the record that the row is for, where that is settled: its keys are then no longer asked.
    """
    match = spec.match
    named = (mapped.keys[0] or None) if match[0].by == "id" and mapped.keys else None
    # Of several keys the others may disagree: a row that ends here, before they are asked, has no client yet.
    record_id = known or (named if len(match) == 1 else None)
    if known and len(match) > 1:
        mapped = mapped._replace(keys=(mapped.keys[0], *[""] * (len(match) - 1)))
    if mapped.problems:
        for problem in mapped.problems:
            if problem.severity == "error":
                return RowEntry(row, mapped, record_id, Status.INVALID, problem.code)
    if not mapped.payload:
        which = "every mapped cell" if spec.only is None else "every cell that --only-fields asks for"
        return RowEntry(row, mapped, record_id, Status.UNCHANGED, "", f"{which} is blank and kept")
    return RowEntry(row, mapped, record_id or named)


def chooser(settings: Settings) -> Callable[[int, int], bool]:
    """Return whether ``--first`` and ``--rows`` keep a row, told its place in the source and its number."""
    first, ranges = settings.first, settings.rows
    if ranges is None:
        return lambda place, _number: first is None or place <= first

    def within(place: int, number: int) -> bool:
        return (first is None or place <= first) and any(low <= number <= high for low, high in ranges)

    return within


def only_fields(spec: MappingSpec, settings: Settings) -> MappingSpec:
    """Return the mapping kept to the fields of ``--only-fields``; Refused for one that it does not have."""
    return spec.narrowed(settings.only_fields) if settings.only_fields else spec
