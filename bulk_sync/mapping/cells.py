"""What a cell says: its trimmed text and stored value, or why neither can be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from unicodedata import normalize

from bulk_sync.mapping.findings import Finding
from bulk_sync.mapping.transforms import strip_margin
from bulk_sync.records import Cell, CellKind, CellValue

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SUSPECT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SPREADSHEET_ERRORS = ("#", "Err:")
_ERROR = re.compile(
    r"#(?:N/A(?: N/A)?|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|FIELD!|BLOCKED!|UNKNOWN!"
    r"|CONNECT!|BUSY!|PYTHON!)",
    re.IGNORECASE,
)
_NARROW = re.compile(r"#{3,}")
_EXPONENT = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E\+[0-9]{2,3}", re.IGNORECASE)
_EXACT_DIGITS = 15


class Reading(NamedTuple):
    """A cell as the mapping sees it. ``text`` is '' for a blank; ``stored`` is None where there is only the text.

    ``unshown`` names the number format of a cell whose text is not known: only ``stored`` may be used.
    """

    text: str
    stored: CellValue = None
    kind: CellKind = CellKind.TEXT
    unshown: str = ""

    @property
    def blank(self) -> bool:
        """Whether there is nothing in the cell."""
        return not self.text and not self.unshown


def is_clean(text: str) -> bool:
    """Whether a text is surely its own reading: nothing invisible in it, no margin, no scar. The common case."""
    return (
        text.isprintable()
        and text != ""
        and text[0] != " "
        and text[-1] != " "
        and "#" not in text
        and ("+" not in text or "+" not in text[1:])
    )


def clean_test(clear_token: str | None) -> Callable[[str], bool]:
    """Return :func:`is_clean`, which a text that may be the clear token, or that word escaped, does not pass."""
    if clear_token is None:
        return is_clean
    return lambda text: is_clean(text) and not text.endswith(clear_token)


def read_cell(value: str | Cell) -> Reading | Finding:
    """Read a cell: outer white space off; errors, unsaved formulas and control characters are findings."""
    if type(value) is str:
        return text_finding(value) or Reading(strip_margin(value))
    return _read_typed(value) if isinstance(value, Cell) else Reading(strip_margin(value))


def compared(text: str) -> str:
    """Return a text as it is compared with one of the mapping: however its accents are written."""
    return text if text.isascii() else normalize("NFC", text)


def read_condition(value: str | Cell) -> Reading | Finding:
    """Read a cell that decides what is sent: one whose text is not known decides nothing, and is a finding."""
    reading = read_cell(value)
    if isinstance(reading, Finding):
        return reading
    if reading.kind is CellKind.MERGED:
        return Finding(
            "merged_cell",
            "covered by a merged cell, so nothing says whether its value is meant here",
            "unmerge the cells in the source, and fill in or leave blank each one",
        )
    return unshown_finding(reading) if reading.unshown else reading


def _read_typed(cell: Cell) -> Reading | Finding:
    kind = cell.kind
    if kind is CellKind.TEXT:
        if cell.unshown:
            return unshown_finding(Reading("", cell.value, kind, cell.unshown))
        return text_finding(cell.text) or Reading(strip_margin(cell.text))
    if kind is CellKind.ERROR:
        return _error_finding(cell.text)
    if kind is CellKind.FORMULA:
        return Finding(
            "formula",
            "a formula without its result",
            "open the file in Excel and save it, so that the results are stored",
            cell.text,
        )
    if kind is CellKind.MERGED or kind is CellKind.BLANK:
        return Reading("", kind=kind)
    text = strip_margin(cell.text)
    return Reading(text, cell.value if text or cell.unshown else None, kind, cell.unshown)


def text_finding(text: str) -> Finding | None:
    """Find what makes a text no value: control characters, and the scars of a spreadsheet's errors."""
    if _SUSPECT.search(text):
        if found := _CONTROL.search(text):
            return Finding(
                "control_character",
                f"a control character (U+{ord(found.group()):04X} at position {found.start() + 1})",
                "delete it in the source; it is invisible and came from another program",
                printable(text),
            )
        if found := _SURROGATE.search(text):
            return Finding(
                "not_unicode",
                f"half of a surrogate pair at position {found.start() + 1}",
                "the text was damaged before it came here",
                printable(text),
            )
    if "#" in text:
        bare = strip_margin(text)
        if _ERROR.fullmatch(bare):
            return _error_finding(bare)
        if _NARROW.fullmatch(bare):
            return Finding(
                "narrow_cell",
                "not a value but what a spreadsheet shows in a column that is too narrow",
                "widen the column in the original file and save it again",
                bare,
            )
    return None


def _error_finding(text: str) -> Finding:
    if not text.startswith(_SPREADSHEET_ERRORS):
        return Finding("error_cell", "not a value of a cell", "make it a text, a number or a date in the source", text)
    return Finding("error_cell", "a spreadsheet error, not a value", "correct the cell in the source", text)


def exponent_finding(text: str) -> Finding | None:
    """Find a number that a spreadsheet saved in scientific notation where its digits were meant."""
    if ("+" in text or "E" in text) and _EXPONENT.fullmatch(text):
        return Finding(
            "exponent",
            "a long number that lost its digits when a spreadsheet saved it as CSV",
            "format the column as text or 0 in the original file and save it again, or use the workbook itself",
            text,
        )
    return None


def lost_digits_finding(reading: Reading) -> Finding | None:
    """Find a stored number too long for a spreadsheet, used as text: its last digits are not those typed."""
    if reading.kind is CellKind.NUMBER and len(reading.text) > _EXACT_DIGITS:
        digits = sum(map(str.isdigit, reading.text.lstrip("0")))
        if digits > _EXACT_DIGITS and "." not in reading.text:
            return Finding(
                "lost_digits",
                f"a number of {digits} digits; spreadsheets keep only {_EXACT_DIGITS}",
                "store it as text in the source",
                reading.text,
                "warning",
            )
    return None


def unshown_finding(reading: Reading) -> Finding:
    """Say that the text of a cell is not known."""
    use_stored = "" if reading.kind is CellKind.TEXT else ", or give the field a type"
    return Finding(
        "unshown_format",
        f"its number format {reading.unshown!r} cannot be shown as text",
        f"format the column as text{use_stored}",
        str(reading.stored),
    )


def printable(text: str) -> str:
    """Write control characters and halves of surrogates visibly, so that a message can carry the text."""
    return _SUSPECT.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
