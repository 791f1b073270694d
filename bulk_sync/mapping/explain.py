"""What becomes of a cell, step by step, by the very functions that the run uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bulk_sync.mapping.pipeline import KEEP, Outcome, Pipeline
from bulk_sync.mapping.transforms import as_text
from bulk_sync.records import Cell, as_cell


class Step(NamedTuple):
    """One step of a field's way: ``name`` (cell, trim, transform …, map, type …, validation, sent, not sent).

    ``note`` says more about it; ``value`` is the value after it. The last step of a field says what is sent, or
    that nothing is. ``field`` is '' for a key, ``cell`` is given where a cell is read.
    """

    field: str
    name: str
    note: str
    value: object
    cell: str = ""


def explain_field(
    pipeline: Pipeline, cells: Sequence[str | Cell], names: Sequence[str], columns: Sequence[str]
) -> list[Step]:
    """Return the steps of one field. ``names`` are the cells' names, ``columns`` their columns'."""
    field = pipeline.field.name
    steps = [
        Step(field, "cell", f"column {column}{_kind(cell)}", as_cell(cell).text, name)
        for cell, name, column in zip(cells, names, columns, strict=True)
    ]

    def trace(name: str, note: str, value: object) -> None:
        steps.append(Step(field, name, note, value))

    outcome = pipeline.run(cells, trace)
    return [*steps, *closing_steps(field, outcome)]


def closing_steps(field: str, outcome: Outcome) -> list[Step]:
    """Return what was found, and what is sent in the end."""
    steps = [
        Step(field, "problem" if found.severity == "error" else "warning", found.message, found.value)
        for found in outcome.findings
    ]
    if any(found.severity == "error" for found in outcome.findings):
        return [*steps, Step(field, "not sent", "the row is invalid", KEEP)]
    if outcome.value is KEEP:
        return [*steps, Step(field, "not sent", "the field stays as it is", KEEP)]
    return [*steps, Step(field, "sent", "null clears" if outcome.value is None else "", outcome.value)]


def _kind(cell: str | Cell) -> str:
    if isinstance(cell, str) or cell.value is None or cell.value == cell.text:
        return ""
    return f", stored as {cell.kind.value} {as_text(cell.value)}"
