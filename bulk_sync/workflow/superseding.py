"""A change is not sent if a later run has handled its record, be it before a resume or while this run sends."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bulk_sync.errors import Busy
from bulk_sync.journal import Journal, JournalDamaged, PlanTables, open_journal
from bulk_sync.planning.codes import SUPERSEDED
from bulk_sync.records import Change, Outcome, Status
from bulk_sync.state.locks import exclusive
from bulk_sync.workflow.accepted import FOLDED, fold_into_ledger
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.runs import journal_path, past_runs, run_lock
from bulk_sync.workflow.target import Target, accounts_of, names_of

LOOK_EVERY = 1.0
"""Seconds after which a sending run looks again whether a later one has written to the ledger of its account."""
_BATCH = 1000


def supersede(desk: Desk, journal: Journal, target: Target) -> None:
    """Skip the open changes of records that a later run has handled, be it of the run's account or of the target's.

    Raises :class:`JournalDamaged` where a later one cannot say what it has handled.
    """
    run = journal.header.run
    for later in _unfolded(desk, accounts_of(journal.header, target), after=run):
        try:
            _fold(desk, later)
        except JournalDamaged as fault:
            raise JournalDamaged(
                f"run {later}, which began after run {run}, may have handled the same clients, and cannot tell: "
                f"{fault.message}",
                hint=f"restore that file from a backup; or, instead of going on with run {run}, begin a new run: rows "
                "that were sent compare as unchanged",
            ) from fault
    later_runs = LaterRuns(desk, journal, target)
    tables = PlanTables(journal)
    for _ in later_runs.without_handled(tables.to_send(tables.begun_changes())):
        pass


def fold_unfolded(desk: Desk, accounts: Collection[str]) -> None:
    """Let the ledger know what an account's runs did that died before they could say so themselves."""
    for run in _unfolded(desk, accounts):
        try:
            _fold(desk, run)
        except JournalDamaged as fault:
            desk.talk.warn(f"{fault.message}; what run {run} sent is not known")


def _unfolded(desk: Desk, accounts: Collection[str], *, after: str = "") -> Iterator[str]:
    for past in past_runs(desk):
        header = past.header
        if past.run <= after:
            continue
        if header is None:
            if after:  # else every run would say it for as long as the file is there
                desk.talk.warn(f"{past.fault}; whether run {past.run} has handled the same clients is not known")
            continue
        if set(names_of(header)).isdisjoint(accounts):
            continue
        if header.state in {"sending", "done"} and not header.facts.get(FOLDED):
            yield past.run


def _fold(desk: Desk, run: str) -> None:
    journal = open_journal(journal_path(desk, run))
    try:
        with exclusive(run_lock(desk, run), f"run {run}"):
            fold_into_ledger(journal, desk.state)
            journal.update_header(facts={**journal.header.facts, FOLDED: True})
    except Busy:  # it is at work, and goes on: what it has so far
        fold_into_ledger(journal, desk.state)
    finally:
        journal.close()


class LaterRuns:
    """What runs that began after this one have handled, as the ledger tells while this one sends.

    A run writes to the ledger when it ends. As long as no later one has, which is nearly always, it costs a look at
    the clock for each change.
    """

    def __init__(self, desk: Desk, journal: Journal, target: Target) -> None:
        self._desk = desk
        self._journal = journal
        self._run, self._accounts = journal.header.run, accounts_of(journal.header, target)
        self._tables = PlanTables(journal)
        self._next_look = float("-inf")
        self._any = False

    def handled(self, change: Change) -> Outcome | None:
        """Return the end of a change whose record a later run has handled, None where none has."""
        run = self._later(change.record_id)
        if not run:
            return None
        return Outcome(change.id, Status.SKIPPED, SUPERSEDED, f"the client was handled by the later run {run}")

    def without_handled(self, changes: Iterator[Change]) -> Iterator[Change]:
        """Yield the changes that are still to be sent; those of records that a later run has handled end here."""
        ends: list[Outcome] = []
        for change in changes:
            if not change.in_doubt and (end := self.handled(change)) is not None:
                ends.append(end)
                if len(ends) == _BATCH:
                    self._skip(ends)
                continue
            self._skip(ends)
            yield change
        self._skip(ends)

    def _later(self, record_id: str) -> str:
        """Return the later run that has handled a record, '' where none has."""
        now = self._desk.clock.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY
            self._any = any(self._desk.state.latest_run(account) > self._run for account in self._accounts)
        if not self._any:
            return ""
        run = max(self._desk.state.handled_by(account, record_id) for account in self._accounts)
        return run if run > self._run else ""

    def _skip(self, ends: list[Outcome]) -> None:
        if not ends:
            return
        at = self._desk.clock.time()
        with self._journal.transaction():
            for end in ends:
                self._tables.drop_change(end.change_id, end.status, end.code, end.message, at=at)
        ends.clear()
