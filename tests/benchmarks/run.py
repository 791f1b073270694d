"""Measure this tool beside what people would use instead, and print a table. Nothing here asserts a time.

    pip install -e '.[benchmarks]'
    python tests/benchmarks/run.py --rows 10000 --rounds 3
    python tests/benchmarks/run.py --only quota

Rounds are interleaved and the median is told. CPU time and the ratio count: a machine has other work to do.
``--peers-python`` names the interpreter that has the peers' packages, where it is another one. ``--readme`` writes
the tables into the README; the defaults take about ten minutes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.commands import HERE, KEY, ROOT, ours
from tests.benchmarks.lines import Line, table
from tests.benchmarks.material import MAPPING, write_clients
from tests.benchmarks.measuring import measure, server_limit, serving
from tests.benchmarks.reading import check, memory, reading, results, resuming

LOOP = "a `requests` loop"
OURS = "**bulk_sync**: checked, journalled, workbook"
MARKS = re.compile(r"(<!-- measured: performance -->\n).*?(<!-- end -->)", re.DOTALL)

MOST_CURLS = 10_000
"""Rows beyond which xargs is left out: a hundred thousand take it twenty minutes."""

PARTS = ("whole", "start", "latency", "check", "results", "memory", "resume", "quota")

Contender = Callable[[Path, str, Path], list[str]]
"""Told source, base URL and output, gives the command."""


def peer(python: str, script: str) -> Contender:
    """Return a contender that is a script in ``peers/``."""
    path = HERE / "peers" / script
    first = [python] if path.suffix == ".py" else ["env", f"PYTHON={python}", "sh"]
    return lambda source, base_url, output: [*first, str(path), str(source), base_url, str(output)]


def whole_job(folder: Path, rows: int, rounds: int, contenders: dict[str, Contender]) -> list[Line]:
    """Send every row without a limit, each contender in its turn."""
    source = write_clients(folder / f"clients-{rows}.csv", rows)
    lines = [Line(name, rows, [], LOOP) for name in contenders]
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
    source = write_clients(folder / "clients-10.csv", 10)
    with serving() as base_url:
        commands: dict[str, Callable[[], list[str]]] = {
            "start: an empty click program, `--help`": lambda: [sys.executable, str(click), "--help"],
            "start: `bulk-sync --help`": lambda: [sys.executable, "-m", "bulk_sync", "--help"],
            "start: `check` of 10 rows": lambda: check(source),
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
    pace = rows / sending_seconds(folder / "slow.state")
    return [Line(f"a server that takes 100 ms, 100 workers; {pace:,.0f} a second while it sends", rows, [cost])]


def sending_seconds(state: Path) -> float:
    """Return the seconds from the first request of a run to its last answer, by its journal."""
    (journal,) = state.glob("runs/*/journal.sqlite")
    with closing(sqlite3.connect(journal)) as connection:
        (seconds,) = connection.execute("SELECT max(replied_at) - min(intended_at) FROM requests").fetchone()
    return float(seconds)


def parse_options() -> argparse.Namespace:
    """Read the options; a default run of all takes some minutes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000], help="of the whole job")
    parser.add_argument("--slow-rows", type=int, default=10_000, help="at 100 ms an answer")
    parser.add_argument("--check-rows", type=int, default=100_000, help="of the CSV that is read and checked")
    parser.add_argument("--workbook-rows", type=int, default=10_000)
    parser.add_argument("--result-rows", type=int, default=20_000)
    parser.add_argument("--memory-rows", type=int, nargs="+", default=[10_000])
    parser.add_argument("--resume-rows", type=int, default=10_000)
    parser.add_argument("--quota-rows", type=int, default=240)
    parser.add_argument("--without", nargs="+", default=[], help="scripts in peers/ to leave out of the whole job")
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--readme", action="store_true")
    return parser.parse_args()


def contenders_of(options: argparse.Namespace, rows: int) -> dict[str, Contender]:
    """Return who does the whole job of so many rows, by name."""
    left_out = {*options.without, *(["xargs_curl.sh"] if rows > MOST_CURLS else [])}
    peers = {
        LOOP: "requests_loop.py",
        "pandas, 20 threads, `requests`": "pandas_threads.py",
        "dlt, a custom destination as its documentation writes it": "dlt_destination.py",
        "dlt as lean as it gets: one session, batches of 100": "dlt_session.py",
        "httpx, a semaphore of 50": "httpx_semaphore.py",
        "xargs with 20 `curl`": "xargs_curl.sh",
    }
    return {OURS: ours, "the same, results as .csv": ours} | {
        name: peer(options.peers_python, script) for name, script in peers.items() if script not in left_out
    }


def measured(folder: Path, options: argparse.Namespace) -> list[str]:
    """Measure the parts that are asked for and return their tables."""
    rounds, python = options.rounds, options.peers_python
    parts: dict[str, Callable[[], list[Line]]] = {
        "start": lambda: start_up(folder, rounds),
        "latency": lambda: latency(folder, options.slow_rows),
        "check": lambda: reading(folder, options.check_rows, options.workbook_rows, rounds, python),
        "results": lambda: results(folder, options.result_rows, rounds, python),
        "memory": lambda: memory(folder, options.memory_rows),
        "resume": lambda: resuming(folder, options.resume_rows),
    }
    lines: list[Line] = []
    if "whole" in options.only:
        for rows in options.rows:
            lines += whole_job(folder, rows, rounds, contenders_of(options, rows))
    for name, part in parts.items():
        if name in options.only:
            lines += part()
    text = table(lines) if lines else []
    if "quota" in options.only:
        # Last and imported here: a child's memory counts from its parent's, and the server's libraries are large.
        from tests.benchmarks import quota_shares

        text += ["", *quota_shares.table(list(quota_shares.shares(folder, options.quota_rows)))]
    return text


def main() -> None:
    """Measure, and tell."""
    options = parse_options()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
        with serving() as base_url:
            limit = server_limit(base_url, folder)
        tables = measured(folder, options)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    where = f"{today}, {platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores"
    times = f"median of {options.rounds}, latency, memory and resume once"
    said = f"{where}, load {os.getloadavg()[0]:.1f}; {times}; the server alone, by wrk: {limit}"
    block = "\n".join([*tables, "", f"Measured {said}."])
    sys.stdout.write(f"{block}\n")
    if options.readme:
        readme = ROOT / "README.md"
        text = readme.read_text(encoding="utf-8")
        readme.write_text(MARKS.sub(lambda found: f"{found[1]}{block}\n{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
