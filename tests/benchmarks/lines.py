"""The lines of the table, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from tests.benchmarks.measuring import Cost


class Line(NamedTuple):
    """A line of the table: what ran, over how many rows, and what its rounds took."""

    name: str
    rows: int
    costs: list[Cost]
    beside: str = ""
    """The name of the line that it is compared with, over as many rows in the same rounds."""

    def cpu(self) -> float:
        """Return the median of the CPU time, in seconds."""
        return median(cost.cpu for cost in self.costs)

    def wall(self) -> float:
        """Return the median of the time on the wall's clock, in seconds."""
        return median(cost.wall for cost in self.costs)

    def memory(self) -> float:
        """Return the median of the largest memory, in MB."""
        return median(cost.memory for cost in self.costs)


def table(lines: Sequence[Line]) -> list[str]:
    """Return the lines as Markdown; a ratio is the CPU time of the line beside, by that of this one."""
    text = [
        "| | rows | rows/s | CPU µs/row | × the loop, or reader | MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    measured = {(line.name, line.rows): line.cpu() for line in lines}
    for line in lines:
        if line.rows == 1:
            text.append(f"| {line.name} | | | {1000 * line.cpu():,.0f} ms in all | | {line.memory():,.0f} |")
            continue
        other = measured.get((line.beside, line.rows))
        ratio = f"{other / line.cpu():.2f}" if other else ""
        speed, cpu = line.rows / line.wall(), 1_000_000 * line.cpu() / line.rows
        text.append(f"| {line.name} | {line.rows:,} | {speed:,.0f} | {cpu:,.1f} | {ratio} | {line.memory():,.0f} |")
    return text
