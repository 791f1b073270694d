"""The records of a binary workbook (.xlsb): a type, a length, and so many bytes (MS-XLSB, 2.1.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple

from bulk_sync.errors import SourceError
from bulk_sync.sources.bounded import BOMB_RATIO
from bulk_sync.sources.format_code import BUILT_IN, FormatCode, format_code
from bulk_sync.sources.xlsx_package import STRINGS_RATIO, Package, Sheet

_CHUNK = 1 << 16
_LONGEST = 1 << 24
_STRING_ITEM = 19
_FORMAT = 44
_STYLE = 47
_WORKBOOK_PROPERTIES = 153
_SHEET = 156
_BEGIN_CELL_STYLES = 617
_END_CELL_STYLES = 618
_STATES = ("visible", "hidden", "veryHidden")
_U16 = struct.Struct("<H").unpack_from
_U32 = struct.Struct("<I").unpack_from
_PAIR = struct.Struct("<HH").unpack_from
Record = tuple[int, bytes]


class XlsbPackage(Package):
    """An open .xlsb file: the package of an .xlsx one with records in place of XML.

    :raises SourceError: from every method, for a part that is damaged, missing or a bomb.
    """

    def records(self, part: str, *, ratio: int = BOMB_RATIO) -> Iterator[Record]:
        """Yield a part's records: type and data."""
        with self.cut_off(part), self.open(part, ratio=ratio) as stream:
            yield from _records(stream)

    @contextmanager
    def cut_off(self, part: str) -> Iterator[None]:
        """Refuse the file where a record is shorter than what it is to hold."""
        try:
            yield
        except (struct.error, IndexError):
            raise SourceError(
                f"{self.path} is damaged or truncated: {part} has a record that is cut off",
                hint="save it again in Excel",
            ) from None

    def shared_strings(self) -> list[str]:
        """Return the texts that cells refer to by number; without the formats of rich text."""
        part = self._parts.get("sharedStrings", "")
        if not self.has(part):
            return []
        with self.cut_off(part):
            records = self.records(part, ratio=STRINGS_RATIO)
            return [wide_string(data, 1)[0] for kind, data in records if kind == _STRING_ITEM]

    def formats(self) -> list[FormatCode]:
        """Return the number format of each cell style."""
        part = self._parts.get("styles", "")
        codes, numbers, inside = dict(BUILT_IN), [], False
        with self.cut_off(part):
            for kind, data in self.records(part) if self.has(part) else ():
                if kind == _FORMAT:
                    codes[_U16(data)[0]] = wide_string(data, 2)[0]
                elif kind in {_BEGIN_CELL_STYLES, _END_CELL_STYLES}:
                    inside = kind == _BEGIN_CELL_STYLES
                elif kind == _STYLE and inside:
                    numbers.append(_PAIR(data)[1])
        known = {number: format_code(codes.get(number, "General"), number) for number in set(numbers)}
        return [known[number] for number in numbers] or [format_code("General", 0)]

    def _read_workbook(self) -> None:
        """Find the sheets in their order, and where days are counted from."""
        main = self._main_part()
        targets = self._relations(main)
        sheets: list[Sheet] = []
        with self.cut_off(main):
            for kind, data in self.records(main):
                if kind == _WORKBOOK_PROPERTIES:
                    self.epoch_1904 = bool(data[0] & 1)
                elif kind == _SHEET:
                    relation, at = wide_string(data, 8)
                    what, part = targets.get(relation, ("", ""))
                    if what == "worksheet":
                        sheets.append(Sheet(wide_string(data, at)[0], _STATES[min(_U32(data)[0], 2)], part))
        self.sheets = tuple(sheets)
        self._parts = {kind: part for kind, part in targets.values() if kind in {"sharedStrings", "styles"}}


class _Cut(NamedTuple):
    """The head of a record: its type, and where its data begins and ends."""

    kind: int
    start: int
    end: int


def _records(stream: IO[bytes]) -> Iterator[Record]:
    """Cut a stream into records; raises :class:`struct.error` if it ends within one."""
    buffer, at = b"", 0
    while chunk := stream.read(_CHUNK):
        buffer, at = buffer[at:] + chunk, 0
        while (cut := _cut(buffer, at)) and cut.end <= len(buffer):
            yield cut.kind, buffer[cut.start : cut.end]
            at = cut.end
    if at < len(buffer):
        raise struct.error("the end is missing")


def _cut(buffer: bytes, at: int) -> _Cut | None:
    """Read a record's head; None if it is not all there yet."""
    try:
        kind = buffer[at]
        at += 1
        if kind & 0x80:
            kind = kind & 0x7F | (buffer[at] & 0x7F) << 7
            at += 1
        size = shift = 0
        while True:
            byte = buffer[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80 or shift == 28:
                break
    except IndexError:
        return None
    if size > _LONGEST:
        raise struct.error("a record is too long")
    return _Cut(kind, at, at + size)


def wide_string(data: bytes, at: int) -> tuple[str, int]:
    """Read a text with its length before it; return it and where it ends. 0xFFFFFFFF stands for none."""
    (length,) = _U32(data, at)
    at += 4
    if length == 0xFFFFFFFF:
        return "", at
    end = at + 2 * length
    if end > len(data):
        raise struct.error("a text is cut off")
    # Half of a surrogate pair is damage of one character; it is kept, and refused where it would be sent.
    return data[at:end].decode("utf-16-le", "surrogatepass"), end
