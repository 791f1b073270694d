"""How a CSV is written: delimiter, quote, ``sep=`` line, title lines above the header."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from bulk_sync.errors import Question, SourceError
from bulk_sync.sources.csv_tokens import Dialect, Fault, Record
from bulk_sync.sources.header import SEARCHED_ROWS, header_index, matches

SAMPLE_CHARACTERS = 1 << 18
_SAMPLE_RECORDS = 1000
_OPEN_LINES = 100
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
NAMES = {character: name for name, character in DELIMITERS.items()}
_SEP_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?[\r\n]*', re.IGNORECASE)


class SampleRecord(NamedTuple):
    """A record of the first rows; ``lines`` physical lines from ``line`` (counted from 1)."""

    fields: list[str]
    fault: Fault | None
    line: int
    lines: int
    delimiters: int


class Layout(NamedTuple):
    """Where the table is in the text and how it is written.

    ``data_line`` and ``data_row`` are the line and the row below the header.
    """

    dialect: Dialect
    header: list[str]
    header_row: int
    data_line: int
    data_row: int


def delimiter_of(wanted: str) -> str:
    """Return the character for what the mapping says: one character, or its name.

    :raises SourceError: for anything else.
    """
    character = DELIMITERS.get(wanted.lower(), "\t" if wanted == "\\t" else wanted)
    if len(character) != 1 or character in '"\r\n\0':
        raise SourceError(
            f"source.delimiter: {wanted!r} is no delimiter", hint="one character, or comma, semicolon, tab, pipe"
        )
    return character


def layout_of(
    sample: str, *, whole: bool, delimiter: str | None, header_row: int | None, needs: Collection[str], name: str
) -> Layout:
    """Find delimiter, quote and header in the beginning of a text.

    :raises SourceError: if there is no header, or if it is damaged.
    :raises Question: if two delimiters fit equally well.
    """
    lines = list(io.StringIO(sample, newline=""))
    if not whole and len(lines) > 1:
        lines.pop()
    sep = _SEP_LINE.fullmatch(lines[0]) if lines else None
    skipped = 1 if sep else 0
    if sep and delimiter is None:
        delimiter = sep[1]
    dialect, records = _written_how(lines[skipped:], skipped, delimiter, needs, name)
    index = _header(records, header_row, needs, name)
    record = records[index]
    return Layout(
        dialect=dialect,
        header=record.fields,
        header_row=index + 1,
        data_line=record.line + record.lines,
        data_row=index + 2,
    )


def _header(records: list[SampleRecord], header_row: int | None, needs: Collection[str], name: str) -> int:
    """Return the index of the header among the records."""
    if header_row is not None:
        if not 1 <= header_row <= len(records):
            raise SourceError(
                f"{name}: source.header_row {header_row} is outside of the first {len(records)} rows",
                hint="count rows as a spreadsheet shows them",
            )
        index = header_row - 1
    else:
        found = header_index([record.fields for record in records[:SEARCHED_ROWS]], needs)
        if found is None and any(record.fault for record in records):
            raise SourceError(
                f"{name} has no row whose quotes are sound: no header can be read",
                hint="a quote stands at the beginning and at the end of a cell, and doubled inside of it",
            )
        if found is None:
            raise SourceError(f"{name} has no header: every row is blank", hint="the first row names the columns")
        width = len(records[found].fields)
        damaged = [at for at in range(found) if records[at].fault and records[at].delimiters >= max(1, width - 2)]
        index = damaged[0] if damaged else found
    record = records[index]
    if record.fault or not any(field.strip() for field in record.fields):
        what = f"damaged ({record.fault.value})" if record.fault else "blank"
        raise SourceError(
            f"{name}: the header in line {record.line} is {what}", hint="correct it, or set source.header_row"
        )
    return index


def _written_how(
    lines: list[str], skipped: int, delimiter: str | None, needs: Collection[str], name: str
) -> tuple[Dialect, list[SampleRecord]]:
    """Try every way of writing; return the one that fits best."""
    candidates = [Dialect(character) for character in ([delimiter] if delimiter else DELIMITERS.values())]
    if not any('"' in line for line in lines) and any(line.startswith("'") for line in lines[:1]):
        candidates += [Dialect(candidate.delimiter, "'") for candidate in candidates]
    read = {candidate: list(_records(lines, skipped, candidate)) for candidate in candidates}
    for candidate in candidates.copy():
        spaced = candidate._replace(spaced=True)
        before_quote = re.compile(f"{re.escape(spaced.delimiter)} +{re.escape(spaced.quote)}")
        if any(before_quote.search(line) for line in lines):
            read[spaced] = list(_records(lines, skipped, spaced))
            if _fits_spaced(read[spaced], read[candidate]):
                candidates.append(spaced)
    ranks = {candidate: _rank(records, needs) for candidate, records in read.items()}
    ranked = sorted(candidates, key=lambda candidate: ranks[candidate], reverse=True)
    best = ranked[0]
    if len(ranked) > 1 and ranks[best].columns > 1 and ranks[best][:3] == ranks[ranked[1]][:3]:
        pair = (best.delimiter, ranked[1].delimiter)
        if pair[0] != pair[1] and ranks[ranked[1]].columns > 1:
            names = tuple(NAMES[character] for character in pair)
            raise Question(
                f"{name} reads equally well with {names[0]} and with {names[1]} as delimiter",
                setting="source.delimiter",
                choices=names,
                hint="say source.delimiter in the mapping",
            )
    return best, read[best]


def _fits_spaced(spaced: list[SampleRecord], plain: list[SampleRecord]) -> bool:
    """Whether a space follows every delimiter, from the header on.

    Rows that are damaged in this way of reading count neither for nor against it, unless they are sound in the other.
    """
    widths = Counter(len(record.fields) for record in spaced if not record.fault and any(record.fields))
    width = max(widths, key=lambda one: (widths[one], one), default=0)
    sound = {record.line for record in spaced if not record.fault and len(record.fields) == width}
    header = min(sound, default=0)
    otherwise = [record for record in plain if not record.fault and len(record.fields) == width and any(record.fields)]
    return (
        width > 1
        and 2 * len(sound) >= len(spaced)
        and all(record.line in sound for record in otherwise if record.line >= header)
    )


class _Rank(NamedTuple):
    """How well a way of writing fits, the weightiest first."""

    matches: int
    first_fits: bool
    share: float
    columns: int
    plain_quote: bool


def _rank(records: list[SampleRecord], needs: Collection[str]) -> _Rank:
    """Judge by the needed columns, then by how many records have the usual number of fields."""
    filled = [record for record in records if record.fault or any(record.fields)]
    widths = Counter(len(record.fields) for record in filled if not record.fault and len(record.fields) > 1)
    named = max((matches(record.fields, needs) for record in records[:SEARCHED_ROWS]), default=0)
    if not widths:
        return _Rank(named, False, 0.0, 1, True)
    columns, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    quoted = sum(1 for field in records[0].fields if field.startswith("'"))
    return _Rank(named, len(filled[0].fields) == columns, round(count / len(filled), 3), columns, not quoted)


def _records(lines: Iterable[str], skipped: int, dialect: Dialect) -> Iterable[SampleRecord]:
    """Read the sample's records; a record that is damaged takes one line."""
    waiting = list(lines)
    at = count = 0
    while at < len(waiting) and count < _SAMPLE_RECORDS:
        record = Record(dialect)
        used = 0
        fault: Fault | None = Fault.OPEN
        while fault is Fault.OPEN and at + used < len(waiting) and used < _OPEN_LINES:
            fault = record.feed(waiting[at + used])
            used += 1
        used = 1 if fault else used
        yield SampleRecord(record.fields, fault, skipped + at + 1, used, waiting[at].count(dialect.delimiter))
        at += used
        count += 1
