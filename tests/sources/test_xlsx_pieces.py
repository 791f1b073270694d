"""Rows read by pattern are the rows that the XML parser reads."""

import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_sync.errors import SourceError
from bulk_sync.sources.format_code import format_code
from bulk_sync.sources.sheet_table import RawRow
from bulk_sync.sources.xlsx_merged import Merged
from bulk_sync.sources.xlsx_package import Package, Sheet
from bulk_sync.sources.xlsx_sheet import Look, SheetReader

STRINGS = ["", "a", "é & ü", "_x000D_"]
FORMATS = [format_code(code) for code in ("General", "00000", "0.00", "yyyy-mm-dd", "0.00E+00")]
RELATIONS = '<Relationships><Relationship Id="r1" Type="x/{}" Target="{}"/></Relationships>'.format
CELLS = (
    '<c r="{}" s="1"/>', '<c r="{}"/>', '<c r="{}" s="2" ></c>', '<c r="{}"><v>12</v></c>',
    '<c r="{}" s="1"><v>7</v></c>',
    '<c r="{}" s="2"><v>1.005</v></c>', '<c r="{}" s="3"><v>45000.5</v></c>', '<c r="{}" s="9"><v>1E+3</v></c>',
    '<c r="{}" t="s"><v>1</v></c>', '<c r="{}" t="s"><v>2</v></c>', '<c r="{}" s="4" t="n"><v> 5 </v></c>',
    '<c r="{}" t="b"><v>1</v></c>', '<c r="{}" t="e"><v>#N/A</v></c>', '<c r="{}" t="str"><v>text</v></c>',
    '<c r="{}" t="str"><v>a &amp; b</v></c>', '<c r="{}" t="inlineStr"><is><t>in</t></is></c>',
    '<c r="{}" t="inlineStr"><is><t xml:space="preserve"> in_x000D_ </t></is></c>',
    '<c r="{}" t="inlineStr"><is><r><t>ri</t></r><r><t>ch</t></r></is></c>', '<c r="{}" t="d"><v>2024-03-01</v></c>',
    '<c r="{}"><f>A1</f><v>3</v></c>', '<c r="{}"><f>A1</f></c>', '<c t="str" r="{}"><v>turned</v></c>',
    '<c r="{}" t="str"><v><![CDATA[</row>]]></v></c>', "<c><v>4</v></c>", "<!-- <row r='9'> -->", "<?pi </row> ?>",
    '<x:c r="{}"><v>8</v></x:c>', '<c r="{}"><is><t>no type</t></is></c>', '<c r="{}" t="str"><v>ü\r\n></v></c>',
)  # fmt: skip
"""Cells as programs write them, and as they might."""
DAMAGE = ('<c r="A1" t="s"><v>99</v></c>', '<c r="A1"><v>x</v></c>', '<c r="ZZZZ1"><v>1</v></c>', "<c", "</c>", "\x01")
ATTRIBUTES = (
    "",
    ' spans="1:3"',
    ' hidden="1"',
    ' hidden="0" ht="15.5" x14ac:dyDescent="0.25"',
    ' s="1" customFormat="1"',
)
HEADS = ("<sheetFormatPr defaultRowHeight='15'/>", "<sheetFormatPr zeroHeight='1'/>", "<!-- x -->", "")


@st.composite
def rows(draw: st.DrawFn) -> str:
    """Rows whose numbers grow, mostly."""
    written, number = [], 0
    for _ in range(draw(st.integers(0, 6))):
        number += draw(st.sampled_from([1, 1, 1, 2, 50]))
        named = draw(st.sampled_from([True, True, True, False]))
        tag = f"<row{f' r={chr(34)}{number}{chr(34)}' if named else ''}{draw(st.sampled_from(ATTRIBUTES))}"
        cells = [
            draw(st.sampled_from(CELLS)).format(f"{letters}{number}")
            for letters in draw(st.lists(st.sampled_from(["A", "B", "C", "AA"]), max_size=4))
        ]
        if draw(st.integers(0, 30)) == 0:
            cells.insert(0, draw(st.sampled_from(DAMAGE)))
        written.append(
            draw(st.sampled_from([f"{tag}/>", f"{tag}>{''.join(cells)}</row>", f"{tag}>{''.join(cells)}</row>"]))
        )
        if draw(st.integers(0, 20)) == 0:
            number -= 1
    return draw(st.sampled_from(["", "\n"])).join(written)


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    """A worksheet's XML."""
    tail = draw(st.sampled_from(["", '<mergeCells><mergeCell ref="A1:B2"/></mergeCells>']))
    start = draw(st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>\n', '<?xml version="1.0"?>']))
    xml = f"{start}<worksheet>{draw(st.sampled_from(HEADS))}<sheetData>{draw(rows())}</sheetData>{tail}</worksheet>"
    return xml.encode()


def package(path: Path, xml: bytes) -> Package:
    """A workbook with one sheet."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_rels/.rels", RELATIONS("officeDocument", "xl/workbook.xml"))
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS("worksheet", "sheet.xml"))
        archive.writestr("xl/workbook.xml", '<workbook><sheets><sheet name="S" r:id="r1"/></sheets></workbook>')
        archive.writestr("xl/sheet.xml", xml)
    return Package(path)


def read(book: Package, *, by_pattern: bool) -> tuple[list[RawRow], list[Merged]] | str:
    """Rows and merged ranges, or that the sheet is refused."""
    reader = SheetReader(
        book, Sheet("S", "visible", "xl/sheet.xml"), Look(STRINGS, FORMATS, False), by_pattern=by_pattern
    )
    try:
        return list(reader.rows()), reader.merged
    except SourceError:
        return "refused"


@given(sheets())
@settings(max_examples=150)
def test_both_ways_of_reading_give_the_same_rows(xml: bytes) -> None:
    """Whatever a sheet holds, reading by pattern and reading by the parser alone come to the same."""
    with tempfile.TemporaryDirectory() as folder:
        book = package(Path(folder) / "book.xlsx", xml)
        assert read(book, by_pattern=True) == read(book, by_pattern=False)
        book.close()


@pytest.mark.parametrize("encode", [lambda xml: xml.encode("utf-16"), lambda xml: xml.encode("latin-1")])
def test_other_encodings_are_left_to_the_parser(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    """A sheet that is not UTF-8 is read by the parser, which knows its encoding."""
    name = "utf-16" if encode("x")[:1] == b"\xff" else "iso-8859-1"
    xml = (
        f'<?xml version="1.0" encoding="{name}"?><worksheet><sheetData><row r="1"><c r="A1" t="str"><v>é</v></c></row>'
        "</sheetData></worksheet>"
    )
    with closing(package(tmp_path / "book.xlsx", encode(xml))) as book:
        assert read(book, by_pattern=True) == ([RawRow(1, {0: "é"})], [])


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (b"<worksheet><a b='" + b"x" * (5 << 20) + b"'/></worksheet>", "refused as a bomb"),
        (b"<worksheet>" + b"<a>" * 300 + b"</a>" * 300 + b"</worksheet>", "one in the other: refused as a bomb"),
        (b"<worksheet><!-- --><sheetData>" + b"<row/>" * 1_000_001 + b"</sheetData></worksheet>", "refused as a bomb"),
    ],
    ids=["a tag without end", "elements without end", "tags of nothing"],
)
def test_xml_that_only_costs_time_is_refused(tmp_path: Path, xml: bytes, message: str) -> None:
    """Tags without end, depth without end and a million tags of nothing end the reading."""
    with closing(package(tmp_path / "book.xlsx", xml)) as book, pytest.raises(SourceError, match=message):
        list(SheetReader(book, Sheet("S", "visible", "xl/sheet.xml"), Look([], FORMATS, False)).rows())
