"""The sheet Changes, whose lines are made a change at a time."""

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import python_calamine
from openpyxl.utils.escape import unescape

from bulk_sync.records import ChangedField, RunSummary
from bulk_sync.results.table import RunBook
from bulk_sync.results.xlsx_file import write_workbook

MakeBook = Callable[..., RunBook]

PLAIN = ChangedField(7, "cl_7", "name", "Old", "New", "New", stored_shown=True)
TEXTS = {
    "ampersand": "A & B",
    "markup": "</t></is></c><r>",
    "end of CDATA": "a ]]> b",
    "blank before": " Acme",
    "blank after": "Acme ",
    "blanks alone": "   ",
    "line feed": "a\nb",
    "separator": "| a |",
    "no-break space": "\xa0a\xa0",
    "formula": "=1+1",
    "arabic": "شركة",
    "half a cell's limit": "x" * 16_400,
    "whole limit in pairs": "😀" * 16_000,
    "escape of Excel's": "_x0041_",
    "boolean's word": "TRUE",
    "number's text": "00123",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("position", ["client_id", "field", "old", "new", "stored"])
def test_a_text_keeps_its_looks_in_each_column(make_book: MakeBook, tmp_path: Path, text: str, position: str) -> None:
    """One line's special text comes out as it is, as do the plain ones before and after it."""
    special = ChangedField(**{**PLAIN._asdict(), position: text})
    written = [list(row) for row in _written(make_book(changes=[PLAIN, special, PLAIN]), tmp_path)]
    plain = [7, "cl_7", "name", "Old", "New", "New"]
    assert written == [plain, [7, *special[1:6]], plain]


def test_control_characters_are_escaped_as_excel_does(make_book: MakeBook, tmp_path: Path) -> None:
    """A new value keeps its characters under Excel's escape; the server's are shown to the reader instead."""
    change = PLAIN._replace(old="a\x1bb", new="a\x1bb_x0041_", stored="a\u202eb")
    ((_, _, _, old, new, stored),) = _written(make_book(changes=[change]), tmp_path)
    assert (old, new, stored) == ("a\\x1bb", "a\x1bb_x0041_", "a\\u202eb")


def test_values_that_are_no_texts_stand_beside_plain_ones(make_book: MakeBook, tmp_path: Path) -> None:
    """Numbers, booleans, lists and nothing in a change of plain texts; 1 is neither true nor "1"."""
    changes = [
        PLAIN,
        PLAIN._replace(old=1, new=True, stored=1),
        PLAIN._replace(old=10**15, new=1, stored="1"),
        PLAIN._replace(old=["a & b"], new={"a": "<"}, stored=None),
        PLAIN._replace(old=None, new=None, stored="", stored_shown=True),
        PLAIN._replace(old="never read", new="", old_known=False, stored_shown=False),
    ]
    assert [row[3:] for row in _written(make_book(changes=changes), tmp_path)] == [
        ("Old", "New", "New"),
        (1, True, 1),
        ("1000000000000000", 1, "1"),
        ('["a & b"]', '{"a": "<"}', "(empty)"),
        ("(empty)", "(cleared)", None),
        ("(not read)", None, "(not shown)"),
    ]


def test_a_plan_has_no_stored_values(make_book: MakeBook, tmp_path: Path, summary: RunSummary) -> None:
    """Nothing was sent, so that nothing can have been left unshown."""
    book = make_book(changes=[PLAIN._replace(stored_shown=False)], summary=summary._replace(kind="plan"))
    assert [row[5] for row in _written(book, tmp_path)] == [None]


def test_a_change_goes_on_past_a_sheets_last_row(make_book: MakeBook, tmp_path: Path) -> None:
    """Five fields of one change on sheets that take two, and those of the next change after them."""
    changes = [PLAIN._replace(field=f"cf_{number}") for number in range(5)]
    changes += [PLAIN._replace(row_number=8, field=f"cf_{number}") for number in range(5, 8)]
    path = tmp_path / "split.xlsx"
    write_workbook(make_book(rows=(), changes=changes), path, "changes", rows=3)
    workbook = openpyxl.load_workbook(path)
    fields = [[row[2] for row in sheet.values] for sheet in workbook if sheet.title.startswith("Changes")]
    assert fields == [["field", f"cf_{first}", f"cf_{first + 1}"] for first in range(0, 8, 2)]
    assert [cell.coordinate for cell in workbook["Changes 4"]["C"]] == ["C1", "C2", "C3"]


def _written(book: RunBook, folder: Path) -> list[tuple[object, ...]]:
    """Return the sheet's lines below the header as openpyxl reads them, having compared them with calamine's."""
    path = folder / "changes.xlsx"
    write_workbook(book, path, "changes")
    opened = openpyxl.load_workbook(path)["Changes"]
    read: list[tuple[object, ...]] = [
        tuple(unescape(cell) if isinstance(cell, str) else cell for cell in row) for row in opened.values
    ]
    with python_calamine.load_workbook(path) as workbook:
        also = workbook.get_sheet_by_name("Changes").to_python()
    assert [[cell or "" for cell in row] for row in read] == [[cell or "" for cell in row] for row in also]
    return read[1:]
