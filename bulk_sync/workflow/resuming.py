"""``resume``: go on with a run from its journal; only the key comes from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

from bulk_sync.errors import GuardStop, Question, Refused
from bulk_sync.journal import Journal, JournalBook, PlanTables, RunHeader, open_journal
from bulk_sync.mapping.spec import parse_mapping
from bulk_sync.planning.canary import CANARIES, CanaryPicker
from bulk_sync.records import Status
from bulk_sync.resources import get_resource
from bulk_sync.results.placing import default_path, fingerprint
from bulk_sync.settings import Settings
from bulk_sync.workflow.advising import advising
from bulk_sync.workflow.asking import ask_to_send, demand_answerable
from bulk_sync.workflow.closing import Ended, Outputs, blank_summary, outputs, summarise
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.guarding import (
    accidents_again,
    as_findings,
    before_reading,
    joined,
    limits_on_plan,
    new_custom_fields,
)
from bulk_sync.workflow.intake import file_sha256
from bulk_sync.workflow.jobs import FRAME_NAME, hold_account, prepare_again, run_limits
from bulk_sync.workflow.locking import hold
from bulk_sync.workflow.running import carry_out_job, with_guards
from bulk_sync.workflow.runs import find_unfinished, journal_path, run_lock
from bulk_sync.workflow.sending_off import close_run, send_and_close
from bulk_sync.workflow.session import open_session
from bulk_sync.workflow.superseding import supersede
from bulk_sync.workflow.target import Target, open_target
from bulk_sync.workflow.view import Finding
from bulk_sync.workflow.viewing import count_again, plan_view

_ONE_TIME = frozenset(
    {
        "yes", "output", "report", "overwrite", "first", "rows", "only_fields", "json_summary", "quiet", "verbose",
        "log_format", "until", "max_requests", "max_duration", "sandbox", "skip_same", "require_fresh",
    }
)  # fmt: skip
"""Settings of a run that its resume and its retry begin without: answers, names of files, an evening's limits."""

_OF_THE_PLAN = frozenset({"report", "first", "rows", "only_fields"})
"""Those of them that a run whose plan was never whole goes on with: they say which rows and fields it is to send."""


async def resume(desk: Desk, name: str | None) -> Ended:
    """Send what a run has not sent; what has an outcome is not sent again.

    Raises :class:`Refused` where the run cannot be told, where its source or mapping has changed since and nobody
    can be asked, and for another base URL; :class:`Busy` where another process works on it.
    """
    run = find_unfinished(desk, name)
    with ExitStack() as stack:
        wait = desk.settings().wait
        await hold(desk, stack, run_lock(desk, run), f"run {run}", wait=wait)
        journal = open_journal(journal_path(desk, run), verify="for_sending")
        stack.callback(journal.close)
        header = journal.header
        if header.kind in {"plan", "check"}:
            whole = header.kind == "plan" and header.state == "planned"
            raise Refused(
                f"run {run} is a {header.kind}: nothing of it was sent",
                hint=f"bulk-sync run --plan {run}" if whole else f"begin it anew: bulk-sync {header.kind}",
            )
        if header.kind in {"retry", "undo"} and header.state == "planning":
            again = "retry RESULTS" if header.kind == "retry" else f"undo {header.parent}"
            raise Refused(
                f"run {run} is {'an undo' if header.kind == 'undo' else 'a retry'} that ended before it was planned: "
                "nothing of it was sent",
                hint=f"begin it anew: bulk-sync {again}",
            )
        stack.enter_context(advising(lambda: header))
        settings = resumed_settings(desk, journal)
        _check_files(desk, journal, settings)
        if header.state == "planning":
            # It died, or was stopped, before its plan was whole: nothing was sent, the source is read again.
            settings = resumed_settings(desk, journal, but=_ONE_TIME - _OF_THE_PLAN)
            _check_same_api(header, _address(settings))
            place = _outputs(desk, journal, settings)
            journal.close()
            job = prepare_again(desk, journal.path.parent, header, settings, place)
            stack.close()
            return await carry_out_job(desk, job)
        target = stack.enter_context(open_target(desk, settings, sandbox=header.sandbox))
        check_same_target(journal, target)
        await hold_account(desk, stack, header, target, wait=wait)
        place = _outputs(desk, journal, settings)
        supersede(desk, journal, target)
        return await _go_on(desk, journal, target, settings, place)


async def _go_on(desk: Desk, journal: Journal, target: Target, settings: Settings, place: Outputs) -> Ended:
    began = desk.clock.monotonic()
    confirmed = journal.header.state in {"sending", "done"}
    async with open_session(desk, settings, journal, target) as session:
        summary = summarise(journal)
        findings = findings_again(desk, journal, settings, summary.counts)
        shown = any(summary.counts.get(status) for status in (Status.NOT_SENT, Status.IN_DOUBT))
        left = count_again(journal) if shown else None
        view = plan_view(session, summary, findings, question="Go on?", left=left)
        if not confirmed:
            demand_answerable(desk, settings)
        if view.changes:
            asked = settings.model_copy(update={"yes": True}) if confirmed else settings
            if stopped_by := ask_to_send(desk, asked, view):
                return with_guards(close_run(desk, journal, place, began=began, stopped_by=stopped_by), view)
        if not any(summary.counts.get(status) for status in (Status.UPDATED, Status.DIFFERS)):
            choose_canaries(session.tables)  # those that it had were refused, or are in doubt
        return await send_and_close(desk, session, place, began=began)


def choose_canaries(tables: PlanTables) -> None:
    """Let what is left of a plan have canaries for every field, although its own may have ended or be left out."""
    canaries = tables.canaries()
    covered = {name for change in canaries for name in change.payload}
    picker = CanaryPicker()
    for change in tables.changes(only_open=True):
        if new := change.payload.keys() - covered:
            picker.see(change.id, new)
    tables.mark_canaries(picker.pick()[: max(0, CANARIES - len(canaries))])


def resumed_settings(desk: Desk, journal: Journal, *, but: Collection[str] = _ONE_TIME) -> Settings:
    """Return the run's settings with what is given anew; what was meant for that one time is not carried over."""
    kept = {name: value for name, value in journal.header.settings.items() if name not in but}
    return aimed_as(journal.header, desk.settings(kept))


def aimed_as(header: RunHeader, settings: Settings) -> Settings:
    """Return ``settings`` for where the run was sent: the sandbox as it is now, or the API."""
    return settings.model_copy(update={"sandbox": "keep" if header.sandbox else None})


def findings_again(desk: Desk, journal: Journal, settings: Settings, counts: Mapping[str, int]) -> tuple[Finding, ...]:
    """Apply the guards to what is left of a run; ``counts`` are its rows by status."""
    readable = get_resource(journal.header.resource).readable
    limits = run_limits(settings)
    book = JournalBook(journal, blank_summary(journal))
    spec = parse_mapping(journal.header.mapping_text, name=journal.header.mapping_path, environ=desk.environ)
    found = [
        *accidents_again(journal, readable=readable),
        *new_custom_fields(journal, spec),
        *limits_on_plan(journal, book, limits),
    ]
    early = before_reading(counts, limits, last_rows=None, allowed={*settings.allow, "empty"})
    return joined(early, as_findings(found, settings.allow))


def check_same_target(journal: Journal, target: Target) -> None:
    """Refuse another API than the run began with; a new key of the same account is fine."""
    _check_same_api(journal.header, target.base_url)


def _check_same_api(header: RunHeader, base_url: str) -> None:
    if not header.sandbox and base_url != header.base_url:
        raise Refused(
            f"run {header.run} is one of {header.base_url}, not of {base_url}",
            hint=f"--base-url {header.base_url}; for another API begin a new run",
        )


def _address(settings: Settings) -> str:
    from bulk_sync.heffl.target import check_base_url

    return check_base_url(settings.base_url)


def _check_files(desk: Desk, journal: Journal, settings: Settings) -> None:
    """Ask before going on with a run whose source or mapping says something else by now; missing ones are fine.

    A run that has not read its source to the end has nothing else to go on with: it is refused where that has changed.
    """
    header = journal.header
    for what, name, known in (
        ("source", header.source_path, header.source_sha256),
        ("mapping", header.mapping_path, header.mapping_sha256),
    ):
        path = Path(name)
        if name in {"-", FRAME_NAME} or not path.is_file() or file_sha256(path) == known:
            continue
        if what == "source" and header.state == "planning":
            raise Refused(
                f"the source {path} has changed since run {header.run} began, which had not read it to its end",
                hint="nothing was sent: start a new run",
            )
        if settings.from_journal:
            continue
        question = Question(
            f"the {what} {path} has changed since run {header.run} began; go on with what the run has read?",
            setting="--from-journal",
            choices=("yes", "no"),
            hint="--from-journal goes on with what the journal has; or start a new run",
        )
        answer = desk.talk.ask(question)
        if answer is None:
            raise question
        if answer != "yes":
            raise GuardStop(f"run {header.run} was left as it is")


def _outputs(desk: Desk, journal: Journal, settings: Settings) -> Outputs:
    header = journal.header
    place = outputs(desk, settings, source=header.source_path, run=header.run, kind=header.kind)
    if not settings.output and header.output:
        # The run's own results file: ours to replace while nobody has changed it, else a new name beside it.
        previous = Path(header.output)
        if not previous.exists() or desk.state.output_fingerprint(previous) == fingerprint(previous):
            place = Outputs(previous, named=True, settings=settings)
        else:
            beside = default_path(header.source_path, header.run, folder=previous.parent, suffix=previous.suffix)
            place = Outputs(beside, named=False, settings=settings)
    place.check_again(desk, header)
    return place
