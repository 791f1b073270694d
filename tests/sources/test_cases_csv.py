"""The public CSV files are read as their own expectations say, or refused in one line."""

import json
from pathlib import Path

from bulk_sync.errors import Refused
from bulk_sync.sources import SourceOptions, open_source


def test_csv_spectrum_equals_its_json(cases: Path) -> None:
    """Each file of csv-spectrum gives the records of its JSON."""
    wrong = []
    for path in sorted((cases / "csv/csv-spectrum/csvs").glob("*.csv")):
        expected = json.loads((cases / "csv/csv-spectrum/json" / f"{path.stem}.json").read_text())
        with open_source(path) as source:
            got = [dict(zip(source.header, row.values, strict=True)) for row in source.rows()]
        if path.name == "newlines_crlf.csv":
            # Its copy among the cases lost its carriage returns to git; the expectation did not.
            expected = json.loads(json.dumps(expected).replace("\\r\\n", "\\n"))
        if got != expected:
            wrong.append((path.name, got, expected))
    assert wrong == []


def test_every_file_is_read_or_refused_with_one_line(cases: Path) -> None:
    """No public CSV, whatever is wrong with it, ends in a traceback or in a message of several lines."""
    unclear = []
    for path in sorted((cases / "csv").rglob("*")):
        if not path.is_file():
            continue
        try:
            with open_source(path) as source:
                for row in source.rows():
                    assert len(row.values) == len(source.header) or row.problems
        except Refused as refusal:
            if "\n" in refusal.message or not refusal.message:
                unclear.append((path.name, refusal.message))
    assert unclear == []


def test_an_encoding_that_was_named_is_used(cases: Path) -> None:
    """A Latin-1 file is asked about, and read right once the mapping names its encoding."""
    path = cases / "csv/csvkit/test_latin1.csv"
    with open_source(path, SourceOptions(encoding="latin-1")) as source:
        assert [row.values for row in source.rows()] == [("1", "2", "3"), ("4", "5", "©")]
