"""What the mapping commands print."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import click

from bulk_sync.cli.carrying_out import make_desk
from bulk_sync.errors import ExitCode, MappingError, Refused
from bulk_sync.mapping.header import fold_name
from bulk_sync.mapping.lint import LintReport, point_out
from bulk_sync.mapping.lint import lint_mapping as lint
from bulk_sync.mapping.schema import schema_text
from bulk_sync.mapping.spec import MappingSpec, load_mapping
from bulk_sync.mapping.transforms import TRANSFORMS, transforms_table
from bulk_sync.records import MappedRow, column_letters
from bulk_sync.sources import SourceOptions
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.intake import open_plain, open_table, source_options

_SAMPLE_ROWS = 500


def suggest_mapping(flags: Mapping[str, object], source: Path, output: Path | None, *, overwrite: bool) -> int:
    """Write a mapping for a source, to stdout or a file."""
    from bulk_sync.mapping.suggest import render_yaml, suggest

    desk, settings = make_desk(flags)
    if output and output.exists() and not overwrite:
        raise Refused(f"{output} exists", hint="name another file, or replace it with --overwrite")
    with open_plain(desk, desk.folder / source, SourceOptions(sheet=settings.sheet)) as table:
        rows = list(islice(table.rows(), _SAMPLE_ROWS))
        suggestion = suggest(table.header, rows, source_name=source.name, detected=table.detected)
    text = render_yaml(suggestion)
    if output is None:
        click.echo(text, nl=False)
        return ExitCode.OK
    output.write_text(text, encoding="utf-8")
    click.echo(
        f"written: {output}; look at what is commented out, then: bulk-sync check {source} -m {output}", err=True
    )
    return ExitCode.OK


def lint_mapping(flags: Mapping[str, object], mapping: Path, source: Path | None) -> int:
    """Print every mistake with its place, and what a source shows of the mapping; 2 for mistakes."""
    desk, settings = make_desk(flags)
    path = desk.folder / mapping
    if source is None:
        report = lint(path, environ=desk.environ)
    else:
        spec = _spec_or_none(desk, path)
        options = source_options(spec, settings) if spec else SourceOptions(sheet=settings.sheet)
        with open_plain(desk, desk.folder / source, options, needs=spec.columns() if spec else ()) as table:
            report = lint(path, environ=desk.environ, header=table.header, sheet=table.sheet, rows=table.rows)
    return _print_report(report, mapping)


def _spec_or_none(desk: Desk, path: Path) -> MappingSpec | None:
    try:
        return load_mapping(path, environ=desk.environ)
    except MappingError:
        return None  # its mistakes are what lint is about to print


def _print_report(report: LintReport, mapping: Path) -> int:
    for mistake in report.mistakes:
        file = Path(mistake.file)
        click.echo(point_out(mistake, file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""))
    for note in report.notes:
        click.echo(f"note: {note}")
    for group in report.groups:
        click.echo(str(group))
    if report.mistakes:
        click.echo(f"{mapping}: {len(report.mistakes)} {'mistake' if len(report.mistakes) == 1 else 'mistakes'}")
        return ExitCode.REFUSED
    tests = f", {report.tests} tests passed" if report.tests else ""
    rows = f", {report.rows:,} rows checked" if report.rows else ""
    click.echo(f"{mapping}: no mistakes{tests}{rows}")
    return ExitCode.OK


def explain_cell(flags: Mapping[str, object], source: Path, cell: str, mapping: Path) -> int:
    """Print each value at each step, from the cell to the payload, and what would be sent."""
    desk, _ = make_desk(flags)
    spec = load_mapping(desk.folder / mapping, environ=desk.environ)
    settings = desk.settings()
    letters, number = _place(cell)
    table = open_table(desk, desk.folder / source, spec, settings)
    with table.source:
        column = _column(table.source.header, letters) if letters else None
        row = next((row for row in table.source.rows() if row.row_number == number), None)
        if row is None:
            raise Refused(f"{source} has no row {number} below its header")
        steps = table.mapper.explain(row, column)
        field = ""
        for step in steps:
            if step.field != field:
                field = step.field
                click.echo(f"{field or 'key'}")
            where = f" {step.cell}" if step.cell else ""
            note = f"   ({step.note})" if step.note else ""
            click.echo(f"  {step.name + where:<24} {_shown(step.value)}{note}")
        if not steps:
            click.echo(f"nothing uses column {letters} ({column})")
        _print_payload(table.mapper.map(row))
    return ExitCode.OK


def _print_payload(mapped: MappedRow) -> None:
    for problem in mapped.problems:
        click.echo(f"{problem.severity}: {problem.cell or problem.field}: {problem.message}")
    if mapped.invalid:
        click.echo("would be sent: nothing, the row is invalid")
    elif not mapped.payload:
        click.echo("would be sent: nothing, every mapped cell is blank and kept")
    else:
        click.echo(f"would be sent: {json.dumps(mapped.payload, ensure_ascii=False)}")


def _place(cell: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?:.*!)?([A-Za-z]{0,3})(\d+)", cell.strip())
    if not match:
        raise Refused(f"{cell!r} is neither a cell such as C17 nor a row such as 17")
    return match[1].upper(), int(match[2])


def _column(header: tuple[str, ...], letters: str) -> str:
    for index, name in enumerate(header):
        if column_letters(index) == letters:
            return fold_name(name)
    raise Refused(f"the source has no column {letters}: its last is {column_letters(len(header) - 1)}")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def print_schema() -> int:
    """Print the JSON Schema of mappings."""
    click.echo(schema_text(), nl=False)
    return ExitCode.OK


def print_transforms(name: str | None) -> int:
    """Print the list of transforms, or one in full with its examples."""
    if name is None:
        for row in transforms_table():
            click.echo(f"{row.name:<14} {row.summary}")
            click.echo(f"{'':<14} {row.example}")
        return ExitCode.OK
    info = TRANSFORMS.get(name)
    if info is None:
        raise Refused(f"{name}: no such transform", hint="bulk-sync mapping transforms lists them")
    click.echo(f"{info.name}: {info.summary}")
    if info.option:
        click.echo(f"option: {info.option}")
    for row in transforms_table():
        if row.name == name:
            click.echo(f"example: {row.example}")
    return ExitCode.OK
