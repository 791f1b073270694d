"""What a command on a source is about to do: mapping, settings, source, outputs; refused here or not at all."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_sync.errors import BulkSyncError, Busy, OutputError, Refused, SourceError
from bulk_sync.journal import Journal, RunHeader, create_journal, open_journal
from bulk_sync.journal.store import RunKind
from bulk_sync.mapping.spec import MappingSpec, load_mapping, parse_mapping
from bulk_sync.planning.guards import Limit, RowRange, RunLimits
from bulk_sync.sending.ports import Interrupted
from bulk_sync.settings import Settings
from bulk_sync.state.locks import lock_name
from bulk_sync.workflow.closing import Outputs, outputs
from bulk_sync.workflow.desk import Desk, kept_settings
from bulk_sync.workflow.intake import SETTLED, Table, file_sha256, only_fields
from bulk_sync.workflow.locking import hold
from bulk_sync.workflow.runs import JOURNAL_NAME
from bulk_sync.workflow.target import KNOWN_AS, Target, accounts_of, given_rate, names_of

if TYPE_CHECKING:
    from pandas import DataFrame

STDIN_NAME = "-"
"""What a source is called that comes from standard input."""
SPOOL_NAME = "stdin"
"""The file in the run's folder that keeps it; it claims no kind by a suffix."""


@dataclass(frozen=True, slots=True)
class Job:
    """A source, its mapping, and what was asked for."""

    run: str
    kind: RunKind
    source: Path
    """Where it is read from; standard input has a private copy."""
    source_name: str
    mapping_path: Path
    spec: MappingSpec
    settings: Settings
    limits: RunLimits
    outputs: Outputs
    frame: DataFrame | None = None
    """A table in memory that takes the place of the source."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the mapping's match keys are looked up by."""
        return tuple(key.by for key in self.spec.match)


FRAME_NAME = "DataFrame"
MappingGiven = Path | Mapping[str, object]
"""A mapping file, or its content as plain values."""


def prepare(desk: Desk, source: Path | DataFrame, mapping: MappingGiven, *, kind: RunKind) -> Job:
    """Check all that can be checked before the source is read; nothing is requested.

    Raises :class:`Refused` and its kinds.
    """
    spec, mapping_path = _read_mapping(desk, mapping)
    settings = desk.settings(_from_mapping(spec))
    spec = only_fields(spec, settings)
    given_rate(settings)
    limits = run_limits(settings)
    run = desk.new_run()
    path, name = _named(desk, source, run)
    if isinstance(source, Path) and name != STDIN_NAME:
        if not path.exists():
            raise SourceError(f"{source}: no such file", hint="is the path right, seen from this folder?")
        _check_fresh(desk, path, settings, str(path))
    place = outputs(desk, settings, source=name, run=run, kind=kind)
    place.check(desk, path, mapping_path)
    frame = None if isinstance(source, Path) else source
    job = Job(run, kind, path, name, mapping_path, spec, settings, limits, place, frame)
    if name == STDIN_NAME:
        _spool(desk, job)
    return job


def _named(desk: Desk, source: Path | DataFrame, run: str) -> tuple[Path, str]:
    """Return where a source is read from, and what it is called; what has no file gets a place in the run's folder."""
    if not isinstance(source, Path):
        return desk.run_folder(run) / FRAME_NAME, FRAME_NAME
    if source == Path(STDIN_NAME):
        return desk.run_folder(run) / SPOOL_NAME, STDIN_NAME
    return desk.folder / source, str(source)


@contextmanager
def called_stdin(copy: Path) -> Iterator[None]:
    """Let errors speak of standard input by that name, and not of its private copy."""
    try:
        yield
    except BulkSyncError as error:
        error.message = error.message.replace(str(copy), "standard input")
        error.args = (error.message,)
        error.hint = error.hint.replace(str(copy), "FILE")  # as a command names it
        raise


@contextmanager
def at_work(job: Job) -> Iterator[None]:
    """Carry a job out inside.

    A job that ends before its journal is begun leaves no copy behind, nor does one whose journal is thrown away.
    """
    if job.source_name != STDIN_NAME:
        yield
        return
    try:
        with called_stdin(job.source):
            yield
    finally:
        if not (job.source.parent / JOURNAL_NAME).exists():
            shutil.rmtree(job.source.parent, ignore_errors=True)


def _read_mapping(desk: Desk, mapping: MappingGiven) -> tuple[MappingSpec, Path]:
    if isinstance(mapping, Path):
        return load_mapping(desk.folder / mapping, environ=desk.environ), desk.folder / mapping
    try:
        text = json.dumps(mapping, indent=2, default=str)  # JSON is YAML, and its lines can be pointed at
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"the mapping is not made of plain values: {error}") from None
    return parse_mapping(text, name="mapping", environ=desk.environ), desk.folder / "mapping"


def _from_mapping(spec: MappingSpec) -> dict[str, object]:
    said = {"rate": spec.rate, "workers": spec.workers}
    return {name: value for name, value in said.items() if value is not None}


def run_limits(settings: Settings) -> RunLimits:
    """Return the limits on what a run may do; Refused where an option does not fit."""
    return RunLimits(
        max_changed=_limit("max-changed", settings.max_changed),
        max_cleared=_limit("max-cleared", settings.max_cleared),
        max_invalid=_limit("max-invalid", settings.max_invalid),
        require_valid=settings.require_valid,
        expect_rows=_row_range(settings.expect_rows),
    )


def _limit(name: str, text: str | None) -> Limit | None:
    try:
        return None if text is None else Limit.parse(text)
    except ValueError as error:
        raise Refused(f"--{name}: {error}") from None


def _row_range(text: str | None) -> RowRange | None:
    try:
        return None if text is None else RowRange.parse(text)
    except ValueError as error:
        raise Refused(f"--expect-rows: {error}") from None


def _check_fresh(desk: Desk, path: Path, settings: Settings, name: str) -> None:
    if settings.require_fresh is None:
        return
    stat = path.stat()
    age = desk.clock.time() - stat.st_mtime
    if age > settings.require_fresh:
        raise SourceError(
            f"{name}: {age / 3600:.1f} hours old; --require-fresh allows {settings.require_fresh / 3600:.1f}",
            hint="did the export of last night fail?",
        )
    if not stat.st_size:
        raise SourceError(f"{name}: empty, and --require-fresh was asked for", hint="did the export fail?")


def _spool(desk: Desk, job: Job) -> None:
    """Keep standard input in a private file, since it can be read only once; of a job that is refused it goes."""
    path = job.source
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        desk.waiting = True
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except Interrupted:
            raise Interrupted("interrupted while standard input was read: nothing was sent") from None
        except OSError as error:
            folder = path.parent
            raise OutputError(f"standard input could not be kept in {folder}: {error.strerror or error}") from None
        finally:
            desk.waiting = False
        _check_fresh(desk, path, job.settings, "standard input")
    except BaseException:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise


def new_journal(desk: Desk, job: Job, table: Table, target: Target | None, *, path: Path | None = None) -> Journal:
    """Begin the journal of a job; ``path`` is given for one that is thrown away."""
    header = RunHeader(
        run=job.run,
        kind=job.kind,
        resource=job.spec.resource.name,
        base_url=target.base_url if target and not target.sandbox else "",
        account=target.account if target else "",
        sandbox=target is not None and target.sandbox is not None,
        source_path=job.source_name if job.source_name in {STDIN_NAME, FRAME_NAME} else str(job.source.resolve()),
        source_sha256=_sha256(job.source),
        source_kind=table.source.kind,
        sheet=table.source.sheet,
        header=table.source.header,
        mapping_path=str(job.mapping_path.resolve()),
        mapping_text=job.spec.text,
        mapping_sha256=_sha256(job.mapping_path),
        settings=kept_settings(job.settings),
        facts={SETTLED: dict(table.settled)},
        output=str(job.outputs.path or ""),
        created_at=desk.clock.time(),
        notes=table.notes,
    )
    if path is not None:
        return create_journal(path, header, durable=False)
    whole = desk.run_folder(job.run) / JOURNAL_NAME
    return _begun_again(whole, header) if whole.exists() else create_journal(whole, header)


def _begun_again(path: Path, header: RunHeader) -> Journal:
    """Return the journal of a job whose plan was never whole, with what it has read where that is of the same API."""
    journal = open_journal(path, verify="nothing")
    before = journal.header
    if before.state != "planning":
        journal.close()
        raise Busy(f"another process has gone on with run {header.run}", hint=f"bulk-sync resume {header.run}")
    told_by = (before.base_url, before.account, before.sandbox, before.resource)
    journal.begin_again(
        replace(
            header,
            created_at=before.created_at,
            busy_seconds=before.busy_seconds,
            mapping_sha256=before.mapping_sha256,
            facts={**header.facts, KNOWN_AS: list(names_of(before))},  # later runs by those names still count
        ),
        keep_reading=told_by == (header.base_url, header.account, header.sandbox, header.resource),
    )
    return journal


def _sha256(path: Path) -> str:
    """Return the hash of a file, '' for a table or a mapping that is in memory only."""
    return file_sha256(path) if path.is_file() else ""


def account_lock(desk: Desk, account: str, mapping_path: Path) -> Path:
    """Return the lock of the one sending run for an account with a mapping."""
    return desk.state.locks_folder / lock_name("account", account, str(mapping_path.resolve()))


async def hold_account(desk: Desk, stack: ExitStack, header: RunHeader, target: Target, *, wait: float | None) -> None:
    """Hold the locks of a past run's account with its mapping, by each name that the account has."""
    for account in accounts_of(header, target):
        lock = account_lock(desk, account, Path(header.mapping_path))
        await hold(desk, stack, lock, f"account {account} with this mapping", wait=wait)


def prepare_again(desk: Desk, folder: Path, header: RunHeader, settings: Settings, place: Outputs) -> Job:
    """Begin a job anew whose plan was never whole: same run, same source, same mapping; nothing was sent.

    Raises :class:`Refused` where the source is gone.
    """
    piped = header.source_path == STDIN_NAME
    source = folder / SPOOL_NAME if piped else Path(header.source_path)
    if not source.exists():
        name = "the copy of standard input" if piped else source
        raise SourceError(
            f"{name}: gone, and run {header.run} had not read it to its end",
            hint="nothing was sent: start a new run",
        )
    spec = only_fields(parse_mapping(header.mapping_text, name=header.mapping_path, environ=desk.environ), settings)
    limits = run_limits(settings)
    return Job(
        header.run, header.kind, source, header.source_path, Path(header.mapping_path), spec, settings, limits, place
    )
