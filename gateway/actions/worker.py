"""The worker: carries out actions until each is settled.

The story of one action: deliver it (`delivery`), conclude what its end means for the call (`conclusion`), and write
both in one commit (`outbox.settle`), which may open the next action of the same call.

A new call's action is leased in the commit that stores or enters the call (`gateway.webhooks.storing`), if the worker
has a free slot (`reserve`), and begins at once. Everything else, calls beyond the slots, actions of a node that died,
is found in the outbox by a look each second. A result that cannot be written is kept and tried again: an outage of the
database must not turn into a second decision. If the lease is lost in the meantime, the new owner's result counts and
ours is dropped.
"""

import asyncio
import math
from collections.abc import Collection
from typing import Any, Final, Protocol

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential

from gateway.actions import jobs, outbox
from gateway.actions.account import change_of, timeline_of
from gateway.actions.action import Job, Lease
from gateway.actions.conclusion import Conclusion, ReferGuard, conclude
from gateway.actions.delivery import Delivery, Judged, NotEnteredError
from gateway.actions.leases import LOOK, ORPHANED_AFTER, RENEWAL, LeaseClock
from gateway.calls.call import Happened, unchanged
from gateway.calls.lifecycle import LIVE, TERMINAL, TRANSITIONS, Event, State
from gateway.calls.watches import NewWatch
from gateway.clock import Clock
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.upstream.client import Upstream
from gateway.upstream.outcome import Outcome
from gateway.upstream.wire import Command

# Requests in flight. At 150 ms each, this many carry 1,700 calls a second; more would only pile up on a slow upstream.
SLOTS: Final = 256

# An action that so many owners took up and none ended is not sent again: the next one writes down what is known of it.
MOST_OWNERS: Final = 5

# Seconds that a repetition waits for its call to be filed, so that the one before it can be noted.
UNNOTED: Final = 1.0

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Who hears of what the worker does; for metrics and live usage."""

    def attempted(self, job: Job, outcome: Outcome) -> None: ...

    def settled(self, job: Job, state: State, watch: NewWatch | None) -> None: ...


class LeaseLost(Exception):
    """Another node has taken the action over; its result counts."""


class Worker:
    """Carries out actions. `start` and `stop` belong to the application's lifespan.

    `watched` are the endpoints whose calls someone watches once they are answered.
    """

    def __init__(
        self,
        *,
        node: str,
        journal: Journal,
        upstream: Upstream,
        refer_guard: ReferGuard,
        attempt_timeout: float,
        decision_deadline: float,
        watched: Collection[str],
        leases: LeaseClock,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self.node = node
        self._journal = journal
        self._refer_guard = refer_guard
        self._decision_deadline = decision_deadline
        self._watched = watched
        self._leases = leases
        self._clock = clock
        self._observer = observer
        self._delivery = Delivery(
            upstream,
            refer_guard=refer_guard,
            attempt_timeout=attempt_timeout,
            clock=clock,
            on_attempt=observer.attempted,
            on_retry=self._note,
        )
        self._free = SLOTS
        self._stopping = False
        self._granted: list[int] = []  # ends of leases whose commits are under way, mostly the oldest first
        self._held: dict[Job, asyncio.Task[None]] = {}
        self._unfiled: dict[Job, asyncio.Event] = {}  # jobs without rows; set once they have them
        self._rounds: list[asyncio.Task[None]] = []

    # --- lifespan -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look for work."""
        self._rounds = [asyncio.create_task(self._look_for_work()), asyncio.create_task(self._renew_leases())]

    async def stop(self, patience: float) -> None:
        """Take no more work, and wait up to `patience` seconds for what is in hand.

        What is not settled then stays in the outbox and is taken over: at once by the next process on SQLite, after
        its lease on PostgreSQL.
        """
        self._stopping = True
        late = set(self._rounds)
        if self._held:  # the rounds go on meanwhile: leases must not run out, and nothing is claimed any more
            _, pending = await asyncio.wait(self._held.values(), timeout=patience)
            late |= pending
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    @property
    def in_hand(self) -> int:
        """How many actions are being carried out."""
        return len(self._held)

    # --- new calls ----------------------------------------------------------------------------------------------------

    def reserve(self) -> Lease | None:
        """Take a slot and a lease for a call that is about to be stored. None: leave its action to be claimed."""
        if self._free <= 0 or self._stopping:
            return None
        self._free -= 1
        return self._grant()

    def release(self, lease: Lease) -> None:
        """Give a reserved slot back: the call was not new after all, or it could not be stored."""
        self._granted.remove(lease.until)
        self._free += 1

    def begin(self, job: Job, lease: Lease) -> None:
        """Carry out `job`, whose slot was reserved with this lease.

        One without rows is made ready, and sent when it is `entered`. What follows is `filed`, or `abandon`.
        """
        if job.entered is None:
            self._granted.remove(lease.until)
        else:
            self._unfiled[job] = asyncio.Event()
        self._begin(job)

    def filed(self, job: Job, lease: Lease, *, call: int, action: int) -> None:
        """Say which rows a job that was begun without them has now."""
        self._granted.remove(lease.until)
        job.call, job.action = call, action
        self._unfiled.pop(job).set()

    def abandon(self, job: Job, lease: Lease) -> None:
        """Say that a job that was begun will have no rows: nothing more is written of it."""
        self._granted.remove(lease.until)
        self._unfiled.pop(job).set()

    @property
    def lease_until(self) -> int:
        """Until when a lease holds that is granted now, in µs on the database's clock."""
        return self._leases.until()

    def _begin(self, job: Job) -> None:
        self._held[job] = asyncio.create_task(self._carry_out(job))

    def deadline(self, command: Command, useless_at: float) -> float:
        """When, on the monotonic clock, the last attempt of a command that begins now must be over."""
        monotonic = self._clock.monotonic()
        return jobs.deadline_of(command, useless_at, monotonic=monotonic, decision_deadline=self._decision_deadline)

    # --- one action after another -------------------------------------------------------------------------------------

    async def _carry_out(self, job: Job) -> None:
        following: Job | None = job
        held = job
        try:
            while following is not None:
                job = following
                if job is not held:
                    self._held[job] = self._held.pop(held)
                    held = job
                following = await self._settle(job, await self._delivery.deliver(job))
        except NotEnteredError:
            pass  # nothing was sent; whoever wanted the call entered knows it
        except LeaseLost:
            log.warning("another node has taken this action over", call_id=job.call_id, command=job.command)
        except Exception:
            # The action stays in the outbox; it is taken up again when its lease has run out.
            log.exception("an action failed unexpectedly", call_id=job.call_id, command=job.command)
        finally:
            self._free += 1
            self._held.pop(held, None)

    async def _note(self, job: Job, judged: Judged) -> None:
        """Write down that a request failed and will be repeated."""
        if not await self._has_rows(job, within=UNNOTED):
            log.warning("a retry could not be noted", call_id=job.call_id)  # the caller waits no longer for a line
            return
        now = self._clock.now()
        state, lines = timeline_of(job, judged.decision.events, judged.outcome, now)
        note = outbox.Note(
            action=job.action,
            epoch=job.epoch,
            attempts=job.attempts + 1,
            in_doubt=job.in_doubt,
            happened=lines,
        )
        try:
            ours = await self._journal.write(outbox.note, note)
        except DatabaseUnavailable:
            # Only the timeline misses a line: whoever takes over treats the action as in doubt anyway.
            log.warning("a retry could not be noted", call_id=job.call_id)
            return
        if not ours:
            raise LeaseLost
        job.state = state

    async def _settle(self, job: Job, judged: Judged) -> Job | None:
        """Write the action's end; the job that follows it, if any."""
        await self._rows_of(job)
        now = self._clock.now()
        conclusion = conclude(job, judged.decision, self._refer_guard, watched=job.endpoint in self._watched)
        state, lines = timeline_of(job, conclusion.events, judged.outcome, now)
        monotonic = self._clock.monotonic()
        follow = jobs.following(job, conclusion.follow, monotonic=monotonic) if conclusion.follow else None
        lease = self._grant() if follow else None
        try:
            settlement = outbox.Settlement(
                action=job.action,
                epoch=job.epoch,
                now=now,
                outcome=judged.outcome.result,
                attempts=job.attempts,
                change=change_of(job, conclusion, state, judged.outcome, now),
                happened=lines,
                follow=jobs.row_of(follow, lease, now=now, monotonic=monotonic) if follow else None,
                watch=self._watch(job, state),
            )
            # The sideband of a call that is hung up or transferred closes at once, and its watcher waits for this.
            can_wait = follow is None and job.command in (Command.ACCEPT, Command.REJECT)
            written = await self._write_until_it_holds(settlement, can_wait=can_wait)
        finally:
            if lease is not None:
                self._granted.remove(lease.until)
        if written is False:
            raise LeaseLost
        self._observer.settled(job, state, settlement.watch)
        self._log(job, conclusion, state, judged.outcome)
        if follow is not None:
            follow.action, follow.state = written, state
            jobs.begin_now(follow, monotonic=self._clock.monotonic())  # the commit may have waited for the database
        return follow

    async def _write_until_it_holds(self, settlement: outbox.Settlement, *, can_wait: bool) -> int:
        """Commit `settlement`, through an outage of the database if need be; False (0) if it was not ours to write."""
        try:
            return await self._journal.write(outbox.settle, settlement, can_wait=can_wait)
        except DatabaseUnavailable as error:
            log.warning("a result waits for the database", error=str(error))
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(DatabaseUnavailable), wait=wait_exponential(multiplier=0.1, max=2.0)
        ):
            with attempt:
                settlement = outbox.leased_until(settlement, self._leases.until())  # not from before the outage
                written: int = await self._journal.write(outbox.settle, settlement)
                if written is False:  # the commit whose reply was lost may have been made after all
                    written = await self._journal.write(outbox.recall, settlement)
        return written

    def _grant(self) -> Lease:
        """A lease for what is about to be stored, which is no orphan as long as that takes."""
        lease = self._leases.grant(self.node)
        self._granted.append(lease.until)
        return lease

    def _watch(self, job: Job, state: State) -> NewWatch | None:
        """The watch that begins where a call's first command has, or may have, answered it."""
        if (
            job.endpoint not in self._watched
            or state not in LIVE
            or job.command not in (Command.ACCEPT, Command.REJECT)
        ):
            return None
        step = job.plan.answering(job.step)
        return {"call": job.call, "step": step, "node": self.node, "epoch": 1, "lease_until": self._leases.until()}

    def _log(self, job: Job, conclusion: Conclusion, state: State, outcome: Outcome) -> None:
        log.info(
            "call settled" if state in TERMINAL else "call advanced",
            call_id=job.call_id,
            state=state,
            command=job.command,
            outcome=outcome.result,
            status=outcome.status,
            attempts=job.attempts,
            ms=round(outcome.seconds * 1e3, 1),
        )
        if Event.UNAUTHORIZED in conclusion.events:
            log.error("the upstream refuses our API key: calls fail until it is replaced", endpoint=job.endpoint)

    # --- looking for work ---------------------------------------------------------------------------------------------

    async def _look_for_work(self) -> None:
        while True:
            if self._free > 0 and not self._stopping:
                try:
                    await self._claim()
                except DatabaseUnavailable as error:
                    log.warning("could not look for work", error=str(error))
                except Exception:
                    log.exception("looking for work failed")  # and is tried again: calls wait
            await asyncio.sleep(LOOK)

    async def _claim(self) -> None:
        wish = outbox.Claim(
            node=self.node,
            now=self._clock.now(),
            lease_now=self._leases.now(),
            orphaned_before=min([self._leases.until() - ORPHANED_AFTER, *self._granted]),
            limit=self._free,
            held=self._actions_in_hand(),
        )
        unreadable = []
        for row in await self._journal.write(outbox.claim, wish):
            try:
                job = jobs.taken_over(
                    row,
                    now=wish.lease_now,
                    monotonic=self._clock.monotonic(),
                    decision_deadline=self._decision_deadline,
                )
            except Exception:
                log.exception("an action cannot be read", call_id=row.call_id, action=row.id)
                unreadable.append(row)
                continue
            if row.epoch > MOST_OWNERS:
                log.error("an action makes no progress and is not sent again", call_id=row.call_id, command=row.command)
                job.useless_at = -math.inf
            self._free -= 1
            self._begin(job)
        for row in unreadable:
            await self._give_up(row)

    async def _give_up(self, row: Any) -> None:
        """Settle an action that nobody can carry out; its call fails."""
        now = self._clock.now()
        state = TRANSITIONS.get(State(row.state), {}).get(Event.STUCK, State(row.state))
        change = unchanged(row.call, state)
        change["new_ended_at"] = now if state in TERMINAL else None
        change["new_error"] = "given up: its action cannot be read"
        line = Happened(call=row.call, at=now, kind=Event.STUCK, state=state, detail=None)
        settlement = outbox.Settlement(
            action=row.id,
            epoch=row.epoch,
            now=now,
            outcome=Event.STUCK,
            attempts=row.attempts,
            change=change,
            happened=[line],
        )
        await self._journal.write(outbox.settle, settlement)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            try:
                self._leases.set(await self._journal.write(outbox.renew, (self.node, self._actions_in_hand())))
            except DatabaseUnavailable as error:
                log.warning("could not renew leases", error=str(error))
            except Exception:
                log.exception("renewing leases failed")  # and is tried again: others would take our work over

    def _actions_in_hand(self) -> tuple[int, ...]:
        return tuple([job.action for job in self._held])

    async def _has_rows(self, job: Job, *, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                await self._rows_of(job)
        except TimeoutError:
            return False
        return True

    async def _rows_of(self, job: Job) -> None:
        """Wait until the job has its rows: what became of its request is written to them."""
        if (filed := self._unfiled.get(job)) is not None:
            await filed.wait()
