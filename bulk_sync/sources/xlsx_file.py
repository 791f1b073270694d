"""A workbook of Excel's present format (.xlsx, .xlsm) as a source."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bulk_sync.sources.content import Content
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.sheet_table import Covered
from bulk_sync.sources.streamed_sheet import StreamedSource
from bulk_sync.sources.xlsx_merged import Merged, MergedCells, merged_ranges
from bulk_sync.sources.xlsx_package import Package
from bulk_sync.sources.xlsx_sheet import Look, SheetReader


class XlsxSource(StreamedSource[SheetReader]):
    """A sheet, read in one pass over its XML; the file stays open until ``close``."""

    kind = "xlsx"

    def __init__(self, path: Path, content: Content, options: SourceOptions, needs: Collection[str] = ()) -> None:
        self._package = Package(path)
        self._merged: list[Merged] | None = None
        try:
            package = self._package
            look = Look(package.shared_strings(), package.formats(), package.epoch_1904)
            sheets = {sheet.name: sheet for sheet in package.sheets}
            super().__init__(
                path,
                content,
                options,
                needs,
                sheets={name: sheet.state != "visible" for name, sheet in sheets.items()},
                read=lambda name: SheetReader(package, sheets[name], look),
            )
            self._part = sheets[self.sheet].part
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._package.close()

    def _covered(self) -> Covered:
        if self._whole is not None:
            return MergedCells(self._reader.merged)
        if self._merged is None:
            self._merged = merged_ranges(self._package, self._part)
        return MergedCells(self._merged)
