"""Why a run ended early: each reason with its exit code and its words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from bulk_sync.errors import ExitCode
from bulk_sync.sending.ports import StopReason


class OwnReason(StrEnum):
    """Reasons beside those for which sending stops."""

    GUARD = "guard"
    DECLINED = "declined"
    READING = "reading"
    LOCAL_FAULT = "local_fault"
    SAME = "same"

    def of(self, detail: str) -> str:
        """Return the reason with what it was, as ``stopped_by`` has it."""
        return f"{self.value}:{detail}"


class Ending(NamedTuple):
    """How a command ends for a reason. ``says_all``: the words leave nothing for the stop's own message to add."""

    exit_code: ExitCode
    words: str
    says_all: bool = False


ENDINGS: Mapping[str, Ending] = {
    StopReason.INTERRUPTED: Ending(ExitCode.INTERRUPTED, "interrupted", says_all=True),
    StopReason.KEY_REFUSED: Ending(ExitCode.KEY_REFUSED, "the API refused the key"),
    StopReason.TARGET_REFUSED: Ending(ExitCode.REFUSED, "the target's name or certificate is wrong"),
    StopReason.SYSTEMIC: Ending(ExitCode.HALTED, "every row would be refused for the same reason"),
    StopReason.OUTAGE: Ending(ExitCode.HALTED, "the API was away for too long"),
    StopReason.QUOTA: Ending(ExitCode.HALTED, "the quota is used up for too long"),
    StopReason.UNTIL: Ending(ExitCode.HALTED, "the time of --until has come", says_all=True),
    StopReason.MAX_REQUESTS: Ending(ExitCode.HALTED, "--max-requests is used up", says_all=True),
    StopReason.MAX_DURATION: Ending(ExitCode.HALTED, "--max-duration is over", says_all=True),
    OwnReason.GUARD: Ending(ExitCode.GUARD, "a guard stopped it"),
    OwnReason.DECLINED: Ending(ExitCode.GUARD, "you said no"),
    OwnReason.READING: Ending(ExitCode.HALTED, "the clients could not be read from the CRM"),
    OwnReason.LOCAL_FAULT: Ending(ExitCode.HALTED, "a local fault, such as a full disk"),
    OwnReason.SAME: Ending(ExitCode.OK, "there was nothing to do"),
}


def stopped_words(stopped_by: str) -> str:
    """Return what a command was stopped by as a person is told it, with its detail; '' where nothing stopped it."""
    detail = stopped_by.partition(":")[2]
    return f"{ending(stopped_by).words}{f' ({detail})' if detail else ''}"


def ending(stopped_by: str) -> Ending:
    """Return how a command ends for what it was stopped by; a reason of another version is told as it is."""
    reason = stopped_by.partition(":")[0]
    return ENDINGS.get(reason, Ending(ExitCode.HALTED, reason))
