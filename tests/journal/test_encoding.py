"""Cells, problems and checksums survive the journal exactly."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from bulk_sync.errors import Problem
from bulk_sync.journal.encoding import dump_cells, dump_problems, entry_sum, load_cells, load_problems
from bulk_sync.records import Cell, CellKind

ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates included: somebody's cell may have one
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
CELLS = st.one_of(
    st.builds(Cell, ANY_TEXT, ANY_TEXT, st.just(CellKind.TEXT), ANY_TEXT),
    st.builds(Cell, ANY_TEXT, NUMBERS, st.just(CellKind.NUMBER), ANY_TEXT),
    st.builds(Cell, ANY_TEXT, st.booleans(), st.just(CellKind.BOOLEAN)),
    st.builds(Cell, ANY_TEXT, st.dates(), st.just(CellKind.DATE)),
    st.builds(Cell, ANY_TEXT, st.datetimes(), st.just(CellKind.DATETIME)),
    st.builds(Cell, ANY_TEXT, st.times(), st.just(CellKind.TIME)),
    st.builds(
        Cell,
        ANY_TEXT,
        st.integers(0, 10**9).map(lambda milliseconds: timedelta(milliseconds=milliseconds)),
        st.just(CellKind.DURATION),
    ),
    st.builds(
        Cell,
        ANY_TEXT,
        st.none(),
        st.sampled_from([CellKind.BLANK, CellKind.ERROR, CellKind.FORMULA, CellKind.MERGED, CellKind.DATE]),
    ),
)
PROBLEMS = st.builds(
    Problem,
    ANY_TEXT,
    ANY_TEXT,
    hint=ANY_TEXT,
    row=st.none() | st.integers(1, 10**6),
    cell=ANY_TEXT,
    column=ANY_TEXT,
    field=ANY_TEXT,
    value=ANY_TEXT,
    severity=st.sampled_from(["error", "warning"]),
)


@given(st.lists(ANY_TEXT | CELLS, max_size=6).map(tuple) | st.lists(ANY_TEXT, max_size=6).map(tuple))
@example(())
@example(("",))
@example(("", ""))
@example(("[]",))
@example(("a\x1fb", "c"))
@example(("\x1f",))
@example(("a\0b",))
@example(("half a pair \ud83d",))
@example(("\u0623\u0647\u0644\u0627", "x"))
def test_cells_come_back_as_they_were(cells: tuple[str | Cell, ...]) -> None:
    """Text, stored value, kind and format of every cell, whatever is in it; a file can hold the text."""
    text = dump_cells(cells)
    assert text.encode().decode() == text
    back = load_cells(text)
    assert back == cells
    assert [type(cell.value) for cell in back if isinstance(cell, Cell)] == [
        type(cell.value) for cell in cells if isinstance(cell, Cell)
    ]


@given(st.lists(PROBLEMS, max_size=4).map(tuple))
def test_problems_come_back_as_they_were(problems: tuple[Problem, ...]) -> None:
    """Every part of every problem; none at all is None, which most rows have."""
    text = dump_problems(problems)
    assert (text is None) == (not problems)
    assert load_problems(text) == problems


def test_a_checksum_tells_type_and_place() -> None:
    """1, "1", 1.0 and None in another place are other entries; the same entry has the same sum tomorrow."""
    entries: list[tuple[str | float | None, ...]] = [
        (1, None),
        ("1", None),
        (1.0, None),
        (None, 1),
        (1,),
        (1, ""),
        ("", 1),
    ]
    assert len({entry_sum(parts) for parts in entries}) == len(entries)
    assert entry_sum((1, "a", None, 2.5)) == 362025910


def test_moments_of_cells() -> None:
    """A date stays a date and a moment a moment: the one is not read as the other."""
    cells = (
        Cell("2024-03-01", date(2024, 3, 1), CellKind.DATE),
        Cell("2024-03-01T00:00:00", datetime(2024, 3, 1), CellKind.DATETIME),  # noqa: DTZ001 - a sheet has no zone
        Cell("08:30:00", time(8, 30), CellKind.TIME),
        Cell("26:00:00", timedelta(hours=26), CellKind.DURATION),
    )
    assert load_cells(dump_cells(cells)) == cells
