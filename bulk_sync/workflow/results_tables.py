"""A results file of ours opened again: every sheet that holds results, or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bulk_sync.errors import SourceError
from bulk_sync.results.read_back import JsonlTable, PlanLine, ResultsTable, changes_sheets, plan_lines, results_sheets
from bulk_sync.sources import SourceOptions, open_source
from bulk_sync.sources.source import Source

_JSONL = ".jsonl"


@contextmanager
def results_tables(path: Path) -> Iterator[list[ResultsTable]]:
    """Open the tables of a results file; raises :class:`SourceError` where there is none."""
    if path.suffix.lower() == _JSONL:
        yield [JsonlTable(path)]
        return
    with _sheets(path, results_sheets, "Results") as sources:
        yield list(sources)


@contextmanager
def _sheets(path: Path, choose: Callable[[Iterable[str]], tuple[str, ...]], what: str) -> Iterator[list[Source]]:
    names = sheet_names(path)
    if names is None:
        source = open_source(path, SourceOptions(header_row=1))
        try:
            yield [source]
        finally:
            source.close()
        return
    chosen = choose(names)
    if not chosen:
        raise SourceError(
            f"{path} has no sheet {what}: it is not a file that bulk_sync wrote",
            hint="name the results file of a run, or the run itself",
        )
    sources = [open_source(path, SourceOptions(sheet=name, header_row=1)) for name in chosen]
    try:
        yield sources
    finally:
        for source in sources:
            source.close()


def sheet_names(path: Path) -> tuple[str, ...] | None:
    """Return the sheets of a workbook, None for a file that is none."""
    import zipfile

    if not zipfile.is_zipfile(path):
        return None
    import python_calamine as calamine

    try:
        workbook = calamine.CalamineWorkbook.from_path(str(path))
    except (calamine.CalamineError, OSError):
        return None
    try:
        return tuple(workbook.sheet_names)
    finally:
        workbook.close()


def kept_fields(path: Path) -> dict[str, frozenset[str]]:
    """Return which fields of which client are still in the sheet Changes of a plan's file.

    Raises :class:`SourceError` for a file that is no plan, and for a line that names no row.
    """
    kept: dict[str, set[str]] = {}
    with _sheets(path, changes_sheets, "Changes") as sources:
        for source in sources:
            for line in plan_lines(source.header, source.rows()):
                if not isinstance(line, PlanLine):
                    raise SourceError(f"{path}, {line.cell}: {line.message}", hint="delete whole lines, nothing else")
                kept.setdefault(line.client_id, set()).add(line.field)
    return {client: frozenset(fields) for client, fields in kept.items()}
