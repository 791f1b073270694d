"""A CSV as a source: encoding and dialect found and said, rows streamed in constant memory."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from bulk_sync.errors import SourceError
from bulk_sync.records import SourceRow
from bulk_sync.sources.content import WORKBOOK_SUFFIXES, Content
from bulk_sync.sources.csv_dialect import SAMPLE_CHARACTERS, delimiter_of, layout_of
from bulk_sync.sources.csv_encoding import encoding_of, first_undecodable, undecodable
from bulk_sync.sources.csv_rows import LINE_LIMIT, RowReader
from bulk_sync.sources.header import fold
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.source import OpenSource
from bulk_sync.sources.unchanged import Unchanged

_BUFFER = 1 << 18


class CsvSource(OpenSource):
    """A CSV, perhaps packed; opened anew for each pass."""

    kind = "csv"
    sheet = ""

    def __init__(self, path: Path, content: Content, options: SourceOptions, needs: Collection[str] = ()) -> None:
        self._path = path
        self._open = content.open
        self._unchanged = Unchanged(path)
        self._encoding = encoding_of(path, content.open, options.encoding)
        sample, whole = self._sample()
        self._layout = layout_of(
            sample,
            whole=whole,
            delimiter=None if options.delimiter is None else delimiter_of(options.delimiter),
            header_row=options.header_row,
            needs=needs,
            name=str(path),
        )
        self.header: tuple[str, ...] = tuple(fold(name) for name in self._layout.header)
        if len(self.header) == 1 and path.suffix.lower() in WORKBOOK_SUFFIXES:
            raise SourceError(
                f"{path} is no workbook, and as a text it is no table",
                hint="open it in a spreadsheet program and save it as .xlsx or .csv",
            )
        spaced = (
            ("a space follows every delimiter: it is no part of the values",) if self._layout.dialect.spaced else ()
        )
        self.notes: tuple[str, ...] = (*content.notes, *spaced)

    @property
    def detected(self) -> Mapping[str, str | int]:
        """Encoding, delimiter and header row, as the mapping's ``source:`` block takes them."""
        dialect = self._layout.dialect
        return {
            "encoding": self._encoding.removesuffix("-sig"),
            "delimiter": "tab" if dialect.delimiter == "\t" else dialect.delimiter,
            "header_row": self._layout.header_row,
        }

    def rows(self) -> Iterator[SourceRow]:
        """Read from the first row below the header."""
        with self._text() as text:
            layout = self._layout
            try:
                for _ in range(layout.data_line - 1):
                    text.readline(LINE_LIMIT)
                reader = RowReader(
                    text.readline, self.header, layout.dialect, line=layout.data_line, row=layout.data_row
                )
                yield from reader.rows()
            except UnicodeDecodeError:
                raise self._undecodable() from None
        self._unchanged.check()

    def _text(self) -> io.TextIOWrapper:
        """Open the text with its line ends as they are."""
        self._unchanged.check()
        stream = self._open()
        raw = io.BufferedReader(stream, _BUFFER) if isinstance(stream, io.RawIOBase) else stream
        return io.TextIOWrapper(raw, encoding=self._encoding, errors="strict", newline="")

    def _sample(self) -> tuple[str, bool]:
        """Return the beginning of the text, and whether that is all of it."""
        try:
            with self._text() as text:
                sample = text.read(SAMPLE_CHARACTERS)
                return sample, not text.read(1)
        except UnicodeDecodeError:
            raise self._undecodable() from None

    def _undecodable(self) -> SourceError:
        return undecodable(self._path, self._encoding, first_undecodable(self._open, self._encoding))
