"""A workbook's cells are what a person sees, with what is stored beside it."""

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xlsxwriter.workbook import Workbook as Book
from xlsxwriter.worksheet import Worksheet

from bulk_sync.errors import Problem, Question, SourceError
from bulk_sync.records import Cell, CellKind, SourceRow
from bulk_sync.sources import SourceOptions, open_source

Workbook = Callable[..., Path]
Read = Callable[..., list[tuple[Any, ...]]]
LEAP_DAY = dt.datetime.fromisoformat("2024-02-29T13:05")
FIRST_OF_MARCH = dt.datetime.fromisoformat("2024-03-01")
HEADER = ["id", "name", "city"]


def _part(path: Path, name: str, change: Callable[[str], str]) -> Path:
    """Rewrite one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    parts[name] = change(parts[name].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return path


DOCTYPE = '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
SHEET = "xl/worksheets/sheet1.xml"


def test_every_kind_of_cell(workbook: Workbook) -> None:
    """Text is a plain text, everything else has its text, its stored value and its kind."""

    def shape(book: Book, sheet: Worksheet) -> None:
        sheet.write_string(1, 0, "00123")
        sheet.write_number(1, 1, 123, book.add_format({"num_format": "00000"}))
        sheet.write_number(1, 2, 971501234567)
        sheet.write_boolean(1, 3, True)
        sheet.write_datetime(1, 4, FIRST_OF_MARCH, book.add_format({"num_format": "dd/mm/yyyy"}))
        sheet.write_formula(1, 5, "=1/0", None, "#DIV/0!")
        sheet.write_number(1, 6, 1234.5, book.add_format({"num_format": "0.00E+00"}))
        sheet.write_formula(1, 7, "=A1&B1", None, "ab")
        sheet.write_number(1, 8, 1.5, book.add_format({"num_format": "[h]:mm"}))

    source = open_source(workbook([list("abcdefghij")], shape))
    assert list(source.rows()) == [
        SourceRow(
            2,
            (
                "00123",
                Cell("00123", 123, CellKind.NUMBER),
                Cell("971501234567", 971501234567, CellKind.NUMBER),
                Cell("TRUE", True, CellKind.BOOLEAN),
                Cell("2024-03-01", dt.date(2024, 3, 1), CellKind.DATE),
                Cell("#DIV/0!", None, CellKind.ERROR),
                Cell("", 1234.5, CellKind.NUMBER, "0.00E+00"),
                "ab",
                Cell("36:00:00", dt.timedelta(hours=36), CellKind.DURATION),
                "",
            ),
        )
    ]


def test_a_text_is_shown_by_its_format(workbook: Workbook) -> None:
    """Words that a format puts around a text are seen, and a text that it hides is neither a value nor a blank."""

    def shape(book: Book, sheet: Worksheet) -> None:
        prefixed, hiding = (book.add_format({"num_format": code}) for code in ('"+971 "@', "0;-0;0;"))
        sheet.write_string(1, 0, "1")
        sheet.write_string(1, 1, "50 123", prefixed)
        sheet.write_formula(1, 2, '="50"&" 124"', prefixed, "50 124")
        sheet.write_string(1, 3, "secret", hiding)
        sheet.write_number(1, 4, 5, hiding)

    with open_source(workbook([[*HEADER, "note", "score"]], shape)) as source:
        assert [row.values for row in source.rows()] == [
            (
                "1",
                "+971 50 123",
                "+971 50 124",
                Cell("", "secret", CellKind.TEXT, "0;-0;0;"),
                Cell("5", 5, CellKind.NUMBER),
            )
        ]


def test_a_formula_without_its_result_is_told_apart(workbook: Workbook) -> None:
    """A formula that was never calculated is no blank; an empty text as a result is one."""
    path = workbook([HEADER, ["1", "x", "y"]], lambda _, sheet: sheet.write_formula(1, 1, "=A1", None, 7))
    _part(path, SHEET, lambda xml: xml.replace("<v>7</v>", ""))
    assert [row.values for row in open_source(path).rows()] == [("1", Cell("", None, CellKind.FORMULA), "y")]
    _part(path, SHEET, lambda xml: xml.replace('<c r="B2">', '<c r="B2" t="str">'))
    assert [row.values for row in open_source(path).rows()] == [("1", "", "y")]


def test_merged_cells_belong_to_their_top_left(workbook: Workbook) -> None:
    """What a merged cell covers is marked, below and to the right; a row of nothing else is blank."""

    def shape(_: Book, sheet: Worksheet) -> None:
        sheet.merge_range(1, 0, 3, 0, "1")
        sheet.merge_range(4, 1, 4, 2, "wide")
        sheet.write(2, 1, "b")
        sheet.write(4, 0, "2")

    merged = Cell("", None, CellKind.MERGED)
    source = open_source(workbook([HEADER, ["", "a"]], shape))
    assert [(row.row_number, row.values) for row in source.rows()] == [
        (2, ("1", "a", "")),
        (3, (merged, "b", "")),
        (5, ("2", "wide", merged)),
    ]


def test_hidden_rows_and_columns_are_said(workbook: Workbook) -> None:
    """Rows that are hidden come marked and are counted, whoever leaves them out; hidden columns are named."""

    def shape(_: Book, sheet: Worksheet) -> None:
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_column(1, 1, None, None, {"hidden": True})

    path = workbook([HEADER, ["1", "a", "b"], ["2", "c", "d"], ["3", "e", "f"]], shape)
    source = open_source(path)
    assert source.notes == ("column B is hidden in sheet Clients, and read all the same",)
    assert [(row.row_number, row.hidden) for row in source.rows()] == [(2, False), (3, True), (4, False)]
    assert source.closing_notes() == (
        (
            "1 row is hidden in sheet Clients (by hand or by a filter): read all the same; "
            "source.rows: visible leaves them out"
        ),
    )
    visible = open_source(path, SourceOptions(rows="visible"))
    assert [(row.row_number, row.hidden) for row in visible.rows()] == [(2, False), (3, True), (4, False)]
    assert visible.closing_notes() == ("1 row is hidden in sheet Clients (by hand or by a filter): left out",)


def test_a_header_below_a_title_block(workbook: Workbook, read: Read) -> None:
    """Title lines above the table are passed over, empty columns keep their place, values keep their row."""
    rows = [
        ["Clients of 2024"],
        [],
        ["as of", "today"],
        ["", "id", " Client\u00a0\nname", "", "city", "x"],
        ["", "1", "a", "", "b", "c"],
    ]
    path = workbook(rows)
    for needs in ((), ("id", "city")):
        source = open_source(path, needs=needs)
        assert (source.header, source.detected) == (
            ("", "id", "Client name", "", "city", "x"),
            {"sheet": "Clients", "header_row": 4},
        )
    assert read(path) == [(5, "", "1", "a", "", "b", "c")]
    assert open_source(path, SourceOptions(header_row=1)).header == ("Clients of 2024",)


def test_several_sheets_that_fit_are_a_question(workbook: Workbook) -> None:
    """Only the user can tell which of two fitting sheets is meant; the mapping's columns may decide."""

    def shape(book: Book, _: Worksheet) -> None:
        other = book.add_worksheet("Other")
        other.write_row(0, 0, ["id", "price"])
        hidden = book.add_worksheet("Hidden")
        hidden.write_row(0, 0, HEADER)
        hidden.hide()
        book.add_worksheet("Empty")

    path = workbook([HEADER], shape)
    with pytest.raises(Question) as asked:
        open_source(path)
    assert (asked.value.setting, asked.value.choices) == ("source.sheet", ("Clients", "Other"))
    assert open_source(path, needs=("id", "price")).sheet == "Other"
    hidden = open_source(path, SourceOptions(sheet="hidden"))
    assert hidden.notes == ("sheet Hidden is hidden in the workbook, and read all the same",)
    assert open_source(path, SourceOptions(sheet=2)).sheet == "Other"
    with pytest.raises(SourceError, match="has no sheet 'Nope'"):
        open_source(path, SourceOptions(sheet="Nope"))


def test_a_hidden_sheet_that_nothing_stands_beside_is_said(workbook: Workbook) -> None:
    """Where a chart alone is visible, the sheet behind it is read, and nobody is left to guess which."""

    def shape(book: Book, sheet: Worksheet) -> None:
        line = book.add_chart({"type": "line"})
        line.add_series({"values": "=Clients!$A$1"})
        chart = book.add_chartsheet("Chart")
        chart.set_chart(line)
        chart.activate()
        sheet.hide()

    source = open_source(workbook([HEADER], shape))
    assert source.notes == ("sheet Clients is hidden in the workbook, and read all the same",)


def test_a_number_too_long_for_a_spreadsheet_is_warned_about(workbook: Workbook) -> None:
    """An id of more than 15 digits has lost its last ones: a warning that names the cell."""
    rows = [HEADER, [1234567890123456789, "a", "b"]]
    [row] = open_source(workbook(rows)).rows()
    assert row.problems == (
        Problem(
            "long_number",
            "a number of 19 digits: a spreadsheet keeps only the first 15",
            "format the column as text and enter the number again",
            row=2,
            cell="Clients!A2",
            column="id",
            value="1234567890123457000",
            severity="warning",
        ),
    )


def test_dates_of_1904(workbook: Workbook) -> None:
    """A workbook that counts days from 1904 shows the same dates."""

    def shape(book: Book, sheet: Worksheet) -> None:
        sheet.write_datetime(1, 0, LEAP_DAY, book.add_format({"num_format": "d/m/yy h:mm"}))

    [row] = open_source(workbook([HEADER], shape, date_1904=True)).rows()
    assert row.values[0] == Cell("2024-02-29T13:05:00", LEAP_DAY, CellKind.DATETIME)


def test_rich_text_escapes_and_inline_strings(workbook: Workbook) -> None:
    """Runs of rich text are joined, escaped characters restored, inline strings read."""

    def shape(book: Book, sheet: Worksheet) -> None:
        sheet.write_rich_string(1, 0, "a", book.add_format({"bold": True}), "b", "c")

    path = workbook([HEADER, ["", "x_x000D_y", "z"]], shape, name="rich.xlsx")
    assert [row.values for row in open_source(path).rows()] == [("abc", "x_x000D_y", "z")]
    inline = workbook([HEADER, ["1", "q", "r"]], name="inline.xlsx", in_memory=True)
    _part(
        inline,
        SHEET,
        lambda xml: xml.replace(
            '<c r="B2" t="s"><v>4</v></c>', '<c r="B2" t="inlineStr"><is><t>i_x000D_j</t></is></c>'
        ),
    )
    assert [row.values for row in open_source(inline).rows()] == [("1", "i\rj", "r")]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("entity", lambda xml: xml.replace("<worksheet", f"{DOCTYPE}<worksheet", 1), "document type"),
        ("row_beyond_the_last", lambda xml: xml.replace('<row r="2"', '<row r="9999999"'), "row 9999999 follows row 1"),
        ("rows_out_of_order", lambda xml: xml.replace('<row r="2"', '<row r="1"'), "row 1 follows row 1"),
        ("column_beyond_the_last", lambda xml: xml.replace('r="A2"', 'r="ZZZ2"'), "no column 'ZZZ'"),
        ("cell_in_another_row", lambda xml: xml.replace('r="B2"', 'r="B3"'), "cell B3 stands in row 2"),
        ("cell_twice", lambda xml: xml.replace('r="B2"', 'r="A2"'), "cell A2 is there twice, with different values"),
        ("string_that_is_not_there", lambda xml: xml.replace("<v>3</v>", "<v>99</v>"), "no shared string '99'"),
        ("cut_off", lambda xml: xml[: len(xml) // 2], "damaged or truncated"),
    ],
)  # fmt: skip
def test_a_damaged_sheet_is_refused(
    workbook: Workbook, read: Read, name: str, change: Callable[[str], str], message: str
) -> None:
    """A sheet that is not what it should be is refused in one line that says why."""
    path = _part(workbook([HEADER, ["1", "a", "b"]], name=f"{name}.xlsx"), SHEET, change)
    with pytest.raises(SourceError, match=message):
        read(path)


def test_a_bomb_is_refused_unread(workbook: Workbook, read: Read) -> None:
    """A part that unpacks beyond all measure is not unpacked."""
    path = _part(workbook([HEADER], name="zip_bomb.xlsx"), SHEET, lambda xml: xml + " " * (40 << 20))
    with pytest.raises(SourceError, match="refused as a bomb"):
        read(path)


def test_a_sheet_that_declares_everything_is_read_for_what_it_holds(workbook: Workbook, read: Read) -> None:
    """Declared dimensions, a last cell in the last corner and columns without end cost nothing."""

    def declare(xml: str) -> str:
        xml = xml.replace('<dimension ref="A1:C2"/>', '<dimension ref="A1:XFD1048576"/>')
        xml = xml.replace("<sheetData>", '<cols><col min="1" max="16384" width="9"/></cols><sheetData>')
        empty = "".join(f'<row r="{number}"/>' for number in range(3, 200_000))
        return xml.replace("</sheetData>", f'{empty}<row r="1048576"><c r="XFD1048576"/></row></sheetData>')

    path = _part(workbook([HEADER, ["1", "a", "b"]], name="declares_a_million.xlsx"), SHEET, declare)
    assert read(path) == [(2, "1", "a", "b")]
