"""The texts of our results, 22 columns, by XlsxWriter as its documentation advises for large files: OUTPUT ROWS."""

from __future__ import annotations

import sys
from pathlib import Path

import xlsxwriter

OWN_COLUMNS = 12


def main(output: Path, count: int) -> None:
    """Write the rows, cell by cell."""
    with xlsxwriter.Workbook(output, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for row in range(1, count + 1):
            number = row + 1
            ours = (
                str(number), "updated", "", f"clt_{number:08d}", f"C{number}", "name, email", "200", "1",
                "accepted", "2025-01-01T00:00:00+00:00",
            )  # fmt: skip
            own = (f"value {number} {column}" for column in range(OWN_COLUMNS))
            for column, text in enumerate((*own, *ours)):
                sheet.write_string(row, column, text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
