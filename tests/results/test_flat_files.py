"""The results as CSV and JSONL."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from bulk_sync.records import Cell, CellKind, ChangedField, RowResult, Status
from bulk_sync.results import write_results
from bulk_sync.results.flat_files import FORMULA_SIGNS
from bulk_sync.results.table import RunBook, What

MakeBook = Callable[..., RunBook]
SYNC = (
    "sync_row,sync_status,sync_code,sync_client_id,sync_client_number,sync_changed,"
    "sync_http_status,sync_attempts,sync_message,sync_finished_at"
)
CSV = f"""\
Client ID,Company,E-mail,Code,Credit,Since,VIP,{SYNC}
cl_1,=1+1 & Sons,a@example.com,00001,"1,234.50",2024-03-05,TRUE,\
2,updated,,cl_1,CN-1,"name, email",200,1,,2026-03-01T09:15:01+04:00
cl_2,=1+1 & Sons,n/a,00002,"1,234.50",2024-03-05,TRUE,\
3,invalid,email_invalid,,,,,0,"cell C3, column ""E-mail"": ""n/a"" is not an e-mail address",
,,,,,,,4,invalid,row_width,,,,,0,"row 4 has 8 cells - the row as it stands in the file: a,""b",
cl_4,=1+1 & Sons,d@example.com,00004,"1,234.50",2024-03-05,TRUE,\
5,failed,validation_error,cl_4,CN-4,name,422,1,'=HYPERLINK(1) \\x1b[31m refused,2026-03-01T09:15:02+04:00
cl_5,=1+1 & Sons,e@example.com,00005,"1,234.50",2024-03-05,TRUE,6,not_sent,,cl_5,,,,0,,
"""
CSV_CHANGES = """\
row,client,field,old,new,stored
2,cl_1,name,Acme,Acme LLC,Acme LLC
2,cl_1,email,(empty),a@example.com,'=a
2,cl_1,cf_score,(not read),4.5,(not shown)
5,cl_4,cf_tags,"[""a""]",(cleared),(not shown)
"""
CSV_PROBLEMS = (
    """\
row,cell,results_cell,column,field,value,code,message,hint
3,Clients!C3,C3,E-mail,email,n/a,email_invalid,"""
    '"""n/a"" is not an e-mail address",write name@domain\n'
    """\
4,,I4,,,,row_width,"row 4 has 8 cells, the header 7",
"""
)
JSON_ROW = {
    "Client ID": "cl_2",
    "Company": "=1+1 & Sons",
    "E-mail": "n/a",
    "Code": "00002",
    "Credit": 1234.5,
    "Since": "2024-03-05",
    "VIP": True,
    "sync_row": 3,
    "sync_status": "invalid",
    "sync_code": "email_invalid",
    "sync_client_id": None,
    "sync_client_number": None,
    "sync_changed": [],
    "sync_http_status": None,
    "sync_attempts": 0,
    "sync_message": 'cell C3, column "E-mail": "n/a" is not an e-mail address',
    "sync_finished_at": None,
    "problems": [
        {
            "code": "email_invalid",
            "message": '"n/a" is not an e-mail address',
            "hint": "write name@domain",
            "row": 3,
            "cell": "Clients!C3",
            "column": "E-mail",
            "field": "email",
            "value": "n/a",
            "severity": "error",
        }
    ],
    "changes": [],
}


def _text(book: RunBook, path: Path, what: What = "results") -> str:
    written = write_results(book, path, what=what).path.read_bytes()
    return written.decode().replace("\r\n", "\n")


def test_a_csv_has_every_row_and_a_mark_for_excel(make_book: MakeBook, tmp_path: Path) -> None:
    """Own columns are the text that was seen; only server text is neutralised."""
    assert _text(make_book(), tmp_path / "results.csv") == "\ufeff" + CSV


def test_changes_and_problems_as_csv(make_book: MakeBook, tmp_path: Path) -> None:
    """What looks like a formula is neutralised."""
    assert _text(make_book(), tmp_path / "changes.csv", "changes") == "\ufeff" + CSV_CHANGES
    assert _text(make_book(), tmp_path / "problems.csv", "problems") == "\ufeff" + CSV_PROBLEMS


def test_neutralising_is_said_once(make_book: MakeBook, tmp_path: Path) -> None:
    """The note says what was done to which text, and nothing where nothing was done."""
    rows = [RowResult(number, ("a",), Status.FAILED, "=x", message="fine") for number in (2, 3)]
    book = make_book(header=("Note",), rows=[*rows, RowResult(4, ("=b",), Status.UPDATED)], changes=())
    assert write_results(book, tmp_path / "results.csv").notes == (
        (
            "in the CSV, text of the server that looks like a formula begins with an apostrophe (2 rows); "
            "your own columns are as they were"
        ),
    )
    clean = make_book(header=("Note",), rows=[RowResult(4, ("=b",), Status.UPDATED)], changes=())
    assert write_results(clean, tmp_path / "clean.csv").notes == ()


def test_phones_and_formulas_of_the_user_stay(make_book: MakeBook, tmp_path: Path) -> None:
    """A phone number that begins with + is not damaged for safety's sake."""
    row = RowResult(2, ("+971501234567", "-5", "=A1"), Status.FAILED, "+x", "=id", "@n", message="-1")
    book = make_book(header=("Phone", "Credit", "Note"), rows=[row], changes=())
    line = _text(book, tmp_path / "own.csv").splitlines()[1]
    assert line == "+971501234567,-5,=A1,2,failed,'+x,'=id,'@n,,,0,'-1,"


def test_old_new_and_stored_are_told_alike(make_book: MakeBook, tmp_path: Path) -> None:
    """A value that is what was sent looks so: phones and numbers as they are, formulas with their apostrophe."""
    phones = ["+971501234567", "+971 (50) 123-45-67", "-5", "+1.234,5", "Acme"]
    formulas = ["=1+1", "@SUM(1)", "+cmd|' /C calc'!A0", "-2+3", "+2-3", "\t=1", "\r=1", "＝1", "-", "+971501234567+1"]
    values = (*phones, *formulas)
    changes = [ChangedField(2, "cl_1", "cf_a", value, value, value, stored_shown=True) for value in values]
    path = write_results(make_book(changes=changes), tmp_path / "changes.csv", what="changes").path
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line[3:] for line in csv.reader(file)][1:]
    assert lines[: len(phones)] == [[phone] * 3 for phone in phones]
    assert len(lines) == len(changes)
    assert not [text for line in lines[len(phones) :] for text in line if text[0] in FORMULA_SIGNS]


def test_a_jsonl_line_has_problems_and_changes(make_book: MakeBook, tmp_path: Path) -> None:
    """Numbers are numbers, 00002 keeps its zeros, and the arrays stand with their row."""
    lines = [json.loads(line) for line in _text(make_book(), tmp_path / "results.jsonl").splitlines()]
    assert lines[1] == JSON_ROW
    assert [[change["field"] for change in line["changes"]] for line in lines] == [
        *(["name", "email", "cf_score"], [], [], ["cf_tags"], [])
    ]
    assert lines[0]["changes"][2] == {
        "row": 2,
        "client": "cl_1",
        "field": "cf_score",
        "old": 3,
        "new": 4.5,
        "stored": None,
        "old_known": False,
        "stored_shown": False,
    }


def test_jsonl_of_changes_and_problems(make_book: MakeBook, tmp_path: Path) -> None:
    """One object a line, the same as in the rows."""
    changes = _text(make_book(), tmp_path / "c.jsonl", "changes").splitlines()
    problems = _text(make_book(), tmp_path / "p.jsonl", "problems").splitlines()
    assert [json.loads(line)["field"] for line in changes] == ["name", "email", "cf_score", "cf_tags"]
    assert json.loads(problems[0]) == JSON_ROW["problems"][0]  # type: ignore[index]
    assert json.loads(problems[1])["row"] == 4


def test_changes_of_rows_without_a_line_hold_nothing_up(make_book: MakeBook, tmp_path: Path) -> None:
    """A change of a row that is not there does not swallow the changes after it."""
    changes = [ChangedField(row, "c", "name", "a", "b") for row in (1, 2, 3)]
    rows = [RowResult(row, ("x",), Status.UPDATED) for row in (2, 3)]
    book = make_book(header=("A",), rows=rows, changes=changes)
    lines = [json.loads(line) for line in _text(book, tmp_path / "gap.jsonl").splitlines()]
    assert [[change["row"] for change in line["changes"]] for line in lines] == [[2], [3]]


def test_repeated_and_unnamed_columns_keep_their_values(make_book: MakeBook, tmp_path: Path) -> None:
    """No value is lost to a key that occurs twice."""
    row = RowResult(2, ("a", "b", "c"), Status.READY)
    book = make_book(header=("Id", "", "Id"), rows=[row], changes=())
    line = json.loads(_text(book, tmp_path / "names.jsonl"))
    assert [line["Id"], line["column B"], line["Id (2)"]] == ["a", "b", "c"]


def test_cells_without_a_text_are_written_by_their_value(make_book: MakeBook, tmp_path: Path) -> None:
    """A number under a format that nobody can reproduce, an error and an unsaved formula."""
    cells = (
        Cell("", 12.5, CellKind.NUMBER, "[Red]odd"),
        Cell("#N/A", None, CellKind.ERROR),
        Cell("", None, CellKind.FORMULA),
    )
    book = make_book(header=("A", "B", "C"), rows=[RowResult(2, cells, Status.READY)], changes=())
    assert _text(book, tmp_path / "odd.csv").splitlines()[1].startswith("12.5,#N/A,,2,ready")
    line = json.loads(_text(book, tmp_path / "odd.jsonl"))
    assert [line["A"], line["B"], line["C"]] == [12.5, "#N/A", None]
