"""One request, and what it takes to send it: lane, breaker, gate, intent, send, report, answer. No tasks here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from bulk_sync.records import Outcome, Reply
from bulk_sync.sending import stops
from bulk_sync.sending.breaker import Breaker, Signal
from bulk_sync.sending.lanes import Lanes
from bulk_sync.sending.limits import Limits
from bulk_sync.sending.outcomes import describe
from bulk_sync.sending.pace import MOMENT, Concurrency
from bulk_sync.sending.policy import MAYBE_APPLIED, TRIED_AGAIN, UNREACHED, Fault, Ruling, Trouble, Verdict, rule
from bulk_sync.sending.ports import ChangeLog, Clock, Gate, Handled, Observer, Permit, Sender, StopReason, StopSignal
from bulk_sync.sending.rows import Task

Conclude: TypeAlias = Callable[[Reply, Ruling], Outcome | None]
"""Says how a change ended by this reply, None where it did not."""

Kept: TypeAlias = Callable[[Task, BaseException | None], None]
"""Hears that the outcome of a task's change is durable, by None, or what broke the log."""

_UNSENT = Reply(None, {}, fault=Fault.STOPPED, detail="the run was stopped", left=False)
_STRANGE = 5
"""Answers of 2xx, in a row, without what was asked for, until it is no hiccup: who answers is not the API."""
_CUT_OFF = Reply(None, {}, fault=Fault.TIMEOUT, detail="the run was stopped while it was out")


class NoMoreRequests(Exception):
    """The run is to end: this request did not leave. Internal; the pool catches it."""


class HandledElsewhere(Exception):
    """Someone else has handled the record of a change that was about to leave. Internal; the pool catches it."""

    def __init__(self, end: Outcome) -> None:
        super().__init__(end.message)
        self.end = end


class Exchange:
    """The one way for every request.

    ``busy`` are those between a request's intent and its answer, which the stop gives time; ``out`` are those of
    them whose request is out. The others only wait for the log, and are never to be cancelled: it would keep an intent
    without an end, and the row would be in doubt for nothing.

    What a crash leaves open or sends again had a lane, so that it is never more than the workers: a lane is given back
    when its answer has been told to the log, and whoever takes it next waits for its own intent, which is not durable
    before that answer.
    """

    def __init__(
        self,
        *,
        sender: Sender,
        gate: Gate,
        log: ChangeLog,
        clock: Clock,
        stop: StopSignal,
        limits: Limits,
        observer: Observer,
        kept: Kept,
        handled: Handled,
    ) -> None:
        self._sender = sender
        self._gate = gate
        self._log = log
        self._clock = clock
        self._stop = stop
        self._limits = limits
        self._bounded = limits.bounded
        self.observer = observer
        self._kept = kept
        self._handled = handled
        self._concurrency = Concurrency(limits.workers)
        self._lanes = Lanes(self._concurrency)
        self._probe = asyncio.Lock()
        self._streak: list[Task] = []
        self._contact = False
        self._strange = 0
        self._leaving = 0
        self._closed = False
        self._why = ""
        self.breaker = Breaker(limits.breaker)
        self.failing = asyncio.Event()  # set at each failure; whoever watches clears it
        self.proven = False  # it has answered as the API would
        self.requests: Counter[str] = Counter()
        self.useful = 0  # answers of the API, questions and pages apart
        self.busy: set[Task] = set()
        self.out: set[Task] = set()

    async def __call__(self, task: Task, change_id: int | None, conclude: Conclude) -> Ruling:
        """Send a task's request once; return when the reply (``task.last``) is durable.

        Where ``conclude`` gives an outcome, it returns at once, and ``kept`` hears of both: the worker takes its next
        intent to the disk with them. Raises NoMoreRequests where the run is to end, and HandledElsewhere.
        """
        self._check()
        task.worker = asyncio.current_task()
        try:
            await self._lanes.enter()
            try:
                number, ruling = await self._pass(task, change_id)
                outcome = conclude(task.last, ruling)
                if outcome is not None:
                    then = partial(self._concluded, task, ruling.verdict)
                    self._log.conclude(number, task.last, ruling.verdict, outcome, then)
                    return ruling
            finally:
                self._lanes.leave()  # nobody enters before we wait
            await self._log.answered(number, task.last, ruling.verdict)
        finally:
            self.busy.discard(task)
        self.observer.answered(task.request, task.last, ruling.verdict)
        return ruling

    def _concluded(self, task: Task, verdict: Verdict, fault: BaseException | None) -> None:
        """Tell that an outcome is durable; a hook that fails breaks the log, which tells everyone but us."""
        try:
            if fault is None:
                self.observer.answered(task.request, task.last, verdict)
            self._kept(task, fault)
        except Exception as broken:
            self._kept(task, broken)
            raise

    def trip(self) -> None:
        """Open the breaker: someone found out that the server does not answer anything."""
        if self.breaker.trip(self._clock.monotonic()) is Signal.OPENED:
            self._opened()

    def stop_for_outage(self) -> None:
        """Set the stop: there was no sign of life for longer than anyone wants to wait."""
        self._stop.set(stops.outage(self.breaker.outage(self._clock.monotonic()), self._why))

    def close(self) -> None:
        """Let nothing leave any more: what waits for its intent to be durable is kept in the log as never sent."""
        self._closed = True

    async def _await_probe(self) -> bool:
        """Wait until it is this request's turn to probe; False where the server came back meanwhile."""
        while self.breaker.open:
            now = self._clock.monotonic()
            if self.breaker.outlasted(now):
                self.stop_for_outage()
                raise NoMoreRequests
            wait = self.breaker.probe_wait(now)
            if wait <= 0:
                self.breaker.probing(now)
                return True
            left = self._limits.breaker.max_outage - self.breaker.outage(now)
            await self._clock.sleep(max(min(wait, left), MOMENT))
            self._check()
        return False

    async def _pass(self, task: Task, change_id: int | None) -> tuple[int, Ruling]:
        """Pass breaker and gate, then leave."""
        while True:
            if self.breaker.open:
                async with self._probe:
                    if await self._await_probe():
                        return await self._leave(task, change_id, await self._gate.acquire())
            permit = await self._gate.acquire()
            if not self.breaker.open:
                return await self._leave(task, change_id, permit)
            self._gate.report(permit, None)  # it opened while this request waited for its permit

    async def _leave(self, task: Task, change_id: int | None, permit: Permit) -> tuple[int, Ruling]:
        """Make the intent durable, send, and let everyone learn from the reply."""
        used = False
        self._leaving += 1
        try:
            self._check(leaving=1)
            if task.change is not None and (end := self._handled(task.change)) is not None:
                raise HandledElsewhere(end)
            self.busy.add(task)
            number = await self._log.intend(task.request, change_id)
            used = self._may_leave()
        finally:
            self._leaving -= 1
            if not used:
                self._gate.report(permit, None)
        if not used:
            await self._log.answered(number, _UNSENT, Verdict.AGAIN)
            raise NoMoreRequests
        self.requests[task.request.kind] += 1
        reply = await self._send(task, permit)
        ruling = rule(task.request, reply)
        self._learn(task, reply, ruling)
        return number, ruling

    def _may_leave(self) -> bool:
        """Whether a request whose intent is durable leaves: one that --max-requests has counted does."""
        stop = self._stop.stop
        return not self._closed and (stop is None or stop.reason is StopReason.MAX_REQUESTS)

    async def _send(self, task: Task, permit: Permit) -> Reply:
        self.observer.started(task.request)
        task.flying = True
        self.out.add(task)
        reply = _CUT_OFF
        try:
            reply = await self._sender.send(task.request)
        finally:
            self.out.discard(task)
            self._gate.report(permit, reply)
        task.flying = False
        return reply

    def _check(self, *, leaving: int = 0) -> None:
        """Raise NoMoreRequests where the run is to end, setting the stop where a limit is what ends it.

        ``leaving`` is 1 for who is counted among those that leave already.
        """
        if not self._stop.is_set():
            if not self._bounded:
                return
            reached = self._limits.reached(
                requests=self.requests.total() + self._leaving - leaving,
                monotonic=self._clock.monotonic(),
                wall=self._clock.time(),
            )
            if reached is None:
                return
            self._stop.set(reached)
        raise NoMoreRequests

    def _learn(self, task: Task, reply: Reply, ruling: Ruling) -> None:
        """Let row, lanes and breaker know; set the stop where this reply ends the run."""
        now = self._clock.monotonic()
        trouble = ruling.trouble
        if trouble is Trouble.TARGET and not self._contact:
            self._stop.set(stops.wrong_target(reply))
        self._contact = self._contact or reply.http_status is not None
        self.proven = self.proven or ruling.verdict is Verdict.DONE
        self._concurrency.observe(trouble, reply.seconds, now)
        self._lanes.hand_out()
        was_open = self.breaker.open
        outage = self.breaker.outage(now) if was_open else 0.0
        accepted = task.request.kind == "patch" and ruling.verdict is Verdict.DONE
        signal = self.breaker.observe(trouble, now, accepted=accepted)
        self._count(task, reply, ruling, was_open=was_open)
        if trouble is Trouble.KEY:
            self._stop.set(stops.key_refused(reply))
        elif signal is Signal.OPENED:
            self._opened()
        elif signal is Signal.CLOSED:
            self.observer.resumed(outage)
        elif signal is Signal.SYSTEMIC:
            self._stop.set(stops.systemic(reply))
        elif signal is Signal.LIMITED:
            self._stop.set(stops.limited())

    def _count(self, task: Task, reply: Reply, ruling: Ruling, *, was_open: bool) -> None:
        """Count the attempt, unless it was a probe or nothing left; remember whose failures make the streak."""
        task.last = reply
        task.trouble = ruling.trouble
        task.doubtful = task.doubtful or ruling.verdict in MAYBE_APPLIED
        failed = ruling.verdict in TRIED_AGAIN
        task.tries += failed
        if not was_open:
            task.spent += reply.seconds
        if ruling.trouble not in UNREACHED:
            self.useful += task.request.kind != "page"
            self._streak.clear()
            task.attempts += ruling.counts
            return
        page = task.request.kind == "page"
        self._mistrust(reply, page=page)
        self._why = (describe(reply, asked="a page of clients") if page else describe(reply))[1]
        self.failing.set()
        if ruling.counts and not was_open:
            task.attempts += 1
            self._streak.append(task)

    def _mistrust(self, reply: Reply, *, page: bool) -> None:
        """Set the stop where answers are something else over and over, even for a page, and never were the API's."""
        self._strange = self._strange + 1 if not reply.fault and (reply.http_status or 500) < 300 else 0
        if page and self._strange >= _STRANGE and not self.proven:
            self._stop.set(stops.no_api(reply))

    def _opened(self) -> None:
        """Give the streak's failures back: they were the server's, not the rows'."""
        for task in self._streak:
            task.attempts -= 1
        self._streak.clear()
        self.observer.paused(self._why, self.breaker.probe_wait(self._clock.monotonic()))


def no_outcome(_reply: Reply, _ruling: Ruling) -> None:
    """Conclude nothing: a request that reads ends no change."""


async def until_stopped(work: Callable[[], Awaitable[None]]) -> bool:
    """Do ``work``; return whether it came to its own end."""
    try:
        await work()
    except NoMoreRequests:
        return False
    return True


def first_of(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of a group, however deep in it."""
    found: BaseException = several
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
