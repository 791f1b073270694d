"""The text of a number is what its format shows."""

import pytest

from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.format_code import format_code
from bulk_sync.sources.number_format import number_cell, text_cell


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("General", 971501234567, "971501234567"),
        ("General", 12.0, "12"),
        ("General", 0.1 + 0.2, "0.3"),
        ("General", -1234.5, "-1234.5"),
        ("@", 12, "12"),
        ("00000", 123, "00123"),
        ("0", 1.5, "2"),
        ("#", 7, "7"),
        ("0.00", 1.005, "1.01"),
        ("0.00", 1e30, f"1{'0' * 30}.00"),
        (f"0.{'0' * 1000}%", 1e300, f"1{'0' * 302}.{'0' * 1000}%"),
        ("#,##0%", 1e25, "1,000,000,000,000,000,000,000,000,000%"),
        ("0.##", 1.5, "1.5"),
        ("#,##0", 1234567, "1,234,567"),
        ("#,##0.00_);[Red](#,##0.00)", -1234.5, "(1,234.50)"),
        ("0%", 0.125, "13%"),
        ("0.00%", 0.1234, "12.34%"),
        ('"ID-"0000', 7, "ID-0007"),
        ("+0", 971501234567, "+971501234567"),
        ("[$€-407] #,##0.00", 5, "€ 5.00"),
        ("0;-0;zero", 0, ""),
        ('0;-0;"none"', 0, "none"),
        ("yyyy-mm-dd", 45000, "2023-03-15"),
        ("d/m/yyyy h:mm", 45000.5, "2023-03-15T12:00:00"),
        ("[$-409]mmm\\ d\\,\\ yyyy", 45000, "2023-03-15"),
        ("h:mm AM/PM", 0.25, "06:00:00"),
        ("[h]:mm:ss", 1.5, "36:00:00"),
        ("mm:ss", 45000.5, "2023-03-15T12:00:00"),
        ("yyyy-mm-dd", 1, "1900-01-01"),
        ("yyyy-mm-dd", 59, "1900-02-28"),
        ("yyyy-mm-dd", 61, "1900-03-01"),
    ],
)
def test_what_the_sheet_shows(code: str, number: float, text: str) -> None:
    """General, padding, decimals, thousands, percent, text around the digits; dates and times as ISO."""
    assert number_cell(number, format_code(code)).text == text


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("0.00E+00", 9.7e11),
        ("# ?/?", 0.5),
        ("[>=100]0;0.0", 5),
        ("000-000-000", 1),
        ("#,##0,", 12345),
        ("#", 0),
        ('General" kg"', 3),
        ("yyyy-mm-dd", 60),
        ("yyyy-mm-dd", -1),
        ("yyyy-mm-dd", 3e6),
        ("yyyy-mm-dd", 1e300),
        ("dd/mm/yyyy", 0),
        ("dd/mm/yyyy h:mm", 0.25),
        ("[h]:mm", 1e25),
        ("[h]:mm", 1e305),
        ("0.", 5),
        (",0", 1234),
    ],
)
def test_what_cannot_be_shown_names_its_format(code: str, number: float) -> None:
    """Exponents, fractions, conditions, masks and impossible dates have a stored value but no text."""
    assert number_cell(number, format_code(code)) == Cell("", number, CellKind.NUMBER, code)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("General", "50 123"),
        ("0;-0", "50 123"),
        ('_-* #,##0_-;-* #,##0_-;_-* "-"_-;_-@_-', "50 123"),
        ("dd/mm/yyyy;@", "50 123"),
        ("[Red]@", "50 123"),
        ('"+971 "@', "+971 50 123"),
        ('0;-0;;"T-"@"!"', "T-50 123!"),
        ("0;-0;0;General", "50 123"),
        ("General;-General;General;[Red]General", "50 123"),
        ("0;-0;0;", None),
        (";;;", None),
        (';;;"hidden"', None),
        ("@@", None),
    ],
)
def test_what_the_sheet_shows_of_a_text(code: str, shown: str | None) -> None:
    """The fourth section, or the last one with an @, puts its words around a text; without an @ the text is hidden."""
    hidden = Cell("", "50 123", CellKind.TEXT, code)
    assert text_cell("50 123", format_code(code)) == (hidden if shown is None else shown)


def test_a_day_behind_the_last_of_1904s_calendar_is_unshown() -> None:
    """The count from 1904 ends 1,462 days earlier."""
    code = format_code("yyyy-mm-dd")
    assert number_cell(2_957_003, code, epoch_1904=True).text == "9999-12-31"
    assert number_cell(2_957_004, code, epoch_1904=True) == Cell("", 2_957_004, CellKind.NUMBER, "yyyy-mm-dd")
