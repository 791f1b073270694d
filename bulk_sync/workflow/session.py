"""One run's connection to its account: client, quota, journal and pool, joined."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bulk_sync.errors import BulkSyncError
from bulk_sync.journal import Journal, PlanTables, RequestLog, StoredChange
from bulk_sync.planning.snapshot import FRESH_SECONDS, PAGE_SIZE
from bulk_sync.records import Change, Json, Reply, Request
from bulk_sync.resources import get_resource
from bulk_sync.sending.breaker import BreakerSettings
from bulk_sync.sending.limits import Limits, SendReport
from bulk_sync.sending.pool import Pool
from bulk_sync.sending.quota_state import Terms
from bulk_sync.sending.rate import Rate
from bulk_sync.settings import Settings, seconds_until
from bulk_sync.state.quota import SharedQuota
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.refreshing import good_until, refresh, to_look_at
from bulk_sync.workflow.superseding import LaterRuns
from bulk_sync.workflow.target import Target, given_rate

if TYPE_CHECKING:
    from bulk_sync.heffl.client import HefflClient


@dataclass(slots=True)
class Session:
    """The open connection of a run."""

    desk: Desk
    journal: Journal
    tables: PlanTables
    target: Target
    quota: SharedQuota
    pool: Pool
    limits: Limits
    later_runs: LaterRuns

    def seconds_for(self, requests: int) -> float:
        """Return the seconds until that many more requests are done, as the quota stands."""
        return self.quota.forecast(requests, self.limits.workers)

    @property
    def rate(self) -> str:
        """The pace as a person writes it."""
        return str(self.quota.rate())

    @property
    def left_now(self) -> str:
        """What the last answers said is left of the window, '' where they said nothing, or where it has ended since."""
        standing = self.quota.standing()
        if not standing.told or standing.remaining is None or not standing.reset_in:
            return ""
        return f"{standing.remaining} of {standing.limit}"

    def _allowed(self) -> str:
        """Say how many requests there may be, '' where there is no limit."""
        if self.quota.rate().unpaced:
            return ""
        rate = self.rate if self.quota.foretells() else f"{self.rate} as assumed"
        return f"{rate}, {left} left" if (left := self.left_now) else rate

    def quota_facts(self) -> dict[str, Json]:
        """Return the rate, and what the last answers said of the quota, as the journal keeps them."""
        standing = self.quota.standing()
        quota: dict[str, Json] = {}
        if standing.told:
            quota = {
                "limit": standing.limit,
                "remaining": standing.remaining,
                "reset_in": round(standing.reset_in, 1),
                "window_seconds": standing.window,
            }
        return {"rate": self.rate, "quota": quota}

    def watch(self) -> None:
        """Tell what happens from now on to whoever shows it, in the display of the present stage."""
        self.pool.watch(self.desk.talk.observer(self.seconds_for, self._allowed))

    def read(self, requests: Iterable[Request]) -> AsyncIterator[tuple[Request, Reply]]:
        """Send reading requests through quota, retries and journal."""
        return self.pool.fetch_all(requests)

    async def send(self) -> SendReport:
        """Send every change that has no outcome, canaries first, then settle what is in doubt."""
        desk = self.desk
        desk.talk.phase("sending", self.tables.count_unended())
        self.watch()
        report = await self.pool.send_all(self._open_changes(self._taken_up_until(good_until(self.journal))))
        if not desk.stop.is_set() and self.tables.count_unended():
            report = await self._send_the_rest()
        desk.talk.end_phase()
        return report

    async def _send_the_rest(self) -> SendReport:
        """Send what has waited until its old values were too old, or in doubt since before; settle what is in doubt."""
        desk = self.desk
        while not desk.stop.is_set() and next(self._left(), None) is not None:
            pace = min(self.quota.rate().per_second, 1e6)
            most = min(pace * FRESH_SECONDS, self._allowed_at(pace))
            try:
                looked = await refresh(desk, self.journal, self._left(), self.read, most=most)
            except BulkSyncError:  # a key that is refused while reading, too, is for the results to tell
                if not desk.stop.is_set():
                    raise
                break
            await self.pool.send_all(self._fresh_changes(looked.ids, self._taken_up_until(looked.good_until)))
        if not desk.stop.is_set():  # of what may have been applied the old value is the one before its first attempt
            await self.pool.send_all(each for each in self._doubtful_changes() if each.id not in self.pool.doubts)
        if not desk.stop.is_set():
            await self.pool.settle_in_doubt(self._doubtful_changes())
        return self.pool.report

    def _allowed_at(self, pace: float) -> float:
        """Return how many requests the run's own limits still allow, at so many a second."""
        clock, done = self.desk.clock, self.pool.report.requests.total()
        return self.limits.left(requests=done, monotonic=clock.monotonic(), wall=clock.time(), per_second=pace)

    def _left(self) -> Iterator[StoredChange]:
        return to_look_at(self.journal, self.pool.doubts)

    def _open_changes(self, good_until: float) -> Iterator[Change]:
        """Yield what is to be sent, canaries first, as long as the old values are fresh."""
        now = self.desk.clock.time
        for change in self.later_runs.without_handled(self.tables.to_send(self.tables.begun_changes())):
            if now() >= good_until:
                return
            yield change

    def _taken_up_until(self, good_until: float) -> float:
        """Return until when changes may be taken up: each waits for its turn behind those taken up before."""
        ahead = self.limits.workers / self.quota.rate().per_second
        return good_until - min(ahead, FRESH_SECONDS / 4)

    def _fresh_changes(self, fresh: frozenset[int], good_until: float) -> Iterator[Change]:
        """Yield those changes whose old values were read again, canaries first; the first one in any case.

        With a quota of a request an hour nothing is fresh when it can be sent, and yet the run has to get on.
        """
        first = True
        changes = (change for change in self.tables.to_send(self.tables.begun_changes()) if change.id in fresh)
        for change in self.later_runs.without_handled(changes):
            if first or self.desk.clock.time() < good_until:
                first = False
                yield change

    def _doubtful_changes(self) -> Iterator[Change]:
        return (change for change in self.tables.to_send() if change.in_doubt)


@asynccontextmanager
async def open_session(desk: Desk, settings: Settings, journal: Journal, target: Target) -> AsyncIterator[Session]:
    """Connect a run to its account."""
    kind = get_resource(journal.header.resource)
    tables, later_runs = PlanTables(journal), LaterRuns(desk, journal, target)
    limits = _limits(desk, settings, kind.readable)
    opened: SharedQuota | None = None

    def corrected(before: Rate, after: Rate) -> None:
        left = tables.count_unended()
        finish = ""
        if left and opened:  # while it is being opened, as by a resume, the plan is still to come, and says the time
            about = clock_time(desk, opened.forecast(left, settings.workers))
            finish = f"; {left:,} changes are done about {about}"
        desk.talk.warn(f"the API's headers say {after}, not {before}: the pace follows them{finish}")

    with open_quota(desk, settings, target, corrected) as quota:
        opened = quota
        async with open_client(settings, target, path=kind.path) as client:
            pool = Pool(
                sender=client,
                gate=quota,
                log=RequestLog(journal, wall=desk.clock.time),
                clock=desk.clock,
                dice=random.random,
                stop=desk.stop,
                limits=limits,
                handled=later_runs.handled,
            )
            session = Session(desk, journal, tables, target, quota, pool, limits, later_runs)
            session.watch()  # what reads before anything is sent is watched too
            yield session


def open_client(
    settings: Settings, target: Target, *, path: str = "/clients", page_limit: int = PAGE_SIZE
) -> HefflClient:
    """Return the client for a target; Refused where what it needs of the settings is wrong."""
    # Here and not above: check needs no HTTP, which takes 25 ms to import.
    from bulk_sync.heffl.client import HefflClient

    return HefflClient(
        target.base_url,
        target.key,
        path=path,
        page_limit=page_limit,
        deadline=settings.timeout,
        ca_file=settings.ca_file,
    )


def clock_time(desk: Desk, seconds: float) -> str:
    """Return the local date and time that many seconds from now."""
    return f"{datetime.fromtimestamp(desk.clock.time() + seconds, UTC).astimezone():%Y-%m-%d %H:%M}"


def open_quota(
    desk: Desk,
    settings: Settings,
    target: Target,
    on_correction: Callable[[Rate, Rate], None] | None = None,
) -> SharedQuota:
    """Join the quota that all processes share for this origin and key."""
    rate = given_rate(settings)
    terms = Terms(share=settings.quota_share) if rate is None else Terms(rate, given=True, share=settings.quota_share)
    return SharedQuota(
        desk.state.folder,
        origin=target.origin,
        key_hash=target.key_hash,
        terms=terms,
        clock=desk.clock,
        on_correction=on_correction,
    )


def _limits(desk: Desk, settings: Settings, readable: frozenset[str]) -> Limits:
    """Return what the user allows; times count from the beginning of the command, however long it has read."""
    until = ends_at = None
    if settings.until is not None:
        began = datetime.fromtimestamp(desk.began_at, UTC).astimezone()
        then = began + timedelta(seconds=seconds_until(settings.until, began))
        until = then.replace(tzinfo=None).astimezone().timestamp()  # summer time may end in between
    if settings.max_duration is not None:
        ends_at = desk.began + settings.max_duration
    return Limits(
        workers=settings.workers,
        attempts=settings.attempts,
        max_requests=settings.max_requests,
        until=until,
        ends_at=ends_at,
        breaker=BreakerSettings(max_outage=settings.max_outage),
        readable=readable,
    )
