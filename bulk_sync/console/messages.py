"""Errors in words: what happened, where, what was expected, then a hint. Readable without colour."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime

from bulk_sync.console.events import event_line, masked
from bulk_sync.console.patient import patient
from bulk_sync.errors import BulkSyncError, MappingError


def tell_error(error: BulkSyncError) -> None:
    """Write an error to stderr."""
    if isinstance(error, MappingError):
        for mistake in error.mistakes:
            _line(f"error: {mistake}")
            if mistake.hint:
                _line(f"  hint: {mistake.hint}")
    else:
        first, *rest = error.message.splitlines() or [type(error).__name__]
        _line(f"error: {first}")
        for line in rest:
            _line(f"error: {line}")
    if error.hint:
        _line(f"hint: {error.hint}")


def tell_error_event(error: BulkSyncError) -> None:
    """Write an error to stderr as one line of JSON."""
    _line(
        event_line(
            "error",
            kind=type(error).__name__,
            exit_code=int(error.exit_code),
            text=masked(error.message),
            hint=masked(error.hint),
        )
    )


def tell_defect(error: BaseException) -> None:
    """Keep what is needed to find a defect of ours in a private file, and say where."""
    _line(f"error: this is a defect of bulk_sync ({type(error).__name__}), not of your file")
    try:
        details = f"details are in {_kept(error)}"
    except OSError as fault:  # nothing that a full disk does may hide the exit code
        details = f"details could not be kept: {fault.strerror or fault}"
    _line(f"hint: {details}; what was sent is in the journal: bulk-sync resume goes on with the run")


def _kept(error: BaseException) -> str:
    """Write a defect's details to a file and return its path. Raises OSError where there is no place for it."""
    handle, path = tempfile.mkstemp(prefix="bulk-sync-defect-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"bulk_sync defect, {datetime.now(UTC).isoformat(timespec='seconds')}\n")
        file.write(f"python {sys.version}\n\n")
        file.writelines(_without_secrets(line) for line in traceback.format_exception(error))
    return path


def _without_secrets(text: str) -> str:
    for name in ("HEFFL_API_KEY",):
        secret = os.environ.get(name, "").strip()
        if secret:
            text = text.replace(secret, "(key)")
    return text


def _line(text: str) -> None:
    out = patient(sys.stderr)
    out.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    out.flush()
