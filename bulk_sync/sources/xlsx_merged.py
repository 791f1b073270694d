"""Merged cells: their list stands at the end of a sheet, and is wanted before its first row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from xml.parsers import expat

from bulk_sync.errors import SourceError
from bulk_sync.sources.xlsx_package import Package
from bulk_sync.sources.xml_parts import Attributes, ignore, local_name, parser_for

_ROWS_TAG = b"sheetData"
_END_OF_ROWS = re.compile(rb"</(?:[\w.-]{1,30}:)?sheetData\s*>|<(?:[\w.-]{1,30}:)?sheetData\s*/>")
_ROOT = re.compile(rb"<((?:[\w.-]+:)?worksheet)[\s>]")
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_CHUNK = 1 << 20
_OVERLAP = 64
_MOST_AT_ONCE = 1 << 14


class Merged(NamedTuple):
    """A merged range: first and last row from 1, first and last column from 0, all included."""

    top: int
    left: int
    bottom: int
    right: int


class MergedCells:
    """The merged ranges of a sheet, asked row by row from the top."""

    def __init__(self, ranges: list[Merged]) -> None:
        self._coming = sorted(ranges, reverse=True)
        self._active: list[Merged] = []

    def covered(self, row: int, width: int) -> list[int]:
        """Return the columns that a merged cell covers in a row, its own top left cell left out."""
        if not self._coming and not self._active:
            return []
        while self._coming and self._coming[-1].top <= row:
            self._active.append(self._coming.pop())
        self._active = [merged for merged in self._active if merged.bottom >= row]
        if len(self._active) > _MOST_AT_ONCE:
            raise SourceError(f"row {row} lies in {len(self._active)} merged cells: the workbook is damaged")
        return [
            column
            for merged in self._active
            for column in range(merged.left + (merged.top == row), min(merged.right + 1, width))
        ]


def merged_ranges(package: Package, part: str) -> list[Merged]:
    """Return a sheet's merged ranges.

    The rows are skipped by looking for their end in the bytes, which takes a tenth of parsing them; where that
    goes wrong (a comment or another encoding), everything is parsed.
    """
    try:
        return _from_tail(package, part)
    except _NotFoundInBytes:
        ranges: list[Merged] = []
        package.parse(part, _collector(ranges), ignore, ignore)
        return ranges


class _NotFoundInBytes(Exception):
    """The end of the rows is not to be seen in the bytes."""


def _from_tail(package: Package, part: str) -> list[Merged]:
    """Parse only what stands behind the rows, within the root element."""
    ranges: list[Merged] = []
    parser = parser_for(package.path, _collector(ranges), ignore, ignore)
    with package.open(part) as stream:
        window = stream.read(_CHUNK)
        root = _ROOT.search(window)
        while (found := _end_of_rows(window)) is None:
            chunk = stream.read(_CHUNK)
            if not chunk:
                raise _NotFoundInBytes
            window = window[-_OVERLAP:] + chunk
        if root is None:
            raise _NotFoundInBytes
        try:
            parser.Parse(b"<" + root[1] + b">", False)
            parser.Parse(window[found.end() :], False)
            while chunk := stream.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except expat.ExpatError:
            raise _NotFoundInBytes from None
    return ranges


def _end_of_rows(window: bytes) -> re.Match[bytes] | None:
    """Find the tag that ends the rows; looking for its name first is ten times as fast as for the pattern."""
    at = window.find(_ROWS_TAG)
    while at >= 0:
        found = _END_OF_ROWS.search(window, max(0, at - _OVERLAP // 2), at + _OVERLAP // 2)
        if found:
            return found
        at = window.find(_ROWS_TAG, at + 1)
    return None


def _collector(ranges: list[Merged]) -> Callable[[str, Attributes], None]:
    """Make the handler that adds every merged range to a list."""

    def start(tag: str, attributes: Attributes) -> None:
        if local_name(tag) == "mergeCell":
            ranges.extend(merged_range(attributes))

    return start


def merged_range(attributes: Attributes) -> list[Merged]:
    """Return what a ``mergeCell`` element names; nothing if that is no range."""
    match = _RANGE.fullmatch(attributes.get("ref", ""))
    if not match:
        return []
    left, top, right, bottom = match.groups()
    return [Merged(int(top), _column(left), int(bottom or top), _column(right or left))]


def _column(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1
