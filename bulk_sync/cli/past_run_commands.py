"""The commands on past runs: resume, retry, undo, runs, purge."""

from __future__ import annotations

from typing import Any

import click

from bulk_sync.cli import options


@click.command("resume", short_help="Go on with a run that stopped, crashed or was interrupted.")
@click.argument("run", type=options.FILE, required=False)
@click.option("--from-journal", is_flag=True, default=None, help="Although source or mapping have changed since.")
@options.yes
@options.guards
@options.output()
@options.report
@options.sending
@options.target
@options.common
def resume_command(run: str | None, **given: Any) -> int:
    """Send what RUN has not sent, from its journal; what has an outcome is not sent again."""
    from bulk_sync.cli.carrying_out import carry_out
    from bulk_sync.workflow import resuming

    return carry_out(options.given(given), lambda desk: resuming.resume(desk, run), job="resume")


@click.command("retry", short_help="Send again what did not succeed, and what was corrected by hand.")
@click.argument("results", type=options.FILE)
@click.option("--run", "run_name", metavar="RUN", help="The run that the results are of, where it cannot be found.")
@options.yes
@options.choice
@options.guards
@options.output()
@options.report
@options.sending
@options.target
@options.common
def retry_command(results: str, run_name: str | None, **given: Any) -> int:
    """Send again the rows of RESULTS (a results file or a run) that did not succeed or were corrected."""
    from bulk_sync.cli.carrying_out import carry_out
    from bulk_sync.workflow import retrying

    return carry_out(options.given(given), lambda desk: retrying.retry(desk, results, run_name), job="retry")


@click.command("undo", short_help="Put back what a run changed.")
@click.argument("run", type=options.FILE, required=False)
@click.option("--include-unverified", is_flag=True, default=None, help="Also fields that no answer shows.")
@options.yes
@options.choice
@options.output()
@options.report
@options.sending
@options.target
@options.common
def undo_command(run: str | None, **given: Any) -> int:
    """Put back what RUN changed, where the record still has what it left there."""
    from bulk_sync.cli.carrying_out import carry_out
    from bulk_sync.workflow import undoing

    return carry_out(options.given(given), lambda desk: undoing.undo(desk, run))


@click.command("runs", short_help="Past runs; one run in full; its results again.")
@click.argument("run", type=options.FILE, required=False)
@click.option(
    "--what",
    type=click.Choice(["results", "changes", "problems"]),
    default="results",
    show_default=True,
    help="What --output writes.",
)
@options.output("printed, not written")
@options.report
@options.common
def runs_command(run: str | None, what: str, **given: Any) -> int:
    """List past runs, or show RUN in full; with --output write its results again."""
    from bulk_sync.cli.looking_back import list_runs, show_run

    flags = options.given(given)
    if run is not None:
        return show_run(flags, run, what)
    if flags.keys() & {"output", "report"} or what != "results":
        raise click.UsageError("RUN is missing: --output, --report and --what are of one run.")
    return list_runs(flags)


@click.command("purge", short_help="Forget old runs.")
@click.option("--older-than", metavar="TIME", required=True, help="Such as 30d.")
@options.common
def purge_command(older_than: str, **given: Any) -> int:
    """Forget the runs that began longer ago; they can no longer be resumed, retried or undone."""
    from bulk_sync.cli.looking_back import forget_runs

    return forget_runs(options.given(given), older_than)
