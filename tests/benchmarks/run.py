"""Measure this tool beside what people would use instead, and print a table. Nothing here asserts a time.

    pip install -e '.[benchmarks]'
    python tests/benchmarks/run.py --rows 10000 --rounds 3

Rounds are interleaved and the median is told. CPU time and the ratio count: a machine has other work to do.
``--peers-python`` names the interpreter that has the peers' packages, where it is another one. ``--readme`` writes
the table into the README.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.material import MAPPING, write_clients
from tests.benchmarks.measuring import Cost, measure, server_limit, serving

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEY = {"HEFFL_API_KEY": "benchmark-key", "PYTHONPATH": str(ROOT)}
LOOP = "a `requests` loop"
OURS = "**bulk_sync**: checked, journalled, workbook"
MARKS = re.compile(r"(<!-- measured: performance -->\n).*?(<!-- end -->)", re.DOTALL)

Contender = Callable[[Path, str, Path], list[str]]
"""Told source, base URL and output, gives the command."""


class Line(NamedTuple):
    """A line of the table: what ran, over how many rows, and what its rounds took."""

    name: str
    rows: int
    costs: list[Cost]
    compared: bool = False
    """Whether the loop ran in the same rounds."""

    def cpu(self) -> float:
        """Return the median of the CPU time, in seconds."""
        return median(cost.cpu for cost in self.costs)


def ours(source: Path, base_url: str, output: Path, *, workers: int = 50) -> list[str]:
    """Return the command of the whole job, unthrottled and blind."""
    state = output.with_suffix(".state")
    shutil.rmtree(state, ignore_errors=True)
    output.unlink(missing_ok=True)
    return [
        sys.executable, "-m", "bulk_sync", "run", str(source), "--mapping", str(source.with_name("mapping.yaml")),
        "--rate", "none", "--read", "none", "--yes", "--workers", str(workers), "--base-url", base_url,
        "--state-dir", str(state), "--output", str(output),
    ]  # fmt: skip


def peer(python: str, script: str) -> Contender:
    """Return a contender that is a script in ``peers/``."""
    path = HERE / "peers" / script
    first = [python] if path.suffix == ".py" else ["env", f"PYTHON={python}", "sh"]
    return lambda source, base_url, output: [*first, str(path), str(source), base_url, str(output)]


def whole_job(folder: Path, rows: int, rounds: int, contenders: dict[str, Contender]) -> list[Line]:
    """Send every row without a limit, each contender in its turn."""
    source = write_clients(folder / f"clients-{rows}.csv", rows)
    lines = [Line(name, rows, [], compared=True) for name in contenders]
    with serving() as base_url:
        for _ in range(rounds):
            for line, contender in zip(lines, contenders.values(), strict=True):
                suffix = ".csv" if line.name.endswith(".csv") else ".xlsx"
                command = contender(source, base_url, (folder / "output").with_suffix(suffix))
                line.costs.append(measure(command, KEY, folder))
    return lines


def start_up(folder: Path, rounds: int) -> list[Line]:
    """Start, and do next to nothing."""
    click = folder / "empty.py"
    click.write_text("import click\n@click.command()\ndef main(): pass\nmain()\n", encoding="utf-8")
    source, mapping = write_clients(folder / "clients-10.csv", 10), folder / "mapping.yaml"
    check = [sys.executable, "-m", "bulk_sync", "check", str(source), "--mapping", str(mapping), "--output"]
    with serving() as base_url:
        commands: dict[str, Callable[[], list[str]]] = {
            "start: an empty click program, `--help`": lambda: [sys.executable, str(click), "--help"],
            "start: `bulk-sync --help`": lambda: [sys.executable, "-m", "bulk_sync", "--help"],
            "start: `check` of 10 rows": lambda: [*check, str(folder / "check.csv"), "--overwrite"],
            "start: `run` of 10 rows": lambda: ours(source, base_url, folder / "ten.csv"),
        }
        lines = [Line(name, 1, []) for name in commands]
        for _ in range(rounds):
            for line, command in zip(lines, commands.values(), strict=True):
                line.costs.append(measure(command(), KEY, folder))
    return lines


def latency(folder: Path, rows: int) -> list[Line]:
    """Send to a server that takes 100 ms, with a hundred workers: at most 1,000 requests a second."""
    source = write_clients(folder / f"clients-{rows}.csv", rows)
    with serving(0.1) as base_url:
        cost = measure(ours(source, base_url, folder / "slow.csv", workers=100), KEY, folder)
    return [Line("a server that takes 100 ms, 100 workers", rows, [cost])]


def checking(folder: Path, rows: int) -> list[Line]:
    """Check a CSV of fifteen columns."""
    source = write_clients(folder / f"clients-{rows}.csv", rows)
    command = [sys.executable, "-m", "bulk_sync", "check", str(source), "--mapping", str(folder / "mapping.yaml")]
    cost = measure([*command, "--output", str(folder / "checked.csv")], KEY, folder)
    return [Line("`check`, 15 columns", rows, [cost])]


def table(lines: Sequence[Line]) -> list[str]:
    """Return the lines as Markdown; the ratio is that of the CPU a row to the loop's in the same rounds."""
    text = [
        "| | rows | rows/s | CPU µs/row | × the loop | MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    loops = {line.rows: line.cpu() for line in lines if line.name == LOOP}
    for line in lines:
        wall, memory = (median(figures) for figures in zip(*((c.wall, c.memory) for c in line.costs), strict=True))
        if line.rows == 1:
            text.append(f"| {line.name} | | | {1000 * line.cpu():,.0f} ms in all | | {memory:,.0f} |")
            continue
        ratio = f"{loops[line.rows] / line.cpu():.2f}" if line.compared else ""
        cpu = 1_000_000 * line.cpu() / line.rows
        text.append(f"| {line.name} | {line.rows:,} | {line.rows / wall:,.0f} | {cpu:,.0f} | {ratio} | {memory:,.0f} |")
    return text


def main() -> None:
    """Read the options, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check-rows", type=int, default=100_000)
    parser.add_argument("--slow-rows", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", default=["whole", "start", "latency", "check"])
    parser.add_argument("--without", nargs="+", default=[], help="scripts in peers/ to leave out")
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    peers = {
        LOOP: "requests_loop.py",
        "pandas, 20 threads, `requests`": "pandas_threads.py",
        "dlt with a custom destination": "dlt_destination.py",
        "httpx, a semaphore of 50": "httpx_semaphore.py",
        "xargs with 20 `curl`": "xargs_curl.sh",
    }
    contenders: dict[str, Contender] = {OURS: ours, "the same, results as .csv": ours} | {
        name: peer(options.peers_python, script) for name, script in peers.items() if script not in options.without
    }
    lines: list[Line] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
        with serving() as base_url:
            limit = server_limit(base_url, folder)
        if "whole" in options.only:
            for rows in options.rows:
                lines += whole_job(folder, rows, options.rounds, contenders)
        if "start" in options.only:
            lines += start_up(folder, options.rounds)
        if "latency" in options.only:
            lines += latency(folder, options.slow_rows)
        if "check" in options.only:
            lines += checking(folder, options.check_rows)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    where = f"{today}, {platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores"
    said = f"{where}, load {os.getloadavg()[0]:.1f}; median of {options.rounds}; the server alone, by wrk: {limit}"
    block = "\n".join([*table(lines), "", f"Measured {said}."])
    sys.stdout.write(f"{block}\n")
    if options.readme:
        readme = ROOT / "README.md"
        text = readme.read_text(encoding="utf-8")
        readme.write_text(MARKS.sub(lambda found: f"{found[1]}{block}\n{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
