"""Commands and flags; nothing else is decided here.

Only click is imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

import click

from bulk_sync.cli.crm_commands import key_group, sandbox_command
from bulk_sync.cli.mapping_commands import mapping_group
from bulk_sync.cli.past_run_commands import (
    purge_command,
    resume_command,
    retry_command,
    runs_command,
    undo_command,
)
from bulk_sync.cli.source_commands import check_command, plan_command, run_command
from bulk_sync.cli.streams import ready_streams
from bulk_sync.cli.voice import Voice
from bulk_sync.errors import BulkSyncError, DiskFault, ExitCode, Refused

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk, or of a file, that takes no more."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bulk-sync")
def commands() -> None:
    """Get a spreadsheet of clients into the CRM: checked, planned, within the quota, and undoable.

    \b
    First steps:
      bulk-sync mapping suggest clients.xlsx --output clients.yaml
      bulk-sync check clients.xlsx --mapping clients.yaml
      bulk-sync plan  clients.xlsx --mapping clients.yaml
      bulk-sync run   clients.xlsx --mapping clients.yaml

    The options of a run can also be set as BULK_SYNC_OPTION in the environment, but for --yes and --allow.
    The API key comes from HEFFL_API_KEY, BULK_SYNC_KEY_COMMAND or a key ring, never from an option.
    """  # noqa: D301 - the escape is the character by which click leaves a paragraph's lines as they are


for command in (
    run_command,
    check_command,
    plan_command,
    resume_command,
    retry_command,
    undo_command,
    runs_command,
    mapping_group,
    key_group,
    purge_command,
    sandbox_command,
):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave the process with its exit code."""
    # What a row leaves behind is freed without the collector, whose rounds over everything took a twentieth of a run.
    gc.set_threshold(10_000, 50, 100)
    # pydantic would read the entry points of every installed package for plug-ins, and we have none: 50 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    ready_streams()
    sys.exit(run_arguments(sys.argv[1:] if arguments is None else arguments))


def run_arguments(arguments: list[str]) -> int:
    """Run a command and return its exit code: the one place where an exception becomes words."""
    voice = Voice.of(arguments)
    try:
        result = commands.main(arguments, prog_name="bulk-sync", standalone_mode=False, obj=voice)
    except click.ClickException as error:
        voice.tell_usage(error)
        return ExitCode.REFUSED
    except (click.Abort, KeyboardInterrupt):
        voice.tell_interrupted()
        return ExitCode.INTERRUPTED
    except SystemExit:
        # So click leaves, with 1, where whoever read our output has gone: there is nobody to tell, and no row is wrong.
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the last resort
        return _told(voice, error)
    return result if isinstance(result, int) else ExitCode.OK


def _told(voice: Voice, error: Exception) -> ExitCode:
    """Say what ended a command, and return its exit code. A defect of ours is kept for its report, never shown raw."""
    if isinstance(error, OSError) and error.errno in _FULL:  # nobody nearer knew more of it, as of stdout's file
        from bulk_sync.console.patient import patient

        patient(sys.stdout).flush()  # or what it still holds would fail once more at the end, with an exit code of 120
        error = DiskFault(
            f"{error.filename or 'a file, or what the output goes to'}: {error.strerror}", hint="make room"
        )
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        error = Refused(f"{error.filename}: {error.strerror}", hint="name another file")
    if isinstance(error, BulkSyncError):
        voice.tell(error)
        return error.exit_code
    voice.tell_defect(error)
    return ExitCode.DEFECT
