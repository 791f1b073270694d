"""The workbook's file: XlsxWriter's package, with the lines of the long sheets put in as they are packed.

XlsxWriter would copy a sheet's XML twice, and pack it at zlib's level 6, which it gives no say in: together more
than the lines cost to make. Level 1 takes a third of the time for a fifth more bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfileobj
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from bulk_sync.results.xlsx_sheets import LineSheet

LEVEL = 1
_BEGIN, _END = b"<sheetData>", b"</sheetData>"
_CHUNK = 2**20
_PLAIN_ZIP = 2**31 - 1
"""Bytes of a part beyond which its entry needs the larger form."""


def write_package(skeleton: IO[bytes], sheets: Mapping[str, LineSheet], path: Path) -> None:
    """Write ``skeleton``, a workbook whose long sheets are empty, to ``path`` with the lines of ``sheets``.

    ``sheets`` are named by their parts. Raises OSError where the file cannot be written.
    """
    with ZipFile(skeleton) as parts, ZipFile(path, "w", ZIP_DEFLATED, compresslevel=LEVEL) as package:
        for name in parts.namelist():
            xml = parts.read(name)
            sheet = sheets.get(name)
            if sheet is None:
                package.writestr(name, xml)
                continue
            head, tail = xml.split(_BEGIN + _END)
            large = sheet.lines.tell() + len(xml) > _PLAIN_ZIP
            sheet.lines.seek(0)
            with package.open(name, "w", force_zip64=large) as part:
                part.write(head + _BEGIN)
                copyfileobj(sheet.lines, part, _CHUNK)
                part.write(_END + tail)
