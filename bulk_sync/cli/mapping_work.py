"""What the mapping commands print."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast

import click

from bulk_sync.cli.carrying_out import make_desk
from bulk_sync.errors import DiskFault, ExitCode, MappingError, OutputError, Question, Refused
from bulk_sync.mapping.explain import Step
from bulk_sync.mapping.header import fold_name
from bulk_sync.mapping.lint import LintReport, point_out
from bulk_sync.mapping.lint import lint_mapping as lint
from bulk_sync.mapping.pipeline import KEEP
from bulk_sync.mapping.schema import json_schema, schema_text
from bulk_sync.mapping.spec import MappingSpec, load_mapping
from bulk_sync.mapping.transforms import TRANSFORMS, TransformInfo, example_lines, transforms_table
from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.records import Json, MappedRow, SourceRow, column_letters
from bulk_sync.results.placing import check_not_input
from bulk_sync.results.summary_json import answer_json
from bulk_sync.results.text import visible
from bulk_sync.sources import SourceOptions
from bulk_sync.sources.source import Source
from bulk_sync.state.scratch import scratch_folder
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.intake import Table, open_plain, open_table, source_options
from bulk_sync.workflow.jobs import SPOOL_NAME, STDIN_NAME, called_stdin

_STDIN = Path(STDIN_NAME)
_SAMPLE_ROWS = 500
_MOST_GROUPS = 200


def suggest_mapping(flags: Mapping[str, object], source: Path, output: Path | None, *, overwrite: bool) -> int:
    """Write a mapping for a source, to stdout or a file."""
    from bulk_sync.mapping.suggest import render_yaml, suggest

    desk, settings = make_desk(flags)
    if output and output.exists() and not overwrite:
        raise Refused(f"{output} exists", hint="name another file, or replace it with --overwrite")
    if output:
        check_not_input(desk.folder / output, desk.folder / source)
    with _source_file(desk, source) as path:
        table, guesses = _open_or_guess(desk, path, SourceOptions(sheet=settings.sheet))
        with table:
            rows = list(islice(table.rows(), _SAMPLE_ROWS))
            name = source.name if source != _STDIN else "standard input"
            suggestion = suggest(table.header, rows, source_name=name, detected=table.detected, guesses=guesses)
    text = render_yaml(suggestion)
    if output is not None:
        _write_mapping(desk.folder / output, text)
        click.echo(
            f"written: {output}; look at what is commented out, then: bulk-sync check {source} -m {output}", err=True
        )
    if settings.json_summary:
        written = str(desk.folder / output) if output else None
        click.echo(answer_json({"mapping": text}, source=str(source), sheet=table.sheet or None, output=written))
    elif output is None:
        click.echo(text, nl=False)
    return ExitCode.OK


@contextmanager
def _source_file(desk: Desk, source: Path) -> Iterator[Path]:
    """Give the path of a source; standard input, which is read twice, is kept in a private file until then."""
    if source != _STDIN:
        yield desk.folder / source
        return
    with scratch_folder() as folder:
        path = folder / SPOOL_NAME
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise DiskFault(
                f"standard input could not be kept in {folder}: {error.strerror or error}",
                hint="make room, or name a folder that has some in TMPDIR",
            ) from None
        with called_stdin(path):
            yield path


def _write_mapping(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f'cannot write "{path}": {error.strerror or error}') from None


def _open_or_guess(desk: Desk, path: Path, options: SourceOptions) -> tuple[Source, dict[str, str]]:
    """Open a source; take the likeliest answer where nobody is there to give one, and say what it was taken from.

    A suggestion may guess: it writes the guess down, marked, and no run reads the file before someone has looked.
    """
    guesses: dict[str, str] = {}
    while True:
        try:
            return open_plain(desk, path, options), guesses
        except Question as question:
            name = question.setting.rpartition(".")[2]
            if name not in ("encoding", "sheet") or not question.choices or name in guesses:
                raise
            likeliest, *others = question.choices
            guesses[name] = f"guessed; it may be {', '.join(others[:3])}" if others else "guessed"
            options = replace(options, sheet=likeliest) if name == "sheet" else replace(options, encoding=likeliest)


def lint_mapping(flags: Mapping[str, object], mapping: Path, source: Path | None) -> int:
    """Print every mistake with its place, and what a source shows of the mapping; 2 for mistakes."""
    desk, settings = make_desk(flags)
    path = desk.folder / mapping
    spec = _spec_or_none(desk, path) if source else None
    if source is None or spec is None:  # how to read the source is for a mapping without mistakes to say
        report = lint(path, environ=desk.environ)
    else:
        with (
            _source_file(desk, source) as file,
            open_plain(desk, file, source_options(spec, settings), needs=spec.columns()) as table,
        ):
            report = lint(path, environ=desk.environ, header=table.header, sheet=table.sheet, rows=table.rows)
    if not settings.json_summary:
        return _print_report(report, mapping, desk.folder)
    code = ExitCode.REFUSED if report.mistakes else ExitCode.OK
    click.echo(_report_json(report, mapping, source, code))
    return code


def _report_json(report: LintReport, mapping: Path, source: Path | None, code: ExitCode) -> str:
    told: dict[str, Json] = {"mistakes": [mistake._asdict() for mistake in report.mistakes], "tests": report.tests}
    beyond = _more_causes(report)
    return answer_json(
        told,
        exit_code=code,
        mapping=str(mapping),
        source=str(source or ""),
        rows=report.rows,
        notes=[*report.notes, *([beyond] if beyond else [])],
        problem_groups=[{"count": group.rows, "cause": group.cause} for group in report.groups[:_MOST_GROUPS]],
    )


def _spec_or_none(desk: Desk, path: Path) -> MappingSpec | None:
    try:
        return load_mapping(path, environ=desk.environ)
    except MappingError:
        return None  # its mistakes are what lint is about to print


def _print_report(report: LintReport, mapping: Path, folder: Path) -> int:
    for mistake in report.mistakes:
        file = Path(mistake.file)
        text = file.read_text(encoding="utf-8-sig", errors="replace") if file.is_file() else ""
        _print(point_out(mistake._replace(file=_as_given(file, folder)), text))
    for note in report.notes:
        _print(f"note: {note}")
    _print_groups(report)
    rows = f", {_counted(report.rows, 'row')} checked" if report.rows else ""
    if report.mistakes:
        _print(f"{mapping}: {_counted(len(report.mistakes), 'mistake')}{rows}")
        return ExitCode.REFUSED
    tests = f", {_counted(report.tests, 'test')} passed" if report.tests else ""
    _print(f"{mapping}: no mistakes{tests}{rows}")
    return ExitCode.OK


def _print_groups(report: LintReport) -> None:
    """Print each cause; a hint once, beneath the first that it belongs to."""
    told: set[str] = set()
    for group in report.groups[:_MOST_GROUPS]:
        _print(str(group))
        hint = group.first.hint
        if hint and hint not in told:
            _print(f"    hint: {hint}")
            told.add(hint)
    beyond = _more_causes(report)
    if beyond:
        _print(beyond)


def _more_causes(report: LintReport) -> str:
    """Say how many causes are not told; '' where all are."""
    if len(report.groups) <= _MOST_GROUPS:
        return ""
    at_least = "more than " if report.ungrouped else ""
    return f"and {at_least}{_counted(len(report.groups) - _MOST_GROUPS, 'more cause')}: bulk-sync check lists every row"


def _as_given(file: Path, folder: Path) -> str:
    """Name a file as one would from the working directory."""
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _print(text: str) -> None:
    """Print what may hold text from outside: what would steer a terminal is shown as its escape."""
    click.echo(visible(text))


def explain_cell(flags: Mapping[str, object], source: Path, cell: str, mapping: Path) -> int:
    """Print each value at each step, from the cell to the payload, and what would be sent."""
    sheet, letters, number = _place(cell)
    desk, settings = make_desk(flags)
    spec = load_mapping(desk.folder / mapping, environ=desk.environ)
    if settings.sheet is None and spec.source.sheet is None and sheet:
        settings = settings.model_copy(update={"sheet": sheet})
    with _source_file(desk, source) as path:
        table = open_table(desk, path, spec, settings)
        with table.source:
            _check_sheet(sheet, table.source, source)
            row = next((row for row in table.source.rows() if row.row_number == number), None)
            if row is None:
                raise Refused(f"{source} has no row {number} below its header")
            # A row that was refused as it was read has no columns, but perhaps a problem in one beyond the header.
            column = _column(table.source.header, letters) if letters and row.values else None
            steps = table.mapper.explain(row, column)
    if settings.json_summary:
        click.echo(_explanation_json(table, row, steps, source, mapping))
        return ExitCode.OK
    _print_steps(steps)
    if not steps:
        _print(f"nothing uses column {letters} ({column})")
    left_out = _left_out(table, row)
    if left_out:
        _print(f"would be sent: nothing, the row is {left_out}")
    else:
        _print_payload(row, table.mapper.map(row))
    return ExitCode.OK


def _explanation_json(table: Table, row: SourceRow, steps: list[Step], source: Path, mapping: Path) -> str:
    mapped = table.mapper.map(row)
    problems = dict.fromkeys((*row.problems, *mapped.problems))
    left_out = _left_out(table, row)
    told: dict[str, Json] = {
        "row": row.row_number,
        "steps": [_step(step) for step in steps],
        "left_out": left_out or None,
        "sent": None if left_out or mapped.invalid else mapped.payload,
    }
    return answer_json(
        told,
        source=str(source),
        sheet=table.source.sheet or None,
        mapping=str(mapping),
        problems=tuple(problems),
    )


def _step(step: Step) -> dict[str, Json]:
    """Return a step as plain values; one that keeps the field as it is has none."""
    value = cast("Json", step.value)
    return {"field": step.field, "cell": step.cell, "step": step.name, "note": step.note} | (
        {} if step.value is KEEP else {"value": value}
    )


def _print_steps(steps: list[Step]) -> None:
    field: str | None = None
    for step in steps:
        if step.field != field:
            field = step.field
            _print(field or ("key" if step.name == "key" else "row"))
        name = f"  {step.name}{' ' if step.cell else ''}{step.cell}"
        note = f"({step.note})" if step.note else ""
        # A value that is kept is none: the note says what becomes of the field.
        told = note if step.value is KEEP else f"{_shown(step.value)}   {note}"
        _print(f"{name:<26} {told}".rstrip())


def _left_out(table: Table, row: SourceRow) -> str:
    """Say why a run would skip a row, '' where it would not."""
    if row.hidden and table.spec.source.rows == "visible":
        return "hidden in the workbook and left out by rows: visible"
    return "" if table.mapper.selects(row) else "left out by the mapping's where"


def _print_payload(row: SourceRow, mapped: MappedRow) -> None:
    refused = any(problem.severity == "error" for problem in row.problems)
    for problem in mapped.problems if refused else (*row.problems, *mapped.problems):
        value = f' "{problem.value}"' if problem.value else ""
        _print(f"{problem.severity}: {problem.cell or problem.field or f'row {problem.row}'}{value}: {problem.message}")
        if problem.hint:
            _print(f"  hint: {problem.hint}")
    if mapped.invalid:
        _print("would be sent: nothing, the row is invalid")
    elif not mapped.payload:
        _print("would be sent: nothing, every mapped cell is blank and kept")
    else:
        _print(f"would be sent: {json.dumps(mapped.payload, ensure_ascii=False)}")


def _place(cell: str) -> tuple[str, str, int]:
    """Return sheet, column and row of a cell as a problem names it; '' for a sheet or column that is not given."""
    match = re.fullmatch(r"(?:(.+)!)?([A-Za-z]{0,3})(\d+)(?: \(line \d+\))?", cell.strip())
    if not match:
        raise Refused(f"{cell!r} is neither a cell such as C17 nor a row such as 17")
    sheet = match[1] or ""
    if len(sheet) > 1 and sheet[0] == sheet[-1] == "'":
        sheet = sheet[1:-1].replace("''", "'")
    return sheet, match[2].upper(), int(match[3])


def _check_sheet(sheet: str, table: Source, source: Path) -> None:
    """Refuse a cell of another sheet than the one that is read: another cell would be explained in its place."""
    if sheet and sheet.casefold() != table.sheet.casefold():
        read = f"what is read is sheet {table.sheet}" if table.sheet else f"{source} has no sheets"
        raise Refused(f"the cell is in sheet {sheet}, and {read}", hint="name the cell without its sheet, or --sheet")


def _column(header: tuple[str, ...], letters: str) -> str:
    for index, name in enumerate(header):
        if column_letters(index) == letters:
            return fold_name(name)
    raise Refused(f"the source has no column {letters}: its last is {column_letters(len(header) - 1)}")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def print_schema(flags: Mapping[str, object]) -> int:
    """Print the JSON Schema of mappings."""
    _, settings = make_desk(flags)
    if settings.json_summary:
        click.echo(answer_json({"schema": json_schema()}))
    else:
        click.echo(schema_text(), nl=False)
    return ExitCode.OK


def print_transforms(flags: Mapping[str, object], name: str | None) -> int:
    """Print the list of transforms, or one in full with its examples."""
    _, settings = make_desk(flags)
    if name is not None and name not in TRANSFORMS:
        hint = did_you_mean(name, TRANSFORMS) or "bulk-sync mapping transforms lists them"
        raise Refused(f"there is no transform {name!r}", hint=hint)
    if settings.json_summary:
        infos = TRANSFORMS.values() if name is None else [TRANSFORMS[name]]
        click.echo(answer_json({"transforms": [_transform(info) for info in infos]}))
    elif name is None:
        for row in transforms_table():
            click.echo(f"{row.name:<14} {row.summary}")
            click.echo(f"{'':<14} {row.example}")
    else:
        _print_transform(TRANSFORMS[name])
    return ExitCode.OK


def _transform(info: TransformInfo) -> dict[str, Json]:
    return {
        "name": info.name,
        "summary": info.summary,
        "option": info.option,
        "extra": info.extra,
        "examples": list(example_lines(info)),
    }


def _print_transform(info: TransformInfo) -> None:
    click.echo(f"{info.name}: {info.summary}")
    if info.option:
        click.echo(f"option: {info.option}")
    if info.extra:
        click.echo(f'needs: pip install "bulk-sync[{info.extra}]"')
    for line in example_lines(info):
        click.echo(f"example: {line}")
