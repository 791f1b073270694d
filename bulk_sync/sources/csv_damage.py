"""How far the damage of a quote reaches: only its own row, or rows that looked sound.

With one quote lost or gained, a reader sees the damage at the next quote, which may stand lines below the
place itself when a cell holds line ends. What lies between may be the inside of that cell and still look
like rows. These functions ask whether that can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bulk_sync.sources.csv_tokens import Dialect, Fault, record_of

REMEMBERED_LINES = 64
"""How many lines back are kept for :func:`reaches_back`."""
_NARROW = 2
_MASK = "\ufffe\ufffe"
"""Stands for a doubled quote, which never ends a field; a noncharacter, so that no file has it."""


def sound(line: str, width: int, dialect: Dialect) -> bool:
    """Whether a line is a whole row by itself."""
    if dialect.quote not in line:
        return line.count(dialect.delimiter) == width - 1
    fields, fault = record_of(line, dialect)
    return fault is None and len(fields) == width


def local(line: str, width: int, dialect: Dialect) -> bool:
    """Whether one quote, lost or gained within this line, explains its damage.

    Not in a table of two columns, where any line of text with a single comma looks like a row.
    """
    return width > _NARROW and line.count(dialect.delimiter) + 1 >= width


def reaches_back(line: str, before: Sequence[str], width: int, dialect: Dialect) -> bool:
    """Whether a damaged line may be the end of a cell that began in a line that was taken for a row.

    ``before`` are the lines above it, the nearest last.
    """
    column = _column_closed(line, width, dialect)
    if column is None:
        return False
    begun: bool | None = None
    passed = False
    for earlier in reversed(before):
        if begun is None:
            begun = _may_begin(earlier, column, dialect)
        if begun is False:
            return False
        # Lines refused already may begin the cell at no harm, unless a record of several lines stands before them.
        if sound(earlier, width, dialect):
            return begun is True and not passed
        if _spans_lines(earlier):
            return True
        passed = begun is True
    return begun is None and len(before) >= REMEMBERED_LINES


def _column_closed(line: str, width: int, dialect: Dialect) -> int | None:
    """Return in which column (from 1) the cell stands that a line's first quote may close; None if it closes none."""
    delimiter, quote, _ = dialect
    body = line.rstrip("\r\n").replace(quote * 2, _MASK)
    at = body.find(quote)
    if at < 0 or (at + 1 < len(body) and body[at + 1] != delimiter):
        return None
    after = body[at + 2 :].replace(_MASK, quote * 2)
    fields, fault = record_of(after, dialect) if at + 1 < len(body) else ([], None)
    if fault not in {None, Fault.OPEN}:
        return None
    column = width - len(fields) - (1 if fault else 0)
    return column if column >= 1 else None


def _may_begin(line: str, column: int, dialect: Dialect) -> bool | None:
    """Whether a cell that never closes may begin in this column (from 1) of a line.

    None if the line can only be the inside of one.
    """
    if _spans_lines(line):
        return True
    tail = _from_field(line.rstrip("\r\n"), column, dialect)
    if tail is None:
        return None if dialect.quote not in line.replace(dialect.quote * 2, "") else False
    quotes = tail.replace(dialect.quote * 2, "").count(dialect.quote)
    return not quotes or (quotes == 2 and tail.startswith(dialect.quote))


def _spans_lines(line: str) -> bool:
    body = line.rstrip("\r\n")
    return "\n" in body or "\r" in body


def _from_field(body: str, column: int, dialect: Dialect) -> str | None:
    """Return a line's raw text from a field on; None if it has fewer."""
    delimiter, quote, spaced = dialect
    at = 0
    for _ in range(column - 1):
        while spaced and body.startswith(" ", at):
            at += 1
        inside = body.startswith(quote, at)
        start = at
        while True:
            at = body.find(delimiter, at)
            if at < 0:
                return None
            at += 1
            if not inside or body.count(quote, start, at) % 2 == 0:
                break
    return body[at:].lstrip(" ") if spaced else body[at:]


def reaches_on(line: str, after: Iterable[str], width: int, dialect: Dialect) -> bool:
    """Whether a cell that opens in a line and never closes may end in a following line that looks like a row.

    A line that its own damage does not explain must go on somewhere, whatever quotes the next lines have.
    """
    fields, _ = record_of(line, dialect)
    behind = width - len(fields) - 1
    alone = local(line, width, dialect)
    for later in after:
        body = later.rstrip("\r\n")
        if not body or body.count(dialect.delimiter) + 1 <= behind:
            if alone and dialect.quote in body.replace(dialect.quote * 2, ""):
                return False
            continue
        if not sound(later, width, dialect):
            return record_of(later, dialect)[1] is Fault.OPEN
        head = body[: len(body) - len(_from_field(body, width - behind + 1, dialect) or "")]
        return not alone or dialect.quote not in head.replace(dialect.quote * 2, "")
    return False
