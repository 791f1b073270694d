"""The file that results are written to before they are put in place, and the folder of what it is made from.

Those of killed processes are cleared away: whoever writes one holds a lock on the file, which goes with the process.
Windows has no such locks: there they stay.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path


@contextmanager
def part_file(folder: Path, target: Path) -> Iterator[Path]:
    """Give an empty file of the owner's for ``target`` in ``folder``; gone at the end unless it was moved.

    First those go that earlier processes began there for this very target, and were killed over.
    """
    _clear(folder, target)
    handle, path = _begun(folder, target)
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        if handle is not None:
            os.close(handle)


@contextmanager
def scratch_folder(part: Path) -> Iterator[Path]:
    """Give an empty folder of the owner's beside ``part``, for what that is made from; gone at the end.

    There and not where temporary files are: results take room where they are wanted, and nowhere else.
    """
    folder = _scratch(part)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _scratch(part: Path) -> Path:
    return part.with_name(f"{part.name}.d")


def _prefix(target: Path) -> str:
    """Return how the names begin: with the target's, as far as it is short, and a mark of the whole of it."""
    mark = blake2b(os.fsencode(target.name), digest_size=8).hexdigest()
    return f".{target.stem[:40]}-{mark}-"


def _begun(folder: Path, target: Path) -> tuple[int | None, Path]:
    """Make a file and lock it; return the handle to be closed at the end, None where nothing is locked."""
    while True:
        handle, name = tempfile.mkstemp(prefix=_prefix(target), suffix=f".part{target.suffix}", dir=folder)
        path = Path(name)
        if sys.platform == "win32":
            os.close(handle)
            return None, path
        if _lock(handle) is not False and _is_at(handle, path):
            return handle, path
        os.close(handle)  # another process took it for one that was left, in the moment before it was locked


def _clear(folder: Path, target: Path) -> None:
    """Remove the files that nobody holds any more; what cannot be looked at stays."""
    if sys.platform == "win32":
        return
    form = re.compile(re.escape(_prefix(target)) + r"[a-z0-9_]{8}" + re.escape(f".part{target.suffix}"))
    with suppress(OSError):
        for path in [path for path in folder.iterdir() if form.fullmatch(path.name)]:
            with suppress(OSError):
                _remove(path)


def _remove(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        about = os.fstat(handle)
        ours = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid() and about.st_nlink == 1
        if ours and _lock(handle) and _is_at(handle, path):
            shutil.rmtree(_scratch(path), ignore_errors=True)
            path.unlink()
    finally:
        os.close(handle)


def _lock(handle: int) -> bool | None:
    """Lock a file; return False where another process holds it, None where the file system has no locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False
