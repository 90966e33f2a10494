"""The watcher: keeps someone on the sideband of every live call, whichever node answered it.

Calls that this node's worker answers are begun at once, after the commit of the accept's outcome, and never on the way
of a ringing call. All others (of a node that died, or of a run without sidebands) are claimed by a look each second.
Leases are those of the outbox: see `gateway.actions.leases`.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog

from gateway.actions.action import Job
from gateway.actions.jobs import LiveCall, live_call_of
from gateway.actions.leases import LEASE, LOOK, ORPHANED_AFTER, RENEWAL, LeaseClock
from gateway.calls.lifecycle import State
from gateway.calls.watches import WatchClaim, claim_watches, find_moved, release_watches_of, renew_watches
from gateway.clock import Clock
from gateway.database import Database
from gateway.endpoint import Surface
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.monitor.activity import Activity
from gateway.monitor.listening import Listening, WatchLost
from gateway.monitor.watch import Patience, Watch, conduct_in

# How often the time is looked at; what is due may come this much later.
TICK: Final = 0.5

# Calls taken over by one commit, so that a restart among thousands does not hold up the journal.
CLAIMED_AT_ONCE: Final = 200

# A stop does not wait longer for a database that is away; leases then run out by themselves.
LONGEST_FAREWELL: Final = 3.0

log = structlog.get_logger(__name__)


class Watcher:
    """Watches calls. `start` and `stop` belong to the application's lifespan. `surfaces` are those of the endpoints."""

    def __init__(
        self,
        *,
        node: str,
        surfaces: Mapping[str, Surface],
        database: Database,
        journal: Journal,
        listening: Listening,
        patience: Patience,
        leases: LeaseClock,
        clock: Clock,
    ) -> None:
        self._node = node
        self._surfaces = surfaces
        self._database = database
        self._journal = journal
        self._listening = listening
        self._patience = patience
        self._leases = leases
        self._clock = clock
        self._held: dict[int, Watch] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._acting: dict[asyncio.Task[None], Watch] = {}
        self._rounds: list[asyncio.Task[None]] = []
        self._stopping = False

    # --- lifespan -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look for calls to watch."""
        rounds = (self._look_for_calls(), self._renew_leases(), self._watch_the_time())
        self._rounds = [asyncio.create_task(one) for one in rounds]

    async def stop(self) -> None:
        """Leave all sidebands, after writing what was learned; the calls are for others to watch at once."""
        self._stopping = True
        held = list(self._held.values())
        tasks = [*self._rounds, *self._tasks.values(), *self._acting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if held:
            try:
                async with asyncio.timeout(LONGEST_FAREWELL):
                    await asyncio.gather(*(self._store(watch) for watch in held), return_exceptions=True)
                    await self._journal.write(release_watches_of, self._node)
            except (DatabaseUnavailable, TimeoutError) as error:
                log.warning("what was learned last of live calls is lost", error=str(error), calls=len(held))

    @property
    def in_hand(self) -> int:
        """How many calls are being watched."""
        return len(self._tasks)

    # --- one call after another ---------------------------------------------------------------------------------------

    def begin(self, job: Job, state: State, step: int) -> None:
        """Watch a call that our worker has just answered, or may have."""
        live = LiveCall(
            call=job.call, call_id=job.call_id, endpoint=job.endpoint, rule=job.rule, plan=job.plan, step=step
        )
        at = self._clock.monotonic()
        watch = Watch(
            live=live,
            epoch=1,
            state=state,
            since=at,
            answered=at,
            confirmed=False,
            activity=Activity(known_keys=conduct_in(live).keys),
            surface=self._surfaces[live.endpoint],
        )
        self._watch(watch)

    def moved(self, call: int, state: State) -> None:
        """The call was moved, by its action."""
        watch = self._held.get(call)
        if watch is None:
            return
        stays = watch.state is State.REFERRING and state is State.ACCEPTED
        watch.enter(state, self._clock.monotonic())
        if stays and not watch.acting:
            self._act(watch, self._listening.stay(watch))

    def _watch(self, watch: Watch) -> None:
        if self._stopping or watch.live.call in self._held:
            return
        self._held[watch.live.call] = watch
        self._tasks[watch.live.call] = asyncio.create_task(self._follow(watch))

    async def _follow(self, watch: Watch) -> None:
        try:
            await self._listening.follow(watch)
        except WatchLost:
            log.warning("another node watches this call now", call_id=watch.live.call_id)
        except Exception:
            # The watch stays in the database, and is an orphan that the next looks find.
            log.exception("watching a call failed", call_id=watch.live.call_id)
        finally:
            del self._tasks[watch.live.call], self._held[watch.live.call]

    # --- the time -----------------------------------------------------------------------------------------------------

    async def _watch_the_time(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            at, now = self._clock.monotonic(), self._clock.now()
            for watch in list(self._held.values()):
                try:
                    self._look_after(watch, at, now)
                except Exception:
                    log.exception("looking after a call failed", call_id=watch.live.call_id)  # the others' time goes on

    def _look_after(self, watch: Watch, at: float, now: int) -> None:
        """Begin what the time has come for in one call."""
        watch.lines += watch.activity.settle(at, now)
        watch.said += watch.fragments.settle(at)
        if watch.acting:
            return
        if (due := watch.due(at, self._patience)) is not None:
            self._act(watch, self._listening.act(watch, due))
        elif watch.lines or (at - watch.stored_at >= self._patience.store and watch.activity.usage() != watch.stored):
            self._act(watch, self._listening.store(watch))

    def _act(self, watch: Watch, deed: Any) -> None:
        watch.acting = True
        task = asyncio.create_task(self._do(watch, deed))
        self._acting[task] = watch
        task.add_done_callback(self._acting.pop)

    async def _do(self, watch: Watch, deed: Any) -> None:
        try:
            await deed
        except WatchLost:
            self._drop(watch)
        except Exception:
            log.exception("what was due for a call failed", call_id=watch.live.call_id)  # and comes again
        finally:
            watch.acting = False

    async def _store(self, watch: Watch) -> None:
        watch.said += watch.fragments.finish()
        if watch.lines or watch.said or watch.activity.usage() != watch.stored:
            await self._listening.store(watch)

    # --- leases -------------------------------------------------------------------------------------------------------

    async def _look_for_calls(self) -> None:
        while True:
            try:
                while await self._claim():
                    pass
                await self._look_for_moves()
            except DatabaseUnavailable as error:
                log.warning("could not look for calls to watch", error=str(error))
            except Exception:
                log.exception("looking for calls to watch failed")  # and is tried again: ends would be missed
            await asyncio.sleep(LOOK)

    async def _look_for_moves(self) -> None:
        """Learn where other nodes' actions have left our calls. Hints only: a move asks the database."""
        known = {watch: watch.state for watch in self._held.values()}
        elsewhere = await self._database.read(find_moved, self._node)
        for watch, state in known.items():
            if watch.state is state:  # else it has moved while we looked, and we know better
                watch.enter(State(elsewhere.get(watch.live.call, State.ACCEPTED)), self._clock.monotonic())

    async def _claim(self) -> bool:
        """Take over calls that nobody watches; whether there may be more."""
        wish = WatchClaim(
            node=self._node,
            lease_now=self._leases.now(),
            lease=LEASE,
            orphaned_after=ORPHANED_AFTER,
            limit=CLAIMED_AT_ONCE,
            held=tuple(self._held),
        )
        rows = await self._journal.write(claim_watches, wish)
        for row in rows:
            try:
                self._watch(self._taken_over(row))
            except (msgspec.MsgspecError, IndexError):  # the others are watched all the same
                log.exception("a call that should be watched cannot be read", call_id=row.call_id)
        return len(rows) == CLAIMED_AT_ONCE

    def _taken_over(self, row: Any) -> Watch:
        monotonic, now = self._clock.monotonic(), self._clock.now()
        live = live_call_of(row)
        sums = msgspec.json.decode(row.usage) if row.usage else None
        return Watch(
            live=live,
            epoch=row.epoch,
            state=State(row.state),
            since=monotonic - (now - row.moved_at) / 1e6,
            answered=monotonic - (now - (row.answered_at or row.received_at)) / 1e6,
            confirmed=row.confirmed,
            activity=Activity(sums, known_keys=conduct_in(live).keys),
            surface=self._surfaces.get(row.endpoint, "realtime"),
            stored=row.usage,
        )

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            try:
                before = [(watch.live.call, watch.epoch) for watch in self._held.values()]
                ours = await self._journal.write(renew_watches, (self._node, self._leases.until()))
                for call, epoch in before:
                    watch = self._held.get(call)
                    if (call, epoch) not in ours and watch is not None and watch.epoch == epoch:
                        self._drop(watch)
            except DatabaseUnavailable as error:
                log.warning("could not renew the leases of watched calls", error=str(error))
            except Exception:
                log.exception("renewing the leases of watched calls failed")  # and is tried again

    def _drop(self, watch: Watch) -> None:
        """Leave a call that is not ours any more, or that is over."""
        if (task := self._tasks.get(watch.live.call)) is not None and self._held[watch.live.call] is watch:
            task.cancel()
