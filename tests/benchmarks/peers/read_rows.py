"""A file as Python rows, by others: ``read_rows.py csv|pandas|polars|openpyxl SOURCE``."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path


def rows(reader: str, source: Path) -> Iterable[object]:
    """Return the rows as the library's own documentation gets them, every cell as text where it can."""
    workbook = source.suffix == ".xlsx"
    if reader == "pandas":
        import pandas as pd

        read = pd.read_excel if workbook else pd.read_csv
        return read(source, dtype=str, keep_default_na=False).itertuples(index=False, name=None)
    if reader == "polars":
        import polars as pl

        return pl.read_csv(source, infer_schema=False).iter_rows()
    if reader == "openpyxl":
        import openpyxl

        return openpyxl.load_workbook(source, read_only=True).active.iter_rows(values_only=True)
    import csv

    return csv.reader(source.open(newline="", encoding="utf-8"))


if __name__ == "__main__":
    deque(rows(sys.argv[1], Path(sys.argv[2])), maxlen=0)
