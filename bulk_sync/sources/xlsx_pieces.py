"""Read a part of many like pieces (rows, shared strings) by pattern where they are plain, else by the XML parser.

The parser costs a call into Python for each tag, which is most of the time that a workbook takes. A piece that is
written as nearly all programs write it says the same to a pattern, and is not shown to the parser at all; every
other piece is. What makes that safe:

- nothing is left out before the parser itself says that it stands between two pieces,
- only a piece whose every character the pattern accounts for is taken,
- from the first ``<!`` or ``<?`` on, behind which bytes may be a comment, from the first character on that XML
  forbids, and wherever the encoding is not UTF-8 or the parser stands elsewhere than it should, the parser reads all
  the rest.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import IO
from xml.parsers import expat

from bulk_sync.sources.xml_parts import feed

PLAIN_TEXT = r"[^<&>\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]*"
"""Text that stands for itself: no entity, no line end that XML would change, nothing that XML forbids."""

_CHUNK = 1 << 18
_HEAD = 1 << 20
_LONGEST_PIECE = 1 << 22
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\r\n")
"""What XML forbids; a parser that sees one refuses the part."""
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml(?P<said>[^<>]*)\?>)?")
_ENCODING = re.compile(rb"""encoding\s*=\s*["'](?!utf-8["'])""", re.IGNORECASE)


class Pieces:
    """Cuts a part into its pieces.

    ``container`` is the element that they stand in and ``piece`` their own. ``take`` gets a piece without its closing
    tag, and returns whether it took it; ``lead`` how many characters at the beginning of a text it can do without.
    ``between`` tells whether the parser stands right in the container.
    """

    def __init__(
        self,
        parser: expat.XMLParserType,
        *,
        container: str,
        piece: str,
        take: Callable[[str], bool],
        between: Callable[[], bool],
        lead: Callable[[str], int] = lambda _: 0,
    ) -> None:
        self._parser = parser
        self._container = container
        self._close = f"</{piece}>"
        self._take = take
        self._between = between
        self._lead = lead
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._fed = 0

    def read(self, stream: IO[bytes]) -> Iterator[None]:
        """Read the part; yields now and then, so that what was taken can be handed on."""
        by_pattern = self._head(stream)
        yield
        while chunk := stream.read(_CHUNK):
            if by_pattern:
                by_pattern = self._cut(chunk)
            else:
                self._fed = feed(self._parser, chunk, self._fed)
            yield
        self._parse_rest()
        self._parser.Parse(b"", True)
        yield

    def _head(self, stream: IO[bytes]) -> bool:
        """Parse up to the first piece; return whether pieces may be taken from there."""
        head = stream.read(_CHUNK)
        opening = f"<{self._container}".encode()
        while (at := head.find(opening)) < 0 or (end := head.find(b">", at)) < 0:
            chunk = stream.read(_CHUNK) if len(head) < _HEAD else b""
            if not chunk:
                self._fed = feed(self._parser, head, 0)
                return False
            head += chunk
        self._fed = feed(self._parser, head[: end + 1], 0)
        declared = _DECLARATION.match(head)
        body = head[declared.end() : end] if declared else head
        if b"<!" in body or b"<?" in body or not self._between() or (declared and _ENCODING.search(declared[0])):
            self._fed = feed(self._parser, head[end + 1 :], self._fed)
            return False
        return self._cut(head[end + 1 :])

    def _cut(self, chunk: bytes) -> bool:
        """Take the whole pieces of what was read so far; return whether to go on so."""
        self._text += self._decoder.decode(chunk)
        forbidden = (
            len(chunk) != len(chunk.translate(None, _CONTROLS)) or "\ufffe" in self._text or "\uffff" in self._text
        )
        if forbidden or "<!" in self._text or "<?" in self._text:
            return self._parse_rest()
        self._text = self._text[self._lead(self._text) :]
        pieces = self._text.split(self._close)
        rest = pieces.pop()
        for number, piece in enumerate(pieces):
            if self._take(piece):
                continue
            self._fed = feed(self._parser, f"{piece}{self._close}".encode(), self._fed)
            if self._container in piece or not self._between():
                self._text = "".join(f"{later}{self._close}" for later in pieces[number + 1 :]) + rest
                return self._parse_rest()
        self._text = rest[self._lead(rest) :]
        return len(self._text) < _LONGEST_PIECE or self._parse_rest()

    def _parse_rest(self) -> bool:
        """Leave what is not taken yet, and all that follows, to the parser."""
        pending, _ = self._decoder.getstate()
        self._decoder.reset()
        text, self._text = self._text, ""
        self._fed = feed(self._parser, text.encode() + pending, self._fed)
        return False
