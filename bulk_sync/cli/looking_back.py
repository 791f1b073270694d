"""Past runs on stdout: the list, one in full, its results again; and forgetting them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal, cast

import click

from bulk_sync.cli.carrying_out import make_desk
from bulk_sync.console.run_text import run_lines, runs_table
from bulk_sync.errors import ExitCode, Refused
from bulk_sync.journal import JournalBook
from bulk_sync.results.summary_json import answer_json, failure_json, summary_json
from bulk_sync.settings import parse_duration
from bulk_sync.workflow import runs
from bulk_sync.workflow.closing import next_steps, outputs, summarise
from bulk_sync.workflow.ending import first_problems, skipped_by_reason
from bulk_sync.workflow.purging import purge


def list_runs(flags: Mapping[str, object]) -> int:
    """Print the runs as a table, oldest first; with ``--json`` one object a line."""
    desk, settings = make_desk(flags)
    past = list(runs.past_runs(desk, figures=True))
    if settings.json_summary:
        for item in past:
            damaged = Refused(item.fault, hint="start a new run: rows that were sent compare as unchanged")
            click.echo(summary_json(item.summary) if item.summary else failure_json(damaged, run=item.run))
    elif not past:
        click.echo(f"no runs in {desk.state.runs_folder}", err=True)
    else:
        for line in runs_table(past):
            click.echo(line)
    return ExitCode.OK


def show_run(flags: Mapping[str, object], name: str, what: str) -> int:
    """Print one run in full, or write its results, changes or problems again."""
    desk, settings = make_desk(flags)
    if what != "results" and not settings.output:
        raise click.UsageError(f"--output FILE is missing: where the {what} are to be written.")
    run = runs.find_run(desk, name)
    with runs.opened(desk, run) as journal:
        summary = summarise(journal, finished_at=journal.header.finished_at)
        summary = summary._replace(next_steps=next_steps(summary, desk.again, whole=journal.planned))
        lines: Iterable[str] = run_lines(journal, summary)
        files = {}
        if settings.output or settings.report:
            place = outputs(desk, settings, source=journal.header.source_path, run=run, kind=journal.header.kind)
            if not settings.output:  # a report alone was asked for
                place = replace(place, path=None)
            place.check_again(desk, journal.header)
            written, notes = place.write(
                desk, journal, summary, what=cast('Literal["results", "changes", "problems"]', what)
            )
            lines = (written.output or written.report,)
            files = {"report": written.report} if written.report else {}
            if what == "results":
                summary = written if written.output else summary
            else:  # no file that a retry reads: what is told of the run stays as it is
                files[what] = written.output
            for note in notes:
                click.echo(note, err=True)
        if settings.json_summary:
            problems = first_problems(journal, JournalBook(journal, summary))
            skipped = skipped_by_reason(journal, summary)
            lines = (summary_json(summary, problems=problems, skipped=skipped, files=files),)
        for line in lines:
            click.echo(line)
    return ExitCode.OK


def forget_runs(flags: Mapping[str, object], older_than: str) -> int:
    """Forget the runs that are older and say which."""
    desk, settings = make_desk(flags)
    try:
        seconds = parse_duration(older_than)
    except ValueError as error:
        raise Refused(f"--older-than: {error}") from None
    if older_than.strip()[-1:].isdecimal():  # what is forgotten stays so, and 30 may have been meant as days
        raise Refused(f"--older-than: {older_than!r} has no unit: expected such as 90s, 30m, 2h or 30d")
    purged = purge(desk, older_than=seconds)
    if settings.json_summary:
        click.echo(answer_json({name: list(found) for name, found in purged._asdict().items()}))
    click.echo(f"forgotten: {', '.join(purged.forgotten) or 'none'}", err=True)
    if purged.removed:
        click.echo(f"removed, since no run began in them: {', '.join(purged.removed)}", err=True)
    for run in purged.kept:
        click.echo(
            f"kept: run {run}, whose journal cannot be read, and may be all that knows what was sent, or whose folder "
            "cannot be removed; "
            f"to be rid of it, delete {desk.run_folder(run)}",
            err=True,
        )
    return ExitCode.OK
