"""The law of the CSV reader: whatever happens to one row, no value lands in another column."""

import csv
import io
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_sync.errors import Refused
from bulk_sync.sources import open_source

FILES = int(os.environ.get("DAMAGED_FILES", "150"))
"""How many damaged files are tried; ``DAMAGED_FILES=20000 pytest …`` for many more."""
DELIMITERS = ",;\t|"
WAYS = (
    "delimiter added", "delimiter removed", "delimiter doubled", "quote added", "quote removed", "line end added",
    "line end removed", "another encoding",
)  # fmt: skip


@st.composite
def cells(draw: st.DrawFn, row: int, column: int, width: int, delimiter: str) -> str:
    """A cell that names its place, with text around it that a CSV must quote.

    A line inside of it may hold a delimiter, but not as many as would make it a row of its own: whether such a
    line is a row, no reader can tell once a quote is lost.
    """
    place = f"r{row}c{column}"
    if column == 0:
        return place
    around = st.sampled_from(["", "", "", " x", "é", '"', ' 24"', '"a" b', "\n", "x\ny", "\r\n\n", "'"])
    several = st.sampled_from(["", delimiter, f"a{delimiter} b"] if width > 3 else [""])
    return draw(around) + place + draw(around) + draw(several)


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[list[list[str]], bytes, str]:
    """A table, and a CSV of it in which one row is damaged in one place."""
    width, delimiter = draw(st.integers(2, 7)), draw(st.sampled_from(DELIMITERS))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    table = [[f"name {column}" for column in range(width)]]
    table += [
        [draw(cells(row, column, width, delimiter)) for column in range(width)]
        for row in range(1, draw(st.integers(2, 8)))
    ]
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    spaced = draw(st.sampled_from(["", "", " "]))
    records = [_record(row, delimiter, quoting, spaced) for row in table]
    hit, way = draw(st.integers(1, len(records) - 1)), draw(st.sampled_from(WAYS))
    body = records[hit]
    at = draw(st.integers(0, len(body)))
    lines = [f"{record}{end}".encode() for record in records]
    if way == "another encoding":
        lines[hit] = f"{body}é{end}".encode("cp1252")
    elif way == "line end removed":
        lines[hit] = body.encode()
    else:
        lines[hit] = _damaged(body, way, at, delimiter, end).encode() + end.encode()
    return table, b"".join(lines), way


def _record(row: list[str], delimiter: str, quoting: int, spaced: str = "") -> str:
    if spaced:
        # The csv module writes no space after a delimiter, so each cell is written alone.
        return f"{delimiter}{spaced}".join(_record([cell], delimiter, csv.QUOTE_ALL) for cell in row)
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting).writerow(row)  # type: ignore[arg-type]  # the stub wants a literal
    return buffer.getvalue().removesuffix("\r\n")


def _damaged(body: str, way: str, at: int, delimiter: str, end: str) -> str:
    added = {"delimiter added": delimiter, "quote added": '"', "line end added": end}
    if way in added:
        return body[:at] + added[way] + body[at:]
    lost = '"' if way == "quote removed" else delimiter
    places = [place for place, character in enumerate(body) if character == lost]
    if not places:
        return body
    place = places[at % len(places)]
    return body[:place] + (lost * 2 if way == "delimiter doubled" else "") + body[place + 1 :]


def _bare(row: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out what the damage itself may have added to a cell or taken from it, and what a mapping trims."""
    return tuple(value.translate(dict.fromkeys(map(ord, f'{DELIMITERS}"\r\n'))).strip() for value in row)


def _check(table: list[list[str]], content: bytes) -> None:
    """Read the file; every row that is not refused must be one of the table's, each value in its column."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.csv"
        path.write_bytes(content)
        try:
            with open_source(path, needs=tuple(table[0])) as source:
                rows = [row.values for row in source.rows() if row.values]
        except Refused:
            return
    true = {_bare(tuple(row)) for row in table}
    texts = [tuple(value for value in row if isinstance(value, str)) for row in rows]
    assert [row for row in texts if _bare(row) not in true] == []


@given(damaged_files())
@settings(max_examples=FILES)
def test_no_value_ever_lands_in_another_column(case: tuple[list[list[str]], bytes, str]) -> None:
    """One row damaged in every way there is: what is read is true, or refused."""
    _check(case[0], case[1])


@given(st.data())
@settings(max_examples=80)
def test_a_sound_file_is_read_whole(data: st.DataObject) -> None:
    """Nothing is refused in a file without damage, whatever its cells hold, and every value is kept."""
    width, delimiter = data.draw(st.integers(2, 6)), data.draw(st.sampled_from(DELIMITERS))
    text = st.text(st.sampled_from(f'ab é"\n\r,;\t|{delimiter}'), max_size=8)
    rows = data.draw(st.lists(st.lists(text, min_size=width - 1, max_size=width - 1), min_size=1, max_size=8))
    table = [[f"name {column}" for column in range(width)]]
    table += [[f"id {number}", *row] for number, row in enumerate(rows)]
    content = "\r\n".join(_record(row, delimiter, csv.QUOTE_ALL) for row in table)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.csv"
        path.write_bytes(content.encode())
        with open_source(path, needs=tuple(table[0])) as source:
            assert [list(row.values) for row in source.rows()] == table[1:]
