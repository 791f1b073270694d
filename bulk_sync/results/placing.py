"""Put a finished file in place: whole or not at all, and never over what is not ours to replace."""

from __future__ import annotations

import hashlib
import os
import tempfile
import unicodedata
from collections.abc import Callable, Collection
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from bulk_sync.errors import Halted, OutputError
from bulk_sync.results.part_files import part_file

_STEM_BYTES = 160
"""What a default name takes of the source's: file systems take 255 bytes, and the rest of the name needs its room."""


class Written(NamedTuple):
    """Where results came to lie. ``fingerprint`` is of the file's content; ``notes`` are to be said."""

    path: Path
    fingerprint: str
    notes: tuple[str, ...] = ()


class Words(NamedTuple):
    """How the file is spoken of that is to be put in place: as a subject, by its pronoun, and how it is asked for."""

    subject: str
    are: str
    they: str
    them: str
    option: str


RESULTS = Words("the results", "are", "they", "them", "--output")
REPORT = Words("the report", "is", "it", "it", "--report")


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's content, '' if there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, IsADirectoryError):
        return ""


def default_path(source: str, run: str, *, kind: str = "results", folder: Path = Path(), suffix: str = ".xlsx") -> Path:
    """Return ``<source>-results-<RUN>.xlsx`` in ``folder``; a number is added where that name is taken.

    ``kind`` is ``results``, ``check`` or ``plan``.
    """
    stem = Path(source).stem if source not in {"", "-"} else "stdin"
    while len(os.fsencode(stem)) > _STEM_BYTES:
        stem = stem[:-1]
    return _free_name(folder / f"{stem}-{kind}-{run}{suffix}")


def check_not_input(
    path: Path, source: Path | None, mapping: Path | None = None, *, results: Path | None = None
) -> None:
    """Refuse to write over source, mapping or results that are read, under whatever name. Raises OutputError."""
    for taken, name in ((source, "source"), (mapping, "mapping"), (results, "results file that is retried")):
        if taken is not None and _same_file(path, taken):
            raise OutputError(f'"{path}" would overwrite the {name} "{taken}"', hint="name another file with --output")


def check_place(path: Path) -> None:
    """Refuse a place that cannot take a file, of whatever suffix: the report page is checked so, too."""
    if path.exists() and not path.is_file():
        raise OutputError(f'cannot write to "{path}": it is not a file', hint="name a file in a folder that exists")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise OutputError(f'cannot write to "{path}": there is no folder "{folder}"', hint="make the folder first")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f'cannot write to "{path}": {error.strerror or error}', hint="name a folder that takes new files"
        ) from error


def check_replaceable(path: Path, replaces: Collection[str] | None) -> None:
    """Refuse to replace a file that this tool did not write, or that somebody has changed since.

    ``replaces`` are the fingerprints of what this tool wrote there (None: replace anything, as asked).
    Raises OutputError.
    """
    if replaces is not None and _taken(path) and fingerprint(path) not in replaces:
        raise OutputError(
            f'"{path}" exists, and it was not written by this tool or was changed since',
            hint="name another file with --output, or replace it with --overwrite",
        )


def place(
    write: Callable[[Path], tuple[str, ...]],
    path: Path,
    *,
    run: str,
    mode: int = 0o600,
    replaces: Collection[str] | None = (),
    fallback: Path | None = None,
    words: Words = RESULTS,
) -> Written:
    """Let ``write`` fill a private file, then put it at ``path``; see :func:`bulk_sync.results.write_results`."""
    target = path.resolve() if path.is_symlink() else path
    again = f"nothing is lost: free the place and write {words.them} with `bulk-sync runs {run} {words.option} FILE`"
    try:
        return _place_in(target.parent, write, target, run=run, mode=mode, replaces=replaces, words=words)
    except OSError as error:
        reason = f'{words.subject} could not be written to "{path}": {error.strerror or error}'
        if fallback is None:
            raise Halted(reason, hint=again) from error
    try:
        fallback.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = _place_in(fallback, write, fallback / target.name, run=run, mode=mode, replaces=(), words=words)
    except OSError as error:
        raise Halted(f"{reason}, nor to {fallback}: {error.strerror or error}", hint=again) from error
    return written._replace(notes=(f'{reason}; {words.they} {words.are} in "{written.path}"', *written.notes))


def _place_in(
    folder: Path,
    write: Callable[[Path], tuple[str, ...]],
    target: Path,
    *,
    run: str,
    mode: int,
    replaces: Collection[str] | None,
    words: Words,
) -> Written:
    with part_file(folder, target) as beside:
        notes = write(beside)
        beside.chmod(mode)
        _sync_to_disk(beside)
        print_of_it = fingerprint(beside)
        final, reason = target, ""
        if replaces is not None and _taken(target) and fingerprint(target) not in replaces:
            reason = "it was not written by this tool or was changed since"
        else:
            try:
                beside.replace(target)
            except OSError as error:
                reason = error.strerror or str(error)
        if reason:
            final = _free_name(folder / f"{target.stem}-{run}{target.suffix}")
            beside.rename(final)
            where = f'{words.subject} {words.are} in "{final}"'
            notes = (f'"{target}" could not be replaced: {reason}; {where}', *notes)
    _sync_to_disk(folder)
    return Written(final, print_of_it, notes)


def _sync_to_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _free_name(path: Path) -> Path:
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(free for free in chain((path,), numbered) if not _taken(free))


def _taken(path: Path) -> bool:
    return os.path.lexists(path)


def _same_file(first: Path, second: Path) -> bool:
    """Whether two names are of one file: through links, and by names that differ only in case or accents' form."""
    with suppress(OSError):
        if first.samefile(second):
            return True
    return _folded(first) == _folded(second)


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path.resolve())).casefold()
