"""The workers: the only module that owns concurrency.

Rows stream in and hold a worker only while their request is out; a row that waits to be tried again is a small
task of its own (tenacity, with our wait, stop and sleep) that asks for a lane when its time has come. Every
request, reading or writing, takes the one way of :class:`bulk_sync.sending.exchange.Exchange`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from tenacity import AsyncRetrying, retry_if_result

from bulk_sync.records import Change, Outcome, Reply, Request, Status
from bulk_sync.sending import outcomes, stops
from bulk_sync.sending.answers import retry_after
from bulk_sync.sending.exchange import Exchange, HandledElsewhere, NoMoreRequests, first_of, no_outcome, until_stopped
from bulk_sync.sending.limits import Limits, SendReport
from bulk_sync.sending.pace import BACKOFF, RetryBudget, backoff
from bulk_sync.sending.policy import TRIED_AGAIN, UNREACHED, Ruling, Trouble, Verdict
from bulk_sync.sending.ports import ChangeLog, Clock, Dice, Gate, Handled, Observer, Sender, StopSignal, by_nobody
from bulk_sync.sending.rows import CUT_OFF, NO_REPLY, Changes, Task, change_task, workers_of
from bulk_sync.sending.watches import LifeWatch, watch_time


class Pool:
    """Sends changes and reads records, within the quota and the limits, until done or stopped.

    One pool for a run: breaker, budget and lanes carry over from reading to sending. ``stop`` is set by whoever
    wants the end, and by the pool itself for the reasons in :class:`StopReason`. An exception of the log (a
    full disk) ends everything at once and is raised.
    """

    def __init__(
        self,
        *,
        sender: Sender,
        gate: Gate,
        log: ChangeLog,
        clock: Clock,
        dice: Dice,
        stop: StopSignal,
        limits: Limits | None = None,
        observer: Observer | None = None,
        handled: Handled = by_nobody,
    ) -> None:
        self._limits = limits or Limits()
        self._log = log
        self._clock = clock
        self._dice = dice
        self._stop = stop
        self._exchange = Exchange(
            sender=sender,
            gate=gate,
            log=log,
            clock=clock,
            stop=stop,
            limits=self._limits,
            observer=observer or Observer(),
            kept=self._kept,
            handled=handled,
        )
        self._budget = RetryBudget(10.0 + self._limits.workers, clock.monotonic())
        self._most_waiting = 32 + 8 * self._limits.workers
        self._waiting = 0
        self._room = asyncio.Event()
        self._open: set[Task] = set()
        self._canaries: list[Task] = []  # of every stream: a slow quota brings them one by one
        self._running: set[asyncio.Task[object]] = set()
        self._life = LifeWatch(self._exchange, clock, self._running)
        self.doubts: dict[int, Reply | None] = {}  # by change: the last reply, None where its record was read
        self._report = SendReport(requests=self._exchange.requests)

    def watch(self, observer: Observer) -> None:
        """Tell what happens to someone else from now on: reading and sending have displays of their own."""
        self._exchange.observer = observer

    @property
    def report(self) -> SendReport:
        """What has been done so far."""
        self._report.stop = self._stop.stop
        return self._report

    async def send_all(self, changes: Iterable[Change] | AsyncIterator[Change]) -> SendReport:
        """Send every change; canaries, first in the stream, are settled before the others leave.

        When it returns, every change that was begun has a durable outcome or was certainly not applied.
        """
        stream = Changes(changes)
        try:
            async with self._scope() as group:
                await self._send_canaries(stream, group)
                for _ in range(self._limits.workers):
                    self._spawn(group, partial(self._work, stream, group))
        finally:
            await self._log.flush()
        for task in tuple(self._open):
            await self._leave_unsettled(task)
        return self.report

    async def fetch(self, request: Request) -> Reply:
        """Read a record or a page: tried again like a change, waited for in an outage.

        Returns the last reply, be it a refusal. Raises the stop as an exception where the run is to end.
        """
        task = Task(request)
        async with self._scope() as group:
            running = self._spawn(group, partial(self._carry, task))
        self._raise_stop(ended=not running.cancelled() and running.result())
        return task.last

    async def fetch_all(self, requests: Iterable[Request]) -> AsyncIterator[tuple[Request, Reply]]:
        """Read many records, as many at once as the lanes allow; replies come as they come.

        Close it (``aclosing``) where it is left before its end. Raises like :meth:`fetch`.
        """
        replies: asyncio.Queue[Task | None] = asyncio.Queue(2 * self._limits.workers)
        reader = asyncio.create_task(self._read_into(replies, iter(requests)))
        try:
            while (task := await replies.get()) is not None:
                yield task.request, task.last
            self._raise_stop(ended=await reader)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def settle_in_doubt(self, changes: Iterable[Change] | AsyncIterator[Change]) -> SendReport:
        """Read the record of each change and settle it where the API shows what was sent.

        Changes whose record this pool has read already are left as they are.
        """
        stream = Changes(changes)
        async with self._scope() as group:
            for _ in range(self._limits.workers):
                self._spawn(group, partial(self._settle_each, stream))
        return self.report

    # Changes.

    async def _send_canaries(self, stream: Changes, group: asyncio.TaskGroup) -> None:
        """Send the canaries and wait until each is settled; stop where all were refused for one reason."""
        before = len(self._canaries)
        while wave := await stream.canaries(stops.canaries_wanted(self._canaries)):
            tasks = [change_task(change) for change in wave]
            self._open.update(tasks)
            await asyncio.wait([self._spawn(group, partial(self._carry, task)) for task in tasks])
            await self._log.flush()
            self._canaries += tasks
        if await stream.goes_on() and (refusal := await self._life.refusal_of(self._canaries)) is not None:
            self._stop.set(refusal)
        if len(self._canaries) > before and not self._stop.is_set():
            self._exchange.observer.opened(stops.canaries_verified(self._canaries))

    async def _work(self, stream: Changes, group: asyncio.TaskGroup) -> None:
        """Send one change after the other; what is to be tried again goes on by itself."""
        while not self._stop.is_set():
            while self._waiting >= self._most_waiting:
                self._room.clear()
                await self._room.wait()
            if (change := await stream.next()) is None:
                self._life.alone = True
                return
            task = change_task(change)
            self._open.add(task)
            if not await self._attempt(task):
                self._waiting += 1
                self._spawn(group, partial(self._wait_and_carry, task))

    async def _wait_and_carry(self, task: Task) -> None:
        try:
            if not (self._used_up(task) and await self._give_up(task)):
                await self._rest(task, self._pause(task))
                await self._carry(task)
        finally:
            self._waiting -= 1
            self._room.set()

    async def _carry(self, task: Task) -> None:
        """Try a request until it is settled; its attempts used up, ask whose fault that is."""
        retrying = AsyncRetrying(
            sleep=partial(self._rest, task),
            wait=lambda _: self._pause(task),
            stop=lambda _: self._used_up(task),
            retry=retry_if_result(lambda settled: not settled),
            retry_error_callback=lambda _: False,
        )
        while not await retrying(self._attempt, task):
            if await self._give_up(task):
                return

    async def _attempt(self, task: Task) -> bool:
        """Send once; return whether that settled it; its outcome may still be on its way to the disk."""
        change_id = task.change.id if task.change else None
        try:
            ruling = await self._exchange(task, change_id, partial(self._conclude, task))
        except HandledElsewhere as handled:
            await self._step_aside(task, handled.end)
            return True
        if ruling.verdict is Verdict.STOP:
            raise NoMoreRequests
        if ruling.verdict in TRIED_AGAIN:
            return False
        if ruling.verdict is Verdict.DONE:
            self._budget.earn()
        if task.change is not None and task.outcome is None:
            await self._read_and_settle(task, definite=ruling.verdict is Verdict.FAILED)
        return True

    async def _step_aside(self, task: Task, end: Outcome) -> None:
        """End a change whose record someone else has handled; what may have been applied is settled by reading."""
        if task.doubtful:
            await self._read_and_settle(task)
        elif task.change is not None:
            await self._finish(task, task.change, end)

    def _kept(self, task: Task, fault: BaseException | None) -> None:
        """Count a change whose outcome is durable; where the log broke, cut off whoever works: ``flush`` raises it."""
        if fault is not None:
            for worker in self._running:
                worker.cancel()
        elif task.change is not None and task.outcome is not None:
            self._open.discard(task)
            self._settled(task.change, task.outcome)

    def _conclude(self, task: Task, reply: Reply, ruling: Ruling) -> Outcome | None:
        """Return the outcome if this reply alone gives it: a refusal does not where an earlier attempt is in doubt."""
        if (change := task.change) is None:
            return None
        attempts = change.attempts + task.attempts
        if ruling.verdict is Verdict.DONE:
            task.outcome = outcomes.accepted(change, reply, attempts, self._limits.readable)
        elif ruling.verdict is Verdict.FAILED and not task.doubtful:
            task.outcome = outcomes.refused(change, reply, attempts)
        return task.outcome

    async def _give_up(self, task: Task) -> bool:
        """Settle a request whose attempts are used up, unless the server answers nobody: that is an outage."""
        read, alive = None, task.trouble is Trouble.MIXED_UP
        if task.change is not None:
            read, alive = await self._read(task.request.record_id)
        if not alive and task.request.kind != "page":
            probe = Task(Request("page"))
            ruling = await self._exchange(probe, None, no_outcome)
            alive = ruling.trouble not in UNREACHED
        if not alive:
            self._exchange.trip()
            return False
        await self._settle(task, read, definite=False)
        return True

    async def _read(self, record_id: str) -> tuple[Reply | None, bool]:
        """Read a record once; return the reply if it is one, and whether the server answers."""
        task = Task(Request("get", record_id))
        ruling = await self._exchange(task, None, no_outcome)
        alive = ruling.trouble not in UNREACHED
        return (task.last if alive and ruling.trouble is not Trouble.QUOTA else None), alive

    async def _read_and_settle(self, task: Task, *, definite: bool = False) -> None:
        read, _ = await self._read(task.request.record_id)
        await self._settle(task, read, definite=definite)

    async def _settle(self, task: Task, read: Reply | None, *, definite: bool) -> None:
        """Settle a change that may have been applied by what its record shows."""
        if (change := task.change) is None:
            return
        tried = change.attempts + task.attempts
        old = self._log.old_values(change.id) if definite else None
        end = outcomes.settled_by_reading(change, task.last, read, tried, old=old, readable=self._limits.readable)
        await self._finish(task, change, end, last=None if read else task.last)

    async def _settle_each(self, stream: Changes) -> None:
        while (change := await stream.next()) is not None:
            if (last := self.doubts.get(change.id, NO_REPLY)) is not None:
                task = change_task(change)
                task.last = last
                await self._read_and_settle(task)

    async def _leave_unsettled(self, task: Task) -> None:
        """Write down what a stop left: what reading found, cut off from the log, or that it may have been applied."""
        self._open.discard(task)
        change = task.change
        if change is None or not (task.outcome or task.doubtful or task.flying):
            return  # certainly not applied: not sent
        if (end := task.outcome) is None:
            attempts = change.attempts + task.attempts + task.flying
            last = CUT_OFF if task.flying else task.last
            end = outcomes.doubtful(change, last, attempts, "the run stopped before it was settled")
        await self._finish(task, change, end)

    async def _finish(self, task: Task, change: Change, end: Outcome, *, last: Reply | None = None) -> None:
        """Keep an outcome that no single request gave."""
        task.outcome = end
        await self._log.finish(end)
        self._open.discard(task)
        self._settled(change, end, last=last)

    def _settled(self, change: Change, outcome: Outcome, *, last: Reply | None = None) -> None:
        if change.id in self.doubts:
            del self.doubts[change.id]
            self._report.counts[Status.IN_DOUBT] -= 1
        if outcome.status is Status.IN_DOUBT:
            self.doubts[change.id] = last
        self._report.counts[outcome.status] += 1
        self._exchange.observer.settled(change, outcome)

    # Waiting.

    def _used_up(self, task: Task) -> bool:
        """Whether a request had its attempts; in an outage nobody's are used up."""
        if task.change is not None and not task.doubtful:
            return False  # nothing of it was applied: it is no case of doubt, however long it takes
        asked = 0.0 if task.trouble is Trouble.QUOTA else retry_after(task.last, self._clock.time())
        long = task.spent + asked >= self._limits.row_seconds
        return (long or task.has_had(self._limits.attempts)) and not self._exchange.breaker.open

    def _pause(self, task: Task) -> float:
        """Return the seconds until the next attempt, as jitter and the server's ``Retry-After`` want it."""
        if task.trouble is Trouble.QUOTA:
            seconds = self._dice() * BACKOFF  # how long a 429 lasts, the gate knows
        else:
            seconds = backoff(max(1, task.tries), self._dice(), at_least=retry_after(task.last, self._clock.time()))
        if task.change is not None:
            self._exchange.observer.again(task.change, task.last, seconds)
        return seconds

    async def _rest(self, task: Task, seconds: float) -> None:
        """Sleep, then wait for the retry budget; raises NoMoreRequests where the run is to end."""
        if self._stop.is_set():
            raise NoMoreRequests
        if not self._exchange.breaker.open:
            task.spent += seconds
        await self._clock.sleep(seconds)
        while task.trouble is not Trouble.QUOTA and (wait := self._budget.wait(self._clock.monotonic())) > 0:
            await self._clock.sleep(wait)

    # Reading.

    async def _read_into(self, replies: asyncio.Queue[Task | None], requests: Iterator[Request]) -> bool:
        """Read with several workers; return whether all was read. None in the queue is the end, good or bad."""
        try:
            async with self._scope() as group:
                work = partial(self._read_each, replies, requests)
                workers = [self._spawn(group, work) for _ in range(self._limits.workers)]
        except Exception:
            await replies.put(None)
            raise
        await replies.put(None)
        return all(not worker.cancelled() and worker.result() for worker in workers)

    async def _read_each(self, replies: asyncio.Queue[Task | None], requests: Iterator[Request]) -> None:
        for request in requests:
            await self._carry(task := Task(request))
            await replies.put(task)
        self._life.alone = True

    def _raise_stop(self, *, ended: bool) -> None:
        if self._stop.stop is not None and not ended:
            raise self._stop.stop.error()

    # Tasks and their end.

    @asynccontextmanager
    async def _scope(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Run tasks until all are done or the stop ends them; the first exception of one ends all and is raised."""
        timing = watch_time(self._limits, self._clock, self._stop)
        watchers = [asyncio.create_task(self._end_on_stop()), asyncio.create_task(timing)]
        try:
            async with asyncio.TaskGroup() as group:
                watchers.append(asyncio.create_task(self._life.watch(partial(self._spawn, group))))
                yield group
        except BaseExceptionGroup as several:
            raise first_of(several) from None
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    def _spawn(self, group: asyncio.TaskGroup, work: Callable[[], Awaitable[None]]) -> asyncio.Task[bool]:
        """Start a task that the stop may end; its result says whether it came to its own end."""
        task = group.create_task(until_stopped(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _end_on_stop(self) -> None:
        """When the stop comes, end at once whoever has no request out; the others get a grace.

        After it only those are cut off whose request is out: what waits for the log is soon at its end.
        """
        await self._stop.wait()
        for task in self._running - workers_of(self._exchange.busy):
            task.cancel()
        await self._clock.sleep(self._limits.grace)
        self._exchange.close()
        for task in self._running - workers_of(self._exchange.busy - self._exchange.out):
            task.cancel()
