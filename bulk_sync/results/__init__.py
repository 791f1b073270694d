"""Where results go. The index: suffix → writer, each loaded only when it is used.

A results file is written beside its final name and then put in place, so that it exists whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_sync.errors import OutputError

if TYPE_CHECKING:
    from bulk_sync.results.placing import Written
    from bulk_sync.results.table import RunBook, What

WRITERS = {
    ".xlsx": ("bulk_sync.results.xlsx_file", "write_workbook"),
    ".csv": ("bulk_sync.results.flat_files", "write_csv"),
    ".jsonl": ("bulk_sync.results.flat_files", "write_jsonl"),
}
"""Suffix → module and function ``(book, path, what) -> notes``; a new kind of output is one line here."""


def writer_for(path: Path) -> Callable[[RunBook, Path, What], tuple[str, ...]]:
    """Return the writer for a file's suffix. Raises OutputError for a suffix that no writer has."""
    try:
        module, function = WRITERS[path.suffix.lower()]
    except KeyError:
        raise OutputError(
            f'cannot write results to "{path}": no writer for the suffix "{path.suffix}"',
            hint=f"name a file that ends in {', '.join(WRITERS)}",
        ) from None
    writer: Callable[[RunBook, Path, What], tuple[str, ...]] = getattr(import_module(module), function)
    return writer


def check_writable(path: Path, source: Path | None = None, mapping: Path | None = None) -> None:
    """Refuse, before anything is sent, a place where results cannot be put.

    Raises OutputError for an unknown suffix, a folder that is missing or takes no files, a folder or device
    of that name, and for the source or the mapping under whatever name.
    """
    from bulk_sync.results.placing import check_not_input, check_place

    writer_for(path)
    check_not_input(path, source, mapping)
    check_place(path)


def write_results(
    book: RunBook,
    path: Path,
    *,
    what: What = "results",
    mode: int = 0o600,
    replaces: Collection[str] | None = (),
    fallback: Path | None = None,
) -> Written:
    """Write the results of a run to ``path`` by its suffix and say where they came to lie.

    ``replaces`` holds the fingerprints of files that may be replaced (None: any). Where another file stands
    at ``path``, or it cannot be put in place, the results are left beside it under the run's name; where even
    its folder fails, in the folder ``fallback``. The note of the result says so.

    Raises OutputError for an unknown suffix, Halted where no place could take the file.
    """
    from bulk_sync.results.placing import place

    writer = writer_for(path)
    return place(
        lambda beside: writer(book, beside, what),
        path,
        run=book.summary.run,
        mode=mode,
        replaces=replaces,
        fallback=fallback,
    )
