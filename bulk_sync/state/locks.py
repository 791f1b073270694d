"""Locks of the operating system: a dead holder never blocks, a live one is respected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulk_sync.errors import Busy, DiskFault


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock at ``path`` while inside.

    Raises :class:`Busy` naming ``what`` where another process holds it, and :class:`DiskFault` where there can be no
    lock. The lock goes with its process, however that ends; the file left behind means nothing.
    """
    # Here and not above: it takes 25 ms to import, and check locks nothing.
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except Timeout:
        raise Busy(f"another process works on {what}", hint="wait for it with --wait 10m") from None
    except OSError as error:
        raise DiskFault(f"{path}: cannot be locked: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def lock_name(*parts: str) -> str:
    """Return a file name for the lock on what ``parts`` name together."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".lock"
