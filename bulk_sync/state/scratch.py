"""Folders for what is thrown away in the end: a check's journal, a copy of standard input."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulk_sync.errors import DiskFault


def make_scratch() -> Path:
    """Make a private folder among the temporary files; :class:`DiskFault` where there is no place for one."""
    try:
        return Path(tempfile.mkdtemp(prefix="bulk-sync-"))
    except OSError as error:  # on a full disk not even the folder for temporary files is found
        raise DiskFault(
            f"no place for temporary files: {error.strerror or error}",
            hint="make room, or name a folder that has some in TMPDIR",
        ) from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a private folder that is gone afterwards. Raises as :func:`make_scratch`."""
    folder = make_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
