"""Where rows come from: the index from a file's content to its reader.

Readers are imported when a file of their kind is opened, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.source import Source

__all__ = ["Source", "SourceOptions", "open_source"]

_READERS = {
    "csv": ("csv_file", "CsvSource"),
    "xlsx": ("xlsx_file", "XlsxSource"),
    "xls": ("xls_file", "XlsSource"),
    "xlsb": ("xlsb_file", "XlsbSource"),
    "ods": ("ods_file", "OdsSource"),
}


def open_source(path: Path, options: SourceOptions | None = None, *, needs: Collection[str] = ()) -> Source:
    """Open a CSV or a workbook, by its content and not by its name.

    ``needs`` are the columns that the mapping uses: they tell which row is the header and which sheets fit.

    :raises SourceError: if the file is no table that can be read.
    :raises Question: if only the user can tell (encoding, delimiter, sheet).
    """
    from bulk_sync.sources.content import content_of

    content = content_of(path)
    module, name = _READERS[content.kind]
    reader: Any = getattr(importlib.import_module(f"bulk_sync.sources.{module}"), name)
    source: Source = reader(path, content, options or SourceOptions(), needs)
    return source
