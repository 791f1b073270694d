"""Whatever stands in a cell, an id or a server's message: the files are whole, and text stays text."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import openpyxl
import pytest
import python_calamine
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulk_sync.errors import Problem
from bulk_sync.records import Cell, CellKind, ChangedField, RowResult, Status
from bulk_sync.results import write_results
from bulk_sync.results.html_page import write_report
from bulk_sync.results.table import RunBook
from bulk_sync.sources import SourceOptions, open_source

MakeBook = Callable[..., RunBook]
ANY_TEXT = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["=1+1", "+1", "-1", "@A1", "<r><t>x</t></r>", "_x0041_", "http://a.example", "\ud800", "\x00", "\ufffe", "]]>"]
)

relaxed = settings(max_examples=12)


def _row(number: int, text: str) -> RowResult:
    problem = Problem(text, text, text, None, text, text, text, text)
    return RowResult(
        number, (text, Cell(text, text, CellKind.TEXT), Cell(text, None, CellKind.ERROR)), Status.FAILED,
        text, text, text, (text,), 422, 1, text, text, (problem,), raw=text,
    )  # fmt: skip


def _book(make_book: MakeBook, texts: list[str]) -> RunBook:
    changes = [ChangedField(n, text, text, text, [text], {text: text}) for n, text in enumerate(texts, 2)]
    return make_book(header=("A", "B", "C"), rows=[_row(n, text) for n, text in enumerate(texts, 2)], changes=changes)


def _formulas(path: Path) -> int:
    """Count what a spreadsheet would run: formulas, and links that lead out of the workbook."""
    found = 0
    with ZipFile(path) as package:
        for name in package.namelist():
            if name.startswith("xl/worksheets/"):
                text = package.read(name).decode()
                found += len(re.findall(r"<f[ >]|TargetMode=\"External\"", text))
    return found


def _own_texts(path: Path) -> Iterator[str]:
    """Yield the first cell of each row as our own reader sees it."""
    with open_source(path, SourceOptions(sheet="Results")) as source:
        for row in source.rows():
            value = row.values[0]
            yield value if isinstance(value, str) else value.text


def _check(book: RunBook, path: Path, rows: int) -> None:
    write_results(book, path, replaces=None)
    assert _formulas(path) == 0
    with python_calamine.load_workbook(path) as workbook:
        sizes = [len(workbook.get_sheet_by_name(name).to_python()) for name in ("Results", "Changes", "Problems")]
    assert sizes == [rows + 1] * 3
    opened = openpyxl.load_workbook(path, read_only=True)
    kinds = {cell.data_type for sheet in opened for row in sheet.iter_rows() for cell in row}
    opened.close()
    assert kinds <= {"s", "n", "b", "inlineStr", "d"}


@relaxed
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=5))
@example(["=1+1", "<r><b/></r>", "\ud800\ufffe\x00\x1b", "\r", " ", "\t=1"])
def test_any_text_anywhere_gives_a_whole_workbook_without_formulas(make_book: MakeBook, texts: list[str]) -> None:
    """Law: no text makes a formula, a link or a broken file, in two independent readers."""
    with TemporaryDirectory() as folder:
        _check(_book(make_book, texts), Path(folder) / "any.xlsx", len(texts))


@relaxed
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=30)
)
@example("_x0041_")
@example("a\x1b\r\nb")
def test_the_users_own_text_comes_back_as_it_was(make_book: MakeBook, text: str) -> None:
    """Law: our reader finds every text as the source had it, but for line ends and outer white space."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "own.xlsx"
        write_results(_book(make_book, [f"|{text}|"]), path)
        (found,) = _own_texts(path)
    assert found.splitlines() == f"|{text}|".splitlines()


@relaxed
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=5))
def test_any_text_anywhere_gives_whole_flat_files_and_a_whole_page(make_book: MakeBook, texts: list[str]) -> None:
    """Law: every row is there in CSV, JSONL and page; server text never begins a formula, own text is untouched."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        book = _book(make_book, texts)
        paths = [write_results(book, folder / f"any.{suffix}").path for suffix in ("csv", "jsonl")]
        with paths[0].open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
        objects = [json.loads(line) for line in paths[1].read_text("utf-8").split("\n") if line]
        page = write_report(book, folder / "any.html").path.read_text("utf-8")
    shown = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
    assert [line["A"] for line in lines] == shown
    assert not [line for line in lines if line["sync_message"].startswith(("=", "+", "-", "@"))]
    assert [line["sync_row"] for line in objects] == list(range(2, len(texts) + 2))
    assert page.count("<tr data-status=") == len(texts)
    assert page.rstrip().endswith("</html>")


@pytest.mark.parametrize("name", ["blns", "patt"])
def test_the_public_lists_come_out_inert(make_book: MakeBook, cases: Path, tmp_path: Path, name: str) -> None:
    """The big list of naughty strings, and formula injections from the wild."""
    if name == "blns":
        texts = json.loads((cases / "lists" / "blns" / "blns.json").read_text("utf-8"))
    else:
        files = [path for path in (cases / "lists" / "patt").rglob("*") if path.is_file()]
        texts = [line for path in files for line in path.read_text("utf-8", "replace").splitlines() if line][:500]
    assert len(texts) > 300
    _check(_book(make_book, texts), tmp_path / "list.xlsx", len(texts))


def test_ten_thousand_hostile_error_bodies_are_complete(make_book: MakeBook, tmp_path: Path) -> None:
    """A megabyte of markup in every answer neither breaks nor bloats the workbook, and the cut is visible."""
    body = "\x1b]0;=cmd|'/c calc'!A1</t></is></c>\ud83d\x00" * 10
    rows = [
        RowResult(n, (f"cl_{n}",), Status.FAILED, "422", message=body if n % 100 else "<r>" * 350_000)
        for n in range(2, 10_002)
    ]
    book = make_book(header=("A",), rows=rows, changes=())
    path = write_results(book, tmp_path / "hostile.xlsx").path
    with python_calamine.load_workbook(path) as workbook:
        read = workbook.get_sheet_by_name("Results").to_python()
    assert [row[1] for row in read[1:]] == [*range(2, 10_002)]
    messages = [str(row[9]) for row in read[1:]]
    assert {message.endswith("… [cut, 1,050,000 characters]") for message in messages[98::100]} == {True}
    assert min(map(len, messages)) > 350
    assert path.stat().st_size < 5_000_000


def test_a_cell_longer_than_excel_takes_is_cut_visibly(make_book: MakeBook, tmp_path: Path) -> None:
    """Excel counts UTF-16 units, so that fewer characters fit where they lie beyond the first plane."""
    long = ["x" * 40_000, "😀" * 20_000]
    book = make_book(header=("A",), rows=[RowResult(2, (text,), Status.READY) for text in long], changes=())
    path = write_results(book, tmp_path / "long.xlsx").path
    texts = list(_own_texts(path))
    assert [len(text.encode("utf-16-le")) // 2 <= 32_767 for text in texts] == [True, True]
    assert [text[-27:] for text in texts] == [
        "… [cut, 40,000 characters]".rjust(27, "x"),
        "… [cut, 20,000 characters]".rjust(27, "😀"),
    ]
