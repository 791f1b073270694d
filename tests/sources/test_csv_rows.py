"""Damaged rows are refused as rows where that is safe, as a file where it is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.errors import Problem, SourceError
from bulk_sync.records import SourceRow
from bulk_sync.sources import open_source

Write = Callable[..., Path]
Read = Callable[..., list[tuple[Any, ...]]]
HEADER = "id,name,city\n"


@pytest.mark.parametrize(
    ("damaged", "code"),
    [
        ("2,b", "too_few_fields"),
        ("2,b,c,d", "too_many_fields"),
        ("2,b,,c", "too_many_fields"),
        ('2,b"b,c', "stray_quote"),
        ('2,Monitor 24",c', "stray_quote"),
        ('2,"b"b,c', "text_after_quote"),
        ('2,"b, c', "unclosed_quote"),
        ('2,b,"c', "unclosed_quote"),
        ('"2,b,c', "unclosed_quote"),
        ('2,b,c"', "stray_quote"),
        ("2,b\0,c", "nul_byte"),
        ('2,"b\0",c', "nul_byte"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_only_the_damaged_row_is_refused(csv_file: Write, read: Read, damaged: str, code: str, end: str) -> None:
    """One damaged row between sound ones is refused with its code, and those around it are read."""
    text = f'{HEADER}1,a,"x, y"\n{damaged}\n3,d,"e ""f"""\n4,"g",h\n'.replace("\n", end)
    assert read(csv_file(text)) == [(2, "1", "a", "x, y"), (3, code), (4, "3", "d", 'e "f"'), (5, "4", "g", "h")]


def test_a_problem_names_row_line_cell_and_raw_text(csv_file: Write) -> None:
    """A refused row says where it stands, also where the line is not the row a spreadsheet shows."""
    source = open_source(csv_file(f'{HEADER}1,"a\nb",c\n2,b\n'))
    assert list(source.rows()) == [
        SourceRow(2, ("1", "a\nb", "c")),
        SourceRow(
            3,
            (),
            4,
            (
                Problem(
                    "too_few_fields",
                    "line 4: the row has 2 fields, the header has 3",
                    "a delimiter is missing, or a line end stands inside the row",
                    row=3,
                    cell="C3 (line 4)",
                    column="city",
                    value="2,b",
                ),
            ),
            "2,b",
        ),
    ]


def test_a_line_end_inside_a_row_refuses_what_it_may_have_torn(csv_file: Write, read: Read) -> None:
    """A line with a single field may be the end of the row above or the beginning of the one below."""
    assert read(csv_file(f"{HEADER}1,a,b\n2,c,d\ne\n3,f,g\n4,h,i\n")) == [
        (2, "1", "a", "b"),
        (3, "torn_row"),
        (4, "too_few_fields"),
        (5, "torn_row"),
        (6, "4", "h", "i"),
    ]


def test_a_row_that_may_have_swallowed_the_next_is_refused_with_it(csv_file: Write, read: Read) -> None:
    """Without its last quote a cell goes on to the next quote, which may begin a cell and end the line."""
    assert read(csv_file(f'{HEADER}1,a,"b,\n2,"\nc,",d,"\ne"\n3,f,g\n4,h,i\n')) == [
        (2, "torn_row"),
        (3, "too_few_fields"),
        (4, "stray_quote"),
        (5, "torn_row"),
        (6, "4", "h", "i"),
    ]
    assert read(csv_file(f'{HEADER}1,a,"b,\n2,"\n2,c,d\n')) == [(2, "1", "a", "b,\n2,"), (3, "2", "c", "d")]


@pytest.mark.parametrize("rest", ["d", "d, and more"])
def test_a_torn_rest_with_a_quote_refuses_the_row_it_was_torn_from(csv_file: Write, read: Read, rest: str) -> None:
    """Behind the last delimiter of a row whose delimiters have a space, the rest begins with that space."""
    rows = f'"1", "a", "b"\n"2", "c",\n "{rest}"\n"3", "e", "f"\n"4", "g", "h"\n'
    assert read(csv_file(f'"id", "name", "city"\n{rows}')) == [
        (2, "1", "a", "b"),
        (3, "torn_row"),
        (4, "stray_quote"),
        (5, "torn_row"),
        (6, "4", "g", "h"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('1,a,b\n2,c,d\ne"\n3,f,g\n', 4),  # the opening quote of "d\ne" is lost: row 2 looked sound
        ('1,a,b\n"2\n3,c,d\n', 3),  # the closing quote is lost, and the rest of the record looks like a row
        ('1,a,"x\ny"\n2,Monitor 24",c\n', 4),  # cells hold line ends, so the quote may end one begun above
    ],
)
def test_the_file_is_refused_where_rows_may_be_the_inside_of_a_cell(
    csv_file: Write, read: Read, text: str, line: int
) -> None:
    """What follows cannot be read with certainty: the file is refused with the line."""
    with pytest.raises(SourceError, match=f"^line {line}: .*cannot be read with certainty"):
        read(csv_file(HEADER + text))


def test_blank_lines_are_no_rows_but_count(csv_file: Write, read: Read) -> None:
    """Blank lines, rows of delimiters and of white space are left out, and row numbers stay a spreadsheet's."""
    text = f'{HEADER}\n1,a,b\n,,\n  \n"","",""\n \t,,\n2,c,d\n\n'
    assert read(csv_file(text)) == [(3, "1", "a", "b"), (8, "2", "c", "d")]


def test_line_ends_may_be_mixed(csv_file: Write, read: Read) -> None:
    """All three line ends end a row, in one file too; inside quotes they are kept as they are."""
    source = open_source(csv_file('id,name\r1,a\n2,b\r\n3,"c\r\nd\re"\r\n4,f'))
    assert [row.values for row in source.rows()] == [("1", "a"), ("2", "b"), ("3", "c\r\nd\re"), ("4", "f")]


def test_rows_can_be_read_again(csv_file: Write) -> None:
    """Each call of rows() begins again."""
    source = open_source(csv_file(f"{HEADER}1,a,b\n2,c\n"))
    assert list(source.rows()) == list(source.rows()) != []


def test_a_quote_that_opens_and_never_closes_in_a_long_file(csv_file: Write, read: Read) -> None:
    """An unclosed quote above a megabyte or two without another one costs its own row only, in bounded memory."""
    rows = "".join(f"{number},name of {number},city of {number}\n" for number in range(60_000))
    assert read(csv_file(f'{HEADER}x,"y,z\n{rows}'))[:2] == [
        (2, "unclosed_quote"),
        (3, "0", "name of 0", "city of 0"),
    ]


def test_a_line_without_end_is_refused(csv_file: Write, read: Read) -> None:
    """A line beyond all measure is no table; it is refused rather than held."""
    with pytest.raises(SourceError, match=r"line 2 is longer than 16777216 characters"):
        read(csv_file(f"{HEADER}{'a' * (1 << 24)}a,b,c\n"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "replaced": lambda path: path.write_text("id,city,name\n1,Dubai,Acme\n"),
    "still written": lambda path: path.write_text(path.read_text() + "2,Bravo,Sha"),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_between_two_passes_is_refused(csv_file: Write, change: str) -> None:
    """Shows that rows of a newer file never come under the header of an older one."""
    path = csv_file(f"{HEADER}1,Acme,Dubai\n")
    with open_source(path) as source:
        CHANGES[change](path)
        with pytest.raises(SourceError, match="has changed while it was read"):
            list(source.rows())


def test_a_file_that_is_written_while_it_is_read_is_refused(csv_file: Write) -> None:
    """Shows that a last value of which half is written yet is not taken for all of it."""
    path = csv_file(f"{HEADER}1,Acme,Dubai\n2,Bravo,Sha")
    with open_source(path) as source:
        rows = source.rows()
        assert next(rows).row_number == 2
        path.write_text(f"{path.read_text()}rjah\n")
        with pytest.raises(SourceError, match="has changed while it was read"):
            list(rows)
