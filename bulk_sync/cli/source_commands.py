"""The commands that read a source: run, check, plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from bulk_sync.cli import options
from bulk_sync.errors import Refused


@click.command("run", short_help="Read, check, plan, ask, send, write the results.")
@click.argument("source", type=options.FILE, required=False)
@options.mapping
@click.option(
    "--plan",
    "plan_name",
    type=options.FILE,
    metavar="RUN|FILE",
    help="Send a stored plan, less the lines deleted in FILE.",
)
@click.option("--dry-run", is_flag=True, help="The same as the command plan.")
@options.sandbox("Send to the stand-in API; --sandbox=fresh empties it first.")
@options.yes
@options.sheet
@options.choice
@options.reading
@options.guards
@options.output()
@options.report
@options.sending
@options.target
@options.skip_same
@options.fresh
@options.common
def run_command(
    source: str | None, mapping_path: str | None, plan_name: str | None, *, dry_run: bool, **given: Any
) -> int:
    """Read SOURCE through a mapping and update the clients it names.

    SOURCE is a CSV file or a workbook; - reads a CSV from standard input. The plan is shown first; on a
    terminal it is asked about, elsewhere it needs --yes.
    """
    from bulk_sync.cli.carrying_out import carry_out
    from bulk_sync.workflow import running, stored_plan

    flags = options.given(given)
    if plan_name is not None:
        _neither(source=source, mapping=mapping_path)
        return carry_out(flags, lambda desk: stored_plan.run_plan(desk, plan_name), job="run --plan")
    path, mapping = _both(source, mapping_path)
    if dry_run:
        return carry_out(flags, lambda desk: running.plan(desk, path, mapping), shows_plan=True)
    return carry_out(flags, lambda desk: running.run(desk, path, mapping), job=str(mapping.resolve()))


@click.command("check", short_help="Find the problems; no key, no network, nothing sent.")
@click.argument("source", type=options.FILE)
@options.mapping
@options.sandbox("As on run; makes no difference here, where no API is asked.")
@options.sheet
@options.choice
@options.guards_on_rows
@options.output("SOURCE-check-RUN.xlsx")
@options.report
@options.fresh
@options.common
def check_command(source: str, mapping_path: str | None, **given: Any) -> int:
    """Read and check SOURCE, and write what is wrong with it; nothing is requested."""
    from bulk_sync.cli.carrying_out import carry_out
    from bulk_sync.workflow import checking

    path, mapping = _both(source, mapping_path)
    return carry_out(options.given(given), lambda desk: checking.check(desk, path, mapping))


@click.command("plan", short_help="Show what run would change, old → new; changes nothing.")
@click.argument("source", type=options.FILE)
@options.mapping
@options.sandbox("Read the stand-in API; --sandbox=fresh empties it first.")
@options.sheet
@options.choice
@options.reading
@options.guards
@options.output("SOURCE-plan-RUN.xlsx")
@options.report
@options.sending
@options.target
@options.common
def plan_command(source: str, mapping_path: str | None, **given: Any) -> int:
    """Read SOURCE and the CRM, and show what would change. The plan is kept: bulk-sync run --plan RUN."""
    from bulk_sync.cli.carrying_out import carry_out
    from bulk_sync.workflow import running

    path, mapping = _both(source, mapping_path)
    return carry_out(options.given(given), lambda desk: running.plan(desk, path, mapping), shows_plan=True)


def _both(source: str | None, mapping: str | None) -> tuple[Path, Path]:
    if not source:
        raise click.UsageError("SOURCE is missing: the CSV file or workbook to read, or - for standard input.")
    mapping = mapping or os.environ.get("BULK_SYNC_MAPPING", "")
    if not mapping:
        raise Refused(
            "--mapping FILE is missing: the YAML that joins columns to fields",
            hint=f"to have one written for your file: bulk-sync mapping suggest {source} --output mapping.yaml",
        )
    return Path(source), Path(mapping)


def _neither(**given: str | None) -> None:
    for name, value in given.items():
        if value:
            raise click.UsageError(f"--plan has its own {name}: leave {value!r} out.")
