"""What to do about a disk that refuses: whether a run has begun by then, and of which kind it is, decides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bulk_sync.errors import BulkSyncError, DiskFault
from bulk_sync.journal import RunHeader


def advice(fault: BulkSyncError, header: RunHeader) -> str:
    """Return what to do about a fault in the midst of a run; its own hint where no disk is the cause.

    It never is to keep the state elsewhere: that would leave behind the run's journal, the ledger and the quota.
    """
    if not isinstance(fault, DiskFault):
        # What stops a request speaks of resume; a plan has none, and is made anew, or sent once more.
        instead = "plan" if header.state == "planning" else f"run --plan {header.run}"
        return fault.hint.replace("bulk-sync resume", f"bulk-sync {instead}") if header.kind == "plan" else fault.hint
    return f"{fault.hint}, then: bulk-sync {_command(header)}"


def _command(header: RunHeader) -> str:
    planning = header.state == "planning"
    if header.kind == "plan":
        return "plan, from the beginning" if planning else f"run --plan {header.run}"
    if header.kind == "retry" and planning:
        return f"retry {header.parent}, or its results file as before"
    if header.kind == "undo" and planning:
        return f"undo {header.parent}"
    return f"resume {header.run}"


@contextmanager
def advising(header: Callable[[], RunHeader]) -> Iterator[None]:
    """Give the faults of disks that end the command inside the advice for the run as it is then."""
    try:
        yield
    except DiskFault as fault:
        raise type(fault)(fault.message, hint=advice(fault, header())) from fault
