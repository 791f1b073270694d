"""Planning knows fields and keys; a person looks for cells: its problems get the cells they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bulk_sync.errors import Problem
from bulk_sync.mapping.header import fold_name
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.records import cell_name


class Place(Protocol):
    """Adds cell and column to a problem of a row.

    ``line`` is the row's where that differs from its number; ``key`` is the entry of ``match`` that a problem without
    a field is about, from 0.
    """

    def __call__(self, problem: Problem, line: int | None, key: int = 0) -> Problem:
        """Return the problem with the cells of its field, or of its key."""
        ...


def placer(spec: MappingSpec, header: Sequence[str], sheet: str) -> Place:
    """Return what finds the cells of a field, or of the keys, for the source with this header."""
    exact = {fold_name(name): index for index, name in reversed(list(enumerate(header)))}
    folded = {fold_name(name).casefold(): index for index, name in reversed(list(enumerate(header)))}

    def places(names: Sequence[str]) -> list[int]:
        found = [exact.get(fold_name(name), folded.get(fold_name(name).casefold())) for name in names]
        return [index for index in found if index is not None]

    by_field = {name: places(program.columns) for name, program in spec.programs.items()}
    by_key = [places([key.column]) for key in spec.match]

    def place(problem: Problem, line: int | None, key: int = 0) -> Problem:
        indexes = by_field.get(problem.field, []) if problem.field else by_key[key]
        if problem.cell or problem.row is None or not indexes:
            return problem
        cells = [cell_name(index, problem.row, sheet=sheet, line=line) for index in indexes]
        columns = dict.fromkeys(fold_name(header[index]) for index in indexes)
        return problem._replace(cell=", ".join(cells), column=", ".join(columns))

    return place
