"""A command, watched: its CPU time with that of its children, its wall time and its largest memory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SERVER = Path(__file__).with_name("fast_server.py")
CLIENT_CORE, SERVER_CORE = 0, 1


class Cost(NamedTuple):
    """What a command took: seconds of CPU and of the wall's clock, and MB of memory at its largest."""

    cpu: float
    wall: float
    memory: float


def measure(command: Sequence[str], environ: Mapping[str, str], folder: Path, *, ends_with: int = 0) -> Cost:
    """Run a command on the client's core and wait for it; RuntimeError with its last words where it ends otherwise."""
    said = folder / "said.txt"
    began = time.perf_counter()
    with said.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [*_pinned(CLIENT_CORE), *command], env={**os.environ, **environ}, cwd=folder, stdout=file, stderr=file
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != ends_with:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said.read_text()[-500:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


@contextmanager
def serving(latency: float = 0.0) -> Iterator[str]:
    """Serve the fast API on a core of its own; yield its base URL."""
    command = [*_pinned(SERVER_CORE), sys.executable, str(SERVER), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def server_limit(base_url: str, folder: Path) -> str:
    """Return the requests a second that wrk gets from the server, '' without wrk."""
    if shutil.which("wrk") is None:
        return ""
    script = folder / "patch.lua"
    script.write_text('wrk.method = "PATCH"\nwrk.body = \'{"name":"Acme LLC","cf_tier":"Gold"}\'\n', encoding="utf-8")
    command = [*_pinned(CLIENT_CORE), "wrk", "-t1", "-c16", "-d3", "-s", str(script), f"{base_url}/clients/clt_1"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return f"{float(found[1]):,.0f}/s" if found else ""


def _pinned(core: int) -> list[str]:
    several = (os.cpu_count() or 1) > 1 and shutil.which("taskset") is not None
    return ["taskset", "-c", str(core)] if several else []
