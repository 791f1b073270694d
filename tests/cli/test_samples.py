"""Every mapping that is shipped runs with its sample data, against the sandbox, as the README says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bulk_sync.mapping.spec import load_mapping
from bulk_sync.resources import get_resource
from bulk_sync.sources import open_source

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"
MAPPINGS = ROOT / "mappings"
Program = Any

EXPECTED = {
    "clients.xlsx": ("clients.yaml", 0, {"updated"}),
    "contacts.csv": ("contacts.yaml", 0, {"updated", "unchanged"}),
    "addresses.csv": ("addresses.yaml", 0, {"updated"}),
    "uae.csv": ("uae.yaml", 0, {"updated"}),
    "by-email.csv": ("by-email.yaml", 0, {"updated", "unchanged", "skipped"}),
    "clients-messy.xlsx": (
        "clients.yaml",
        1,
        {"updated", "differs", "unchanged", "invalid", "failed", "in_doubt", "skipped"},
    ),
}


def test_every_mapping_and_every_sample_is_tried() -> None:
    """A new sample or mapping without a line here is forgotten by nobody."""
    assert {path.name for path in SAMPLES.iterdir()} == set(EXPECTED)
    assert {path.name for path in MAPPINGS.glob("*.yaml")} == {mapping for mapping, _, _ in EXPECTED.values()}


@pytest.mark.parametrize("sample", EXPECTED)
def test_the_sample_runs_with_its_mapping(sample: str, program: Program, workbook: Any) -> None:
    """It ends with the exit code that the README promises, and a row of every status is there to be looked at."""
    mapping, code, statuses = EXPECTED[sample]
    args = ("run", SAMPLES / sample, "--mapping", MAPPINGS / mapping, "--sandbox", "--json")
    ran = program(*args, "--attempts", "3", "--output", "r.xlsx")
    assert ran.code == code, ran.err
    counts = ran.summary["counts"]
    head, *lines = workbook(program.folder / "r.xlsx")["Results"]
    assert Counter(line[head.index("sync_status")] for line in lines) == counts
    assert set(counts) <= statuses and (len(statuses) <= 3 or set(counts) >= statuses - {"skipped"})
    assert "SANDBOX" in ran.err


def test_the_first_sample_uses_every_body_entry_of_the_api() -> None:
    """The mapping names every field that a PATCH may carry, parts and custom ones too; its columns are filled."""
    resource = get_resource("clients")
    spec = load_mapping(MAPPINGS / "clients.yaml", environ={})
    mapped = set(re.findall(r"^  ([A-Za-z]+(?:\.[A-Za-z]+)?|cf_\w+):", spec.text, re.MULTILINE))
    assert set(resource.fields) <= mapped
    assert any(name.startswith("cf_") for name in mapped)
    with open_source(SAMPLES / "clients.xlsx", needs=spec.columns()) as table:
        assert set(spec.columns()) <= set(table.header)
        filled: set[str] = set()
        for row in table.rows():
            filled |= {name for name, cell in zip(table.header, row.cells, strict=True) if cell.text}
    assert set(spec.columns()) <= filled
