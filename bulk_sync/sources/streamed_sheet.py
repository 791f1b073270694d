"""A sheet that is read from its open file row by row, the same for every kind of workbook that allows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from bulk_sync.sources.content import Content
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.sheet_choice import chosen_sheet
from bulk_sync.sources.sheet_table import RawRow, SheetSource, first_texts, hidden_columns_note, hidden_sheet_note


class RowReader(Protocol):
    """Reads one sheet; ``rows()`` begins again with each call.

    ``hidden_columns`` are spans of columns (from 0, the end not included), known after the first row.
    """

    hidden_columns: list[tuple[int, int]]

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows that hold anything, in their order."""
        ...


Reader = TypeVar("Reader", bound=RowReader)


class StreamedSource(SheetSource, Generic[Reader]):
    """The one sheet of a workbook that is meant, through the reader of its format."""

    def __init__(
        self,
        path: Path,
        content: Content,
        options: SourceOptions,
        needs: Collection[str],
        *,
        sheets: Mapping[str, bool],
        read: Callable[[str], Reader],
    ) -> None:
        """Choose among ``sheets`` (name → whether it is hidden); ``read`` gives a reader of the one named."""
        hidden = {sheet for sheet, is_hidden in sheets.items() if is_hidden}
        name = chosen_sheet(
            str(path),
            sheets=tuple(sheets),
            hidden=hidden,
            wanted=options.sheet,
            needs=needs,
            peek=lambda sheet: first_texts(read(sheet).rows()),
        )
        self._reader = read(name)
        super().__init__(path, name, options, needs)
        columns = hidden_columns_note(name, self._reader.hidden_columns, len(self.header))
        self.notes = (*content.notes, *hidden_sheet_note(name, hidden), *columns)

    def _raw_rows(self) -> Iterator[RawRow]:
        return self._reader.rows()
