"""How much of a quota is used, and whether it is ever passed, on each rule by which servers count."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bulk_sync.sandbox import HeaderStyle, LoggedRequest, Quota, Rule, SandboxConfig, SandboxServer
from tests.benchmarks.commands import KEY, ours
from tests.benchmarks.material import MAPPING, write_clients

LIMIT, WINDOW, JITTER, BURST = 60, 2.0, 0.03, 5


class Share(NamedTuple):
    """A line: the rule, whether headers told of it, how many processes, and what the server counted."""

    rule: Rule
    headers: HeaderStyle
    processes: int
    requests: int
    refused: int
    seconds: float

    def of_limit(self) -> float:
        """Return the requests by those that the mean rate allows in the time from the first to the last."""
        return self.requests / (LIMIT / WINDOW * self.seconds)

    def of_least_time(self) -> float:
        """Return the time taken by the least in which this rule lets as many through."""
        if self.rule in {Rule.FIXED_WINDOW, Rule.SLIDING_LOG}:
            return self.seconds / ((self.requests - 1) // LIMIT * WINDOW)
        at_once = LIMIT if self.rule is Rule.TOKEN_BUCKET else BURST
        return self.seconds / ((self.requests - at_once) * WINDOW / LIMIT)


def shares(folder: Path, rows: int) -> Iterator[Share]:
    """Send ``rows`` in all through each rule, by one process and by four that share one state folder."""
    for rule in Rule:
        for headers in (HeaderStyle.DRAFT_03, HeaderStyle.NONE):
            for processes in (1, 4):
                place = folder / f"{rule}-{headers}-{processes}"
                answers = _answers(place, rule, headers, processes, rows // processes)
                moments = sorted(answer.at for answer in answers)
                refused = sum(answer.status == 429 for answer in answers)
                yield Share(rule, headers, processes, len(answers) - refused, refused, moments[-1] - moments[0])


def _answers(folder: Path, rule: Rule, headers: HeaderStyle, processes: int, rows: int) -> list[LoggedRequest]:
    """Run the processes and return what the server saw of them."""
    burst = BURST if rule is Rule.GCRA else None
    quota = Quota(rate=f"{LIMIT}/{WINDOW:g}s", rule=rule, burst=burst)
    with (
        SandboxServer(config=SandboxConfig(quota=quota, headers=headers, jitter=JITTER)) as server,
        ExitStack() as all_,
    ):
        server.seed({"id": f"clt_{number:08d}"} for number in range(1, processes * rows + 1))
        running = []
        for index in range(processes):
            place = folder / str(index)  # a lock keeps two runs of one mapping apart
            place.mkdir(parents=True)
            (place / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
            # Clients of its own: those that a later run has handled are left alone.
            source = write_clients(place / "clients.csv", rows, first=1 + index * rows)
            command = ours(source, server.base_url, place / "results.csv", workers=8)
            command += ["--rate", quota.rate, "--state-dir", str(folder / "state")]
            environ = {**os.environ, **KEY, "HEFFL_API_KEY": server.key}
            said = all_.enter_context((place / "said.txt").open("w", encoding="utf-8"))
            running.append(subprocess.Popen(command, env=environ, stdout=said, stderr=said))
        for process in running:
            if process.wait():
                raise RuntimeError(f"{rule}, {headers}: ended with {process.returncode}: see {folder}")
        return server.log


def table(lines: list[Share]) -> list[str]:
    """Return the lines as Markdown."""
    text = ["| server counts by | headers | processes | requests | 429 | of the rate | × the least time |"]
    text.append("|---|---|---:|---:|---:|---:|---:|")
    for line in lines:
        told = "yes" if line.headers is not HeaderStyle.NONE else "no"
        counts = f"{line.processes} | {line.requests} | {line.refused}"
        text.append(f"| {line.rule} | {told} | {counts} | {line.of_limit():.0%} | {line.of_least_time():.2f} |")
    return text
