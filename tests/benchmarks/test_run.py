"""The benchmarks' command runs, and tells what it measured as tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_small_rounds_make_a_table() -> None:
    # Each line has its name, its rows and six cells, and the resumed run sent its one row.
    sizes = ["--rounds", "1", "--result-rows", "20", "--resume-rows", "20"]
    command = [sys.executable, str(RUN), "--only", "results", "resume", *sizes]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert [(re.sub(r"[\d.]+ s$", "N s", row[0]), row[1], len(row)) for row in cells[2:]] == [
        ("results, 22 columns: ours", "20", 6),
        ("results, 22 columns: XlsxWriter, constant memory", "20", 6),
        ("`resume` of the last row, first request after N s", "20", 6),
    ]
