"""The same table from a workbook and from CSVs, and from a DataFrame."""

import csv
import datetime as dt
import io
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bulk_sync.records import Cell, CellKind, SourceRow, as_cell
from bulk_sync.sources import open_source
from bulk_sync.sources.frame import FrameSource

TABLE = [
    ["Client ID", "Company", "City", "Note"],
    ["00123", "Müller & Söhne", "Köln", 'says "hi"; twice, today'],
    ["971501234567", "Café; Bar", "", "line\nbreak"],
    ["A-1", " padded ", "Zürich", "'"],
]


def test_workbook_and_both_csvs_give_the_same_texts(
    workbook: Callable[..., Path], csv_file: Callable[..., Path], read: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """An .xlsx, a UTF-8 comma CSV and a cp1252 semicolon CSV of one table are one table."""

    def text(delimiter: str) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=delimiter).writerows(TABLE)
        return buffer.getvalue()

    expected = [(number, *row) for number, row in enumerate(TABLE[1:], start=2)]
    assert read(workbook(TABLE)) == expected
    assert read(csv_file(text(","), "comma.csv")) == expected
    assert read(csv_file(text(";"), "semicolon.csv", encoding="cp1252"), encoding="cp1252") == expected


def test_a_row_of_white_space_is_blank_in_every_kind_of_source(
    workbook: Callable[..., Path], csv_file: Callable[..., Path], read: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """A row in which nobody sees anything is no row without an id, whatever holds it."""
    table = [["id", "name"], ["1", "a"], ["  ", "\u00a0"], ["2", " "]]
    expected = [(2, "1", "a"), (4, "2", " ")]
    assert read(workbook(table)) == expected
    assert read(csv_file("".join(f"{','.join(row)}\n" for row in table))) == expected
    frame = FrameSource(pd.DataFrame(table[1:], columns=table[0]))
    assert [(number, *values) for number, values, *_ in frame.rows()] == expected


def test_a_frame_keeps_its_values() -> None:
    """Numbers, dates and booleans keep what is stored; None, NaN, NA and NaT are blank; blank rows are none."""
    frame = pd.DataFrame(
        {
            " Client\nID ": ["00123", "2", None],
            "n": pd.array([1, None, None], dtype="Int64"),
            "f": [0.5, float("nan"), None],
            "b": pd.array([True, None, None], dtype="boolean"),
            "t": pd.Series([pd.Timestamp("2024-03-01 10:00"), pd.NaT, pd.NaT]),
            "d": [dt.date(2024, 3, 1), pd.NA, None],
        }
    )
    source = FrameSource(frame)
    stamp = pd.Timestamp("2024-03-01 10:00")
    assert source.header == ("Client ID", "n", "f", "b", "t", "d")
    assert list(source.rows()) == [
        SourceRow(
            2,
            (
                "00123",
                Cell("1", 1, CellKind.NUMBER),
                Cell("0.5", 0.5, CellKind.NUMBER),
                Cell("TRUE", True, CellKind.BOOLEAN),
                Cell("2024-03-01T10:00:00", stamp, CellKind.DATETIME),
                Cell("2024-03-01", dt.date(2024, 3, 1), CellKind.DATE),
            ),
        ),
        SourceRow(3, ("2", "", "", "", "", "")),
    ]


def test_a_frame_s_infinite_numbers_are_errors() -> None:
    """As a workbook's are; numpy's missing date is blank, whatever column it stands in."""
    missing = pd.Series([np.datetime64("NaT", "ns"), "x", "y"], dtype=object)
    frame = pd.DataFrame({"n": [float("inf"), -np.inf, 1.5], "f": np.array([np.inf, 1, 2], "float32"), "d": missing})
    infinite = Cell("inf", None, CellKind.ERROR)
    assert [values for _, values, *_ in FrameSource(frame).rows()] == [
        (infinite, infinite, ""),
        (Cell("-inf", None, CellKind.ERROR), Cell("1", 1.0, CellKind.NUMBER), "x"),
        (Cell("1.5", 1.5, CellKind.NUMBER), Cell("2", 2.0, CellKind.NUMBER), "y"),
    ]


def test_a_frame_s_bytes_and_lists_are_errors() -> None:
    """``b'Acme'`` is nobody's name, nor would ``['VIP'`` be an interest. Another object is what its text says."""
    given = [b"Acme", bytearray(b"x"), np.bytes_(b"y"), ["VIP", "new"], (1,), {"a": 1}, np.array([1, 2])]
    frame = pd.DataFrame({"v": pd.Series([*given, uuid.UUID(int=7), np.str_("z")], dtype=object)})
    *odd, plain, text = [values[0] for _, values, *_ in FrameSource(frame).rows()]
    assert [(cell.text, cell.kind) for cell in map(as_cell, odd)] == [(str(one), CellKind.ERROR) for one in given]
    assert (plain, text) == ("00000000-0000-0000-0000-000000000007", "z")


def test_frames_and_workbooks_close(csv_file: Callable[..., Path]) -> None:
    """Every source is a context manager with nothing more to say at its end."""
    with FrameSource(pd.DataFrame({"a": [dt.timedelta(hours=1), 1, dt.time(1)]})) as frame:
        assert [row.cells[0] for row in frame.rows()] == [
            Cell("1:00:00", dt.timedelta(hours=1), CellKind.DURATION),
            Cell("1", 1, CellKind.NUMBER),
            Cell("01:00:00", dt.time(1), CellKind.TIME),
        ]
    with open_source(csv_file("a,b\n1,2\n")) as source:
        assert source.closing_notes() == frame.closing_notes() == ()
