"""What a file is, by its content; its name is only compared with that."""

from __future__ import annotations

import codecs
import functools
import gzip
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, cast

from bulk_sync.errors import SourceError
from bulk_sync.sources.bounded import BoundedStream

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_GZIP = b"\x1f\x8b"
_FOREIGN = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
    (b"<!doctype html", "a web page (HTML)"),
    (b"<html", "a web page (HTML)"),
    (b"<table", "a web page (HTML)"),
    (b"<?xml", "an XML document"),
)
_SAVE_AGAIN = "open it in a spreadsheet program and save it as .xlsx or .csv"
_HEAD = 4096
_SUFFIXES = {
    "csv": (".csv", ".tsv", ".txt", ".tab", ".gz", ".zip", ""),
    "xlsx": (".xlsx", ".xlsm", ".xltx", ".xltm"),
    "xls": (".xls", ".xlt"),
    "xlsb": (".xlsb",),
    "ods": (".ods",),
}
WORKBOOK_SUFFIXES = frozenset(suffix for kind in _SUFFIXES if kind != "csv" for suffix in _SUFFIXES[kind])


class Content(NamedTuple):
    """What was found: the kind of reader, how to open its bytes, and what of it deserves a word."""

    kind: str
    open: Callable[[], IO[bytes]]
    notes: tuple[str, ...] = ()


def content_of(path: Path) -> Content:
    """Find out what a file is.

    :raises SourceError: for what is missing, empty, a directory, or neither CSV nor workbook.
    """
    head = _head(path)
    if head.startswith(b"PK"):
        content = _zip_content(path)
    elif head.startswith(_OLE):
        content = Content(_ole_kind(path), functools.partial(_open_plain, path))
    elif head.startswith(_GZIP):
        content = Content("csv", functools.partial(_open_gzip, path), ("unpacked with gzip",))
        _refuse_foreign(path, _first_bytes(path, content), "in the gzip file is ")
    else:
        _refuse_foreign(path, head)
        content = Content("csv", functools.partial(_open_plain, path))
    if path.suffix.lower() not in _SUFFIXES[content.kind]:
        said = f"read as {content.kind.upper() if content.kind == 'csv' else '.' + content.kind}"
        content = content._replace(notes=(*content.notes, f"{said}, which it is, although called {path.name}"))
    return content


def _head(path: Path) -> bytes:
    """Return the first bytes, or say why there are none."""
    if path.is_dir():
        raise SourceError(f"{path} is a directory, not a file", hint="name the CSV or workbook in it")
    try:
        # Every pass opens a file anew; what comes out of a pipe comes once, and opening it again waits for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceError(
                f"{path} is a pipe or a device, which can be read only once",
                hint="write - for it to read standard input, as in: … | bulk-sync check - --mapping FILE",
            )
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist", hint="check the name and the folder") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    if not head:
        raise SourceError(f"{path} is empty (0 bytes)", hint="export it again")
    return head


def _refuse_foreign(path: Path, head: bytes, where: str = "is ") -> None:
    """Refuse what is certainly no CSV."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, name in _FOREIGN:
        if start[: len(magic)].lower() == magic.lower():
            raise SourceError(f"{path} {where}{name}, neither CSV nor workbook", hint=_SAVE_AGAIN)
    if start.startswith((_OLE, b"PK\x03\x04", _GZIP)):
        raise SourceError(f"{path} {where}a packed workbook or archive", hint="unpack it first")
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff", codecs.BOM_UTF32_BE)) or looks_wide(head)
    control = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    if not wide and control * 20 > len(head) and len(head) - control < control * 9:
        raise SourceError(f"{path} {where}binary data, neither CSV nor workbook", hint=_SAVE_AGAIN)


def looks_wide(head: bytes) -> str:
    """Name the UTF-16 that a text without a byte order mark is written in; '' if it is none."""
    if len(head) < 4:
        return ""
    even, odd = head[::2], head[1::2]
    return "utf-16-be" if _are_high_bytes(even, odd) else "utf-16-le" if _are_high_bytes(odd, even) else ""


def _are_high_bytes(these: bytes, others: bytes) -> bool:
    """Whether every other byte is mostly zero, or as good as always zero or the number of one other alphabet."""
    zeros = these.count(0)
    alphabet = sum(count for _, count in Counter(these).most_common(2))
    mostly_zero = zeros * 3 > len(these) * 2
    of_one_alphabet = zeros * 10 > len(these) and alphabet * 20 >= len(these) * 19
    return (mostly_zero or of_one_alphabet) and others.count(0) * 10 <= len(others)


def _ole_kind(path: Path) -> str:
    """Tell an old workbook from the other things that come in this container."""
    data = path.read_bytes() if path.stat().st_size < 64 << 20 else _head(path)
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise SourceError(
            f"{path} is encrypted: it opens only with a password", hint="save it in Excel without a password"
        )
    names = [name.encode("utf-16-le") for name in ("Workbook", "WORKBOOK", "workbook", "Book", "BOOK")]
    if not any(name in data for name in names):
        raise SourceError(f"{path} is an Office document, but no workbook", hint=_SAVE_AGAIN)
    return "xls"


def _zip_content(path: Path) -> Content:
    """Look into a zip: a workbook, or one packed CSV."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            mimetype = archive.read("mimetype")[:200] if "mimetype" in archive.namelist() else b""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error, ValueError) as error:
        raise SourceError(
            f"{path} is a damaged or truncated workbook or zip: {error}", hint="export or download it again"
        ) from None
    names = {info.filename.lower().replace("\\", "/").lstrip("/") for info in members}
    kind = _office_kind(path, names, mimetype)
    if kind:
        return Content(kind, functools.partial(_open_plain, path))
    packed = [info for info in members if not info.filename.startswith("__MACOSX/")]
    if len(packed) != 1:
        found = ", ".join(sorted(info.filename for info in packed)[:3]) or "nothing"
        raise SourceError(
            f"{path} is a zip with {len(packed)} files ({found}{', …' if len(packed) > 3 else ''}), expected one CSV",
            hint="unpack it and name the CSV",
        )
    if packed[0].flag_bits & 1:
        raise SourceError(f"{path} is encrypted: it opens only with a password", hint="unpack it first")
    name = packed[0].filename
    content = Content("csv", functools.partial(_open_member, path, name), (f"unpacked {name} from the zip",))
    _refuse_foreign(path, _first_bytes(path, content), f"holds {name}, which is ")
    return content


def _office_kind(path: Path, names: set[str], mimetype: bytes) -> str:
    """Name the kind of workbook a zip's members make; '' for a plain zip."""
    if b"opendocument.spreadsheet" in mimetype:
        return "ods"
    if any(name.endswith("workbook.bin") for name in names):
        return "xlsb"
    if any(name.endswith(".xml") and "workbook" in name.rsplit("/", 1)[-1] for name in names):
        return "xlsx"
    if "[content_types].xml" in names or mimetype:
        raise SourceError(f"{path} is an Office document, but no workbook that can be read", hint=_SAVE_AGAIN)
    return ""


def _open_plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _open_gzip(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", BoundedStream(gzip.open(path, "rb"), path))


def _open_member(path: Path, name: str) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    return cast("IO[bytes]", BoundedStream(archive.open(name), path, archive))


def _first_bytes(path: Path, content: Content) -> bytes:
    """Unpack the beginning."""
    with content.open() as stream:
        head = stream.read(_HEAD)
    if not head:
        raise SourceError(f"{path} holds an empty file", hint="export it again")
    return head
