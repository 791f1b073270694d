"""What the tests of the results share: a run to write, and sheets as text."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from bulk_sync.errors import Problem
from bulk_sync.records import (
    Cell,
    CellKind,
    ChangedField,
    RequestLine,
    RowResult,
    RunSummary,
    Status,
)

CASES = Path(__file__).parents[2].parent / "shared" / "cases"


@dataclass(frozen=True, kw_only=True)
class FakeBook:
    """A run held in memory."""

    summary: RunSummary
    header: tuple[str, ...]
    sheet: str = "Clients"
    row_list: Sequence[RowResult] = ()
    change_list: Sequence[ChangedField] = ()
    request_list: Sequence[RequestLine] = field(default=())

    def rows(self) -> Iterator[RowResult]:
        return iter(self.row_list)

    def rows_with_changes(self) -> Iterator[tuple[RowResult, Sequence[ChangedField]]]:
        for row in self.row_list:
            yield row, [change for change in self.change_list if change.row_number == row.row_number]

    def changes(self) -> Iterator[ChangedField]:
        return iter(self.change_list)

    def requests(self) -> Iterator[RequestLine]:
        return iter(self.request_list)


SUMMARY = RunSummary(
    run="20260301-091500-7f3a",
    kind="run",
    exit_code=3,
    stopped_by="until",
    counts={"updated": 1, "invalid": 2, "failed": 1, "not_sent": 1},
    requests={"page": 1, "patch": 2},
    source="clients.xlsx",
    sheet="Clients",
    mapping="clients.yaml",
    target="https://api.example.com",
    account="acme",
    started_at="2026-03-01T09:15:00+04:00",
    finished_at="2026-03-01T09:15:03+04:00",
    seconds=3.0,
    rate="60/min",
    output="clients-results.xlsx",
    notes=("read as UTF-8",),
    next_steps=(
        "to go on where it stopped: bulk-sync resume 20260301-091500-7f3a",
        "to take it back: bulk-sync undo 20260301-091500-7f3a",
    ),
    quota={"limit": 60, "remaining": 57},
    problem_groups=((1, '"n/a" is not an e-mail address'),),
    stopped_words="the time of --until has come",
)
HEADER = ("Client ID", "Company", "E-mail", "Code", "Credit", "Since", "VIP")
EMAIL_PROBLEM = Problem(
    "email_invalid",
    '"n/a" is not an e-mail address',
    "write name@domain",
    3,
    "Clients!C3",
    "E-mail",
    "email",
    "n/a",
)
WIDTH_PROBLEM = Problem("row_width", "row 4 has 8 cells, the header 7", "", 4)


def _values(number: int, email: str) -> tuple[str | Cell, ...]:
    return (
        f"cl_{number}",
        "=1+1 & Sons",
        email,
        Cell(f"{number:05d}", number, CellKind.NUMBER),
        Cell("1,234.50", 1234.5, CellKind.NUMBER),
        Cell("2024-03-05", date(2024, 3, 5), CellKind.DATE),
        Cell("TRUE", True, CellKind.BOOLEAN),
    )


ROWS = (
    RowResult(
        2,
        _values(1, "a@example.com"),
        Status.UPDATED,
        "",
        "cl_1",
        "CN-1",
        ("name", "email"),
        200,
        1,
        "",
        "2026-03-01T09:15:01+04:00",
    ),
    RowResult(
        3,
        _values(2, "n/a"),
        Status.INVALID,
        "email_invalid",
        message='cell C3, column "E-mail": "n/a" is not an e-mail address',
        problems=(EMAIL_PROBLEM,),
    ),
    RowResult(4, (), Status.INVALID, "row_width", message="row 4 has 8 cells", problems=(WIDTH_PROBLEM,), raw='a,"b'),
    RowResult(
        5,
        _values(4, "d@example.com"),
        Status.FAILED,
        "validation_error",
        "cl_4",
        "CN-4",
        ("name",),
        422,
        1,
        "=HYPERLINK(1) \x1b[31m refused",
        "2026-03-01T09:15:02+04:00",
    ),
    RowResult(6, _values(5, "e@example.com"), Status.NOT_SENT, "", "cl_5"),
)
CHANGES = (
    ChangedField(2, "cl_1", "name", "Acme", "Acme LLC", "Acme LLC", stored_shown=True),
    ChangedField(2, "cl_1", "email", None, "a@example.com", "=a", stored_shown=True),
    ChangedField(2, "cl_1", "cf_score", 3, 4.5, None, old_known=False),
    ChangedField(5, "cl_4", "cf_tags", ["a"], None, None),
)
REQUESTS = (
    RequestLine(1772342100.0, "page", 200, 0.12, "ok"),
    RequestLine(1772342101.0, "patch", 200, 0.2, "ok", 1),
    RequestLine(1772342102.0, "patch", 422, 0.3, "failed", 2),
)

BookMaker = Callable[..., FakeBook]


@pytest.fixture
def cases() -> Path:
    """The folder of public cases."""
    if not CASES.is_dir():
        pytest.skip(f"the public cases are not at {CASES}")
    return CASES


@pytest.fixture
def summary() -> RunSummary:
    """The sample run's summary, to be changed."""
    return SUMMARY


@pytest.fixture
def make_book() -> BookMaker:
    """Make a run: the sample as it is, or with other parts."""

    def make(
        *,
        rows: Sequence[RowResult] = ROWS,
        changes: Sequence[ChangedField] = CHANGES,
        requests: Sequence[RequestLine] = REQUESTS,
        header: tuple[str, ...] = HEADER,
        summary: RunSummary = SUMMARY,
    ) -> FakeBook:
        return FakeBook(
            summary=summary,
            header=header,
            row_list=rows,
            change_list=changes,
            request_list=requests,
        )

    return make


@pytest.fixture
def with_rows(make_book: BookMaker) -> Callable[[Sequence[RowResult], tuple[str, ...]], FakeBook]:
    """Make a run of rows alone."""

    def make(rows: Sequence[RowResult], header: tuple[str, ...]) -> FakeBook:
        return replace(make_book(changes=(), requests=()), row_list=rows, header=header)

    return make


@pytest.fixture
def sheet_text() -> Callable[[Path, str], str]:
    """Give a sheet as text: one line a row, JSON of its cells, a blank as null."""

    def read(path: Path, sheet: str) -> str:
        workbook = openpyxl.load_workbook(path)
        lines = [json.dumps([_plain(cell) for cell in row], ensure_ascii=False) for row in workbook[sheet].values]
        workbook.close()
        return "\n".join(lines)

    return read


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, (date, datetime)) else value
