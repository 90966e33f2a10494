"""The work under way, as engineers look at it: open actions, and which node holds how much until when."""

from dataclasses import dataclass, fields
from typing import Final

from sqlalchemy import Connection, func, select

from gateway.actions.outbox import database_now
from gateway.tables import actions, calls, watches


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAction:
    """A command that is not settled."""

    id: int  # ascends
    call_id: str
    endpoint: str
    command: str  # accept, reject, refer or hangup
    opened_at: int  # µs
    useless_after: int  # µs; nothing is sent later than this
    attempts: int  # requests sent or about to be sent
    in_doubt: bool  # it may have been applied
    node: str | None  # who works on it
    epoch: int  # counts owners
    lease_until: int  # µs, on the database's clock
    error: str | None  # the call's last failure, in words


@dataclass(frozen=True, kw_only=True, slots=True)
class CallAction:
    """A command of one call, open or settled."""

    command: str  # accept, reject, refer or hangup
    step: int  # of the call's plan
    target: int  # of the targets of a refer
    orders: str | None  # JSON: what was ordered during the call; None where the plan says what to do
    opened_at: int  # µs
    settled_at: int | None  # µs
    attempts: int  # requests sent or about to be sent
    in_doubt: bool  # it may have been applied
    outcome: str | None  # how it was settled


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeWork:
    """What one node holds."""

    node: str | None  # None: what nobody holds
    actions: int  # open ones
    watches: int  # calls whose sideband it is on
    lease_until: int  # µs, on the database's clock: the latest of its leases


def list_open(connection: Connection, *, limit: int, after: int | None = None) -> list[OpenAction]:
    """Open actions, the oldest first, from behind the one with the id `after`."""
    found = _OPEN.where(actions.c.id > (after or 0)).order_by(actions.c.id).limit(limit)
    return [OpenAction(**row._asdict()) for row in connection.execute(found)]


def list_actions_of(connection: Connection, call: int) -> list[CallAction]:
    """The commands of the call with this row id, in order."""
    columns = [actions.c[field.name] for field in fields(CallAction)]
    found = select(*columns).where(actions.c.call == call).order_by(actions.c.id)
    return [CallAction(**row._asdict()) for row in connection.execute(found)]


def list_nodes(connection: Connection) -> tuple[list[NodeWork], int]:
    """Every node that holds something, and the database's now (µs), by which leases run out."""
    held: dict[str | None, tuple[int, int, int]] = {}
    for row in connection.execute(_ACTIONS):
        held[row.node] = (row.held, 0, row.until)
    for row in connection.execute(_WATCHES):
        acting, _, until = held.get(row.node, (0, 0, 0))
        held[row.node] = (acting, row.held, max(until, row.until))
    nodes = [NodeWork(node=node, actions=a, watches=w, lease_until=until) for node, (a, w, until) in held.items()]
    return sorted(nodes, key=lambda one: one.node or ""), database_now(connection)


_OPEN: Final = (
    select(
        *(actions.c[name] for name in ("id", "command", "opened_at", "useless_after", "attempts", "in_doubt")),
        *(actions.c[name] for name in ("node", "epoch", "lease_until")),
        *(calls.c[name] for name in ("call_id", "endpoint", "error")),
    )
    .join(calls, calls.c.id == actions.c.call)
    .where(actions.c.settled_at.is_(None))
)
_ACTIONS: Final = (
    select(actions.c.node, func.count().label("held"), func.max(actions.c.lease_until).label("until"))
    .where(actions.c.settled_at.is_(None))
    .group_by(actions.c.node)
)
_WATCHES: Final = select(
    watches.c.node, func.count().label("held"), func.max(watches.c.lease_until).label("until")
).group_by(watches.c.node)
