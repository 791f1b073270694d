"""The public workbooks: no cell is wrong where two independent readers agree."""

import json
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.errors import Refused
from bulk_sync.records import Cell, CellKind, as_cell
from bulk_sync.sources import open_source
from bulk_sync.sources.number_format import Numbers
from bulk_sync.sources.ods_file import opened
from bulk_sync.sources.ods_sheet import OdsReader, sheets_of
from bulk_sync.sources.sheet_table import RawRow
from bulk_sync.sources.xls_file import XlsBook
from bulk_sync.sources.xlsb_file import XlsbReader
from bulk_sync.sources.xlsb_records import XlsbPackage
from bulk_sync.sources.xlsx_package import Package
from bulk_sync.sources.xlsx_sheet import Look, SheetReader

PHANTOM_DAY = {
    ("dates-leap-year-1900-xls.xls", "for_testing", 4, 0),
    ("dates-leap-year-1900-xls.xls", "for_human_eyes", 7, 0),
    ("dates-leap-year-1900-xlsx.xlsx", "for_testing", 4, 0),
    ("dates-leap-year-1900-xlsx.xlsx", "for_human_eyes", 7, 0),
}
"""Serial 60, the 29th of February 1900 that never was: other readers say the 28th, the sheet shows the 29th,
and this program does not give it as a date."""


def _stored(value: str | Cell) -> object:
    """Write a cell as the expectations do."""
    cell = as_cell(value)
    if cell.kind is CellKind.ERROR:
        return cell.text
    stored = cell.value
    if isinstance(stored, datetime):
        return f"dt:{stored.isoformat()}"
    if isinstance(stored, date):
        return f"dt:{stored.isoformat()}T00:00:00"
    if isinstance(stored, time):
        return f"tm:{stored.isoformat()}"
    if isinstance(stored, timedelta):
        return f"td:{stored.total_seconds():g}" if stored.total_seconds() < 1e5 else f"td:{int(stored.total_seconds())}"
    return stored


def _sheets(path: Path) -> Iterator[tuple[str, Iterator[RawRow]]]:
    """Read every sheet of a workbook."""
    if path.suffix == ".xls":
        book = XlsBook(path)
        for name in book.names:
            yield name, book.rows(name)
        return
    if path.suffix == ".ods":
        parts = opened(path)
        for found in sheets_of(parts):
            yield found.name, OdsReader(parts, found.name).rows()
        return
    if path.suffix == ".xlsb":
        binary = XlsbPackage(path)
        strings, numbers = binary.shared_strings(), Numbers(binary.formats(), epoch_1904=binary.epoch_1904)
        for sheet in binary.sheets:
            yield sheet.name, XlsbReader(binary, sheet, strings, numbers).rows()
        return
    package = Package(path)
    look = Look(package.shared_strings(), package.formats(), package.epoch_1904)
    for sheet in package.sheets:
        yield sheet.name, SheetReader(package, sheet, look).rows()
    package.close()


def _same(got: object, expected: object) -> bool:
    if isinstance(got, int | float) and isinstance(expected, int | float):
        return math.isclose(got, expected, rel_tol=1e-9)
    return got == expected


def _differences(path: Path, expected: dict[str, Any]) -> list[object]:
    """Compare every cell of the sheets whose cells are listed."""
    wrong: list[object] = []
    for name, rows in _sheets(path):
        listed = expected.get(name)
        if not isinstance(listed, list):
            continue
        got = {(row.number - 1, at): _stored(cell) for row in rows for at, cell in row.cells.items()}
        want = {(r, c): value for r, row in enumerate(listed) for c, value in enumerate(row) if value not in {None, ""}}
        wrong += [
            (path.name, name, place, got.get(place), want.get(place))
            for place in sorted({*got, *want})
            if not _same(got.get(place), want.get(place)) and (path.name, name, *place) not in PHANTOM_DAY
        ]
    return wrong


def test_no_cell_is_wrong_where_two_readers_agree(cases: Path) -> None:
    """Every stored value of every sheet equals what two independent readers make of it."""
    lines = (cases / "xlsx/expected.jsonl").read_text().splitlines()
    files = [json.loads(line) for line in lines]
    agreed = [file for file in files if file["status"] == "agree"]
    assert [wrong for file in agreed for wrong in _differences(cases / "xlsx" / file["file"], file["sheets"])] == []


def test_what_no_reader_opens_is_refused(cases: Path) -> None:
    """A workbook that two readers find unreadable is refused."""
    for line in (cases / "xlsx/expected.jsonl").read_text().splitlines():
        file = json.loads(line)
        if file["status"] == "unreadable":
            with pytest.raises(Refused):
                open_source(cases / "xlsx" / file["file"])


def test_every_file_is_read_or_refused_with_one_line(cases: Path) -> None:
    """No public workbook ends in a traceback or in a message of several lines."""
    unclear = []
    for path in sorted((cases / "xlsx").rglob("*")):
        if not path.is_file():
            continue
        try:
            with open_source(path) as source:
                for row in source.rows():
                    assert len(row.values) == len(source.header) or row.problems
        except Refused as refusal:
            if "\n" in refusal.message or not refusal.message:
                unclear.append((path.name, refusal.message))
    assert unclear == []


def test_errors_of_old_workbooks_are_no_blanks(cases: Path) -> None:
    """An .xls of every kind of cell: what Excel shows as an error is one here, not a blank that could clear a field."""
    book = XlsBook(cases / "xlsx/readxl/tests/testthat/sheets/types.xls")
    cells = [as_cell(cell) for row in book.rows("smorgasbord") for cell in row.cells.values()]
    assert {cell.text for cell in cells if cell.kind is CellKind.ERROR} == {
        "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#REF!", "#NULL!", "#NUM!",
    }  # fmt: skip
