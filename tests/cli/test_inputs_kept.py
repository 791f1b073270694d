"""What the user gave is never written over, by whatever command and under whatever name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bulk_sync.sandbox import SandboxServer

Program = Any

OVER = {
    "retry by its run": ("retry", "RUN", "--yes"),
    "retry by its file": ("retry", "r.xlsx", "--yes"),
    "runs": ("runs", "RUN"),
    "undo": ("undo", "RUN", "--yes"),
}


@pytest.mark.parametrize("taken", ["clients.csv", "m.csv", "link.csv"])
@pytest.mark.parametrize("command", OVER)
def test_no_command_on_a_past_run_writes_over_its_source_or_mapping(
    command: str, taken: str, program: Program, serve_api: Callable[..., SandboxServer]
) -> None:
    """The run's own source and mapping are refused as ``--output``, ``--overwrite`` or not, and stay as they were."""
    server = serve_api(clients=1)
    # A mapping is read by its content, so that nothing keeps it from a name that results may have.
    mapping = program.write("m.csv", "version: 1\nresource: clients\nmatch: ID\nfields:\n  name: Company\n")
    source = program.write_csv("clients.csv", [["ID", "Company"], ["clt_1", "New"], ["", "None"]])
    (program.folder / "link.csv").symlink_to(source)
    before = (source.read_bytes(), mapping.read_bytes())
    program.target(server)
    made = program("run", "clients.csv", "-m", "m.csv", "--yes", "--json", "--output", "r.xlsx")
    sent = len(server.log)
    args = [made.summary["run"] if part == "RUN" else part for part in OVER[command]]
    for more in ((), ("--overwrite",)):
        ran = program(*args, "-o", taken, *more)
        assert (ran.code, "would overwrite the " in ran.err) == (2, True), ran
    assert (source.read_bytes(), mapping.read_bytes()) == before
    assert len(server.log) == sent


def test_a_suggested_mapping_is_not_written_over_its_source(program: Program) -> None:
    """Refused even with --overwrite, which is meant for an older mapping."""
    source = program.write_csv("clients.csv", [["ID", "Company"], ["clt_1", "New"]])
    before = source.read_bytes()
    ran = program("mapping", "suggest", "clients.csv", "-o", "clients.csv", "--overwrite")
    assert (ran.code, 'would overwrite the source "' in ran.err) == (2, True), ran
    assert source.read_bytes() == before
