"""From lines to rows: sound rows fast, damaged ones refused, and no value in another column.

A line whose fields do not fit the header, or whose quotes do not, is refused as its row. Reading goes on with
the next line where that is certain; where rows that look sound may be the inside of a damaged cell (see
``csv_damage``), the file is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from bulk_sync.errors import Problem, SourceError
from bulk_sync.records import SourceRow, cell_name
from bulk_sync.sources.csv_damage import REMEMBERED_LINES, local, reaches_back, reaches_on, sound
from bulk_sync.sources.csv_tokens import Dialect, Fault, Record, record_of, simple_fields

LINE_LIMIT = 1 << 24
"""Characters in one line; more is no table."""
_OPEN_LIMIT = 1 << 22
"""Characters that a quoted cell may hold before its quote counts as never closed."""
_RAW_SHOWN = 2000
_FAULTS = {
    Fault.OPEN: ("a quote opens here and is never closed", "close it, or double a quote that is text"),
    Fault.STRAY: (
        "a quote stands inside a cell that does not begin with one",
        "put the whole cell in quotes and double the quote",
    ),
    Fault.AFTER: ("text follows a closing quote", "double a quote that is text"),
    Fault.TIGHT: (
        "no space follows a delimiter, as in all rows above",
        "add the space, or put the whole cell in quotes if the delimiter is text",
    ),
}
_TORN = (
    "a line with a single field stands next to this row and may be a part of it",
    "join the lines if a line end stands inside the row, or delete the single field",
)
_SWALLOWED = (
    "the next row is damaged, and a cell of this one may hold its beginning",
    "see whether a quote is missing in this row, and correct the next",
)


class RowReader:
    """Reads the rows below a header.

    ``readline`` gives a line with its line end, at most so many characters of it, and '' at the end.
    ``line`` and ``row`` are those of the first line it will give.
    """

    def __init__(
        self, readline: Callable[[int], str], header: tuple[str, ...], dialect: Dialect, *, line: int, row: int
    ) -> None:
        self._readline = readline
        self._header = header
        self._width = len(header)
        self._dialect = dialect
        self._line = line - 1
        self._row = row - 1
        self._queue: deque[str] = deque()
        self._recent: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._beside = self._fragment = self._torn = False
        self._swallower = 0
        self._line_end_in_cell = 0
        self._doubtful = 0

    def rows(self) -> Iterator[SourceRow]:
        """Yield every row that is not blank, damaged ones with their problem.

        :raises SourceError: where what follows cannot be read with certainty.
        """
        queue, recent, readline = self._queue, self._recent, self._readline
        (delimiter, quote, spaced), width = self._dialect, self._width
        blanks = " \t\r\n\u00a0" + delimiter
        held: SourceRow | None = None
        while line := (queue.popleft() if queue else readline(LINE_LIMIT)):
            self._line += 1
            self._row += 1
            if len(line) >= LINE_LIMIT:
                raise self._endless(self._line)
            if quote in line or "\0" in line or (spaced and line.strip(blanks)):
                row = self._quoted(line)
            else:
                values = line.rstrip("\r\n").split(delimiter)
                if not values[0].strip() and not line.strip(blanks):
                    continue
                if len(values) == width:
                    number = self._row
                    row = SourceRow(number, tuple(values), self._line if self._line != number else None)
                    recent.append(line)
                else:
                    row = self._misfit(line, len(values))
            if row is None:
                continue
            if self._beside:
                held, row = self._beside_damage(held, row)
            if held is not None:
                yield held
            held = row
        if held is not None:
            yield held

    def _quoted(self, line: str) -> SourceRow | None:
        """Read a record that has quotes, over as many lines as it takes."""
        if "\0" in line:
            return self._refused("nul_byte", line, 0, "the row holds a NUL byte", "export the file again")
        width, (delimiter, quote, _) = self._width, self._dialect
        if line.count(quote) == 2 * width:
            body = line.rstrip("\r\n")
            if body[0] == quote == body[-1]:
                values = body[1:-1].split(f"{quote}{delimiter}{quote}")
                # With this many quotes, so many of them between the fields, none is left inside a field.
                if len(values) == width:
                    return self._sound(line, values, 1)
        simple = simple_fields(line, self._dialect)
        if simple is not None and len(simple) == width:
            return self._sound(line, simple, 1)
        record = Record(self._dialect)
        fault = record.feed(line)
        opened = len(record.fields)
        more: list[str] = []
        size = len(line)
        while fault is Fault.OPEN and size < _OPEN_LIMIT and (later := self._next_line()):
            more.append(later)
            size += len(later)
            fault = record.feed(later) if quote in later else record.extend(later)
        if fault is None:
            return self._whole(line, more, record.fields)
        self._queue.extendleft(reversed(more))
        return self._damaged(line, Fault.OPEN if more else fault, opened)

    def _whole(self, line: str, more: list[str], values: list[str]) -> SourceRow | None:
        """Take a record whose quotes are sound; its fields may still be too few or too many."""
        if len(values) == self._width:
            return self._sound("".join((line, *more)), values, 1 + len(more))
        if any(sound(later, self._width, self._dialect) for later in more):
            raise self._uncertain(self._line, "after it")
        row = self._misfit("".join((line, *more)), len(values))
        self._line += len(more)
        if more:
            self._line_end_in_cell = self._line
            self._weigh_doubt()
        return row

    def _next_line(self) -> str:
        line = self._queue.popleft() if self._queue else self._readline(LINE_LIMIT)
        if len(line) >= LINE_LIMIT:
            raise self._endless(self._line)
        return line

    def _sound(self, text: str, values: list[str], lines: int) -> SourceRow | None:
        """Return a good row, or nothing for a blank one."""
        line, number = self._line, self._row
        self._line += lines - 1
        self._recent.append(text)
        if lines > 1:
            self._line_end_in_cell = line
            if any(map(self._may_have_swallowed, values)):
                self._swallower = line
            self._weigh_doubt()
        if not values[0].strip() and not any(value.strip() for value in values):
            return None
        if "\0" in text:
            return self._refused("nul_byte", text, 0, "the row holds a NUL byte", "export the file again")
        return SourceRow(number, tuple(values), line if line != number else None)

    def _may_have_swallowed(self, value: str) -> bool:
        """Whether the quote that ended a cell of several lines may be one that begins a cell of the next row."""
        return ("\n" in value or "\r" in value) and value.rstrip(" ")[-1:] in (self._dialect.delimiter, "\n", "\r")

    def _misfit(self, line: str, count: int) -> SourceRow | None:
        """Refuse a row with too few or too many fields; nothing for the character that DOS ended files with."""
        if line.strip() == "\x1a":
            return None
        self._recent.append(line)
        self._fragment = count == 1 and self._width > 1
        fields = "1 field" if count == 1 else f"{count} fields"
        message = f"the row has {fields}, the header has {self._width}"
        if count < self._width:
            hint = "a delimiter is missing, or a line end stands inside the row"
            return self._refused("too_few_fields", line, count, message, hint)
        hint = f"put a cell that holds {self._dialect.delimiter!r} in quotes"
        return self._refused("too_many_fields", line, self._width, message, hint)

    def _damaged(self, line: str, fault: Fault, column: int) -> SourceRow:
        """Refuse a row for its quotes, and the file where more than the row may be damaged."""
        back = reaches_back(line, self._recent, self._width, self._dialect)
        on = fault is Fault.OPEN and reaches_on(line, self._following(), self._width, self._dialect)
        alone = local(line, self._width, self._dialect)
        if (back or on) and not alone:
            raise self._uncertain(self._line, "before it" if back else "after it")
        if back or on or (fault is Fault.OPEN and not alone):
            self._doubtful = self._doubtful or self._line
            self._weigh_doubt()
        self._recent.append(line)
        # A single field may be the end of the row above, torn off behind its last delimiter, whatever its quotes.
        self._fragment = fault is not Fault.OPEN and self._width > 1 and self._is_single(line)
        message, hint = _FAULTS[fault]
        return self._refused(fault.value, line, column, message, hint)

    def _is_single(self, line: str) -> bool:
        """Whether a line may be one field, or its beginning, behind the space that follows a delimiter."""
        fields, fault = record_of(line.lstrip(" "), self._dialect)
        whole = fault is None and len(fields) == 1
        return whole or (fault is Fault.OPEN and not fields) or self._dialect.delimiter not in line

    def _following(self) -> Iterator[str]:
        """Look at the lines to come without taking them."""
        yield from tuple(self._queue)
        while line := self._readline(LINE_LIMIT):
            self._queue.append(line)
            yield line

    def _weigh_doubt(self) -> None:
        """Refuse the file if a quote is damaged where cells are known to hold line ends."""
        if self._doubtful and self._line_end_in_cell:
            raise self._uncertain(self._doubtful, "around it")

    @staticmethod
    def _endless(line: int) -> SourceError:
        return SourceError(
            f"line {line} is longer than {LINE_LIMIT} characters: this is no table", hint="export the file again"
        )

    def _uncertain(self, line: int, where: str) -> SourceError:
        return SourceError(
            f"line {line}: a quote is missing or too many, and the rows {where} may be the inside of that cell; "
            "what follows cannot be read with certainty",
            hint=f"correct the quotes in line {line} or just above it, or export the file again",
        )

    def _beside_damage(self, held: SourceRow | None, row: SourceRow) -> tuple[SourceRow | None, SourceRow]:
        """Refuse the neighbours of a refused row that it may be a part of.

        A line with a single field may be the rest or the beginning of either. Any may be what is left of a row whose
        beginning a cell of the row above has swallowed.
        """
        fragment, torn = self._fragment, self._torn
        self._beside = self._fragment = self._torn = False
        if torn:
            row = self._torn_row(row, *_TORN)
        if held is not None and row.problems and self._swallower == (held.line or held.row_number):
            held = self._torn_row(held, *_SWALLOWED)
        if fragment:
            self._beside = self._torn = True
            held = held and self._torn_row(held, *_TORN)
        return held, row

    def _torn_row(self, row: SourceRow, message: str, hint: str) -> SourceRow:
        if row.problems:
            return row
        cell = cell_name(0, row.row_number, line=row.line)
        problem = Problem("torn_row", message, hint, row=row.row_number, cell=cell, column=self._header[0])
        raw = self._dialect.delimiter.join(str(value) for value in row.values)[:_RAW_SHOWN]
        return SourceRow(row.row_number, (), row.line, (problem,), raw)

    def _refused(self, code: str, line: str, column: int, message: str, hint: str) -> SourceRow:
        """Make a row of a damaged line."""
        self._beside = True
        number, at = self._row, self._line if self._line != self._row else None
        raw = line.rstrip("\r\n")[:_RAW_SHOWN]
        name = self._header[column] if column < self._width else ""
        cell = cell_name(column, number, line=at)
        problem = Problem(code, f"line {self._line}: {message}", hint, number, cell, name, value=raw)
        return SourceRow(number, (), at, (problem,), raw)
