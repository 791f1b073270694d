"""The encoding of a CSV: found and said, or asked for; never a replacement character."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from bulk_sync.errors import Question, SourceError
from bulk_sync.sources.content import looks_wide

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_USUAL = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "mac_roman", "cp850",
    "shift_jis", "gb18030", "big5", "euc_kr",
)  # fmt: skip
"""What spreadsheet programs write besides Unicode; the detector chooses among them."""
_RARE_IN_CP1252 = frozenset(b"\x81\x83\x8a\x8c\x8d\x8e\x8f\x90\x9a\x9c\x9d\x9e\x9f")
"""No letter, or hardly one (Š, Ÿ) in the Western page of Windows; ü, ö, é in those of DOS and of the Mac."""
_MARKED = frozenset({"utf-16", "utf-32"})
"""Encodings whose byte order only a mark tells."""
_NOT_FOR_FILES = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
"""Codecs of Python that make a text of bytes, but are no encodings that a file is written in."""


class Undecodable(NamedTuple):
    """The first byte that does not decode: its line from 1 and its offset from 0."""

    byte: int
    line: int
    offset: int

    def __str__(self) -> str:
        """Say where the byte is."""
        return f"byte 0x{self.byte:02X} in line {self.line} (offset {self.offset})"


def encoding_of(path: Path, open_bytes: Callable[[], IO[bytes]], wanted: str | None) -> str:
    """Return the Python name of the encoding.

    A byte order mark rules, then the user's word, then strict UTF-8 of the whole file.

    :raises SourceError: for an unknown name, one that a byte order mark contradicts, or UTF-8 with a byte that
        does not decode.
    :raises Question: where the encoding can only be guessed.
    """
    with open_bytes() as stream:
        head = stream.read(4096)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if wanted is not None:
        return _wanted(path, wanted, marked, looks_wide(head))
    if marked:
        return marked
    wide = looks_wide(head)
    if wide:
        return wide
    damage = first_undecodable(open_bytes, "utf-8")
    if damage is None:
        return "utf-8"
    if _holds_utf8(open_bytes):
        raise undecodable(path, "utf-8", damage)
    raise _guess(path, open_bytes, damage)


def undecodable(path: Path, encoding: str, damage: Undecodable | None) -> SourceError:
    """Say that the file is not what its encoding promises."""
    return SourceError(
        f"{path} is not {encoding} throughout: {damage or 'its end'} does not decode",
        hint="export it again as UTF-8, or name the right source.encoding",
    )


def first_undecodable(open_bytes: Callable[[], IO[bytes]], encoding: str) -> Undecodable | None:
    """Read the whole file strictly; return the first byte that does not decode."""
    decoder = codecs.getincrementaldecoder(encoding)()
    fed, lines, last = 0, 1, ""
    with open_bytes() as stream:
        while True:
            chunk = stream.read(_CHUNK)
            fed += len(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, "ignore")
                offset = fed - len(error.object) + error.start
                lines += _line_ends(last + before) - _line_ends(last)
                return Undecodable(error.object[error.start], lines, offset)
            if not chunk:
                return None
            lines += _line_ends(last + text) - _line_ends(last)
            last = text[-1:]


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _wanted(path: Path, wanted: str, marked: str, wide: str) -> str:
    """Check the user's word against Python's list, the byte order mark, and the ``wide`` that the text looks like."""
    name = _codec(wanted)
    if not name:
        raise SourceError(f"source.encoding: {wanted!r} is no known encoding", hint="for example utf-8, cp1252, utf-16")
    family = name.replace("_", "-").removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    if marked and family != marked.removesuffix("-sig"):
        raise SourceError(
            f"{path} begins with the mark of {marked.removesuffix('-sig')}, but source.encoding says {wanted}",
            hint="leave source.encoding out",
        )
    if name in _MARKED and not marked and not wide.startswith(name):
        raise SourceError(
            f"{path} does not begin with the byte order mark of {name}, which source.encoding says",
            hint=f"leave source.encoding out, or say {name}-le or {name}-be if it is written without the mark",
        )
    return marked or (wide if name in _MARKED else name)


def _codec(wanted: str) -> str:
    """Return Python's name of an encoding that files are written in; '' for any other word."""
    try:
        name = codecs.lookup(wanted).name
        return name if name not in _NOT_FOR_FILES and "a".encode(name) else ""
    except LookupError:
        return ""


def _holds_utf8(open_bytes: Callable[[], IO[bytes]]) -> bool:
    """Whether most of what is not ASCII is UTF-8, so that a stray byte is damage and not another encoding."""
    good = bad = 0
    with open_bytes() as stream:
        while chunk := stream.read(_CHUNK):
            if chunk.isascii():
                continue
            text = chunk.decode("utf-8", "replace")
            bad += text.count("\ufffd")
            good += sum(character > "\x7f" for character in text) - text.count("\ufffd")
    return good > bad


def _guess(path: Path, open_bytes: Callable[[], IO[bytes]], damage: Undecodable) -> Question:
    """Let the detector guess, and ask."""
    # Imported here: it costs 50 ms, and a UTF-8 file never needs it.
    from charset_normalizer import from_bytes

    with open_bytes() as stream:
        stream.read(max(0, damage.offset - _SAMPLE))
        sample = stream.read(2 * _SAMPLE)
    found = [match.encoding for match in from_bytes(sample, cp_isolation=list(_USUAL))][:3]
    # On short texts the detector prefers the Western page's neighbours to itself.
    words = [word for word in _WORD.findall(sample) if not word.isascii()]
    letters = b"".join(words)
    mostly_plain = sum(byte < 0x80 for byte in letters) * 2 >= len(letters)
    if mostly_plain and sum(byte in _RARE_IN_CP1252 for byte in letters) <= sum(byte >= 0xC0 for byte in letters):
        found.insert(0, "cp1252")
    choices = tuple(dict.fromkeys([*found, *_USUAL]))
    return Question(
        f"{path} is not UTF-8 ({damage}), and its encoding can only be guessed: {choices[0]}?",
        setting="source.encoding",
        choices=choices,
        hint=f"say `source: {{encoding: {choices[0]}}}` in the mapping if that is right",
    )
