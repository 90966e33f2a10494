"""Who watches which live call: a lease for each, like those of the outbox.

A watch is opened in the commit that settles a call's accept, and closed in the commit that ends the call, so no end is
missed: the watch of a node that died is claimed by another when its lease has run out. The epoch, raised by every new
owner, makes what an earlier one still writes void (`gateway.actions.moves`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from gateway.calls.lifecycle import LIVE, Event, State
from gateway.database import insert_or_skip
from gateway.statements import Statement
from gateway.tables import calls, events, plans, watches


class NewWatch(TypedDict):
    """A watch as it is opened by the node that will keep it."""

    call: int
    step: int
    node: str
    epoch: int
    lease_until: int  # µs, on the database's clock


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchClaim:
    """A wish for calls to watch."""

    node: str
    lease_now: int  # µs, by the database's clock
    lease: int  # µs
    orphaned_after: int  # µs after which a watch of our own that we do not have in hand is an orphan
    limit: int
    held: Sequence[int]  # row ids of the calls that this node has in hand


# When a call came to its state. What its timeline tells besides, such as a sideband that was lost and found, moves
# nothing, and a gateway that is restarted often must not wait for the same transfer anew each time.
MOVED_AT: Final = (
    select(func.max(events.c.at))
    .where(events.c.call == calls.c.id, events.c.kind.in_(sorted(set(Event) - {Event.CONFIRMED})))
    .scalar_subquery()
)


def open_watches(connection: Connection, rows: Sequence[NewWatch]) -> None:
    """Open watches; calls that are watched already are left alone."""
    _OPEN.run(connection, rows)


def close_watches(connection: Connection, rows: Sequence[int]) -> None:
    """Close the watches of these calls."""
    _CLOSE.run(connection, [{"watched": call} for call in rows])


def claim_watches(connection: Connection, claims: Sequence[WatchClaim]) -> list[list[Any]]:
    """Take over watches that nobody holds, those of calls in doubt or on their way first: rows of `_CLAIMED`."""
    return [_claim(connection, claim) for claim in claims]


def renew_watches(connection: Connection, wishes: Sequence[tuple[str, int]]) -> list[frozenset[tuple[int, int]]]:
    """Prolong all leases of (node, until µs); for each node (call, epoch) of those that are its own."""
    held = []
    for node, until in wishes:
        rows = connection.execute(_RENEW, {"holder": node, "until": until})
        held.append(frozenset((row.call, row.epoch) for row in rows))
    return held


def release_watches(connection: Connection) -> None:
    """Void every lease; for SQLite at start-up, when the lock proves that no other process is alive."""
    connection.execute(update(watches).values(lease_until=0))


def release_watches_of(connection: Connection, nodes: Sequence[str]) -> list[None]:
    """Void the leases of nodes that stop, so that others need not wait for them to run out."""
    connection.execute(update(watches).where(watches.c.node.in_(nodes)).values(lease_until=0))
    return [None] * len(nodes)


def watch_the_unwatched(connection: Connection, since: int, endpoints: Collection[str]) -> None:
    """Open unowned watches for live calls of these endpoints, received after `since` (µs), that have none.

    For a start with the sideband after one without it, or after an older release.
    """
    unwatched = select(calls.c.id, _ZERO, _NOBODY, _ZERO, _ZERO).where(
        calls.c.state.in_(LIVE),
        calls.c.received_at > since,
        calls.c.endpoint.in_(endpoints),
        calls.c.id.not_in(select(watches.c.call)),
    )
    connection.execute(insert(watches).from_select(["call", "step", "node", "epoch", "lease_until"], unwatched))


def find_moved(connection: Connection, node: str) -> dict[int, str]:
    """The states of the calls that this node watches and that are doing something else than being accepted."""
    return {row.id: row.state for row in connection.execute(_MOVED, {"holder": node})}


def _claim(connection: Connection, wish: WatchClaim) -> list[Any]:
    orphaned = and_(
        watches.c.node == wish.node, watches.c.lease_until < wish.lease_now + wish.lease - wish.orphaned_after
    )
    free = (
        select(watches.c.call)
        .join(calls, calls.c.id == watches.c.call)
        .where(or_(watches.c.lease_until < wish.lease_now, orphaned), watches.c.call.not_in(wish.held))
        .order_by(calls.c.state == State.ACCEPTED, watches.c.lease_until)
        .limit(wish.limit)
        .with_for_update(of=watches, skip_locked=True)
    )
    taken = connection.execute(
        update(watches)
        .where(watches.c.call.in_(free.scalar_subquery()))
        .values(node=wish.node, epoch=watches.c.epoch + 1, lease_until=wish.lease_now + wish.lease)
        .returning(watches.c.call)
    )
    ids = [call for (call,) in taken]
    return list(connection.execute(_CLAIMED, {"ids": ids})) if ids else []


_ZERO: Final[ColumnElement[int]] = literal_column("0")
_NOBODY: Final = cast(null(), watches.c.node.type)
_OPEN: Final = Statement(lambda dialect: insert_or_skip(dialect, watches))
_CLOSE: Final = Statement(lambda _: delete(watches).where(watches.c.call == bindparam("watched")))
_RENEW: Final = (
    update(watches)
    .where(watches.c.node == bindparam("holder"))
    .values(lease_until=bindparam("until"))
    .returning(watches.c.call, watches.c.epoch)
)
_MOVED: Final = (
    select(calls.c.id, calls.c.state)
    .join(watches, watches.c.call == calls.c.id)
    .where(watches.c.node == bindparam("holder"), calls.c.state != "accepted")
)
_CLAIMED: Final = (
    select(
        calls.c.id,
        calls.c.call_id,
        calls.c.endpoint,
        calls.c.rule,
        calls.c.state,
        calls.c.confirmed,
        calls.c.answered_at,
        calls.c.received_at,
        calls.c.usage,
        watches.c.step,
        watches.c.epoch,
        plans.c.document,
        MOVED_AT.label("moved_at"),
    )
    .join(watches, watches.c.call == calls.c.id)
    .join(plans, plans.c.digest == calls.c.plan)
    .where(calls.c.id.in_(bindparam("ids", expanding=True)))
)
