"""The parts of an .xlsx package: which sheets there are, their shared strings and number formats."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import NamedTuple

from bulk_sync.errors import SourceError
from bulk_sync.sources.format_code import BUILT_IN, FormatCode, format_code
from bulk_sync.sources.xlsx_pieces import PLAIN_TEXT, Pieces
from bulk_sync.sources.xml_parts import Attributes, Parts, flag, ignore, local_name, parser_for

STRINGS_RATIO = 50
"""Shared strings do not repeat themselves, so they are never packed as well as rows; and all are held in memory."""
_MANY_STRINGS = 4_000_000
_PLAIN_STRING = re.compile(rf'<si><t(?: xml:space="preserve")?>({PLAIN_TEXT})</t>')
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


class Sheet(NamedTuple):
    """A worksheet of the workbook; ``state`` is ``visible``, ``hidden`` or ``veryHidden``."""

    name: str
    state: str
    part: str


class Package(Parts):
    """An open .xlsx file.

    :raises SourceError: from every method, for a part that is damaged, missing or a bomb.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.epoch_1904 = False
        self.sheets: tuple[Sheet, ...] = ()
        try:
            self._read_workbook()
        except BaseException:
            self.close()
            raise

    def _read_workbook(self) -> None:
        """Find the sheets in their order, and where days are counted from."""
        main = self._main_part()
        targets = self._relations(main)
        sheets: list[Sheet] = []

        def start(tag: str, attributes: Attributes) -> None:
            tag = local_name(tag)
            if tag == "workbookPr" and "date1904" in attributes:
                self.epoch_1904 = flag(attributes["date1904"])
            elif tag == "sheet":
                named = {local_name(name): value for name, value in attributes.items()}
                kind, part = targets.get(named.get("id", ""), ("", ""))
                if kind == "worksheet":
                    sheets.append(Sheet(named.get("name", ""), named.get("state", "visible"), part))

        self.parse(main, start, ignore, ignore)
        self.sheets = tuple(sheets)
        self._parts = {kind: part for kind, part in targets.values() if kind in {"sharedStrings", "styles"}}

    def _main_part(self) -> str:
        """Return the workbook's own part."""
        if self.has("_rels/.rels"):
            for kind, part in self._relations("").values():
                if kind == "officeDocument":
                    return part
        return "xl/workbook.xml"

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return what a part refers to: id → (kind, part)."""
        folder, name = posixpath.split(part)
        found: dict[str, tuple[str, str]] = {}

        def start(tag: str, attributes: Attributes) -> None:
            if local_name(tag) == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "").replace("\\", "/")
                whole = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
                kind = attributes.get("Type", "").rsplit("/", 1)[-1]
                found[attributes.get("Id", "")] = (kind, posixpath.normpath(whole))

        self.parse(posixpath.join(folder, "_rels", f"{name}.rels"), start, ignore, ignore)
        return found

    def shared_strings(self) -> list[str]:
        """Return the texts that cells refer to by number; runs of rich text joined, phonetic hints left out."""
        part = self._parts.get("sharedStrings", "")
        strings: list[str] = []
        if not self.has(part):
            return strings
        runs: list[str] = []
        text: list[str] = []
        phonetic = 0
        between = False

        def start(tag: str, _: Attributes) -> None:
            nonlocal phonetic, between
            tag = local_name(tag)
            between = tag == "sst"
            text.clear()
            phonetic += tag == "rPh"

        def end(tag: str) -> None:
            nonlocal phonetic, between
            tag = local_name(tag)
            if tag == "t" and not phonetic:
                runs.append("".join(text))
            elif tag == "rPh":
                phonetic -= 1
            elif tag == "si":
                between = True
                strings.append(unescaped("".join(runs)))
                runs.clear()

        def take(piece: str) -> bool:
            plain = _PLAIN_STRING.fullmatch(piece)
            if plain:
                strings.append(unescaped(plain[1]))
            return plain is not None

        parser = parser_for(self.path, start, end, text.append)
        pieces = Pieces(parser, container="sst", piece="si", take=take, between=lambda: between)
        with self.open(part, ratio=STRINGS_RATIO) as stream:
            for _ in pieces.read(stream):
                self.check_strings(part, len(strings))
        return strings

    def check_strings(self, part: str, count: int) -> None:
        """Refuse more shared strings than the packed part has bytes, which would be held in memory for nothing."""
        if count > max(_MANY_STRINGS, self.packed_size(part)):
            raise SourceError(
                f"{self.path}: {part} holds more than {_MANY_STRINGS:,} texts in {self.packed_size(part) >> 10} kB: "
                "refused as a bomb",
                hint="save it again in Excel",
            )

    def formats(self) -> list[FormatCode]:
        """Return the number format of each cell style."""
        part = self._parts.get("styles", "")
        codes = dict(BUILT_IN)
        numbers: list[int] = []
        inside = ""

        def start(tag: str, attributes: Attributes) -> None:
            nonlocal inside
            tag = local_name(tag)
            if tag in {"cellXfs", "cellStyleXfs", "dxfs"}:
                inside = tag
            elif tag == "numFmt" and inside != "dxfs":
                codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "General")
            elif tag == "xf" and inside == "cellXfs":
                numbers.append(_number(attributes.get("numFmtId")))

        if self.has(part):
            self.parse(part, start, ignore, ignore)
        known = {number: format_code(codes.get(number, "General"), number) for number in set(numbers)}
        return [known[number] for number in numbers] or [format_code("General", 0)]


def unescaped(text: str) -> str:
    r"""Undo the escapes for characters that XML cannot hold.

    >>> unescaped("a_x000D_b _x005F_x000D_")
    'a\rb _x000D_'
    """
    if "_x" not in text:
        return text
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    """Return the escaped character; a surrogate or a noncharacter stays as it is written."""
    code = int(match[1], 16)
    return match[0] if 0xD800 <= code <= 0xDFFF or code >= 0xFFFE else chr(code)


def _number(value: str | None) -> int:
    return int(value) if value and value.isdecimal() else 0
