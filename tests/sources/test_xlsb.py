"""Binary workbooks: errors told from blanks, number formats, hidden and merged cells, in one pass over the records."""

import datetime as dt
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bulk_sync.errors import SourceError
from bulk_sync.records import Cell, CellKind, SourceRow
from bulk_sync.sources import SourceOptions, open_source

Xlsb = Callable[..., Path]
RELATION = '<Relationship Id="{}" Type="x/{}" Target="{}"/>'
MERGED = Cell("", None, CellKind.MERGED)


def record(kind: int, data: bytes = b"") -> bytes:
    """A record with its head."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = len(data)
    while size >= 0x80:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + bytes([size]) + data


def wide(text: str) -> bytes:
    """A text with its length before it."""
    return struct.pack("<I", len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")


def row(number: int, *cells: bytes, hidden: bool = False) -> bytes:
    """A row, counted from 1, and its cells."""
    head = struct.pack("<IIHBBBI", number - 1, 0, 300, 0, 0x10 if hidden else 0, 0, 0)
    return record(0, head) + b"".join(cells)


def cell(kind: int, column: int, data: bytes, style: int = 0) -> bytes:
    """A cell of a record type."""
    return record(kind, struct.pack("<II", column, style) + data)


def text(column: int, value: str) -> bytes:
    """A text cell."""
    return cell(6, column, wide(value))


HEADER = row(1, *(text(column, name) for column, name in enumerate(["id", "a", "b"])))


@pytest.fixture
def xlsb(tmp_path: Path) -> Xlsb:
    """Write a sheet's records as an .xlsb with some styles and shared strings."""

    def write(*records: bytes, epoch_1904: bool = False, states: tuple[int, ...] = (0,)) -> Path:
        path = tmp_path / "clients.xlsb"
        formats = [0, 14, 164, 165, 166]
        styles = [
            record(44, struct.pack("<H", 164) + wide("00000")),
            record(44, struct.pack("<H", 165) + wide("0.00E+00")),
            record(44, struct.pack("<H", 166) + wide('"T-"@')),
            record(626), record(47, struct.pack("<HH", 0xFFFF, 9)), record(627),
            record(617), *(record(47, struct.pack("<HH", 0, one)) for one in formats), record(618),
        ]  # fmt: skip
        bundle = [
            record(156, struct.pack("<II", state, number) + wide(f"s{number}") + wide(f"Sheet{number}"))
            for number, state in enumerate(states, 1)
        ]
        links = [RELATION.format("st", "styles", "styles.bin"), RELATION.format("ss", "sharedStrings", "strings.bin")]
        links += [RELATION.format(f"s{number}", "worksheet", "sheet.bin") for number in range(1, len(states) + 1)]
        with zipfile.ZipFile(path, "w") as archive:
            root = RELATION.format("w", "officeDocument", "xl/workbook.bin")
            archive.writestr("_rels/.rels", f"<Relationships>{root}</Relationships>")
            archive.writestr("xl/_rels/workbook.bin.rels", f"<Relationships>{''.join(links)}</Relationships>")
            archive.writestr("xl/workbook.bin", record(153, bytes([epoch_1904, 0, 0, 0])) + b"".join(bundle))
            archive.writestr("xl/styles.bin", b"".join(styles))
            archive.writestr("xl/strings.bin", record(159, bytes(8)) + record(19, b"\0" + wide("shared")))
            archive.writestr("xl/sheet.bin", record(129) + b"".join(records) + record(130))
        return path

    return write


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (text(1, "00123 é"), "00123 é"),
        (text(1, ""), ""),
        (cell(1, 1, b""), ""),
        (cell(7, 1, struct.pack("<I", 0)), "shared"),
        (cell(62, 1, b"\1" + wide("rich")), "rich"),
        (cell(6, 1, wide("7"), style=4), "T-7"),
        (cell(7, 1, struct.pack("<I", 0), style=4), "T-shared"),
        (cell(62, 1, b"\1" + wide("rich"), style=4), "T-rich"),
        (cell(8, 1, wide("result") + bytes(8)), "result"),
        (cell(2, 1, struct.pack("<I", (12345 << 2) | 3)), Cell("123.45", 123.45, CellKind.NUMBER)),
        (cell(2, 1, struct.pack("<i", (-7 << 2) | 2)), Cell("-7", -7, CellKind.NUMBER)),
        (cell(2, 1, struct.pack("<I", 0x3FF00000)), Cell("1", 1, CellKind.NUMBER)),
        (cell(5, 1, struct.pack("<d", 971501234567.0)), Cell("971501234567", 971501234567, CellKind.NUMBER)),
        (cell(9, 1, struct.pack("<d", 7.0), style=2), Cell("00007", 7, CellKind.NUMBER)),
        (cell(5, 1, struct.pack("<d", 9.7e11), style=3), Cell("", 970000000000, CellKind.NUMBER, "0.00E+00")),
        (cell(5, 1, struct.pack("<d", 45352.0), style=1), Cell("2024-03-01", dt.date(2024, 3, 1), CellKind.DATE)),
        (cell(4, 1, b"\1"), Cell("TRUE", True, CellKind.BOOLEAN)),
        (cell(10, 1, b"\0"), Cell("FALSE", False, CellKind.BOOLEAN)),
        (cell(3, 1, b"\x2a"), Cell("#N/A", None, CellKind.ERROR)),
        (cell(11, 1, b"\x07"), Cell("#DIV/0!", None, CellKind.ERROR)),
        (cell(11, 1, b"\x99"), Cell("#ERROR!", None, CellKind.ERROR)),
        (record(17, bytes(4) + wide("next column")), "next column"),
    ],
)
def test_every_kind_of_cell(xlsb: Xlsb, written: bytes, read: str | Cell) -> None:
    """Every record that a cell can be is its shown text, stored value and kind; an error is no blank."""
    with open_source(xlsb(HEADER, row(2, text(0, "1"), written))) as source:
        assert (source.kind, [one.values for one in source.rows()]) == ("xlsb", [("1", read, "")])


def test_hidden_and_merged(xlsb: Xlsb) -> None:
    """Hidden rows and columns are told, what merged cells cover is marked, days are counted from 1904 if it says so."""
    source = open_source(
        xlsb(
            record(60, struct.pack("<IIIIH", 1, 1, 0, 0, 1)),
            HEADER,
            row(2, text(0, "1"), text(1, "x"), hidden=True),
            row(4, text(0, "2"), cell(5, 2, struct.pack("<d", 43890.0), style=1)),
            record(176, struct.pack("<IIII", 1, 3, 1, 1)),
            epoch_1904=True,
        )
    )
    assert list(source.rows()) == [
        SourceRow(2, ("1", "x", ""), hidden=True),
        SourceRow(4, ("2", MERGED, Cell("2024-03-01", dt.date(2024, 3, 1), CellKind.DATE))),
    ]
    assert source.notes == ("column B is hidden in sheet Sheet1, and read all the same",)


def test_hidden_sheets_are_not_asked_about(xlsb: Xlsb) -> None:
    """The one visible sheet is meant; a hidden one is read by name."""
    path = xlsb(HEADER, states=(1, 0, 2))
    assert open_source(path).sheet == "Sheet2"
    assert open_source(path, SourceOptions(sheet="Sheet3")).sheet == "Sheet3"


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([row(1, text(0, "x"))], "row 1 follows row 1"),
        ([row(9_999_999)], "row 9999999 follows row 1"),
        ([row(2, text(1, "x"), text(1, "y"))], "cell B2 is there twice, with different values"),
        ([row(2, text(16384, "x"))], "there is no column 16385"),
        ([row(2, cell(7, 0, struct.pack("<I", 5)))], "there is no shared string 5"),
        ([row(2, cell(6, 0, struct.pack("<I", 99)))], "has a record that is cut off"),
        ([row(2, record(3, bytes(8)))], "has a record that is cut off"),
        ([row(2), b"\6\x7f"], "has a record that is cut off"),
        ([b"\6\xff\xff\xff\x7f"], "has a record that is cut off"),
    ],
)
def test_damage_is_refused(xlsb: Xlsb, records: list[bytes], message: str) -> None:
    """Records that cannot be are refused in one line that says why."""
    with pytest.raises(SourceError, match=message):
        list(open_source(xlsb(HEADER, *records)).rows())
