"""Which sheet of a workbook is meant: the one the mapping names, else the only one that fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from bulk_sync.errors import Question, SourceError
from bulk_sync.sources.header import matches

Peek = Callable[[str], Sequence[Sequence[str]]]


def chosen_sheet(
    name: str,
    *,
    sheets: Sequence[str],
    hidden: Collection[str],
    wanted: str | int | None,
    needs: Collection[str],
    peek: Peek,
) -> str:
    """Return the name of the sheet to read; ``peek`` gives the texts of a sheet's first rows.

    :raises SourceError: if there is none of that name, or none with anything in it.
    :raises Question: if several fit.
    """
    if not sheets:
        raise SourceError(f"{name} has no worksheet")
    if wanted is not None:
        return _wanted_sheet(name, sheets, wanted)
    visible = [sheet for sheet in sheets if sheet not in hidden] or list(sheets)
    if len(visible) == 1:
        return visible[0]
    first_rows = {sheet: peek(sheet) for sheet in visible}
    filled = [sheet for sheet in visible if any(any(row) for row in first_rows[sheet])]
    fits = {sheet: max((matches(row, needs) for row in first_rows[sheet]), default=0) for sheet in filled}
    best = max(fits.values(), default=0)
    fitting = [sheet for sheet in filled if fits[sheet] == best]
    if not fitting:
        return visible[0]
    if len(fitting) > 1:
        raise Question(
            f"{name} has {len(fitting)} sheets that fit: {', '.join(fitting)}",
            setting="source.sheet",
            choices=tuple(fitting),
            hint="name one with --sheet, or as source.sheet in the mapping",
        )
    return fitting[0]


def _wanted_sheet(name: str, sheets: Sequence[str], wanted: str | int) -> str:
    """Find a sheet by its name, in any case, or by its number from 1."""
    text = str(wanted)
    for sheet in (
        *(one for one in sheets if one == text),
        *(one for one in sheets if one.casefold() == text.casefold()),
    ):
        return sheet
    if text.isdecimal() and 1 <= int(text) <= len(sheets):
        return sheets[int(text) - 1]
    raise SourceError(f"{name} has no sheet {text!r}", hint=f"its sheets are {', '.join(sheets[:20])}")
