"""The results as a workbook, opened by other programs."""

import csv
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import python_calamine
from openpyxl.utils import get_column_letter

from bulk_sync.errors import Problem
from bulk_sync.records import Cell, CellKind, RowResult, RunSummary, Status
from bulk_sync.results import write_results
from bulk_sync.results.run_property import run_of_workbook, workbook_properties
from bulk_sync.results.table import RunBook, What
from bulk_sync.results.xlsx_file import write_workbook
from bulk_sync.results.xlsx_results import COMMENTS

MakeBook = Callable[..., RunBook]
SheetText = Callable[[Path, str], str]
RESULTS = """\
["Client ID", "Company", "E-mail", "Code", "Credit", "Since", "VIP", "sync_row", "sync_status", "sync_code", \
"sync_client_id", "sync_client_number", "sync_changed", "sync_http_status", "sync_attempts", "sync_message", \
"sync_finished_at"]
["cl_1", "=1+1 & Sons", "a@example.com", 1, 1234.5, "2024-03-05T00:00:00", true, 2, "updated", null, "cl_1", \
"CN-1", "name, email", 200, 1, null, "2026-03-01T09:15:01+04:00"]
["cl_2", "=1+1 & Sons", "n/a", 2, 1234.5, "2024-03-05T00:00:00", true, 3, "invalid", "email_invalid", null, \
null, null, null, 0, "cell C3, column \\"E-mail\\": \\"n/a\\" is not an e-mail address", null]
[null, null, null, null, null, null, null, 4, "invalid", "row_width", null, null, null, null, 0, \
"row 4 has 8 cells - the row as it stands in the file: a,\\"b", null]
["cl_4", "=1+1 & Sons", "d@example.com", 4, 1234.5, "2024-03-05T00:00:00", true, 5, "failed", \
"validation_error", "cl_4", "CN-4", "name", 422, 1, "=HYPERLINK(1) \\\\x1b[31m refused", \
"2026-03-01T09:15:02+04:00"]
["cl_5", "=1+1 & Sons", "e@example.com", 5, 1234.5, "2024-03-05T00:00:00", true, 6, "not_sent", null, "cl_5", \
null, null, null, 0, null, null]"""
CHANGES = """\
["row", "client", "field", "old", "new", "stored"]
[2, "cl_1", "name", "Acme", "Acme LLC", "Acme LLC"]
[2, "cl_1", "email", "(empty)", "a@example.com", "=a"]
[2, "cl_1", "cf_score", "(not read)", 4.5, "(not shown)"]
[5, "cl_4", "cf_tags", "[\\"a\\"]", "(cleared)", "(not shown)"]"""
PROBLEMS = """\
["row", "cell", "results_cell", "column", "field", "value", "code", "message", "hint"]
[3, "Clients!C3", "C3", "E-mail", "email", "n/a", "email_invalid", "\\"n/a\\" is not an e-mail address", \
"write name@domain"]
[4, null, "I4", null, null, null, "row_width", "row 4 has 8 cells, the header 7", null]"""
SUMMARY = """\
["bulk_sync results", null, null, null]
["run 20260301-091500-7f3a of clients.xlsx - stopped: the time of --until has come", null, null, null]
[null, null, null, null]
["Rows", null, null, null]
["updated", 1, 0.2, "accepted by the API"]
["invalid", 2, 0.4, "refused here, never sent"]
["failed", 1, 0.2, "refused by the API"]
["not_sent", 1, 0.2, "the run stopped before this row"]
["all rows", 5, null, null]
[null, null, null, null]
["What to do next", null, null, null]
[1, "to go on where it stopped: bulk-sync resume 20260301-091500-7f3a", null, null]
[2, "to take it back: bulk-sync undo 20260301-091500-7f3a", null, null]
[null, null, null, null]
["Left unsent", null, null, null]
["rows not_sent", 1, null, null]
["why", "the time of --until has come", null, null]
[null, null, null, null]
["Problems by cause", null, null, null]
[1, "\\"n/a\\" is not an e-mail address", null, null]
[null, null, null, null]
["Time and requests", null, null, null]
["began", "2026-03-01T09:15:00+04:00", null, null]
["ended", "2026-03-01T09:15:03+04:00", null, null]
["duration", "3.0 s", null, null]
["requests: page", 1, null, null]
["requests: patch", 2, null, null]
["requests in all", 3, null, null]
["requests a minute", 60.0, null, null]
["allowed rate", "60/min", null, null]
[null, null, null, null]
["Quota", null, null, null]
["limit", 60, null, null]
["remaining", 57, null, null]
[null, null, null, null]
["What was run", null, null, null]
["run", "20260301-091500-7f3a", null, null]
["kind", "run", null, null]
["source", "clients.xlsx", null, null]
["sheet", "Clients", null, null]
["mapping", "clients.yaml", null, null]
["target", "https://api.example.com", null, null]
["account", "acme", null, null]
["results", "clients-results.xlsx", null, null]
["exit code", 3, null, null]
[null, null, null, null]
["Notes", null, null, null]
[1, "read as UTF-8", null, null]"""


@pytest.fixture
def written(make_book: MakeBook, tmp_path: Path) -> Path:
    """Write the sample's workbook."""
    return write_results(make_book(), tmp_path / "results.xlsx").path


@pytest.mark.parametrize(
    ("sheet", "text"),
    [("Results", RESULTS), ("Changes", CHANGES), ("Problems", PROBLEMS), ("Summary", SUMMARY)],
)
def test_each_sheet_reads_as_promised(written: Path, sheet_text: SheetText, sheet: str, text: str) -> None:
    """Every cell of every sheet is where the contract puts it."""
    assert sheet_text(written, sheet) == text


def test_the_sheets_stand_in_the_promised_order_and_say_their_run(written: Path) -> None:
    """The run is found again by the workbook's properties."""
    assert python_calamine.load_workbook(written).sheet_names == ["Results", "Changes", "Problems", "Summary"]
    assert workbook_properties(written) == {"bulk_sync_run": "20260301-091500-7f3a", "bulk_sync_kind": "run"}
    assert run_of_workbook(written.with_name("none.xlsx")) == ("", "")


def test_header_filter_colours_and_widths(written: Path) -> None:
    """The header is frozen and filters, and no two statuses look alike, even without colour where it matters."""
    workbook = openpyxl.load_workbook(written)
    for name in ("Results", "Changes", "Problems"):
        sheet = workbook[name]
        assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", sheet.dimensions)
    statuses = [workbook["Results"].cell(row, 9) for row in range(2, 7)]
    fills = {str(cell.value): cell.fill.start_color.rgb for cell in statuses}
    assert len(set(fills.values())) == len(fills) == 4
    assert [(cell.value, cell.font.b, cell.font.i) for cell in statuses] == [
        ("updated", False, False),
        ("invalid", True, False),
        ("invalid", True, False),
        ("failed", True, False),
        ("not_sent", False, True),
    ]
    assert workbook["Results"].column_dimensions["P"].width > 40 > workbook["Results"].column_dimensions["A"].width
    workbook.close()


def test_own_cells_show_the_text_that_was_seen(written: Path) -> None:
    """A number comes back as a number, under a format that shows 00123 and 1,234.50 as they were."""
    sheet = openpyxl.load_workbook(written)["Results"]
    assert [(sheet[cell].value, sheet[cell].number_format) for cell in ("D2", "E2", "F2", "G2")] == [
        (1, "00000"),
        (1234.5, "#,##0.00"),
        (sheet["F2"].value, "yyyy-mm-dd"),
        (True, '"TRUE";"TRUE";"FALSE"'),
    ]


def test_problem_cells_are_marked_commented_and_linked(written: Path) -> None:
    """The cell itself says what is wrong, and Problems leads to it."""
    workbook = openpyxl.load_workbook(written)
    marked = workbook["Results"]["C3"]
    assert marked.comment is not None
    assert marked.comment.text == '"n/a" is not an e-mail address\nwrite name@domain\nemail_invalid'
    assert marked.border.left.style == "thin"
    links = [workbook["Problems"].cell(row, 3).hyperlink for row in (2, 3)]
    assert [link.location for link in links if link] == ["'Results'!C3", "'Results'!I4"]
    workbook.close()


def test_only_the_first_thousand_problem_cells_get_a_comment(with_rows: MakeBook, tmp_path: Path) -> None:
    """All problem cells are marked and listed, the comments end at a thousand."""
    problem = Problem("bad", "bad", column="A", cell="A2")
    rows = [RowResult(n, ("x",), Status.INVALID, "bad", problems=(problem,)) for n in range(2, COMMENTS + 52)]
    path = write_results(with_rows(rows, ("A",)), tmp_path / "many.xlsx").path
    workbook = openpyxl.load_workbook(path)
    cells = [row[0] for row in workbook["Results"].iter_rows(min_row=2)]
    assert sum(cell.comment is not None for cell in cells) == COMMENTS
    assert {cell.border.left.style for cell in cells} == {"thin"}
    assert workbook["Problems"].max_row == len(rows) + 1
    workbook.close()


def test_a_problem_of_several_cells_marks_them_all(with_rows: MakeBook, tmp_path: Path) -> None:
    """A template's cells are found by their letters, past columns that are left out."""
    problem = Problem("long", "too long", cell="'My, list'!A2, 'My, list'!C2 (line 9)", column="First, Last")
    row = RowResult(2, ("a", "9", "b"), Status.INVALID, problems=(problem,))
    path = write_results(with_rows([row], ("First", "sync_row", "Last")), tmp_path / "two.xlsx").path
    sheet = openpyxl.load_workbook(path)["Results"]
    assert [cell.border.left.style for cell in sheet[2]][:3] == ["thin", "thin", None]


def test_a_sheet_too_large_for_a_plain_zip(
    with_rows: MakeBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entry gets the larger form: whole, with the right checksum, and readable."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 50_000)
    path = tmp_path / "large.xlsx"
    write_workbook(with_rows([RowResult(n, ("x" * 99,), Status.UPDATED) for n in range(2, 502)], ("A",)), path)
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        assert package.getinfo("xl/worksheets/sheet1.xml").extract_version == zipfile.ZIP64_VERSION
    assert openpyxl.load_workbook(path)["Results"].max_row == 501


def test_results_go_on_past_a_sheets_last_row(make_book: MakeBook, tmp_path: Path) -> None:
    """Rows past the limit stand on Results 2 under the same header, and problems lead there."""
    path = tmp_path / "split.xlsx"
    notes = write_workbook(make_book(), path, rows=3)
    assert notes == (
        "Results fills 3 sheets: Results, Results 2, Results 3",
        "Changes fills 2 sheets: Changes, Changes 2",
    )
    workbook = openpyxl.load_workbook(path)
    assert workbook.sheetnames == [
        *("Results", "Results 2", "Results 3", "Changes", "Changes 2", "Problems", "Summary")
    ]
    for sheet in workbook.worksheets[:-1]:  # each has its own filter and printed titles, wherever it stands
        assert sheet.auto_filter.ref == f"A1:{get_column_letter(sheet.max_column)}{max(2, sheet.max_row)}"
        assert sheet.print_title_rows == "$1:$1"
    numbers = [[row[7] for row in workbook[name].values] for name in ("Results", "Results 2", "Results 3")]
    assert numbers == [["sync_row", 2, 3], ["sync_row", 4, 5], ["sync_row", 6]]
    link = workbook["Problems"]["C3"].hyperlink
    assert workbook["Problems"]["C3"].value == "'Results 2'!I2"
    assert link is not None
    assert link.location == "'Results 2'!I2"
    workbook.close()


def test_a_plan_shows_no_stored_values(
    make_book: MakeBook, summary: RunSummary, tmp_path: Path, sheet_text: SheetText
) -> None:
    """What was not sent has no answer that could show anything."""
    path = write_results(make_book(summary=summary._replace(kind="plan")), tmp_path / "plan.xlsx").path
    assert sheet_text(path, "Changes").splitlines()[3] == '[2, "cl_1", "cf_score", "(not read)", 4.5, null]'


def test_the_sandbox_is_said_on_the_summary_and_in_every_row(
    make_book: MakeBook, summary: RunSummary, tmp_path: Path, sheet_text: SheetText
) -> None:
    """Nobody takes a sandbox's results for the CRM's."""
    path = write_results(make_book(summary=summary._replace(sandbox=True)), tmp_path / "sandbox.xlsx").path
    assert "SANDBOX - a stand-in was written to, not the CRM" in sheet_text(path, "Summary")
    assert all("SANDBOX" in line for line in sheet_text(path, "Results").splitlines()[1:])

    planned = make_book(summary=summary._replace(sandbox=True, kind="plan", requests={"page": 1}))
    path = write_results(planned, tmp_path / "plan.xlsx").path
    assert "SANDBOX - for a stand-in, not the CRM; nothing was written" in sheet_text(path, "Summary")


@pytest.mark.parametrize(
    ("what", "sheets"), [("changes", ["Changes", "Summary"]), ("problems", ["Problems", "Summary"])]
)
def test_changes_or_problems_alone(
    make_book: MakeBook, tmp_path: Path, what: What, sheets: list[str], sheet_text: SheetText
) -> None:
    """Each of the lists can be had without the others, and is the same."""
    path = write_results(make_book(), tmp_path / "part.xlsx", what=what).path
    assert openpyxl.load_workbook(path, read_only=True).sheetnames == sheets
    assert sheet_text(path, sheets[0]) == {"changes": CHANGES, "problems": PROBLEMS}[what]


def test_a_source_column_of_ours_is_dropped_and_said(
    with_rows: MakeBook, tmp_path: Path, sheet_text: SheetText
) -> None:
    """A sync_ column of the source never stands against ours."""
    row = RowResult(2, ("a", "old", "b"), Status.UNCHANGED)
    written = write_results(with_rows([row], ("A", "Sync_Status", "B")), tmp_path / "own.xlsx")
    assert written.notes == (
        "the results leave out the source's \"Sync_Status\": names that begin with sync_ are this tool's own",
    )
    assert sheet_text(written.path, "Results").splitlines()[1].startswith('["a", "b", 2, "unchanged"')


def test_columns_past_excels_last_are_left_out_and_said(with_rows: MakeBook, tmp_path: Path) -> None:
    """The columns of ours always have room."""
    row = RowResult(2, ("x",) * 16_380, Status.UNCHANGED)
    header = tuple(f"c{number}" for number in range(16_380))
    written = write_results(with_rows([row], header), tmp_path / "wide.xlsx")
    assert written.notes == ("the last 6 columns of the source do not fit into a workbook; .csv has them",)
    with python_calamine.load_workbook(written.path) as workbook:
        assert len(workbook.get_sheet_by_name("Results").to_python()[1]) == 16_384


def test_a_workbook_that_cannot_be_finished_leaves_nothing(with_rows: MakeBook, tmp_path: Path) -> None:
    """An error in the middle leaves neither half a file nor an open one."""
    rows = [RowResult(2, ("x",), Status.UNCHANGED), RowResult(3, (Cell("x", "x", "odd"),), "broken")]  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write_results(with_rows(rows, ("A",)), tmp_path / "half.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_needs_room_only_where_it_is_wanted(with_rows: MakeBook, tmp_path: Path) -> None:
    """Its parts lie beside it, whether or not there is a place for temporary files."""
    rows = [RowResult(2, ("x",), Status.UNCHANGED)]
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path / "full")
    try:
        path = write_results(with_rows(rows, ("A",)), tmp_path / "out.xlsx").path
    finally:
        tempfile.tempdir = before
    assert list(tmp_path.iterdir()) == [path]


def test_results_belong_to_their_owner_only(make_book: MakeBook, tmp_path: Path) -> None:
    """New results files are 0600 unless told otherwise."""
    private = write_results(make_book(), tmp_path / "a.xlsx").path
    shared = write_results(make_book(), tmp_path / "b.xlsx", mode=0o640).path
    assert [stat.S_IMODE(path.stat().st_mode) for path in (private, shared)] == [0o600, 0o640]


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_libreoffice_reads_the_same(with_rows: MakeBook, tmp_path: Path) -> None:
    """LibreOffice opens the workbook, and nothing in it is a formula, markup or control to it."""
    texts = ("=1+1", "<r><t>x</t></r>", "_x0041_", "a\nb", "@SUM(1)", "\ud800 & <b>")
    rows = [
        RowResult(n, (text, Cell("007", 7, CellKind.NUMBER)), Status.FAILED, message=text)
        for n, text in enumerate(texts, 2)
    ]
    path = write_results(with_rows(rows, ("A", "B")), tmp_path / "book.xlsx").path
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{tmp_path}/profile",
            "--headless",
            "--convert-to",
            "csv",
            "--outdir",
            str(tmp_path),
            str(path),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        read = [row[0] for row in csv.reader(file)][1:]
    assert read == [*texts[:-1], "\\ud800 & <b>"]
