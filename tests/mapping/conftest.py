"""Mappings and rows made in a line, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bulk_sync.mapping.mapper import RowMapper, compile_mapping
from bulk_sync.mapping.spec import MappingSpec, parse_mapping
from bulk_sync.records import Cell, MappedRow, SourceRow

HEAD = "match: Client ID\n"


@pytest.fixture(scope="session")
def cases() -> Path:
    """Return the folder of public cases; skip where it is missing."""
    folder = Path(__file__).parents[2].parent / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip("the public cases are not beside the repository")
    return folder


@pytest.fixture(scope="session")
def spec_of() -> Callable[..., MappingSpec]:
    """Return a function: YAML text → mapping, matched by Client ID unless it says otherwise."""

    def build(text: str, environ: Mapping[str, str] | None = None) -> MappingSpec:
        head = "" if "match:" in text else HEAD
        return parse_mapping(head + text, name="m.yaml", environ=environ or {})

    return build


@pytest.fixture(scope="session")
def mapper_of(spec_of: Callable[..., MappingSpec]) -> Callable[..., RowMapper]:
    """Return a function: YAML text and the header besides Client ID → compiled mapper of sheet Clients."""

    def build(text: str, *header: str, **answers: str) -> RowMapper:
        return compile_mapping(spec_of(text), ("Client ID", *header), sheet="Clients", **answers)

    return build


@pytest.fixture(scope="session")
def map_row() -> Callable[..., MappedRow]:
    """Return a function: mapper and the values besides the id → the mapped row 17."""

    def run(mapper: RowMapper, *values: str | Cell, key: str | Cell = "clt_1") -> MappedRow:
        return mapper.map(SourceRow(17, (key, *values)))

    return run
