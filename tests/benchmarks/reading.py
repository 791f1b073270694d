"""Reading and checking, writing results, the memory of a run, and resuming one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.commands import HERE, KEY, ours
from tests.benchmarks.fast_server import FastProtocol
from tests.benchmarks.lines import Line
from tests.benchmarks.material import write_clients, write_workbook
from tests.benchmarks.measuring import measure, serving

ALONE, PEER_READER, PEER_WRITER = HERE / "alone.py", HERE / "peers" / "read_rows.py", HERE / "peers" / "write_rows.py"
CSV_READER, WORKBOOK_READER = "CSV: `csv.reader`", ".xlsx: openpyxl, read-only"
OUR_WRITER, PEER = "results, 22 columns: ours", "results, 22 columns: XlsxWriter, constant memory"


def reading(folder: Path, rows: int, workbook_rows: int, rounds: int, python: str) -> list[Line]:
    """Read a file into Python rows, and check it whole, beside what others read it with."""
    plain = write_clients(folder / f"clients-{rows}.csv", rows)
    workbook = write_workbook(folder / f"clients-{workbook_rows}.xlsx", workbook_rows)
    read = [python, str(PEER_READER)]
    contenders: dict[str, tuple[Path, int, str, list[str]]] = {
        "CSV: `check`": (plain, rows, CSV_READER, check(plain)),
        "CSV: our reader alone": (plain, rows, CSV_READER, [sys.executable, str(ALONE), "read", str(plain)]),
        CSV_READER: (plain, rows, CSV_READER, [*read, "csv", str(plain)]),
        "CSV: pandas": (plain, rows, CSV_READER, [*read, "pandas", str(plain)]),
        "CSV: polars": (plain, rows, CSV_READER, [*read, "polars", str(plain)]),
        ".xlsx: `check`": (workbook, workbook_rows, WORKBOOK_READER, check(workbook)),
        ".xlsx: our reader alone": (
            workbook, workbook_rows, WORKBOOK_READER, [sys.executable, str(ALONE), "read", str(workbook)],
        ),
        WORKBOOK_READER: (workbook, workbook_rows, WORKBOOK_READER, [*read, "openpyxl", str(workbook)]),
        ".xlsx: pandas": (workbook, workbook_rows, WORKBOOK_READER, [*read, "pandas", str(workbook)]),
    }  # fmt: skip
    commands = [
        (Line(name, count, [], beside), command)
        for name, (_, count, beside, command) in contenders.items()
        if command[0] != python or command[1] != str(PEER_READER) or _has(python, command[2])
    ]
    return _rounds(folder, rounds, commands)


def check(source: Path) -> list[str]:
    """Return the command that checks a source and writes what it found."""
    mapping, output = source.with_name("mapping.yaml"), source.with_name("checked.csv")
    words = ["check", str(source), "--mapping", str(mapping), "--output", str(output), "--overwrite"]
    return [sys.executable, "-m", "bulk_sync", *words]


def results(folder: Path, rows: int, rounds: int, python: str) -> list[Line]:
    """Write a workbook of results, and as many plain cells by XlsxWriter itself."""
    output = folder / "results.xlsx"
    commands = [
        (Line(OUR_WRITER, rows, [], PEER), [sys.executable, str(ALONE), "write", str(output), str(rows)]),
        (Line(PEER, rows, []), [python, str(PEER_WRITER), str(output), str(rows)]),
    ]
    return _rounds(folder, rounds, commands)


def memory(folder: Path, sizes: Sequence[int]) -> list[Line]:
    """Run ever more rows with results as .csv: what lies above the first line is what the rows cost."""
    lines: list[Line] = []
    with serving() as base_url:
        for rows in (10, *sizes):
            source = write_clients(folder / f"clients-{rows}.csv", rows)
            cost = measure(ours(source, base_url, folder / "memory.csv"), KEY, folder)
            above = f", {cost.memory - lines[0].memory():+,.0f} MB" if lines else ""
            lines.append(Line(f"memory: a run with .csv results{above}", rows, [cost]))
    return lines


def resuming(folder: Path, rows: int) -> list[Line]:
    """Send all rows but one, and take the time from the start of ``resume`` to its first request."""
    source, output = write_clients(folder / f"clients-{rows}.csv", rows), folder / "resumed.csv"
    with _noting() as (base_url, moments):
        first = measure([*ours(source, base_url, output), "--max-requests", str(rows - 1)], KEY, folder, ends_with=3)
        del first
        moments.clear()
        state = str(output.with_suffix(".state"))
        command = [sys.executable, "-m", "bulk_sync", "resume", "--state-dir", state, "--base-url", base_url, "--yes"]
        began = time.monotonic()
        cost = measure(command, KEY, folder)
        seconds = moments[0] - began
    return [Line(f"`resume` of the last row, first request after {seconds:.1f} s", rows, [cost])]


def _rounds(folder: Path, rounds: int, commands: Sequence[tuple[Line, list[str]]]) -> list[Line]:
    for _ in range(rounds):
        for line, command in commands:
            line.costs.append(measure(command, KEY, folder))
    return [line for line, _ in commands]


def _has(python: str, package: str) -> bool:
    done = subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False)
    if done.returncode:
        sys.stderr.write(f"{package} is not installed and left out: pip install -e '.[benchmarks]'\n")
    return not done.returncode


@contextmanager
def _noting() -> Iterator[tuple[str, list[float]]]:
    """Serve the fast API in a thread; yield its base URL and the moments at which requests came."""
    moments: list[float] = []
    loop = asyncio.new_event_loop()

    class Noting(FastProtocol):
        def data_received(self, data: bytes) -> None:
            if not moments:
                moments.append(time.monotonic())
            super().data_received(data)

    server = loop.run_until_complete(loop.create_server(lambda: Noting(0.0), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1", moments
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()
