"""Storing what was taken in, and beginning to act on new calls once they are safe.

Two ways lead there. Usually a call rings alone. Then it is entered, its request leaves, and then it is filed
(`gateway.webhooks.entries`): what a ringing caller waits for is small. Where several calls come at once, or nodes share
a database, everything is stored in one commit, which they share.
"""

import asyncio
import math
import os
import time
from functools import partial
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential

from gateway.actions.action import Job, Lease
from gateway.actions.worker import Worker
from gateway.calls.lifecycle import BIRTHS, Event
from gateway.calls.store import pack_facts, wrap_facts
from gateway.calls.usage import Counted, LiveUsage
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.webhooks.entries import Filing, enter, entry_of, file
from gateway.webhooks.inbox import Arrival, NewCallRows, NewDelivery, Receipt, store_arrivals
from gateway.webhooks.plans import Plans
from gateway.webhooks.ringing import Ringing

# Where so many calls are on their way to be filed, the next ones share commits instead.
MANY: Final = 8

# Seconds. A local disk takes half a millisecond; beside what a slower one takes, a late awakening is nothing.
AWAKE: Final = 0.001

# Seconds. Where somebody else had the processor for LONG, it is awake without us for a while. Our own writer is done
# sooner, a program that never rests is not.
LONG: Final = 0.002
ASLEEP: Final = 1.0

log = structlog.get_logger(__name__)


class Taken(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call on its way into the database, and what was taken for it."""

    ringing: Ringing
    received: float  # on the monotonic clock
    lease: Lease | None  # None: its action is left to be claimed
    counted: Counted | None  # by its rule

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """What a repetition of it would have in common with it."""
        return keys_of(self.ringing.delivery)


def keys_of(delivery: NewDelivery) -> tuple[tuple[str, ...], ...]:
    """By what a delivery may repeat another, or its call another's."""
    key = delivery["endpoint"], delivery["webhook_id"]
    return (key,) if delivery["call_id"] is None else (key, (delivery["call_id"],))


class Storing:
    """Stores deliveries and calls, and begins to act on the calls."""

    def __init__(
        self,
        *,
        journal: Journal,
        worker: Worker,
        usage: LiveUsage,
        metrics: Metrics,
        plans: Plans,
        enters: bool,
    ) -> None:
        """`enters`: whether calls may be entered before they are filed; only where no other process stores any."""
        self._journal = journal
        self._worker = worker
        self._usage = usage
        self._metrics = metrics
        self._plans = plans
        self._enters = enters
        self._storing = 0  # arrivals whose one commit is under way
        self._entering = 0  # calls that are entered first, until they are filed
        self._tasks: set[asyncio.Task[Receipt]] = set()  # … which file them
        self._unfiled: dict[tuple[str, ...], asyncio.Future[Receipt]] = {}  # the same, by what would repeat them
        self._asleep_until = -math.inf  # on the monotonic clock; before, the processor is not kept awake

    async def stop(self, patience: float) -> None:
        """Wait up to `patience` seconds until all is filed; what is not stays entered, for the next start."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def let_be_filed(self, delivery: NewDelivery) -> None:
        """Wait while a call is not filed yet that this delivery may repeat: until then no table tells.

        Raises DatabaseUnavailable for one that never will be, by a defect: it must not be decided again.
        """
        keys = keys_of(delivery)
        while filings := [self._unfiled[key] for key in keys if key in self._unfiled]:  # others come meanwhile
            if any(filing.done() for filing in filings):
                raise DatabaseUnavailable("its call was acted on and could not be filed; a restart files it")
            await asyncio.wait(filings)

    def store_call(self, taken: Taken) -> "asyncio.Future[Receipt]":
        """Store a call, and begin to act on it as soon as it is safe; the receipt comes when it is in its tables.

        Raises JournalFull and DatabaseUnavailable, as does the future; what was taken is given back then.
        """
        if taken.lease is not None and self._rings_alone:
            return self._enter(taken, taken.lease)
        return self._store_at_once(taken)

    # --- in one commit ------------------------------------------------------------------------------------------------

    def store(self, arrival: Arrival) -> "asyncio.Future[Receipt]":
        """Store a delivery, with all of its call if it announces one."""
        stored = self._journal.write(store_arrivals, arrival)
        self._storing += 1
        stored.add_done_callback(self._one_less)
        return stored

    def _one_less(self, stored: "asyncio.Future[Receipt]") -> None:
        self._storing -= 1
        _hear(stored)

    def _store_at_once(self, taken: Taken) -> "asyncio.Future[Receipt]":
        ringing = taken.ringing
        try:
            rows = ringing.rows(taken.lease, with_plan=self._plans.is_new(ringing.planned))
            stored = self.store(Arrival(delivery=ringing.delivery, call=rows))
        except Exception:
            self._give_back(taken)
            raise
        # Not by whoever awaits it: they may have gone by then, and the call is to be acted on all the same.
        stored.add_done_callback(partial(self._stored, taken))
        return stored

    def _stored(self, taken: Taken, stored: "asyncio.Future[Receipt]") -> None:
        """Begin to act on a new call; undo what was counted for one that was not new or could not be stored."""
        receipt = None if stored.cancelled() or stored.exception() else stored.result()
        if receipt is None or not receipt.call:
            self._give_back(taken)
            return
        self._tell_new(taken)
        if taken.lease:
            self._worker.begin(self._job(taken, receipt), taken.lease)

    # --- entered first ------------------------------------------------------------------------------------------------

    @property
    def _rings_alone(self) -> bool:
        """Whether no commit is under way that a call could share with others, and few are being filed."""
        return self._enters and not self._storing and self._entering < MANY

    def _enter(self, taken: Taken, lease: Lease) -> "asyncio.Future[Receipt]":
        ringing = taken.ringing
        try:
            rows = ringing.rows(lease, with_plan=self._plans.is_new(ringing.planned), pack=wrap_facts)
            entered = self._journal.write(enter, entry_of(ringing.delivery, rows))
        except Exception:
            self._give_back(taken)
            raise
        loop = asyncio.get_running_loop()
        filed: asyncio.Future[Receipt] = loop.create_future()
        filed.add_done_callback(_hear)
        self._entering += 1
        for key in taken.keys:
            self._unfiled[key] = filed
        # All that the worker does up to the sending, it does while the disk is at work: the journal comes first.
        loop.call_soon(self._begin_entered, taken, lease, rows, entered, filed)
        return filed

    def _begin_entered(
        self,
        taken: Taken,
        lease: Lease,
        rows: NewCallRows,
        entered: "asyncio.Future[int]",
        filed: "asyncio.Future[Receipt]",
    ) -> None:
        job = self._job(taken, entered)
        self._worker.begin(job, lease)
        task = asyncio.create_task(self._file(taken, lease, rows, entered, job))
        self._tasks.add(task)
        task.add_done_callback(partial(self._filed, filed))
        now = time.monotonic()
        if now >= self._asleep_until:
            self._stay_awake(entered, now + AWAKE)

    async def _file(
        self, taken: Taken, lease: Lease, rows: NewCallRows, entered: "asyncio.Future[int]", job: Job
    ) -> Receipt:
        """The rest of an entered call's way; a task of its own, since whoever waits for it may go."""
        ringing = taken.ringing
        try:
            entry = await asyncio.shield(entered)  # the worker waits for it too
        except BaseException:
            self._forget(taken)
            self._worker.abandon(job, lease)
            self._give_back(replace(taken, lease=None))
            raise
        if not entry:  # the delivery or the call was here before, and is counted as it always was
            self._forget(taken)
            self._worker.abandon(job, lease)
            return await self._store_at_once(replace(taken, lease=self._worker.reserve()))
        for _ in range(2):  # in the first turn the worker writes its request, which leaves when the turn ends
            await asyncio.sleep(0)
        arrival = Arrival(delivery=ringing.delivery, call=replace(rows, facts=pack_facts(ringing.facts)))
        try:
            receipt = await self._file_until_it_holds(Filing(entry=entry, arrival=arrival))
        except BaseException:  # the entry is there, for the next start: what repeats it waits for that
            self._worker.abandon(job, lease)
            raise
        self._worker.filed(job, lease, call=receipt.call, action=receipt.action)
        self._forget(taken)
        self._tell_new(taken)
        return receipt

    async def _file_until_it_holds(self, filing: Filing) -> Receipt:
        """File an entered call, through an outage of the database if need be."""
        try:  # the entry is on the disk; its lease may be over, where the machine stood still since
            return await self._journal.write(file, filing.leased_until(self._worker.lease_until), flush=False)
        except DatabaseUnavailable as error:
            log.warning("a call that is acted on waits for the database", error=str(error))
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(DatabaseUnavailable), wait=wait_exponential(multiplier=0.1, max=2.0)
        ):
            with attempt:
                receipt = await self._journal.write(file, filing.leased_until(self._worker.lease_until))
        return receipt

    def _filed(self, filed: "asyncio.Future[Receipt]", task: "asyncio.Task[Receipt]") -> None:
        """Tell who waits how it ended."""
        self._tasks.discard(task)
        self._entering -= 1
        if task.cancelled():
            filed.cancel()
        elif (error := task.exception()) is not None:
            filed.set_exception(error)
        else:
            filed.set_result(task.result())

    def _stay_awake(self, entered: "asyncio.Future[int]", until: float) -> None:
        """Keep the event loop's processor from falling asleep while an entry is on its way to the disk.

        It would wake up late and with empty caches, at a ringing caller's expense. Whoever else has something to do
        goes first; where that takes long, the processor is busy enough, and whoever yields to others comes last.
        """
        began = time.monotonic()
        if entered.done() or began >= until:
            return
        os.sched_yield()
        if (now := time.monotonic()) - began >= LONG:
            self._asleep_until = now + ASLEEP
        else:
            asyncio.get_running_loop().call_soon(self._stay_awake, entered, until)

    def _forget(self, taken: Taken) -> None:
        """Let what may repeat a call be taken."""
        for key in taken.keys:
            self._unfiled.pop(key, None)

    # --- both ways ----------------------------------------------------------------------------------------------------

    def _job(self, taken: Taken, stored: "Receipt | asyncio.Future[int]") -> Job:
        deadline = self._worker.deadline(taken.ringing.command, taken.received + taken.ringing.seconds_left)
        return taken.ringing.job(stored, received=taken.received, deadline=deadline)

    def _tell_new(self, taken: Taken) -> None:
        """Tell of a new call that is in its tables now."""
        ringing = taken.ringing
        if taken.counted and ringing.birth is Event.LEFT_ALONE:
            self._usage.closed(taken.counted.call_id, taken.counted.rule)  # its rate counts, and it is over
        self._plans.stored(ringing.planned)
        self._metrics.call_decided(ringing.verdict.decision.kind, ringing.verdict.rule)
        self._metrics.call_advanced(ringing.under_way if taken.lease else BIRTHS[ringing.birth])

    def _give_back(self, taken: Taken) -> None:
        """Undo what was taken for a call that was not new, or could not be stored."""
        if taken.lease:
            self._worker.release(taken.lease)
        if taken.counted:
            self._usage.undo(taken.counted)


def _hear(future: "asyncio.Future[Receipt]") -> None:
    """Take note of how it ended: whoever waited may have gone, and nobody else is to complain."""
    if not future.cancelled():
        future.exception()
