"""OpenDocument spreadsheets: the shown text beside what is stored, errors told from blanks, in one pass."""

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bulk_sync.errors import Question, SourceError
from bulk_sync.records import Cell, CellKind, SourceRow
from bulk_sync.sources import SourceOptions, open_source

Ods = Callable[..., Path]
NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:{prefix}"' for prefix in ("office", "table", "text", "style", "calcext", "draw")
)
WIDE = 'table:number-columns-repeated="{}" office:value-type="string"'
UNSAVED = Cell("", None, CellKind.FORMULA)
MERGED = Cell("", None, CellKind.MERGED)


def text(value: str) -> str:
    """A text cell."""
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'


def row(*cells: str, attributes: str = "") -> str:
    """A row of cells that are written out."""
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def cell(attributes: str, shown: str | None = None) -> str:
    """A cell with these attributes and the text that it shows."""
    inner = "" if shown is None else f"<text:p>{shown}</text:p>"
    return f"<table:table-cell {attributes}>{inner}</table:table-cell>"


@pytest.fixture
def ods(tmp_path: Path) -> Ods:
    """Write rows as the sheet Clients of an .ods; ``more`` are other sheets."""

    def write(
        *rows: str, before: str = "", more: str = "", top: str = "", parts: tuple[str, ...] = (), packing: int = 8
    ) -> Path:
        path = tmp_path / "clients.ods"
        sheet = f'<table:table table:name="Clients">{before}{"".join(rows)}</table:table>{more}'
        styles = (
            '<office:automatic-styles><style:style style:name="hid" style:family="table">'
            '<style:table-properties table:display="false"/></style:style></office:automatic-styles>'
        )
        content = (
            f'<?xml version="1.0"?>{top}<office:document-content {NAMESPACES}>{styles}<office:body><office:spreadsheet>'
            f"{sheet}</office:spreadsheet></office:body></office:document-content>"
        )
        with zipfile.ZipFile(path, "w", packing) as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("content.xml", content)
            for part in parts:
                archive.writestr("META-INF/manifest.xml", part)
        return path

    return write


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (text("00123"), "00123"),
        (text("a<text:s/><text:s text:c='2'/>b<text:tab/>c<text:line-break/>d"), "a   b\tc\nd"),
        (text("one</text:p><text:p>two"), "one\ntwo"),
        (text("a <text:span>bold</text:span>\n   word"), "a bold word"),
        (text("x<text:note><text:p>aside</text:p></text:note>y"), "xy"),
        (
            (
                '<table:table-cell office:value-type="string"><office:annotation><text:p>comment</text:p>'
                "</office:annotation><text:p>x</text:p></table:table-cell>"
            ),
            "x",
        ),
        (cell('office:value-type="string" office:string-value="bare"'), "bare"),
        (
            cell('office:value-type="string" office:string-value="secret"', ""),
            Cell("", "secret", CellKind.TEXT, "hidden text"),
        ),
        (cell('office:value-type="float" office:value="123"', "00123"), Cell("00123", 123, CellKind.NUMBER)),
        (
            cell('office:value-type="float" office:value="971501234567"'),
            Cell("971501234567", 971501234567, CellKind.NUMBER),
        ),
        (cell('office:value-type="percentage" office:value="0.125"', "12.5%"), Cell("12.5%", 0.125, CellKind.NUMBER)),
        (cell('office:value-type="currency" office:value="5"', "5,00 €"), Cell("5,00 €", 5, CellKind.NUMBER)),
        (
            cell('office:value-type="float" office:value="9.7E+11"', "9.70E+11"),
            Cell("", 970000000000, CellKind.NUMBER, "scientific"),
        ),
        (cell('office:value-type="float" office:value="5"', "###"), Cell("", 5, CellKind.NUMBER, "shown as '###'")),
        (cell('office:value-type="float" office:value="NaN"', "x"), Cell("NaN", None, CellKind.ERROR)),
        (cell('office:value-type="boolean" office:boolean-value="true"', "WAHR"), Cell("TRUE", True, CellKind.BOOLEAN)),
        (
            cell('office:value-type="date" office:date-value="2024-03-01"', "1.3.24"),
            Cell("2024-03-01", dt.date(2024, 3, 1), CellKind.DATE),
        ),
        (
            cell('office:value-type="date" office:date-value="2024-03-01T00:00:00"', "1.3.24"),
            Cell("2024-03-01", dt.date(2024, 3, 1), CellKind.DATE),
        ),
        (
            cell('office:value-type="date" office:date-value="2024-03-01"', "1.3.24 00:00"),
            Cell("2024-03-01T00:00:00", dt.datetime.fromisoformat("2024-03-01"), CellKind.DATETIME),
        ),
        (
            cell('office:value-type="date" office:date-value="2024-03-01T13:05:00"', "1.3.24"),
            Cell("2024-03-01", dt.datetime.fromisoformat("2024-03-01T13:05"), CellKind.DATETIME),
        ),
        (
            cell('office:value-type="date" office:date-value="-0044-03-15"', "15.3.44 BC"),
            Cell("", "-0044-03-15", CellKind.TEXT, "date"),
        ),
        (
            cell('office:value-type="time" office:time-value="PT13H05M00S"', "13:05"),
            Cell("13:05:00", dt.time(13, 5), CellKind.TIME),
        ),
        (
            cell('office:value-type="time" office:time-value="PT36H00M00.5S"', "36:00"),
            Cell("36:00:00.500", dt.timedelta(hours=36, milliseconds=500), CellKind.DURATION),
        ),
        *(
            (
                cell(f'office:value-type="time" office:time-value="{beyond}"', "#FMT"),
                Cell("", beyond, CellKind.TEXT, "time"),
            )
            for beyond in ("PT-2147483648H00M00S", "PT029629629362962944H00M08S")
        ),
        (
            cell('table:formula="of:=1/0" office:value-type="string" calcext:value-type="error"', "#DIV/0!"),
            Cell("#DIV/0!", None, CellKind.ERROR),
        ),
        (
            cell('table:formula="of:=x" office:value-type="float" office:value="0"', "Err:508"),
            Cell("Err:508", None, CellKind.ERROR),
        ),
        (cell('table:formula="of:=x"', "#N/A"), Cell("#N/A", None, CellKind.ERROR)),
        (cell('table:formula="of:=x"'), UNSAVED),
        (cell('table:formula="of:=&quot;&quot;"', ""), ""),
        (
            '<table:table-cell office:value-type="string"><text:list/></table:table-cell>',
            Cell("a list or a table inside of the cell", None, CellKind.ERROR),
        ),
    ],
)
def test_every_kind_of_cell(ods: Ods, written: str, read: str | Cell) -> None:
    """A cell is the text it shows, with its value and kind; comments and notes are no part of it."""
    with open_source(ods(row(text("id"), text("a")), row(text("1"), written))) as source:
        assert (source.kind, [one.values for one in source.rows()]) == ("ods", [("1", read)])


def test_repeats_merges_and_hidden_rows(ods: Ods) -> None:
    """Repeated rows and columns keep their places, merged cells their mark, hidden rows and columns are said."""
    source = open_source(
        ods(
            row(text("id"), text("a"), text("b"), text("c")),
            row(text("1"), cell('table:number-columns-repeated="2" office:value-type="string"', "x")),
            row(cell('table:number-columns-repeated="16384"'), attributes='table:number-rows-repeated="3"'),
            row(text("2"), text("y"), attributes='table:visibility="filter" table:number-rows-repeated="2"'),
            row(text("3"), '<table:covered-table-cell table:number-columns-repeated="2"/>', text("z")),
            row(
                '<table:covered-table-cell table:number-columns-repeated="9"/>',
                attributes='table:number-rows-repeated="5"',
            ),
            row(cell('table:number-columns-repeated="16384"'), attributes='table:number-rows-repeated="1048000"'),
            before='<table:table-column table:visibility="collapse"/><table:table-column/>',
        )
    )
    assert list(source.rows()) == [
        SourceRow(2, ("1", "x", "x", "")),
        SourceRow(6, ("2", "y", "", ""), hidden=True),
        SourceRow(7, ("2", "y", "", ""), hidden=True),
        SourceRow(8, ("3", MERGED, MERGED, "z")),
    ]
    assert source.notes == ("column A is hidden in sheet Clients, and read all the same",)
    assert source.closing_notes()[0].startswith("2 rows are hidden in sheet Clients")


def test_sheets(ods: Ods) -> None:
    """Several visible sheets are a question, a hidden one is read only by name."""
    other = f'<table:table table:name="{{}}" {{}}>{row(text("id"))}{row(text("{}"))}</table:table>'
    hidden = other.format("Secret", 'table:style-name="hid"', "h")
    path = ods(row(text("id")), row(text("1")), more=hidden)
    assert open_source(path).sheet == "Clients"
    secret = open_source(path, SourceOptions(sheet="Secret"))
    assert [one.values for one in secret.rows()] == [("h",)]
    assert secret.notes == ("sheet Secret is hidden in the workbook, and read all the same",)
    path = ods(row(text("id")), row(text("1")), more=other.format("Other", "", "o"))
    with pytest.raises(Question, match="2 sheets that fit: Clients, Other"):
        open_source(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(cell('office:value-type="float"', "5"))], "a cell of the type 'float' has no value"),
        ([row(cell('office:value-type="colour" office:value="5"', "5"))], "a cell of the type 'colour' has no value"),
        ([row(cell('office:value-type="float" office:value="five"', "5"))], "'five' is no float"),
        ([row(text("1"), attributes='table:number-rows-repeated="1048577"')], "there is no row 1048578"),
        ([row(text("1"), attributes='table:number-rows-repeated="-1"')], "table:number-rows-repeated is '-1'"),
        ([row(cell(WIDE.format(16385), "x"))], "more than 16384 columns"),
        (
            [row(cell(WIDE.format(9000), "x"), attributes='table:number-rows-repeated="9000"')],
            "only said to be repeated: refused as a bomb",
        ),
        (["<table:x>" * 300 + "</table:x>" * 300], "one in the other: refused as a bomb"),
    ],
)
def test_damage_and_bombs_are_refused(ods: Ods, rows: list[str], message: str) -> None:
    """What cannot be, and what only says that it is much, is refused in one line."""
    with pytest.raises(SourceError, match=message):
        list(open_source(ods(row(text("id")), *rows)).rows())


def test_encrypted_files_and_document_types_are_refused(ods: Ods) -> None:
    """A password and an entity are named as the reason."""
    with pytest.raises(SourceError, match="is encrypted: it opens only with a password"):
        open_source(ods(row(text("id")), parts=("<manifest:encryption-data/>",)))
    with pytest.raises(SourceError, match="document type"):
        open_source(ods(row(text("id")), top='<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'))


def test_a_million_empty_rows_are_refused(ods: Ods) -> None:
    """Rows of nothing that are written out one by one, which no spreadsheet program does, end the reading."""
    path = ods(row(text("id")), "<table:table-row/>" * 1_000_001, packing=zipfile.ZIP_STORED)
    with pytest.raises(SourceError, match="tags without a value: refused as a bomb"):
        open_source(path)
