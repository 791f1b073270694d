"""The parts of a packed workbook (.xlsx, .xlsb, .ods), and XML read without danger.

Parts are parsed by expat with document types refused, so that no entity is expanded and nothing outside of
the file is opened; a part that unpacks beyond all measure is refused unread, and so are elements nested and tags
written without end.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.parsers import expat

from bulk_sync.errors import SourceError
from bulk_sync.sources.bounded import BOMB_RATIO

_BOMB_BYTES = 16 << 20
_MAX_PART = 4 << 30
_CHUNK = 1 << 16
_DEEPEST = 256
_LONGEST_TAG = 1 << 22
Attributes = dict[str, str]
Start = Callable[[str, Attributes], None]
End = Callable[[str], None]


class Parts:
    """An open packed workbook.

    :raises SourceError: from every method, for a part that is damaged, missing or a bomb.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.damage(path.name):
            self._zip = zipfile.ZipFile(path)
        self._names = {name.lower().replace("\\", "/").lstrip("/"): name for name in self._zip.namelist()}

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def has(self, part: str) -> bool:
        """Whether the package holds a part."""
        return part.lower() in self._names

    def packed_size(self, part: str) -> int:
        """Return how many bytes a part takes in the file."""
        return self._zip.getinfo(self._names[part.lower()]).compress_size

    @contextmanager
    def open(self, part: str, *, ratio: int = BOMB_RATIO) -> Iterator[IO[bytes]]:
        """Open a part for reading, unless it is much longer than ``ratio`` times its packed size."""
        if not self.has(part):
            raise SourceError(f"{self.path} is damaged: its part {part} is missing", hint="save it again in Excel")
        info = self._zip.getinfo(self._names[part.lower()])
        grown = info.file_size > _BOMB_BYTES and info.file_size > info.compress_size * ratio
        if grown or info.file_size > _MAX_PART:
            raise SourceError(
                f"{self.path}: {part} unpacks to {info.file_size >> 20} MB from {info.compress_size >> 10} kB: "
                "refused as a bomb",
                hint="save it again in Excel; delete formatted but empty rows and columns first",
            )
        with self.damage(part), self._zip.open(info) as stream:
            yield stream

    @contextmanager
    def damage(self, part: str) -> Iterator[None]:
        """Turn what a damaged part raises into a refusal."""
        try:
            yield
        except (
            zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, expat.ExpatError,
            UnicodeDecodeError,
        ) as error:  # fmt: skip
            raise SourceError(
                f"{self.path} is damaged or truncated: {part}: {error}", hint="save it again in Excel"
            ) from None

    def parse(self, part: str, start: Start, end: End, text: Callable[[str], object]) -> None:
        """Read a part from one end to the other."""
        parser = parser_for(self.path, start, end, text)
        fed = 0
        with self.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                fed = feed(parser, chunk, fed)
            parser.Parse(b"", True)


def feed(parser: expat.XMLParserType, chunk: bytes, fed: int) -> int:
    """Give a parser one more chunk; return how many bytes it has had by then.

    :raises SourceError: for a tag or comment without end, whose every chunk would be read again from its beginning.
    """
    parser.Parse(chunk, False)
    fed += len(chunk)
    if fed - parser.CurrentByteIndex > _LONGEST_TAG:
        raise SourceError(f"a workbook's tag is longer than {_LONGEST_TAG} bytes: refused as a bomb")
    return fed


def parser_for(path: Path, start: Start, end: End, text: Callable[[str], object]) -> expat.XMLParserType:
    """Make a parser that refuses document types, and with them every entity, and elements nested without end."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def deeper(tag: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise SourceError(f"{path} has more than {_DEEPEST} elements, one in the other: refused as a bomb")
        start(tag, attributes)

    def back(tag: str) -> None:
        nonlocal depth
        depth -= 1
        end(tag)

    parser.StartElementHandler = deeper
    parser.EndElementHandler = back
    parser.CharacterDataHandler = text

    def doctype(*_: object) -> None:
        raise SourceError(
            f"{path} holds a document type (DTD), which no workbook needs: refused", hint="save it again in Excel"
        )

    parser.StartDoctypeDeclHandler = doctype
    return parser


def local_name(name: str) -> str:
    """Return a tag's name without its prefix."""
    return name.rpartition(":")[2]


def flag(value: str | None) -> bool:
    """Read a boolean attribute."""
    return value in {"1", "true", "on"}


def ignore(*_: object) -> None:
    """Take no notice of an event."""
