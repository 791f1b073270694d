"""Planning knows fields and keys; a person looks for cells: its problems get the cells they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bulk_sync.errors import Problem
from bulk_sync.mapping.header import fold_name
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.records import cell_name

Place = Callable[[Problem, int | None], Problem]
"""Adds cell and column to a problem of a row, told the row's line where that differs from its number."""


def placer(spec: MappingSpec, header: Sequence[str], sheet: str) -> Place:
    """Return what finds the cells of a field, or of the keys, for the source with this header."""
    exact = {fold_name(name): index for index, name in reversed(list(enumerate(header)))}
    folded = {fold_name(name).casefold(): index for index, name in reversed(list(enumerate(header)))}

    def places(names: Sequence[str]) -> list[int]:
        found = [exact.get(fold_name(name), folded.get(fold_name(name).casefold())) for name in names]
        return [index for index in found if index is not None]

    by_field = {name: places(program.columns) for name, program in spec.programs.items()}
    keys = places([key.column for key in spec.match])

    def place(problem: Problem, line: int | None) -> Problem:
        indexes = by_field.get(problem.field, []) if problem.field else keys[:1]
        if problem.cell or problem.row is None or not indexes:
            return problem
        cells = [cell_name(index, problem.row, sheet=sheet, line=line) for index in indexes]
        columns = dict.fromkeys(fold_name(header[index]) for index in indexes)
        return problem._replace(cell=", ".join(cells), column=", ".join(columns))

    return place
