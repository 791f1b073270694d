"""Starts commands in processes of their own without importing the program anew each time.

Run by itself: it imports what a run needs, then forks a child for each order that comes in on stdin as a line of JSON.
A child is a process like any other: it can be killed, it has its own files, and nobody shares its memory.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

_USED_BY_RUNS = (
    "bulk_sync.cli.carrying_out",
    "bulk_sync.cli.looking_back",
    "bulk_sync.cli.mapping_work",
    "bulk_sync.workflow.checking",
    "bulk_sync.workflow.resuming",
    "bulk_sync.workflow.running",
    "bulk_sync.workflow.stored_plan",
    "bulk_sync.workflow.undoing",
    "bulk_sync.heffl.client",
    "bulk_sync.results.flat_files",
    "bulk_sync.results.summary_json",
    "bulk_sync.results.xlsx_file",
    "bulk_sync.sources.csv_file",
    "bulk_sync.sources.xlsx_file",
    "openpyxl",
    "phonenumbers",
)


def main() -> None:
    """Answer orders until stdin ends: ``start`` gives a pid, ``poll`` the exit code or null."""
    for name in _USED_BY_RUNS:
        import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        answer = _poll(order["poll"]) if "poll" in order else _start(order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _poll(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _start(order: dict[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        _be_the_program(order)
    return pid


def _be_the_program(order: dict[str, Any]) -> None:
    code = 70
    try:
        for number, name, flags in (
            (0, order["stdin"], os.O_RDONLY),
            (1, order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, order["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ):
            os.dup2(os.open(name, flags, 0o600), number)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["env"])
        _limit_files(order["file_limit"])
        code = import_module("bulk_sync.cli").run_arguments(order["args"])
        sys.stdout.flush()
    finally:
        os._exit(code)


def _limit_files(size: int | None) -> None:
    """Let no file grow beyond ``size`` bytes: what a full disk looks like from inside."""
    if size is not None:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    main()
