"""``--skip-same``: nothing to do if source, mapping and target are those of a run that ended with 0."""

from __future__ import annotations

from contextlib import suppress

from bulk_sync.errors import BulkSyncError
from bulk_sync.journal import RunHeader, Tallies
from bulk_sync.records import RunSummary
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk, kept_settings
from bulk_sync.workflow.intake import file_sha256
from bulk_sync.workflow.jobs import Job
from bulk_sync.workflow.reasons import OwnReason
from bulk_sync.workflow.runs import journal_path, opened, run_ids, unbegun
from bulk_sync.workflow.target import Target, names_of

_CHOOSES = ("sheet", "first", "rows", "only_fields")
"""Settings that decide what of a source is sent."""


def skip_same(desk: Desk, job: Job, target: Target) -> Ended | None:
    """Return the end of a run that has nothing to do, None where it has.

    What another run of the account has sent since, an undo or an earlier run that went on, ends the sameness: the CRM
    may hold something else by now.
    """
    if not job.settings.skip_same or job.frame is not None or job.settings.sandbox == "fresh":
        return None
    before = _same(desk, job, target)
    if before is None:
        return None
    text = f"nothing to do: source, mapping and target are those of run {before.run}, which ended with 0"
    desk.talk.say(text)
    summary = RunSummary(
        run="",
        kind="run",
        exit_code=0,
        stopped_by=OwnReason.SAME.value,
        counts={},
        requests={},
        source=before.source_path,
        sheet=before.sheet,
        mapping=before.mapping_path,
        target=target.name,
        account=target.account,
        started_at="",
        finished_at="",
        seconds=0.0,
        sandbox=before.sandbox,
        parent=before.run,
        notes=(text,),
    )
    return Ended(summary)


def _same(desk: Desk, job: Job, target: Target) -> RunHeader | None:
    if not job.source.is_file():
        return None  # reading it will say why, and does not wait for a pipe
    source = file_sha256(job.source)
    found: RunHeader | None = None
    for run in reversed(run_ids(desk)):
        if run == job.run or unbegun(desk, run) or (found and _written_at(desk, run) < found.created_at):
            continue
        try:
            with opened(desk, run) as journal:
                header = journal.header
                sent_at = Tallies(journal).last_request("patch")
        except BulkSyncError:
            return None  # what a damaged journal did is not known
        if target.account not in names_of(header):
            continue
        if found is None and _ended_well(header) and header.source_sha256 == source and _asked(header, job):
            found = header
        elif sent_at > (found.created_at if found else 0):
            return None
    return found


def _written_at(desk: Desk, run: str) -> float:
    """Return when a journal was last written to (Unix time): the hundreds of old ones need not be opened."""
    path, times = journal_path(desk, run), [0.0]
    for name in (path.name, f"{path.name}-wal"):  # the log is there while a process has it open, or after a crash
        with suppress(FileNotFoundError):
            times.append(path.with_name(name).stat().st_mtime)
    return max(times)


def _ended_well(header: RunHeader) -> bool:
    return header.kind == "run" and header.state == "done" and header.exit_code == 0


def _asked(header: RunHeader, job: Job) -> bool:
    """Whether the run was asked for the same: the mapping's whole text, and what was chosen of the source."""
    now = kept_settings(job.settings)
    same_choice = all(header.settings.get(name) == now.get(name) for name in _CHOOSES)
    same_target = bool(job.settings.sandbox) == header.sandbox
    return header.mapping_text == job.spec.text and same_choice and same_target
