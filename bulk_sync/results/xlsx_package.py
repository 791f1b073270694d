"""The workbook's file: XlsxWriter's package, with the lines of the long sheets put in as they are packed.

XlsxWriter would keep a sheet's XML in a file, copy it twice and pack it at zlib's level 6, which it gives no say in:
together more than the lines cost to make. Here the lines are packed as they come, by ISA-L, which takes a quarter of
the time of zlib's level 1 for fewer bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from isal import isal_zlib

_BEGIN, _END = b"<sheetData>", b"</sheetData>"
_CHUNK = 2**18
"""Characters that are packed at once."""
_LEVEL = 1


class PackedLines:
    """The lines of a sheet, packed as they come into a nameless file in ``folder``, which takes a tenth of them."""

    def __init__(self, folder: str) -> None:
        self.file: IO[bytes] = TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as the sheet is
        self.size = self.sum = 0
        self._packer = _packer()
        self._waiting: list[str] = []
        self._characters = 0

    def add(self, lines: str) -> None:
        """Add whole lines."""
        self._waiting.append(lines)
        self._characters += len(lines)
        if self._characters > _CHUNK:
            self.file.write(self._pack())

    def end(self) -> int:
        """Pack what is left, so that other packed bytes may follow, and return how many bytes the file has now."""
        self.file.write(self._pack() + self._packer.flush(isal_zlib.Z_SYNC_FLUSH))
        return self.file.tell()

    def _pack(self) -> bytes:
        text = "".join(self._waiting).encode()
        self._waiting.clear()
        self._characters = 0
        self.size += len(text)
        self.sum = isal_zlib.crc32(text, self.sum)
        return self._packer.compress(text)


def write_package(skeleton: IO[bytes], sheets: Mapping[str, PackedLines], path: Path) -> None:
    """Write ``skeleton``, a workbook whose long sheets are empty, to ``path`` with the lines of ``sheets``.

    ``sheets`` are named by their parts. Raises OSError where the file cannot be written.
    """
    with ZipFile(skeleton) as parts, ZipFile(path, "w", ZIP_DEFLATED) as package:
        for name in parts.namelist():
            xml = parts.read(name)
            if name in sheets:
                head, tail = xml.split(_BEGIN + _END)
                _put(package, name, head + _BEGIN, sheets[name], _END + tail)
            else:
                package.writestr(name, xml)


def _put(package: ZipFile, name: str, head: bytes, lines: PackedLines, tail: bytes) -> None:
    """Put a sheet in whose lines are packed already, which ``ZipFile`` has no method for."""
    begin, end = _packer(), _packer()
    packed_head = begin.compress(head) + begin.flush(isal_zlib.Z_SYNC_FLUSH)
    packed_tail = end.compress(tail) + end.flush()
    entry = ZipInfo(name)
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    entry.compress_size = len(packed_head) + lines.end() + len(packed_tail)
    entry.file_size = len(head) + lines.size + len(tail)
    entry.CRC = isal_zlib.crc32(tail, isal_zlib.crc32_combine(isal_zlib.crc32(head), lines.sum, lines.size))
    entry.header_offset = package.start_dir
    file = cast("IO[bytes]", package.fp)
    file.seek(package.start_dir)
    file.write(entry.FileHeader() + packed_head)
    lines.file.seek(0)
    copyfileobj(lines.file, file)
    file.write(packed_tail)
    package.start_dir = file.tell()
    package.filelist.append(entry)
    package.NameToInfo[name] = entry


def _packer() -> isal_zlib.Compress:
    return isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
