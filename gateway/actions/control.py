"""Commands during a call: a transfer or a hangup that someone orders, and what follows a transfer that failed.

Each is one commit (`moves`), which checks that the call can take it and opens the action; then the worker sends it.
"""

from dataclasses import replace
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Connection, select

from gateway.actions import jobs
from gateway.actions.action import Job, Lease, Orders, decode_orders
from gateway.actions.conclusion import Conclusion, ReferGuard, transfer
from gateway.actions.jobs import LiveCall
from gateway.actions.moves import Move, Moved, move
from gateway.calls.lifecycle import Event, State
from gateway.clock import Clock
from gateway.database import Database
from gateway.journal import Journal
from gateway.tables import actions, calls, plans, watches
from gateway.upstream.wire import Command

# From where a call can be hung up or transferred; while an action is open it comes first.
_HANGUP: Final = {
    State.ACCEPTED: (Event.HANGUP_STARTED,),
    State.REFER_WAIT: (Event.HANGUP_STARTED,),
    State.REFER_UNKNOWN: (Event.HANGUP_STARTED,),
}
_REFER: Final = {State.ACCEPTED: (Event.REFER_STARTED,)}


class Hands(Protocol):
    """Who carries out what has been opened: a worker."""

    def reserve(self) -> Lease | None:
        """A lease for an action that is about to be opened; None: leave it to be claimed."""

    def release(self, lease: Lease) -> None:
        """Give a lease back that was not needed."""

    def begin(self, job: Job, lease: Lease) -> None:
        """Carry out a job for which a lease was reserved."""


class Control:
    """Commands calls that are under way."""

    def __init__(
        self, *, database: Database, journal: Journal, worker: Hands, refer_guard: ReferGuard, clock: Clock
    ) -> None:
        self._database = database
        self._journal = journal
        self._worker = worker
        self._refer_guard = refer_guard
        self._clock = clock

    async def hang_up(self, live: LiveCall, orders: Orders, *, epoch: int | None = None, **more: Any) -> Moved:
        """Hang up. `epoch` is that of the watch which orders it; `more` goes into the `Move`."""
        return await self._order(
            live, Command.HANGUP, orders, Move(call=live.call, now=0, steps=_HANGUP, **more), epoch
        )

    async def refer(self, live: LiveCall, orders: Orders, *, epoch: int | None = None, **more: Any) -> Moved:
        """Transfer to the first of the ordered targets; each has passed the guard. Likewise."""
        return await self._order(live, Command.REFER, orders, replace(refer_of(live.call), **more), epoch)

    async def begin_planned_transfer(self, live: LiveCall, steps: Any, *, epoch: int, **more: Any) -> Moved:
        """Take `steps`, which prove that a call in doubt was answered, and the transfer that its plan wants then.

        Without one, only the steps.
        """
        job = jobs.ordered(live, Command.REFER, None, State.ACCEPTED, monotonic=self._clock.monotonic())
        onward = transfer(job, 0, self._refer_guard) if job.targets else Conclusion(events=())
        extended = {state: (*events, *onward.events) for state, events in steps.items()}
        return await self._follow(live, None, onward, Move(call=live.call, now=0, steps=extended, **more), epoch)

    async def fall_back(self, live: LiveCall, state: State, *, epoch: int, **more: Any) -> Moved:
        """After a transfer that did not happen: the next target, stay with the model, or hang up.

        A transfer in doubt is not followed by another: it may still happen, and each is a phone call on someone's bill.
        """
        latest = await self._database.read(_latest_refer, live.call)
        orders = decode_orders(latest.orders)
        job = jobs.ordered(live, Command.REFER, orders, state, monotonic=self._clock.monotonic())
        following = latest.target + 1 if state is State.REFER_WAIT else len(job.targets)
        onward = transfer(job, following, self._refer_guard)
        return await self._follow(
            live, orders, onward, Move(call=live.call, now=0, steps={state: onward.events}, **more), epoch
        )

    async def _follow(
        self, live: LiveCall, orders: Orders | None, onward: Conclusion, wish: Move, epoch: int | None
    ) -> Moved:
        if onward.follow is None:
            return await self._journal.write(move, replace(wish, now=self._clock.now(), epoch=epoch))
        target = onward.follow.target
        return await self._order(live, onward.follow.command, orders, wish, epoch, target=target)

    async def _order(
        self,
        live: LiveCall,
        command: Command,
        orders: Orders | None,
        wish: Move,
        epoch: int | None,
        *,
        target: int = 0,
    ) -> Moved:
        """Make the move and open the action in one commit, then begin it."""
        lease = self._worker.reserve()
        now, monotonic = self._clock.now(), self._clock.monotonic()
        try:
            job, complete = opening(live, command, orders, wish, lease, target=target, now=now, monotonic=monotonic)
            moved = await self._journal.write(move, replace(complete, epoch=epoch))
        except BaseException:
            if lease:
                self._worker.release(lease)
            raise
        if moved.refusal is None and lease:
            job.action = moved.action
            self._worker.begin(job, lease)
        elif lease:
            self._worker.release(lease)
        return moved


def hangup_of(call: int) -> Move:
    """The wish to hang up, to be completed by `opening`."""
    return Move(call=call, now=0, steps=_HANGUP)


def refer_of(call: int) -> Move:
    """The wish to transfer, to be completed by `opening`."""
    return Move(call=call, now=0, steps=_REFER)


def opening(
    live: LiveCall,
    command: Command,
    orders: Orders | None,
    wish: Move,
    lease: Lease | None,
    *,
    target: int = 0,
    now: int,
    monotonic: float,
) -> tuple[Job, Move]:
    """The job of a command during a call, and the move that begins it; without a lease, whoever claims it does."""
    state = State.ENDING if command is Command.HANGUP else State.REFERRING
    job = jobs.ordered(live, command, orders, state, target=target, monotonic=monotonic)
    row = jobs.row_of(job, lease, now=now, monotonic=monotonic)
    about = job.targets[target] if command is Command.REFER else None
    detail = wish.detail or _detail(orders, about)
    return job, replace(wish, now=now, follow=row, target=about, detail=detail)


def find_live_call(connection: Connection, call_id: str) -> LiveCall | None:
    """The call with this id, as a command needs it."""
    row = connection.execute(_LIVE_CALL.where(calls.c.call_id == call_id)).one_or_none()
    return None if row is None else jobs.live_call_of(row)


_LIVE_CALL: Final = (
    select(calls.c.id, calls.c.call_id, calls.c.endpoint, calls.c.rule, plans.c.document, watches.c.step)
    .join(plans, plans.c.digest == calls.c.plan)
    .outerjoin(watches, watches.c.call == calls.c.id)
)


def _detail(orders: Orders | None, target: str | None) -> str | None:
    told = {"by": orders.by, "who": orders.who} if orders else {}
    told["target"] = target
    told = {name: value for name, value in told.items() if value is not None}
    return msgspec.json.encode(told).decode() if told else None


def _latest_refer(connection: Connection, call: int) -> Any:
    """The refer that was sent last for this call."""
    return connection.execute(
        select(actions.c.target, actions.c.orders)
        .where(actions.c.call == call, actions.c.command == Command.REFER.value)
        .order_by(actions.c.id.desc())
        .limit(1)
    ).one()
