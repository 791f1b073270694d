"""Commands against a server over real HTTP, and how their results are read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from openpyxl import load_workbook

from bulk_sync.sandbox import Faults, SandboxConfig, SandboxServer
from tests.cli.nights import House
from tests.tools.program import FREE, Launcher, Program


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return a CSV results file as a dict a line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_xlsx(path: Path) -> dict[str, list[list[object]]]:
    """Return a workbook as sheet name → lines."""
    book = load_workbook(path)
    return {sheet.title: [list(line) for line in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}


@pytest.fixture
def program(launcher: Launcher, tmp_path: Path) -> Program:
    return Program(launcher, tmp_path)


@pytest.fixture(scope="session")
def make_program(launcher: Launcher) -> Callable[[Path], Program]:
    return lambda folder: Program(launcher, folder)


@pytest.fixture
def serve_api() -> Iterator[Callable[..., SandboxServer]]:
    with ExitStack() as stack:

        def serve(
            faults: Faults | None = None,
            *,
            config: SandboxConfig | None = None,
            state: Path | None = None,
            clients: int = 0,
        ) -> SandboxServer:
            chosen = config or SandboxConfig(quota=FREE, faults=faults or Faults())
            server = stack.enter_context(SandboxServer(state, config=chosen))
            server.seed({"id": f"clt_{n}", "name": f"Old {n}"} for n in range(1, clients + 1))
            return server

        yield serve


@pytest.fixture
def house(program: Program) -> Iterator[House]:
    with House(program) as made:
        made.serve()
        yield made


@pytest.fixture(scope="session")
def results() -> Callable[[Path], list[dict[str, str]]]:
    return read_csv


@pytest.fixture(scope="session")
def workbook() -> Callable[[Path], dict[str, list[list[object]]]]:
    return read_xlsx


@pytest.fixture(scope="session")
def steady() -> Callable[[Sequence[Mapping[str, str]]], list[dict[str, str]]]:
    """Results without what differs from run to run: moments and attempts."""

    def without(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        return [
            {name: value for name, value in row.items() if name not in {"sync_finished_at", "sync_attempts"}}
            for row in rows
        ]

    return without
