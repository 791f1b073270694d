"""An OpenDocument spreadsheet (.ods) as a source.

Read by a pass of our own: no library gives shown text, errors and hidden rows of this format in a stream (calamine
shows errors as blanks; pandas and odfpy hold the whole document).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bulk_sync.errors import SourceError
from bulk_sync.sources.content import Content
from bulk_sync.sources.ods_sheet import OdsReader, sheets_of
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.sheet_table import Covered
from bulk_sync.sources.streamed_sheet import StreamedSource
from bulk_sync.sources.xlsx_merged import MergedCells
from bulk_sync.sources.xml_parts import Parts

_MANIFEST = "META-INF/manifest.xml"


class OdsSource(StreamedSource[OdsReader]):
    """A sheet, read in one pass over the file's XML; the file stays open until ``close``."""

    kind = "ods"

    def __init__(self, path: Path, content: Content, options: SourceOptions, needs: Collection[str] = ()) -> None:
        self._parts = opened(path)
        try:
            super().__init__(
                path,
                content,
                options,
                needs,
                sheets={sheet.name: sheet.hidden for sheet in sheets_of(self._parts)},
                read=lambda name: OdsReader(self._parts, name),
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._parts.close()

    def _covered(self) -> Covered:
        """Return none: the reader itself marks what merged cells cover."""
        return MergedCells([])


def opened(path: Path) -> Parts:
    """Open the file, unless it is encrypted.

    :raises SourceError: if it is encrypted or damaged.
    """
    parts = Parts(path)
    if parts.has(_MANIFEST):
        with parts.open(_MANIFEST) as stream:
            encrypted = b"encryption-data" in stream.read(1 << 20)
        if encrypted:
            parts.close()
            raise SourceError(
                f"{path} is encrypted: it opens only with a password", hint="save it again without a password"
            )
    return parts
