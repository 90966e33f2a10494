"""The outbox: what is still to be sent upstream, who is sending it, and how it ended.

Theory
------
An action is opened in the same commit that stores its cause, and settled in the same commit that moves its call. In
between it belongs to one node, by a lease with an *epoch*. The lease says until when the others must leave it alone;
the epoch, raised by every new owner, makes whatever an earlier owner still writes void (`settle` answers False). The
upstream cannot be fenced in this way, so the rules on repeating (see `retry`) must hold even with two owners.

`attempts` counts requests *before* they are sent: it is raised in the commit that grants the lease. So an action with
no attempts was certainly never sent, and one that changes hands after an attempt is in doubt.

Leases run on the database's clock (`lease_now`), which all nodes share; so does the time after which nothing is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, text, update

from gateway.actions.action import NewAction
from gateway.actions.leases import LEASE
from gateway.calls.call import Advance, Happened, unchanged
from gateway.calls.lifecycle import Event, State, advance
from gateway.calls.store import advance_calls, insert_events
from gateway.calls.watches import NewWatch, open_watches
from gateway.statements import Statement
from gateway.tables import actions, calls, plans


class StaleEpoch(Exception):
    """Some of a batch of results belong to actions that another node has taken over; tried again one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A wish for work."""

    node: str
    now: int  # µs, by this node's clock, for the timeline
    lease_now: int  # µs, by the database's clock, against which leases run out and calls grow too old
    orphaned_before: int  # µs, likewise: leases of ours that end before then, and are not held, are orphans
    limit: int
    held: Sequence[int] = ()  # what this node has in hand, which is not for it to claim


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """The end of an action, and what it means for its call."""

    action: int
    epoch: int
    now: int
    outcome: str
    attempts: int
    change: Advance
    happened: Sequence[Happened]
    follow: NewAction | None = None  # the next action of the same call
    watch: NewWatch | None = None  # the call may be live from now on


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A failed request that will be repeated: progress to remember, should this node die."""

    action: int
    epoch: int
    attempts: int
    in_doubt: bool
    happened: Sequence[Happened]


def open_actions(connection: Connection, rows: Sequence[NewAction]) -> dict[int, int]:
    """Open actions, at most one for each call; their ids by the calls' row ids."""
    return dict(_OPEN.returning(connection, rows))


def settle(connection: Connection, settlements: Sequence[Settlement]) -> list[int | bool]:
    """Close actions and move their calls, in one go.

    For each: the id of the action that follows, True where none does, or False where the action was no longer ours.
    Raises StaleEpoch when that happened to one of several; the journal then tries each alone.
    """
    closing = [
        {"action": s.action, "mine": s.epoch, "now": s.now, "result": s.outcome, "sent": s.attempts}
        for s in settlements
    ]
    if _SETTLE.run(connection, closing) != len(settlements):
        if len(settlements) > 1:
            raise StaleEpoch
        return [False]
    advance_calls(connection, [s.change for s in settlements])
    insert_events(connection, [line for s in settlements for line in s.happened])
    open_watches(connection, [s.watch for s in settlements if s.watch is not None])
    opened = open_actions(connection, [s.follow for s in settlements if s.follow is not None])
    return [opened[s.follow["call"]] if s.follow is not None else True for s in settlements]


def leased_until(settlement: Settlement, until: int) -> Settlement:
    """The same settlement, with leases until then (µs, on the database's clock) for what begins with it."""
    follow, watch = settlement.follow, settlement.watch
    return replace(
        settlement,
        follow=None if follow is None else {**follow, "lease_until": until},
        watch=None if watch is None else {**watch, "lease_until": until},
    )


def note(connection: Connection, notes: Sequence[Note]) -> list[bool]:
    """Remember that requests failed and will be repeated; False where the action was no longer ours."""
    rows = [{"action": n.action, "mine": n.epoch, "sent": n.attempts, "doubt": n.in_doubt} for n in notes]
    if _NOTE.run(connection, rows) != len(notes):
        if len(notes) > 1:
            raise StaleEpoch
        return [False]
    insert_events(connection, [line for n in notes for line in n.happened])
    return [True] * len(notes)


def claim(connection: Connection, claims: Sequence[Claim]) -> list[list[Any]]:
    """Take over actions that nobody holds, oldest first: rows of `_CLAIMED`, their calls moved to under way."""
    return [_claim(connection, one) for one in claims]


def renew(connection: Connection, held: Sequence[tuple[str, Sequence[int]]]) -> list[int]:
    """Prolong the leases of (node, its actions in hand); the database's now, for the node's next leases."""
    now = database_now(connection)
    for node, ids in held:
        if ids:
            connection.execute(_RENEW, {"holder": node, "until": now + LEASE, "ids": list(ids)})
    return [now] * len(held)


def recall(connection: Connection, settlements: Sequence[Settlement]) -> list[int | bool]:
    """What became of settlements whose commit was not confirmed: as `settle` would have answered."""
    return [_recall(connection, settlement) for settlement in settlements]


def _recall(connection: Connection, mine: Settlement) -> int | bool:
    row = connection.execute(_SETTLED, {"action": mine.action}).one()
    if (row.epoch, row.settled_at, row.outcome) != (mine.epoch, mine.now, mine.outcome):
        return False
    if mine.follow is None:
        return True
    following = {"call": mine.follow["call"], "action": mine.action, "holder": mine.follow["node"]}
    return connection.execute(_FOLLOWED, following).scalar() or False


def release_all(connection: Connection) -> None:
    """Void every lease; for SQLite at start-up, when the lock proves that no other process is alive."""
    connection.execute(_RELEASE)


def database_now(connection: Connection) -> int:
    """Microseconds since the epoch by the database's own clock."""
    if connection.dialect.name == "sqlite":
        return int(connection.execute(_SQLITE_NOW).scalar_one())
    return int(connection.execute(_POSTGRESQL_NOW).scalar_one())


def count_open(connection: Connection) -> int:
    """How many actions are not settled."""
    return connection.execute(_COUNT).scalar_one()


def _claim(connection: Connection, wish: Claim) -> list[Any]:
    orphaned = and_(actions.c.node == wish.node, actions.c.lease_until < wish.orphaned_before)
    free = (
        select(actions.c.id)
        .where(
            actions.c.settled_at.is_(None),
            or_(actions.c.lease_until < wish.lease_now, orphaned),
            actions.c.id.not_in(wish.held),
        )
        .order_by(actions.c.id)
        .limit(wish.limit)
        .with_for_update(skip_locked=True)
    )
    taken = connection.execute(
        update(actions)
        .where(actions.c.id.in_(free.scalar_subquery()))
        .values(
            node=wish.node,
            epoch=actions.c.epoch + 1,
            lease_until=wish.lease_now + LEASE,
            in_doubt=or_(actions.c.in_doubt, actions.c.attempts > 0),
            attempts=actions.c.attempts + 1,
        )
        .returning(actions.c.id)
    )
    ids = [action for (action,) in taken]
    rows = list(connection.execute(_CLAIMED, {"ids": ids})) if ids else []
    _start(connection, [row for row in rows if wish.lease_now < row.useless_after], wish.now)
    return rows


def _start(connection: Connection, rows: Sequence[Any], now: int) -> None:
    """Move calls whose first action was never sent to under way; those of later ones are under way already."""
    changes: list[Advance] = []
    lines: list[Happened] = []
    for row in rows:
        if row.state != State.DECIDED:
            continue
        event = Event.REJECT_STARTED if row.command == "reject" else Event.ACCEPT_STARTED
        state = advance(State.DECIDED, event)
        changes.append(unchanged(row.call, state))
        lines.append({"call": row.call, "at": now, "kind": event, "state": state, "detail": None})
    advance_calls(connection, changes)
    insert_events(connection, lines)


_OPEN: Final = Statement(lambda _: insert(actions).returning(actions.c.call, actions.c.id))
# The action is still open, and nobody has taken it over.
_OURS: Final = (
    actions.c.id == bindparam("action"),
    actions.c.epoch == bindparam("mine"),
    actions.c.settled_at.is_(None),
)
_SETTLE: Final = Statement(
    lambda _: (
        update(actions)
        .where(*_OURS)
        .values(settled_at=bindparam("now"), outcome=bindparam("result"), attempts=bindparam("sent"))
    )
)
_NOTE: Final = Statement(
    lambda _: update(actions).where(*_OURS).values(attempts=bindparam("sent"), in_doubt=bindparam("doubt"))
)
_RENEW: Final = (
    update(actions)
    .where(
        actions.c.id.in_(bindparam("ids", expanding=True)),
        actions.c.node == bindparam("holder"),
        actions.c.settled_at.is_(None),
    )
    .values(lease_until=bindparam("until"))
)
_SETTLED: Final = select(actions.c.epoch, actions.c.settled_at, actions.c.outcome).where(
    actions.c.id == bindparam("action")
)
_FOLLOWED: Final = (
    select(actions.c.id)
    .where(
        actions.c.call == bindparam("call"),
        actions.c.id > bindparam("action"),
        actions.c.node == bindparam("holder"),
        actions.c.epoch == 1,
        actions.c.settled_at.is_(None),
    )
    .order_by(actions.c.id)
    .limit(1)
)
_RELEASE: Final = update(actions).where(actions.c.settled_at.is_(None)).values(lease_until=0)
_CLAIMED: Final = (
    select(
        actions.c.id,
        actions.c.epoch,
        actions.c.call,
        calls.c.call_id,
        calls.c.endpoint,
        calls.c.rule,
        calls.c.received_at,
        plans.c.document,
        actions.c.command,
        actions.c.step,
        actions.c.target,
        actions.c.orders,
        calls.c.state,
        actions.c.attempts,
        actions.c.in_doubt,
        actions.c.after_server_error,
        actions.c.opened_at,
        actions.c.useless_after,
    )
    .join(calls, calls.c.id == actions.c.call)
    .join(plans, plans.c.digest == calls.c.plan)
    .where(actions.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(actions.c.id)
)
_COUNT: Final = select(func.count()).select_from(actions).where(actions.c.settled_at.is_(None))
_SQLITE_NOW: Final = text("SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)")
_POSTGRESQL_NOW: Final = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
