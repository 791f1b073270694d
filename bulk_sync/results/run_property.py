"""The run that a results workbook belongs to, from the properties of the document."""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

RUN_PROPERTY = "bulk_sync_run"
"""The custom property by which ``retry`` finds the run of a results workbook."""
KIND_PROPERTY = "bulk_sync_kind"

_PARTS = ("docProps/custom.xml", "meta.xml")
"""Where .xlsx and .ods keep them; LibreOffice takes them along when it saves the one as the other."""
_ELEMENTS = frozenset({"property", "user-defined"})
_MOST_BYTES = 1_000_000


def run_of_workbook(path: Path) -> tuple[str, str]:
    """Return the run whose results a workbook holds, and its kind; '' where it is no workbook or does not say."""
    found = workbook_properties(path)
    return found.get(RUN_PROPERTY, ""), found.get(KIND_PROPERTY, "")


def workbook_properties(path: Path) -> dict[str, str]:
    """Return a workbook's custom properties; none where there are none or they cannot be read."""
    try:
        with ZipFile(path) as package:
            name = next((name for name in _PARTS if name in package.NameToInfo), _PARTS[0])
            with package.open(name) as part:
                content = part.read(_MOST_BYTES)
    except (OSError, KeyError, BadZipFile, NotImplementedError, RuntimeError):
        return {}
    reader = _PropertyReader()
    try:
        reader.read(content)
    except expat.ExpatError:
        return {}
    return {name: text.strip() for name, text in reader.found.items()}  # Gnumeric puts each value on a line of its own


class _PropertyReader:
    """Collects the text of each property; a document type, which could define entities, ends the reading."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._name: str | None = None

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(content, True)

    def _refuse(self, *_: object) -> None:
        self.found.clear()
        raise expat.ExpatError("a document type is not expected here")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(" ")[2] in _ELEMENTS:
            names = (value for key, value in attributes.items() if key.rpartition(" ")[2] == "name")
            self._name = next(names, "")
            self.found[self._name] = ""

    def _end(self, tag: str) -> None:
        if tag.rpartition(" ")[2] in _ELEMENTS:
            self._name = None

    def _text(self, text: str) -> None:
        if self._name is not None:
            self.found[self._name] += text
