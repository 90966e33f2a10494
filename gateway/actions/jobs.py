"""Making jobs: of the action that follows, of one that was taken over, of what is ordered during a call.

Pure: times on the monotonic clock (`monotonic`, seconds) and the wall clock (`now`, µs) are arguments.
"""

from dataclasses import dataclass
from typing import Any, Final

from gateway.actions.action import Job, Lease, NewAction, Orders, decode_orders
from gateway.actions.conclusion import Follow
from gateway.actions.plan import Plan, decode_plan
from gateway.calls.lifecycle import State
from gateway.upstream.wire import Command

# For how long a command makes sense, in seconds, where it is not the ringing caller's patience that limits it.
WINDOWS: Final = {Command.REFER: 10.0, Command.HANGUP: 30.0}

# A reject that follows a failed accept, or that may have been sent by an owner who died, has this long even when the
# time for decisions is over.
LAST_WORD: Final = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveCall:
    """A call that someone may want something of."""

    call: int  # its row
    call_id: str
    endpoint: str
    rule: str | None
    plan: Plan
    step: int  # of the plan, that answered it


def live_call_of(row: Any) -> LiveCall:
    """The call of a row with its columns, its plan's document, and the step of its watch, if it has one."""
    return LiveCall(
        call=row.id,
        call_id=row.call_id,
        endpoint=row.endpoint,
        rule=row.rule,
        plan=decode_plan(row.document),
        step=row.step or 0,
    )


def following(job: Job, follow: Follow, *, monotonic: float) -> Job:
    """The job of the action that follows `job`; its row does not exist yet."""
    following = Job(
        action=0,
        epoch=1,
        call=job.call,
        call_id=job.call_id,
        endpoint=job.endpoint,
        rule=job.rule,
        plan=job.plan,
        command=follow.command,
        step=follow.step,
        target=follow.target,
        state=job.state,
        attempts=1,
        in_doubt=False,
        after_server_error=job.after_server_error,
        received=job.received,
        useless_at=job.useless_at,
        deadline=job.deadline,  # of the decision: a fallback does not begin it anew
        orders=job.orders,
    )
    begin_now(following, monotonic=monotonic)
    return following


def begin_now(job: Job, *, monotonic: float) -> None:
    """Give a job that follows another its time, from this moment on."""
    if job.command in WINDOWS:
        job.useless_at = job.deadline = monotonic + WINDOWS[job.command]
    elif job.command is Command.REJECT:
        job.deadline = min(job.useless_at, max(job.deadline, monotonic + LAST_WORD))


def ordered(
    live: LiveCall, command: Command, orders: Orders | None, state: State, *, target: int = 0, monotonic: float
) -> Job:
    """The job of a command during a call; `orders` None carries out the plan's own transfer."""
    useless_at = monotonic + WINDOWS[command]
    return Job(
        action=0,
        epoch=1,
        call=live.call,
        call_id=live.call_id,
        endpoint=live.endpoint,
        rule=live.rule,
        plan=live.plan,
        command=command,
        step=live.step,
        target=target,
        state=state,
        attempts=1,
        in_doubt=False,
        after_server_error=False,
        received=monotonic,
        useless_at=useless_at,
        deadline=useless_at,
        orders=orders,
    )


def taken_over(row: Any, *, now: int, monotonic: float, decision_deadline: float) -> Job:
    """The job of an action claimed from the outbox (a row of `outbox.claim`). Raises ValueError for an unknown word.

    A reject that may have been sent is sent again however late it is: to a caller who was rejected, or has left, it
    does nothing, and the answer tells which end is true. An accept in doubt is asked about by its sideband instead.
    """
    command = Command(row.command)
    useless_at = monotonic + (row.useless_after - now) / 1e6
    if command is Command.REJECT and row.in_doubt:
        useless_at = max(useless_at, monotonic + LAST_WORD)
    state = State(row.state)
    if state is State.DECIDED and row.useless_after > now:
        state = State.REJECTING if command is Command.REJECT else State.ACCEPTING  # as `outbox.claim` wrote
    return Job(
        action=row.id,
        epoch=row.epoch,
        call=row.call,
        call_id=row.call_id,
        endpoint=row.endpoint,
        rule=row.rule,
        plan=decode_plan(row.document),
        command=command,
        step=row.step,
        target=row.target,
        state=state,
        attempts=row.attempts,
        in_doubt=row.in_doubt,
        after_server_error=row.after_server_error,
        received=monotonic - (now - row.received_at) / 1e6,
        useless_at=useless_at,
        deadline=deadline_of(command, useless_at, monotonic=monotonic, decision_deadline=decision_deadline),
        orders=decode_orders(row.orders),
    )


def deadline_of(command: Command, useless_at: float, *, monotonic: float, decision_deadline: float) -> float:
    """When, on the monotonic clock, the last attempt of a command that begins now must be over."""
    return min(useless_at, monotonic + WINDOWS.get(command, decision_deadline))


def row_of(job: Job, lease: Lease | None, *, now: int, monotonic: float) -> NewAction:
    """The outbox row of a job that is about to begin; without a lease it waits for whoever claims it."""
    return {
        "call": job.call,
        "command": job.command,
        "step": job.step,
        "target": job.target,
        "opened_at": now,
        "useless_after": (lease.granted if lease else now) + int((job.useless_at - monotonic) * 1e6),
        "attempts": 1 if lease else 0,
        "in_doubt": False,
        "after_server_error": job.after_server_error,
        "node": lease.node if lease else None,
        "epoch": 1 if lease else 0,
        "lease_until": lease.until if lease else 0,
        "orders": job.orders.encode() if job.orders else None,
    }
