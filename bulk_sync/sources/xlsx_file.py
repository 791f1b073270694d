"""A workbook of Excel's present format (.xlsx, .xlsm) as a source."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from bulk_sync.sources.content import Content
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.sheet_choice import chosen_sheet
from bulk_sync.sources.sheet_table import Covered, RawRow, SheetSource, first_texts, hidden_columns_note
from bulk_sync.sources.xlsx_merged import Merged, MergedCells, merged_ranges
from bulk_sync.sources.xlsx_package import Package, Sheet
from bulk_sync.sources.xlsx_sheet import Look, SheetReader


class XlsxSource(SheetSource):
    """A sheet, read in one pass over its XML; the file stays open until ``close``."""

    kind = "xlsx"

    def __init__(self, path: Path, content: Content, options: SourceOptions, needs: Collection[str] = ()) -> None:
        self._package = Package(path)
        self._merged: list[Merged] | None = None
        try:
            package = self._package
            self._look = Look(package.shared_strings(), package.formats(), package.epoch_1904)
            sheets = {sheet.name: sheet for sheet in package.sheets}
            name = chosen_sheet(
                str(path),
                sheets=tuple(sheets),
                hidden={sheet.name for sheet in package.sheets if sheet.state != "visible"},
                wanted=options.sheet,
                needs=needs,
                peek=lambda name: self._peek(sheets[name]),
            )
            self._part = sheets[name].part
            self._reader = SheetReader(package, sheets[name], self._look)
            super().__init__(path, name, options, needs)
        except BaseException:
            self.close()
            raise
        self.notes = (*content.notes, *hidden_columns_note(name, self._reader.hidden_columns, len(self.header)))

    def close(self) -> None:
        """Close the file."""
        self._package.close()

    def _raw_rows(self) -> Iterator[RawRow]:
        return self._reader.rows()

    def _covered(self) -> Covered:
        if self._whole is not None:
            return MergedCells(self._reader.merged)
        if self._merged is None:
            self._merged = merged_ranges(self._package, self._part)
        return MergedCells(self._merged)

    def _peek(self, sheet: Sheet) -> Sequence[Sequence[str]]:
        """Return the texts of a sheet's first rows."""
        return first_texts(SheetReader(self._package, sheet, self._look).rows())
