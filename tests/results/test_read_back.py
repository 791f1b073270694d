"""A results file comes back, as it is or corrected by hand."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from bulk_sync.errors import Problem, SourceError
from bulk_sync.records import Cell, CellKind, RowResult, SourceRow, Status
from bulk_sync.results import write_results
from bulk_sync.results.read_back import (
    JsonlTable,
    PlanLine,
    ReadBack,
    RetryRow,
    changes_sheets,
    plan_lines,
    results_sheets,
)
from bulk_sync.results.run_property import run_of_workbook
from bulk_sync.results.table import RunBook
from bulk_sync.results.xlsx_file import write_workbook
from bulk_sync.sources import SourceOptions, open_source
from bulk_sync.workflow.results_tables import sheet_names

MakeBook = Callable[..., RunBook]
Change = Callable[[Worksheet], object]


@dataclass(frozen=True)
class Table:
    """A table in memory."""

    header: tuple[str, ...]
    lines: tuple[tuple[str | Cell, ...], ...]
    kind: str = "csv"
    sheet: str = ""

    def rows(self) -> Iterator[SourceRow]:
        return (SourceRow(number, line) for number, line in enumerate(self.lines, 2))


def _edit(path: Path, change: Change) -> None:
    workbook = openpyxl.load_workbook(path)
    change(workbook["Results"])
    workbook.save(path)
    workbook.close()


@contextmanager
def _opened(path: Path, book: RunBook) -> Iterator[ReadBack]:
    found = {result.row_number: result for result in book.rows()}
    with ExitStack() as stack:
        if path.suffix in {".xlsx", ".ods"}:
            names = results_sheets(sheet_names(path) or ())
            tables = [stack.enter_context(open_source(path, SourceOptions(sheet=name))) for name in names]
            yield ReadBack(tables, book.header, found.get)
        elif path.suffix == ".jsonl":
            yield ReadBack([JsonlTable(path)], book.header, found.get)
        else:
            yield ReadBack([stack.enter_context(open_source(path))], book.header, found.get)


def _read(path: Path, book: RunBook) -> list[RetryRow]:
    with _opened(path, book) as back:
        back.survey()
        return list(back.rows())


CELLS: tuple[str | Cell, ...] = (
    "00123",
    " padded ",
    "line\r\nbreak",
    "ctrl\x1b _x0041_",
    Cell("00123", 123, CellKind.NUMBER),
    Cell("971501234567", 971501234567, CellKind.NUMBER),
    Cell("0.3", 0.1 + 0.2, CellKind.NUMBER),
    Cell("12,5 %", 0.125, CellKind.NUMBER),
    Cell("1.2E+05", 123456.7, CellKind.NUMBER),
    Cell("", 5, CellKind.NUMBER, "[Red]0"),
    Cell("", "30236-07-10", CellKind.TEXT, "date"),
    Cell("2024-03-05", date(2024, 3, 5), CellKind.DATE),
    Cell("1900-01-15", date(1900, 1, 15), CellKind.DATE),
    Cell("2024-03-05T10:30:15.250000", datetime.fromisoformat("2024-03-05T10:30:15.25"), CellKind.DATETIME),
    Cell("10:30:00", time(10, 30), CellKind.TIME),
    Cell("26:00:00", timedelta(hours=26), CellKind.DURATION),
    Cell("TRUE", True, CellKind.BOOLEAN),
    Cell("#N/A", None, CellKind.ERROR),
    Cell("", None, CellKind.FORMULA),
    Cell("", None, CellKind.MERGED),
    "",
)


@pytest.mark.parametrize("suffix", ["xlsx", "csv", "jsonl"])
def test_an_untouched_file_has_no_edits(make_book: MakeBook, tmp_path: Path, suffix: str) -> None:
    """Whatever kind of cell the source had, what writing alone changed is no edit."""
    header = tuple(f"c{number}" for number in range(len(CELLS)))
    rows = [RowResult(number, CELLS, Status.FAILED, "422", "cl", "=1") for number in (2, 3)]
    book = make_book(header=header, rows=rows, changes=())
    read = _read(write_results(book, tmp_path / f"r.{suffix}").path, book)
    assert [(row.sync_row, row.values, row.edits, row.problems) for row in read] == [
        (number, CELLS, (), ()) for number in (2, 3)
    ]


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.parametrize("suffix", ["xlsx", "ods"])
def test_a_workbook_saved_by_libreoffice_has_no_edits(make_book: MakeBook, tmp_path: Path, suffix: str) -> None:
    """Opening and saving the results in another program edits nothing, and the run is still found."""
    header = tuple(f"c{number}" for number in range(len(CELLS)))
    # LibreOffice turns line ends of its own making, keeps no control characters and no odd format.
    cells = tuple("x" if index in {2, 3} else cell for index, cell in enumerate(CELLS))
    book = make_book(header=header, rows=[RowResult(2, cells, Status.FAILED)], changes=())
    path = write_results(book, tmp_path / "r.xlsx").path
    saved = tmp_path / "saved"
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", suffix]
    subprocess.run([*command, "--outdir", saved, path], check=True, capture_output=True, timeout=120)
    assert [(row.values, row.edits) for row in _read(saved / f"r.{suffix}", book)] == [(cells, ())]
    assert run_of_workbook(saved / f"r.{suffix}") == (book.summary.run, book.summary.kind)


@pytest.mark.parametrize("suffix", ["xlsx", "csv", "jsonl"])
def test_the_sample_comes_back(make_book: MakeBook, tmp_path: Path, suffix: str) -> None:
    """Every row of the file is joined to the run's, a damaged one too."""
    book = make_book()
    read = _read(write_results(book, tmp_path / f"r.{suffix}").path, book)
    assert [row.result for row in read] == list(book.rows())
    assert not any(row.edits or row.problems for row in read)


def test_edits_in_excel_are_found_with_old_and_new(make_book: MakeBook, tmp_path: Path) -> None:
    """A corrected cell, a retyped number and a changed format: each is another text or another stored value."""
    book = make_book()
    path = write_results(book, tmp_path / "r.xlsx").path

    def change(sheet: Worksheet) -> None:
        sheet["C3"] = "b@example.com"
        sheet["E5"] = 99
        sheet["D6"].number_format = "000"
        sheet["G2"] = False

    _edit(path, change)
    read = _read(path, book)
    assert [(edit.column, edit.cell, edit.old, edit.new) for row in read for edit in row.edits] == [
        ("VIP", "Results!G2", Cell("TRUE", True, CellKind.BOOLEAN), Cell("FALSE", False, CellKind.BOOLEAN)),
        ("E-mail", "Results!C3", "n/a", "b@example.com"),
        ("Credit", "Results!E5", Cell("1,234.50", 1234.5, CellKind.NUMBER), Cell("99.00", 99, CellKind.NUMBER)),
        ("Code", "Results!D6", Cell("00005", 5, CellKind.NUMBER), Cell("005", 5, CellKind.NUMBER)),
    ]
    assert read[1].values[2] == "b@example.com"
    assert read[1].values[:2] == next(row for row in book.rows() if row.row_number == 3).values[:2]


def test_rows_may_be_sorted_and_deleted(make_book: MakeBook, tmp_path: Path) -> None:
    """The row number in the line tells which row it is, wherever the line stands."""
    book = make_book()
    path = write_results(book, tmp_path / "r.xlsx").path

    def turn(sheet: Worksheet) -> None:
        lines = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        sheet.delete_rows(3, 2)
        for column, value in enumerate(lines[4], 1):
            sheet.cell(2, column).value = value
        for column, value in enumerate(lines[0], 1):
            sheet.cell(4, column).value = value

    _edit(path, turn)
    assert [row.sync_row for row in _read(path, book)] == [6, 5, 2]


def test_a_bad_sync_row_is_a_problem_of_its_row(make_book: MakeBook, tmp_path: Path) -> None:
    """Blank, foreign, repeated or no number: the row is not sent, the others are."""
    book = make_book()
    path = write_results(book, tmp_path / "r.xlsx").path

    def spoil(sheet: Worksheet) -> None:
        for row, value in ((2, None), (3, 6), (4, 77), (5, "five")):
            sheet.cell(row, 8).value = value

    _edit(path, spoil)
    read = _read(path, book)
    assert [(row.sync_row, row.problems[0].code, row.problems[0].message) for row in read] == [
        (None, "sync_row_blank", "the row has no sync_row"),
        (6, "sync_row_repeated", "sync_row 6 occurs more than once"),
        (77, "sync_row_unknown", "sync_row 77 is not a row of this run"),
        (None, "sync_row_unknown", 'sync_row "five" is no row number'),
        (6, "sync_row_repeated", "sync_row 6 occurs more than once"),
    ]
    assert read[0].problems[0] == Problem(
        "sync_row_blank",
        "the row has no sync_row",
        "sync_row tells which row of the source this is: copy the line from the run's results anew",
        2,
        "Results!H2",
        "sync_row",
    )


def test_edits_of_our_columns_are_warned_of_and_ignored(make_book: MakeBook, tmp_path: Path) -> None:
    """Writing "updated" into a cell does not make a row updated."""
    book = make_book()
    path = write_results(book, tmp_path / "r.xlsx").path
    _edit(path, lambda sheet: sheet["I5"].__setattr__("value", "updated"))
    row = _read(path, book)[3]
    assert row.edits == ()
    assert [(problem.severity, problem.code, problem.message) for problem in row.problems] == [
        (
            "warning",
            "sync_column_edited",
            'sync_status says "updated", the run says "failed": edits of sync_ columns are ignored',
        )
    ]


def test_columns_may_be_moved_deleted_and_added(make_book: MakeBook, tmp_path: Path) -> None:
    """Columns are found by name; what is gone counts as unedited, what is new is ignored, and both are said."""
    book = make_book()
    path = write_results(book, tmp_path / "r.xlsx").path

    def rearrange(sheet: Worksheet) -> None:
        sheet.delete_cols(2)
        sheet.insert_cols(1)
        sheet["A1"], sheet["A2"] = "My notes", "call them"

    _edit(path, rearrange)
    with _opened(path, book) as back:
        assert back.notes == (
            'columns that the results file no longer has count as unedited: "Company"',
            'columns that the run does not know are ignored: "My notes"',
        )
        back.survey()
        assert [(row.edits, row.values) for row in back.rows()] == [((), row.values) for row in book.rows()]


def test_results_on_several_sheets_are_one_file(make_book: MakeBook, tmp_path: Path) -> None:
    """Results 2 and the following are read like Results."""
    book, path = make_book(), tmp_path / "split.xlsx"
    write_workbook(book, path, rows=3)
    assert [row.sync_row for row in _read(path, book)] == [2, 3, 4, 5, 6]
    assert changes_sheets(["Results", "Changes", "Changes 2", "Changes of mine"]) == ("Changes", "Changes 2")


def test_another_table_is_no_results_file(make_book: MakeBook) -> None:
    """A file without sync_row is refused with what to name instead."""
    with pytest.raises(SourceError, match="is not a results file of this tool: it has no column sync_row"):
        ReadBack([Table(("a",), ())], make_book().header, lambda _: None)


@pytest.mark.parametrize(
    ("was", "found", "words"),
    [
        ("971501234567", "9.71501E+11", "a long number became an exponent"),
        ("+971501234567", "971501234567", "leading zeros or a plus sign were lost"),
        ("00123", "123", "leading zeros or a plus sign were lost"),
        ("12345678901234567", "12345678901234500", "digits beyond the fifteenth were lost"),
        ("2024-01-05", "05/01/2024", "a date was written anew"),
        ("3-4", "03-Apr", "a text became a date"),
        ("12.50", "12.5", "a number was written anew"),
        ("Çelik", "Ã‡elik", "letters were lost to another encoding"),
        ("Çelik", "?elik", "letters were lost to another encoding"),
    ],
)
def test_a_csv_with_scars_is_refused(make_book: MakeBook, was: str, found: str, words: str) -> None:
    """What a spreadsheet does to a CSV is told from an edit, and the workbook advised."""
    rows = [RowResult(2, ("a", was), Status.FAILED), RowResult(3, ("b", was), Status.FAILED)]
    book = make_book(header=("Id", "Cell"), rows=rows)
    table = Table(("Id", "Cell", "sync_row"), (("a", was, "2"), ("edited", found, "3")))
    back = ReadBack([table], book.header, {row.row_number: row for row in book.rows()}.get)
    with pytest.raises(SourceError) as caught:
        back.survey()
    assert caught.value.message == (
        f'the column "Cell" came back damaged by a spreadsheet: {words}; '
        f'cell B3 has "{found}" where the run had "{was}"'
    )
    assert "edit the results workbook instead" in caught.value.hint


@pytest.mark.parametrize(
    ("was", "found"),
    [
        ("Dubai", "Sharjah"),
        ("n/a", "a@b.example"),
        ("971501234567", "971501234568"),
        ("971501234567", "+971501234567"),
        ("00971501234567", "+971501234567"),
        ("2024-13-01", "2024-01-13"),
        ("2024-02-30", "30/02/2024"),
        ("2024-05-01", "2024-01-05"),
        ("", "5"),
        ("5", ""),
    ],
)
def test_an_edit_of_a_csv_is_no_scar(make_book: MakeBook, was: str, found: str) -> None:
    """Corrections by hand go through."""
    rows = [RowResult(2, (was,), Status.FAILED)]
    back = ReadBack([Table(("Cell", "sync_row"), ((found, "2"),))], ("Cell",), {2: rows[0]}.get)
    back.survey()
    assert [edit.new for row in back.rows() for edit in row.edits] == [found]


@pytest.mark.parametrize(
    ("was", "found", "is_refused"),
    [("0501234567", "501234567", False), ("2024-01-05", "05/01/2024", False), ("971501234567", "9.71501E+11", True)],
)
def test_a_cell_that_was_wrong_is_edited_on_purpose(
    make_book: MakeBook, was: str, found: str, is_refused: bool
) -> None:
    """What made a row invalid may be corrected to what a spreadsheet would write, but for what nobody writes."""
    wrong = Problem("bad", "no", row=2, cell="Clients!A2, Clients!B2 (line 3)", column="Id, Cell")
    rows = [RowResult(2, ("a", was, was), Status.INVALID, problems=(wrong,), line=3)]
    book = make_book(header=("Id", "Cell", "Other"), rows=rows)

    def back(*cells: str) -> ReadBack:
        return ReadBack([Table((*book.header, "sync_row"), ((*cells, "2"),))], book.header, {2: rows[0]}.get)

    with pytest.raises(SourceError) if is_refused else nullcontext():
        back("a", found, was).survey()
    with pytest.raises(SourceError):
        back("a", was, found).survey()


def test_a_damaged_line_keeps_its_problems(make_book: MakeBook) -> None:
    """A line of the results file that cannot be read is reported, not guessed."""

    class Damaged(Table):
        def rows(self) -> Iterator[SourceRow]:
            yield SourceRow(2, (), problems=(Problem("row_width", "too wide", row=2),), raw="x")

    back = ReadBack([Damaged(("Cell", "sync_row"), ())], ("Cell",), lambda _: None)
    back.survey()
    assert list(back.rows()) == [RetryRow(None, problems=(Problem("row_width", "too wide", row=2),))]


@pytest.mark.parametrize(("line", "words"), [("{", "not JSON"), ("[1]", "expected an object")])
def test_a_jsonl_line_that_is_no_object_is_refused(tmp_path: Path, line: str, words: str) -> None:
    """The line is named."""
    path = tmp_path / "r.jsonl"
    path.write_text(line)
    with pytest.raises(SourceError, match=f"line 1: {words}"):
        JsonlTable(path)


def test_the_lines_left_in_a_plan(make_book: MakeBook, tmp_path: Path) -> None:
    """Deleted lines are not there; one whose row number was spoilt is a problem."""
    path = write_results(make_book(), tmp_path / "plan.xlsx").path
    workbook = openpyxl.load_workbook(path)
    workbook["Changes"].delete_rows(3)
    workbook["Changes"]["A4"] = "x"
    workbook.save(path)
    with open_source(path, SourceOptions(sheet="Changes")) as source:
        found: Sequence[PlanLine | Problem] = list(plan_lines(source.header, source.rows()))
    assert found == [
        PlanLine(2, "cl_1", "name", "Acme LLC"),
        PlanLine(2, "cl_1", "cf_score", "4.5"),
        Problem("plan_line_unknown", '"x" is no row number', row=4, cell="A4"),
    ]
    with pytest.raises(SourceError, match='it has no column "client", "field"'):
        list(plan_lines(("row", "old"), ()))
