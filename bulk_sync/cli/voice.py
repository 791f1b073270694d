"""How a command that ends with an error says so: words on stderr, an object on stdout for ``--json``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import click

from bulk_sync.errors import BulkSyncError, Refused


@dataclass(slots=True)
class Voice:
    """What is known of how to speak: guessed from the arguments, then settled by the settings.

    A command that is refused before its settings are known has a voice already.
    """

    json_summary: bool = False
    log_json: bool = False

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Voice:
        """Guess from the bare arguments and the environment."""
        before = [*arguments, "--"].index("--")
        given = arguments[:before]
        log_json = "--log-format=json" in given or any(pair == ("--log-format", "json") for pair in pairwise(given))
        return cls(
            "--json" in given or bool(os.environ.get("BULK_SYNC_JSON")),
            log_json or os.environ.get("BULK_SYNC_LOG_FORMAT") == "json",
        )

    def tell(self, error: BulkSyncError) -> None:
        """Say an error on stderr, and on stdout where a program listens."""
        from bulk_sync.console.messages import tell_error, tell_error_event

        self._print(error)
        if self.log_json:
            tell_error_event(error)
        else:
            tell_error(error)

    def tell_usage(self, error: click.ClickException) -> None:
        """Say what is wrong with the arguments, in our voice."""
        context = getattr(error, "ctx", None)
        if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the whole help
            self._print(Refused("a command is missing", hint="see stderr"))
            _say(error.format_message())
            return
        hint = f"{context.command_path} --help lists its options" if context else "bulk-sync --help lists the commands"
        self.tell(Refused(error.format_message(), hint=hint))

    def tell_interrupted(self) -> None:
        """Say that the user left before there was anything to go on with."""
        from bulk_sync.sending.ports import Interrupted

        self._print(Interrupted("interrupted"))
        _say("interrupted")

    def tell_defect(self, error: Exception) -> None:
        """Say that we made a mistake, and where its details are."""
        from bulk_sync.console.messages import tell_defect

        self._print(BulkSyncError(f"a defect of bulk_sync ({type(error).__name__})", hint="see stderr"))
        tell_defect(error)

    def _print(self, error: BulkSyncError) -> None:
        if self.json_summary:
            from bulk_sync.console.patient import patient
            from bulk_sync.results.summary_json import failure_json

            out = patient(sys.stdout)  # the exit code is to be the error's, whether or not anybody reads
            out.write(failure_json(error) + "\n")
            out.flush()


def _say(text: str) -> None:
    """Write to stderr as far as it takes anything: the exit code is the same where it does not."""
    from bulk_sync.console.patient import patient

    err = patient(sys.stderr)
    err.write(f"{text}\n")
    err.flush()


def settle_voice(*, json_summary: bool, log_json: bool) -> None:
    """Let the running command's voice know its settings."""
    context = click.get_current_context(silent=True)
    if context is not None and isinstance(context.obj, Voice):
        context.obj.json_summary = json_summary
        context.obj.log_json = log_json
