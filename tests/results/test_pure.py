"""The pure parts: examples of their docstrings, number formats, properties of documents."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import bulk_sync.results
from bulk_sync.results.number_formats import GENERAL, general_text, number_format
from bulk_sync.results.run_property import workbook_properties
from bulk_sync.results.text import cut_utf16
from bulk_sync.sources.format_code import format_code
from bulk_sync.sources.number_format import number_cell

MODULES = sorted(module.name for module in pkgutil.iter_modules(bulk_sync.results.__path__))
CODES = ["General", "0", "00000", "0.00", "#,##0", "#,##0.00", "0%", "0.0%", '"AED "0', '#,##0.00" €"', '0"km"']


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    """The examples in the docstrings are true."""
    assert doctest.testmod(importlib.import_module(f"bulk_sync.results.{name}")).failed == 0


@given(value=st.integers(-(10**14), 10**14) | st.floats(-1e9, 1e9), code=st.sampled_from(CODES))
@example(0.125, "0.00")
@example(0, "0%")
def test_a_number_shows_the_text_it_was_read_with(value: float, code: str) -> None:
    """Law: what a reader saw under a format, it sees again under the format that is written for it."""
    seen = number_cell(value, format_code(code))
    again = number_format(seen.text, value)
    if again != GENERAL or code == GENERAL:
        assert number_cell(value, format_code(again)).text == seen.text


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        ("971501234567", 971501234567, "0"),
        ("00123", 123, "00000"),
        ("12.50", 12.5, "0.00"),
        ("-1,234", -1234, "#,##0"),
        ("13%", 0.125, "0%"),
        ("12.5", 12.5, GENERAL),
        ("1.2E+05", 123456.7, GENERAL),
        ("about 5", 6, GENERAL),
        ("€-5", -5, GENERAL),
        ("5%%", 0.05, GENERAL),
        ("0.123456789012345", 0.123456789012345, GENERAL),
        ("", 5, GENERAL),
    ],
)
def test_number_formats(text: str, value: float, code: str) -> None:
    """Simple looks are kept; what no simple format shows is left plain."""
    assert number_format(text, value) == code


@given(st.floats(-1e300, 1e300) | st.integers(-(10**15), 10**15))
def test_general_text_is_the_number(value: float) -> None:
    """Law: the text of a number reads as the number, to fifteen digits."""
    assert float(general_text(value)) == pytest.approx(value, rel=1e-14)


@given(st.text(st.characters(), max_size=60), st.integers(40, 60))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    """Law: never longer than the limit in UTF-16 units."""
    assert len(cut_utf16(text, limit).encode("utf-16-le", "surrogatepass")) // 2 <= limit


def test_the_index_is_light() -> None:
    """Importing the index loads no writer and no heavy library."""
    code = (
        "import sys, bulk_sync.results;"
        "print([name for name in ('xlsxwriter', 'jinja2', 'openpyxl', 'pydantic', 'csv') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE a [<!ENTITY x "boom">]><Properties><property name="bulk_sync_run">&x;</property></Properties>',
        "<Properties><property",
    ],
)
def test_hostile_properties_say_nothing(tmp_path: Path, xml: str) -> None:
    """A document type or broken XML in somebody's workbook is not expanded and is no error."""
    path = tmp_path / "odd.xlsx"
    with ZipFile(path, "w") as package:
        package.writestr("docProps/custom.xml", xml)
    assert workbook_properties(path) == {}
    path.write_bytes(b"not a zip")
    assert workbook_properties(path) == {}


@pytest.mark.parametrize("part", ["docProps/custom.xml", "meta.xml"])
def test_properties_as_other_programs_write_them(tmp_path: Path, part: str) -> None:
    """On lines of their own, in .xlsx and in .ods."""
    element = "property" if part != "meta.xml" else "user-defined"
    name = "name" if part != "meta.xml" else "m:name"
    value = "<v>\n      20260301-091500-7f3a\n    </v>"
    path = tmp_path / "book"
    with ZipFile(path, "w") as package:
        package.writestr(part, f'<P xmlns:m="m"><{element} {name}="bulk_sync_run">\n    {value}\n  </{element}></P>')
    assert workbook_properties(path) == {"bulk_sync_run": "20260301-091500-7f3a"}
