"""The commands that are measured."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEY = {"HEFFL_API_KEY": "benchmark-key", "PYTHONPATH": str(ROOT)}


def ours(source: Path, base_url: str, output: Path, *, workers: int = 50) -> list[str]:
    """Return the command of the whole job, unthrottled and blind, with nothing left of the one before."""
    state = output.with_suffix(".state")
    shutil.rmtree(state, ignore_errors=True)
    output.unlink(missing_ok=True)
    return [
        sys.executable, "-m", "bulk_sync", "run", str(source), "--mapping", str(source.with_name("mapping.yaml")),
        "--rate", "none", "--read", "none", "--yes", "--workers", str(workers), "--base-url", base_url,
        "--state-dir", str(state), "--output", str(output),
    ]  # fmt: skip
