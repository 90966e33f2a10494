"""Stragglers: calls that nobody moves any more are settled, so that none waits for ever.

Two kinds. A call in doubt, or in a transfer, waits for what its sideband will tell; where the sideband has been
switched off since, nobody listens, and it is settled without proof, as it would have been without sidebands from the
start. And whatever else has no action open and has made no progress for a minute has been forgotten by a mistake of
ours: it fails, and an operator is told. Actions themselves cannot linger: they run out of time, or of owners
(`gateway.actions.worker`).

A round looks every five seconds, on every node, and first when the gateway starts. Each call is one `Move`, fenced by
its watch's epoch, so that two nodes, or a watcher that comes to it after all, do not settle it twice.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Connection, exists, func, or_, select

from gateway.actions import jobs
from gateway.actions.conclusion import ReferGuard, transfer
from gateway.actions.control import opening
from gateway.actions.leases import LeaseClock
from gateway.actions.moves import Move, Moved, move
from gateway.calls.lifecycle import TRANSITIONS, Event, State
from gateway.calls.watches import MOVED_AT
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.monitor.sighting import UNPROVEN
from gateway.tables import actions, calls, plans, watches
from gateway.upstream.wire import Command

ROUND: Final = 5.0  # seconds

# Without progress for so long (seconds), a call is stuck; so long we must have been looking, too: after a start, an
# outage, or a time in which this machine stood still, those whose task it is come first.
STUCK_AFTER: Final = 60.0

# Between two looks, in seconds, at most; else we stood still, or the clock was set. A transfer rightly makes no
# progress for 40 s (`Patience.unproven`), and would not seem stuck by a gap of this length.
LONGEST_GAP: Final = 15.0

# Calls found by one look; the next finds the others.
MOST: Final = 500

# In which a call waits for its sideband to tell.
WAITING: Final = frozenset({State.ACCEPT_UNKNOWN, State.REFER_WAIT, State.REFER_UNKNOWN, State.ENDING})

# In which something is owed to a call.
UNSETTLED: Final = frozenset(state for state, steps in TRANSITIONS.items() if Event.STUCK in steps)

log = structlog.get_logger(__name__)


class Stragglers:
    """Settles calls that nobody moves. `watched`: the endpoints whose calls this node watches by their sideband.

    `settled` hears of every call that was moved: its id, its rule and where it stands now.
    """

    def __init__(
        self,
        *,
        database: Database,
        journal: Journal,
        watched: Collection[str],
        refer_guard: ReferGuard,
        leases: LeaseClock,
        clock: Clock,
        settled: Callable[[str, str | None, State], None],
    ) -> None:
        self._database = database
        self._journal = journal
        self._watched = watched
        self._refer_guard = refer_guard
        self._leases = leases
        self._clock = clock
        self._settled = settled
        self._since = clock.monotonic()  # since when we, and so the others of this process, have been at work
        self._looked_at = clock.now()

    async def run(self) -> None:
        """Look for ever; ends by being cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as error:
                self._since = self._clock.monotonic()
                log.warning("could not look for calls that nobody moves", error=str(error))
            except Exception:
                log.exception("looking for calls that nobody moves failed")  # and is tried again: they wait
            await asyncio.sleep(ROUND)

    async def look(self) -> None:
        """Settle what there is. Raises DatabaseUnavailable."""
        if self._clock.now() - self._looked_at > LONGEST_GAP * 1e6:
            self._since = self._clock.monotonic()
        self._looked_at = self._clock.now()
        patient = self._clock.monotonic() - self._since >= STUCK_AFTER
        still_since = self._clock.now() - int(STUCK_AFTER * 1e6) if patient else 0
        found = await self._database.read(find_stragglers, self._watched, self._leases.now(), still_since)
        for row in found:
            await self._settle(row)

    async def _settle(self, row: Any) -> None:
        unwatched = row.state in WAITING and row.endpoint not in self._watched
        try:
            wish = self._without_proof(row) if unwatched else _give_up(row, self._clock.now())
        except (msgspec.MsgspecError, IndexError):
            log.exception("a call's plan cannot be read", call_id=row.call_id)
            wish = _give_up(row, self._clock.now())
        moved: Moved = await self._journal.write(move, wish)
        if moved.refusal is not None or moved.state is None:
            return  # somebody moves it after all
        self._settled(row.call_id, row.rule, moved.state)
        if moved.state is State.FAILED:
            log.error("a call made no progress and is given up", call_id=row.call_id, state=row.state)
        else:
            log.info("a call is settled without proof", call_id=row.call_id, before=row.state, state=moved.state)

    def _without_proof(self, row: Any) -> Move:
        """What nobody will prove, taken as it most likely is; a transfer that waited for an answer begins."""
        state, now = State(row.state), self._clock.now()
        wish = Move(call=row.id, now=now, epoch=row.epoch, steps={state: UNPROVEN[state]}, confirmed=False)
        live = jobs.live_call_of(row)
        monotonic = self._clock.monotonic()
        planned = jobs.ordered(live, Command.REFER, None, State.ACCEPTED, monotonic=monotonic)
        if state is not State.ACCEPT_UNKNOWN or not planned.targets:
            return wish
        onward = transfer(planned, 0, self._refer_guard)
        wish = Move(call=row.id, now=now, epoch=row.epoch, steps={state: (*UNPROVEN[state], *onward.events)})
        if onward.follow is None:
            return wish
        command, target = onward.follow.command, onward.follow.target
        return opening(live, command, None, wish, None, target=target, now=now, monotonic=monotonic)[1]


def _give_up(row: Any, now: int) -> Move:
    why = f"no progress for {STUCK_AFTER:.0f} s"
    return Move(
        call=row.id,
        now=now,
        epoch=row.epoch,
        steps={State(row.state): (Event.STUCK,)},
        detail=msgspec.json.encode({"why": why}).decode(),
        error=why,
    )


def find_stragglers(connection: Connection, watched: Collection[str], lease_now: int, still_since: int) -> list[Any]:
    """Calls that owe work and have no action open: those whose sideband nobody watches, and those that stand still.

    `lease_now` is µs on the database's clock, `still_since` on ours; 0 finds none that stand still.
    """
    unwatched = (
        calls.c.state.in_(WAITING)
        & calls.c.endpoint.not_in(watched)
        & or_(watches.c.lease_until.is_(None), watches.c.lease_until < lease_now)
    )
    wanted = _OWING.where(or_(unwatched, func.coalesce(MOVED_AT, calls.c.received_at) < still_since))
    return list(connection.execute(wanted.order_by(calls.c.id).limit(MOST)))


_OWING: Final = (
    select(
        calls.c.id,
        calls.c.call_id,
        calls.c.endpoint,
        calls.c.rule,
        calls.c.state,
        plans.c.document,
        watches.c.step,
        watches.c.epoch,
    )
    .join(plans, plans.c.digest == calls.c.plan)
    .outerjoin(watches, watches.c.call == calls.c.id)
    .where(
        calls.c.state.in_(UNSETTLED),
        ~exists(select(actions.c.id).where(actions.c.call == calls.c.id, actions.c.settled_at.is_(None))),
    )
)
