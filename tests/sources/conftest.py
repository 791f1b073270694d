"""What the tests of the sources share: the public cases, and files made on the spot."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import pytest
import xlsxwriter

from bulk_sync.sources import SourceOptions, open_source

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
Read = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def cases() -> Path:
    """The folder of public cases."""
    if not CASES.is_dir():
        pytest.skip(f"the public cases are not at {CASES}")
    return CASES


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a text, or bytes, as a CSV."""

    def write(content: str | bytes, name: str = "clients.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as a workbook's only sheet; ``shape`` may do more to it."""

    def write(
        rows: Iterable[Iterable[object]],
        shape: Callable[[Any, Any], object] | None = None,
        name: str = "clients.xlsx",
        **options: object,
    ) -> Path:
        path = tmp_path / name
        with xlsxwriter.Workbook(str(path), options) as book:
            sheet = book.add_worksheet("Clients")
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            if shape:
                shape(book, sheet)
        return path

    return write


@pytest.fixture
def read() -> Read:
    """Read a file to (row number, texts) or (row number, problem code)."""

    def read_all(path: Path, needs: tuple[str, ...] = (), **options: object) -> list[tuple[Any, ...]]:
        with open_source(path, SourceOptions(**cast("dict[str, Any]", options)), needs=needs) as source:
            return [
                (row.row_number, *(cell.text for cell in row.cells))
                if row.values
                else (row.row_number, row.problems[0].code)
                for row in source.rows()
            ]

    return read_all
