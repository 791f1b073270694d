"""Workbooks of other formats (.xls, .xlsb, .ods), read by calamine.

Calamine knows neither number formats nor hidden rows, and shows a cell with an error as blank; the notes say so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path

import python_calamine as calamine

from bulk_sync.errors import SourceError
from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.content import Content
from bulk_sync.sources.number_format import general_text
from bulk_sync.sources.options import SourceOptions
from bulk_sync.sources.serial_date import duration_cell
from bulk_sync.sources.sheet_choice import chosen_sheet
from bulk_sync.sources.sheet_table import Covered, RawRow, SheetSource, first_texts
from bulk_sync.sources.xlsx_merged import Merged, MergedCells

_LIMITS = (
    "number formats, hidden rows and errors such as #N/A are not read from .{kind} files: numbers are shown "
    "plainly, errors as blanks; save it as .xlsx where that matters"
)
_CalamineValue = int | float | str | bool | time | date | datetime | timedelta


class CalamineSource(SheetSource):
    """A sheet of a workbook that calamine reads."""

    def __init__(self, path: Path, content: Content, options: SourceOptions, needs: Collection[str] = ()) -> None:
        self.kind = content.kind
        self._book = _opened(path)
        try:
            sheets = [one for one in self._book.sheets_metadata if one.typ is calamine.SheetTypeEnum.WorkSheet]
            name = chosen_sheet(
                str(path),
                sheets=[one.name for one in sheets],
                hidden={one.name for one in sheets if one.visible is not calamine.SheetVisibleEnum.Visible},
                wanted=options.sheet,
                needs=needs,
                peek=lambda name: self._peek(path, name),
            )
            self._sheet = _loaded(self._book, path, name)
            super().__init__(path, name, options, needs)
        except BaseException:
            self.close()
            raise
        self.notes = (
            *content.notes,
            _LIMITS.format(kind=self.kind),
        )

    def close(self) -> None:
        """Close the file."""
        self._book.close()

    def _raw_rows(self) -> Iterator[RawRow]:
        return _rows(self._sheet)

    def _covered(self) -> Covered:
        ranges = self._sheet.merged_cell_ranges or []
        return MergedCells([Merged(top + 1, left, bottom + 1, right) for (top, left), (bottom, right) in ranges])

    def _peek(self, path: Path, name: str) -> Sequence[Sequence[str]]:
        """Return the texts of a sheet's first rows."""
        return first_texts(_rows(_loaded(self._book, path, name)))


def _rows(sheet: calamine.CalamineSheet) -> Iterator[RawRow]:
    """Yield the rows from the first that holds anything."""
    start = sheet.start
    if start is None:
        return
    # Calamine gives the rows from the sheet's first, but the columns from the first that is used.
    left = start[1]
    for number, values in enumerate(sheet.iter_rows(), start=1):
        cells = {column: _cell(value) for column, value in enumerate(values, left) if value != ""}
        yield RawRow(number, cells)


def read_sheets(path: Path) -> Iterator[tuple[str, Iterator[RawRow]]]:
    """Read every sheet of a workbook: its name and its rows.

    :raises SourceError: if the workbook cannot be read.
    """
    with _opened(path) as book:
        for name in book.sheet_names:
            yield name, _rows(_loaded(book, path, name))


def _cell(value: _CalamineValue) -> str | Cell:
    """Give a stored value its text and kind."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return Cell("TRUE" if value else "FALSE", value, CellKind.BOOLEAN)
    if isinstance(value, int | float):
        number = int(value) if value == int(value) and abs(value) < 10**21 else value
        return Cell(general_text(number), number, CellKind.NUMBER)
    if isinstance(value, timedelta):
        return duration_cell(value)
    if isinstance(value, datetime):
        return Cell(value.isoformat(), value, CellKind.DATETIME)
    kind = CellKind.DATE if isinstance(value, date) else CellKind.TIME
    return Cell(value.isoformat(), value, kind)


def _opened(path: Path) -> calamine.CalamineWorkbook:
    """Open a workbook; what calamine raises becomes a refusal."""
    try:
        # By its bytes: given a path, calamine goes by the suffix.
        return calamine.CalamineWorkbook.from_filelike(BytesIO(path.read_bytes()))
    except BaseException as error:  # noqa: BLE001  # a panic of calamine is no Exception
        raise _refusal(path, error) from None


def _loaded(book: calamine.CalamineWorkbook, path: Path, name: str) -> calamine.CalamineSheet:
    """Load a sheet; what calamine raises becomes a refusal."""
    try:
        return book.get_sheet_by_name(name)
    except BaseException as error:  # noqa: BLE001  # a panic of calamine is no Exception
        raise _refusal(path, error) from None


def _refusal(path: Path, error: BaseException) -> BaseException:
    """Say why a workbook cannot be read.

    A panic of the library is no ``Exception``; what is neither it nor one (Ctrl-C) passes as it is.
    """
    if isinstance(error, calamine.PasswordError):
        return SourceError(
            f"{path} is encrypted: it opens only with a password", hint="save it in Excel without a password"
        )
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        reason = " ".join(str(error).split())[:200]
        return SourceError(f"{path} is damaged, truncated or foreign: {reason}", hint="save it again as .xlsx")
    return error
