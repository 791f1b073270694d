"""A file is read for what it is, and refused in one line that says why."""

import codecs
import gzip
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.errors import Question, SourceError
from bulk_sync.sources import SourceOptions, open_source

Write = Callable[..., Path]
Read = Callable[..., list[tuple[Any, ...]]]
TEXT = "id,name\n1,é\n"
ROWS = [(2, "1", "é")]


def _zip(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("no_sound_quote.csv", b'a"b,c"d\ne"f,g"h\n', "no row whose quotes are sound"),
        ("only_blank_lines.csv", b"\n\n,,\n", "every row is blank"),
        ("page_named.xls", b"<html><table>", "a web page"),
        ("pdf_named.csv", b"%PDF-1.7", "a PDF"),
        ("noise.csv", bytes(range(256)) * 20, "binary data"),
        ("no_workbook.xlsx", b"this is a note\n", "no workbook, and as a text it is no table"),
        ("two_members.zip", _zip(a="1,2", b="3,4"), "zip with 2 files"),
        ("document.docx", _zip(**{"[Content_Types].xml": "", "word/document.xml": ""}), "no workbook"),
        ("truncated.xlsx", _zip(a="1,2")[:30], "damaged or truncated"),
        ("truncated.csv.gz", gzip.compress(TEXT.encode())[:-9], "damaged or truncated"),
        ("bomb.csv.gz", gzip.compress(b"1,2\n" * (20 << 20)), "refused as a bomb"),
    ],
)
def test_bad_files_are_refused_in_one_line(
    csv_file: Write, read: Read, name: str, content: bytes, message: str
) -> None:
    """Each file is named after what is wrong with it, and the message says so."""
    with pytest.raises(SourceError, match=message) as refusal:
        read(csv_file(content, name))
    assert "\n" not in refusal.value.message


def test_missing_files_and_directories(tmp_path: Path) -> None:
    """What is not there and what is no file are told apart."""
    with pytest.raises(SourceError, match="does not exist"):
        open_source(tmp_path / "missing.csv")
    with pytest.raises(SourceError, match="is a directory"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "notes"),
    [
        ("c.csv", TEXT.encode(), ()),
        ("c.xlsx", TEXT.encode(), ("read as CSV, which it is, although called c.xlsx",)),
        ("c.csv.gz", gzip.compress(TEXT.encode()), ("unpacked with gzip",)),
        ("c.zip", _zip(**{"c.csv": TEXT}), ("unpacked c.csv from the zip",)),
    ],
)
def test_a_csv_in_any_wrapping(csv_file: Write, read: Read, name: str, content: bytes, notes: tuple[str, ...]) -> None:
    """A CSV is read by its content, packed or misnamed, and what was found is said."""
    path = csv_file(content, name)
    assert (read(path), open_source(path).notes) == (ROWS, notes)


@pytest.mark.parametrize("letters", ["Компания", "شركة", "Εταιρεία", "חברה", "บริษัท"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_of_any_alphabet_needs_no_mark(csv_file: Write, read: Read, encoding: str, letters: str) -> None:
    """A table whose words are not Latin is no binary data, though most of its bytes would be controls."""
    rows = [(str(number), f"{letters} {letters}") for number in range(2, 40)]
    text = "id,name\n" + "".join(f"{number},{name}\n" for number, name in rows)
    assert read(csv_file(text, encoding=encoding)) == [(int(number), number, name) for number, name in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_found(csv_file: Write, read: Read, encoding: str) -> None:
    """Byte order marks and UTF-16 without one are recognised; no mark becomes part of the first header."""
    path = csv_file(TEXT * 1, encoding=encoding)
    assert (read(path), open_source(path).header) == (ROWS, ("id", "name"))
    family = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    assert read(path, encoding=family) == ROWS


def test_every_order_of_bytes_is_found_by_its_mark(csv_file: Write, read: Read) -> None:
    """Big-endian UTF-32 begins with two NUL bytes, and is no binary data for that."""
    assert read(csv_file(codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"))) == ROWS
    assert read(csv_file(codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"))) == ROWS


def test_another_encoding_is_a_question(csv_file: Write, read: Read) -> None:
    """A guessed encoding is asked about; named in the mapping it is used."""
    path = csv_file("id;name;city\n1;Müller;Köln\n2;Größe;Zürich\n", encoding="cp1252")
    with pytest.raises(Question, match=r"not UTF-8 \(byte 0xFC in line 2 \(offset 16\)\)") as asked:
        open_source(path)
    assert (asked.value.setting, asked.value.choices[0]) == ("source.encoding", "cp1252")
    assert read(path, encoding="cp1252") == [(2, "1", "Müller", "Köln"), (3, "2", "Größe", "Zürich")]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Müller & Söhne;Köln"),
        ("cp1252", "Bob’s – “Best” Café;Zürich"),
        ("cp1252", "Bob’s – “Best”;€ 5"),
        ("mac_roman", "Größe GmbH;Zürich\n2;Café Bär;Genève"),
        ("mac_roman", "Café Bär;Genève"),
        ("cp850", "Müller & Söhne;Köln"),
    ],
)
def test_the_likeliest_encoding_is_asked_about_first(csv_file: Write, encoding: str, text: str) -> None:
    """What Excel on a Mac or a DOS program saved is not first taken for Windows' page."""
    with pytest.raises(Question) as asked:
        open_source(csv_file(f"id;name;city\n1;{text}\n", encoding=encoding))
    assert asked.value.choices[0] == encoding


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (
            "id,name\n1,é\n2,ö\n".encode() + b"3,\xe9\n",
            None,
            r"not utf-8 throughout: byte 0xE9 in line 4 \(offset 20\)",
        ),
        (b"id,name\n1,\x81\n", "cp1252", r"not cp1252 throughout: byte 0x81 in line 2 \(offset 10\)"),
        ("id,name\n1,a\n".encode("utf-16") + b"\x00", None, r"not utf-16 throughout"),
        (TEXT.encode(), "latin-17", "no known encoding"),
        (TEXT.encode(), "rot13", "no known encoding"),
        (TEXT.encode(), "undefined", "no known encoding"),
        (TEXT.encode(), "idna", "no known encoding"),
        (TEXT.encode(), "utf-16", "does not begin with the byte order mark of utf-16"),
        (TEXT.encode(), "utf-32", "does not begin with the byte order mark of utf-32"),
        (TEXT.encode("utf-8-sig"), "cp1252", "begins with the mark of utf-8"),
    ],
)
def test_a_byte_that_does_not_decode_refuses_the_file(
    csv_file: Write, read: Read, content: bytes, encoding: str | None, message: str
) -> None:
    """Never a replacement character: the file is refused with line and offset, whatever the encoding."""
    with pytest.raises(SourceError, match=message):
        read(csv_file(content), encoding=encoding)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b\n1,2\n", {"encoding": "utf-8", "delimiter": ",", "header_row": 1}),
        ("a;b\n1,5;2,5\n", {"encoding": "utf-8", "delimiter": ";", "header_row": 1}),
        ("a\tb\n1\t2\n", {"encoding": "utf-8", "delimiter": "tab", "header_row": 1}),
        ("a|b\n1|2\n", {"encoding": "utf-8", "delimiter": "|", "header_row": 1}),
        ("sep=;\na;b\n1;2\n", {"encoding": "utf-8", "delimiter": ";", "header_row": 1}),
        ("'a','b'\n'1','2'\n", {"encoding": "utf-8", "delimiter": ",", "header_row": 1}),
        ("Clients\n\na,b\n1,2\n", {"encoding": "utf-8", "delimiter": ",", "header_row": 3}),
    ],
)
def test_the_dialect_is_found(csv_file: Write, read: Read, text: str, found: dict[str, object]) -> None:
    """Delimiter, quote and the header's row are detected, and named as the mapping would name them."""
    path = csv_file(text)
    source = open_source(path)
    assert (source.header, source.detected, len(read(path))) == (("a", "b"), found, 1)
    given = SourceOptions(delimiter=str(found["delimiter"]), header_row=source.detected["header_row"])  # type: ignore[arg-type]
    assert open_source(path, given).detected == found


def test_rows_below_a_sep_line_have_a_spreadsheets_numbers(csv_file: Write) -> None:
    """Excel hides the sep= line: row 2 stands in line 3."""
    [row] = open_source(csv_file("sep=;\na;b\n1;2\n")).rows()
    assert (row.row_number, row.line) == (2, 3)


def test_two_delimiters_that_fit_are_a_question(csv_file: Write) -> None:
    """Where two readings fit equally well, the user decides, or the columns that the mapping needs."""
    path = csv_file("last, first;id\nDoe, J;1\nRoe, R;2\n")
    with pytest.raises(Question) as asked:
        open_source(path)
    assert (asked.value.setting, set(asked.value.choices)) == ("source.delimiter", {"comma", "semicolon"})
    assert open_source(path, needs=("id",)).header == ("last, first", "id")
    assert open_source(path, SourceOptions(delimiter="semicolon")).header == ("last, first", "id")


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_what_is_no_delimiter_is_refused(csv_file: Write, delimiter: str) -> None:
    """A delimiter is one character that is neither quote nor line end, or a name."""
    with pytest.raises(SourceError, match="is no delimiter"):
        open_source(csv_file(TEXT), SourceOptions(delimiter=delimiter))


@pytest.mark.parametrize(("text", "row"), [('id,na"me\n1,a\n', None), ("id,name\n\n1,a\n", 2), ("id,name\n", 9)])
def test_a_header_that_is_damaged_blank_or_not_there(csv_file: Write, text: str, row: int | None) -> None:
    """No other row takes the place of a header that cannot be read."""
    with pytest.raises(SourceError, match="header"):
        open_source(csv_file(text), SourceOptions(header_row=row))


def test_a_header_without_rows_is_no_error(csv_file: Write, read: Read) -> None:
    """Nothing below the header is nothing to do."""
    assert read(csv_file("id,name\n")) == []


def test_heavy_libraries_stay_unimported() -> None:
    """Opening a UTF-8 CSV imports no library for workbooks, frames or guesses."""
    heavy = "{'pandas', 'openpyxl', 'python_calamine', 'charset_normalizer'}"
    code = f"import sys, bulk_sync.sources.csv_file; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_space_after_every_delimiter_is_a_dialect(csv_file: Write, read: Read) -> None:
    """Where a space follows every delimiter it is said and left out, and a row without it is refused."""
    rows = '"1", "a, b", "x"\n2, c, d\n3, e,\n4, "f",g\n5, h, i, j\n6, k"k, l\n, , \n7, "say ""hi""", o\n'
    path = csv_file(f'"id", "name", "city"\n{rows}')
    source = open_source(path)
    assert source.notes == ("a space follows every delimiter: it is no part of the values",)
    assert (source.header, read(path)) == (
        ("id", "name", "city"),
        [
            (2, "1", "a, b", "x"),
            (3, "2", "c", "d"),
            (4, "3", "e", ""),
            (5, "tight_delimiter"),
            (6, "too_many_fields"),
            (7, "stray_quote"),
            (9, "7", 'say "hi"', "o"),
        ],
    )


def test_a_space_after_some_delimiters_is_none(csv_file: Write, read: Read) -> None:
    """Where only some rows are written so, they are the damaged ones."""
    assert read(csv_file('id,name,city\n1, "a, b", x\n2,c,d\n')) == [(2, "stray_quote"), (3, "2", "c", "d")]


def test_the_end_of_file_of_dos_is_no_row(csv_file: Write, read: Read) -> None:
    """A last line of the character that once ended files is blank."""
    assert read(csv_file("id,name\n1,a\n\x1a")) == [(2, "1", "a")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe gives its bytes once, and a file is read more than once; nobody writes to this one."""
    path = tmp_path / "clients.csv"
    os.mkfifo(path)
    with pytest.raises(SourceError, match="a pipe or a device") as caught:
        open_source(path)
    assert "read standard input" in caught.value.hint
