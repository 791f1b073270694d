"""The options that several commands share; each is named like its setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Command], Command]


FILE = click.Path(readable=False)
"""What a shell completes; whether it is there and can be read is told where it is used, with a hint."""


def _together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _flag(name: str, help_text: str, setting: str | None = None) -> Callable[[Any], Any]:
    names = [name, setting] if setting else [name]
    return click.option(*names, is_flag=True, default=None, help=help_text)


common = _together(
    click.option("--profile", metavar="NAME", help="Account and options from the profiles file."),
    click.option(
        "--state-dir", type=FILE, metavar="DIR", help="Where runs are remembered; default: the user's state directory."
    ),
    _flag("--json", "One JSON object on stdout at the end.", "json_summary"),
    _flag("--verbose", "Say more, such as every request."),
    _flag("--quiet", "Say only what went wrong."),
    click.option("--log-format", metavar="text|json", help="How progress is written on stderr.  [text]"),
)

sheet = click.option("--sheet", metavar="NAME", help="The workbook's sheet.")

mapping = click.option(
    "--mapping", "-m", "mapping_path", type=FILE, metavar="FILE", help="The YAML that joins columns to fields."
)


def output(default: str = "SOURCE-results-RUN.xlsx") -> Callable[[Command], Command]:
    """Return the options of the file that is written; ``default`` is its name, or what is done without one."""
    return _together(
        click.option(
            "--output", "-o", type=FILE, metavar="FILE", help=f"Results file: .xlsx, .csv or .jsonl.  [{default}]"
        ),
        _flag("--overwrite", "Replace a results file that was changed or is not ours."),
        click.option("--output-mode", metavar="MODE", help="Permissions of new results files.  [600]"),
    )


report = click.option("--report", type=FILE, metavar="FILE.html", help="Also write a self-contained report page.")

target = _together(
    click.option("--base-url", metavar="URL", help="The API; https, or loopback.  [https://api.heffl.com/api/v1]"),
    click.option("--rate", metavar="N/TIME", help="At most this many requests: 60/min, 1/s, 60/2s, none.  [60/min]"),
    click.option("--quota-share", metavar="SHARE", help="Leave the rest of the quota to others.  [1]"),
    click.option("--timeout", metavar="TIME", help="Deadline of one request.  [30s]"),
    click.option(
        "--ca-file", type=FILE, metavar="FILE", help="Trust these authorities (PEM) instead of the machine's."
    ),
)


def sandbox(help_text: str) -> Callable[[Command], Command]:
    """Return the option that names the stand-in API as target."""
    return click.option("--sandbox", is_flag=False, flag_value="keep", metavar="[=fresh]", help=help_text)


choice = _together(
    click.option("--first", metavar="N", help="Only the first N rows; the others are skipped."),
    click.option("--rows", metavar="LIST", help="Only these rows, such as 2-21,40."),
    click.option("--only-fields", metavar="A,B", help="Only these fields."),
)

reading = _together(
    click.option("--read", metavar="HOW", help="How to read before writing: auto, list, each, none.  [auto]"),
    click.option("--trust-ledger", metavar="TIME|no", help="Believe what this tool sent before.  [30d]"),
)

sending = _together(
    click.option("--workers", metavar="N", help="Requests in flight, at most.  [4]"),
    click.option("--attempts", metavar="N", help="Attempts for each change.  [10]"),
    click.option("--until", metavar="HH:MM", help="Stop between rows at this time."),
    click.option("--max-requests", metavar="N", help="Stop after this many requests."),
    click.option("--max-duration", metavar="TIME", help="Stop after this long."),
    click.option("--max-outage", metavar="TIME", help="Give up when the API is away for longer.  [30m]"),
    click.option("--wait", metavar="TIME", help="Wait this long for another run of the same kind to end."),
)

yes = _flag("--yes", "Answer the question with yes; never overrides a guard.")

guards_on_rows = _together(
    click.option("--max-invalid", metavar="N|SHARE", help="Stop if more rows are invalid."),
    _flag("--require-valid", "Stop if any row is invalid."),
    click.option("--expect-rows", metavar="A..B", help="Stop if the source has fewer or more rows."),
    click.option("--allow", metavar="GUARD", multiple=True, help="Override a guard by its name."),
)

guards = _together(
    click.option("--max-changed", metavar="N|SHARE", help="Stop if more rows would change."),
    click.option("--max-cleared", metavar="N|SHARE", help="Stop if more cells would be cleared."),
    guards_on_rows,
)

skip_same = _flag("--skip-same", "Nothing to do if source, mapping and target are those of a run that ended with 0.")

fresh = click.option("--require-fresh", metavar="TIME", help="Refuse a source that is older.")


def given(options: dict[str, Any]) -> dict[str, object]:
    """Return the options that were given, as settings."""
    flags = {name: value for name, value in options.items() if value is not None and value != ()}
    if "allow" in flags:
        flags["allow"] = tuple(flags["allow"])
    return flags
