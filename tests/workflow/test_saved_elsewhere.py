"""A results workbook that another program has saved in its own format: read back, or refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from bulk_sync.errors import SourceError
from bulk_sync.results.run_property import workbook_properties
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, Scripted

HEADER = ("ID", "Company", "Phone")
OPEN = "urn:oasis:names:tc:opendocument:xmlns:"
NAMESPACES = " ".join(f'xmlns:{name}="{OPEN}{name}:1.0"' for name in ("office", "table", "text", "meta"))


def as_ods(book: Path, path: Path, *, correct: tuple[str, str] = ("", "")) -> None:
    """Write a workbook as an .ods with all its sheets and properties; one text replaces another on the way."""

    def cell(value: object) -> str:
        if value is None:
            return "<table:table-cell/>"
        shown = escape(correct[1] if value == correct[0] else str(value))
        kind = f'float" office:value="{value}' if isinstance(value, int | float) else "string"
        return f'<table:table-cell office:value-type="{kind}"><text:p>{shown}</text:p></table:table-cell>'

    def table(name: str) -> str:
        lines = load_workbook(book)[name].iter_rows(values_only=True)
        rows = ("".join(cell(value) for value in line) for line in lines)
        return (
            f'<table:table table:name="{name}">'
            + "".join(f"<table:table-row>{cells}</table:table-row>" for cells in rows)
            + "</table:table>"
        )

    tables = "".join(table(name) for name in load_workbook(book).sheetnames)
    properties = "".join(
        f'<meta:user-defined meta:name="{name}">{value}</meta:user-defined>'
        for name, value in workbook_properties(book).items()
    )
    meta = f"<office:meta>{properties}</office:meta>"
    body = f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
    with ZipFile(path, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("content.xml", f"<office:document-content {NAMESPACES}>{body}</office:document-content>")
        package.writestr("meta.xml", f"<office:document-meta {NAMESPACES}>{meta}</office:document-meta>")


@pytest.fixture
def office(open_office: Callable[..., Any]) -> Any:
    """Three rows sent, of which the API refused the second; its results are ``r.xlsx``."""
    refusal = Scripted(
        fault=Fault(kind=FaultKind.STATUS, status=400, message="this name is taken"),
        ids=frozenset({"clt_1"}),
        attempts=frozenset({1}),
    )
    config = SandboxConfig(quota=Quota(rate="none"), faults=Faults(script=(refusal,)))
    office = open_office(config, records=[{"id": f"clt_{n}", "name": f"Old {n}"} for n in range(3)])
    source = office.source(HEADER, [(f"clt_{n}", f"New & {n}", f"+97150123456{n}") for n in range(3)])
    mapping = office.mapping(match="ID", fields={"name": "Company", "phone": "Phone"})
    ended = office.run(source, mapping, output="r.xlsx")
    assert ended.summary.counts == {"updated": 2, "failed": 1}
    return office


def test_saved_as_ods_it_is_read_back(office: Any) -> None:
    """LibreOffice's own format: the run is found by the property, and what was not edited is no edit."""
    as_ods(office.folder / "r.xlsx", office.folder / "r.ods")
    ended = office.retry("r.ods")
    assert ended.summary.counts == {"unchanged": 2, "updated": 1}
    assert office.requests()["PATCH"] == 3 + 1


def test_what_was_corrected_in_the_ods_is_sent(office: Any) -> None:
    """A text of a row that had been sent, edited: the row goes again."""
    as_ods(office.folder / "r.xlsx", office.folder / "r.ods", correct=("New & 2", "Right & 2"))
    assert office.retry("r.ods").summary.counts == {"unchanged": 1, "updated": 2}
    assert office.server.records()["clt_2"]["name"] == "Right & 2"


def test_another_kind_of_workbook_is_named(office: Any) -> None:
    """Not as damaged, which it is not."""
    with ZipFile(office.folder / "r.xlsb", "w") as package:
        package.writestr("xl/workbook.bin", b"")
    (run,) = (path.name for path in (office.folder / "state" / "runs").iterdir())
    with pytest.raises(SourceError) as refused:
        office.retry("r.xlsb", run)
    assert "kind .xlsb: results are read back from .xlsx, .ods, .csv and .jsonl" in refused.value.message
    assert refused.value.hint == "save it as .xlsx"
