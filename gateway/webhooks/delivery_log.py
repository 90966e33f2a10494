"""Deliveries as engineers look at them: the log of every genuine webhook, the newest first.

The log is as long as the history of calls, and most of what engineers look for in it is rare. So one look goes through
at most `LOOKED_AT` deliveries, and says from where the next can go on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from gateway.tables import deliveries

# Deliveries looked at in one go: some milliseconds.
LOOKED_AT: Final = 50_000

# Ids are given in the order of commits, times in the order of arrival; within a few batches they may differ.
UNORDERED: Final = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A stored delivery, without its body."""

    id: int  # ascends
    endpoint: str
    webhook_id: str
    received_at: int  # µs, of the first attempt
    verdict: str  # see `gateway.webhooks.inbox.Verdict`
    type: str | None  # of the event; None where the body could not be read
    call_id: str | None
    repeats: int  # later attempts with the same id
    conflicts: int  # … whose body differed
    problem: str | None  # why it is quarantined


class Found(NamedTuple):
    """One page of the log."""

    deliveries: list[Delivery]
    before: int | None  # where the next page goes on; None at the end


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedDeliveries:
    """Which deliveries are wanted; None asks for nothing."""

    endpoint: str | None = None
    verdict: str | None = None
    webhook_id: str | None = None
    repeated: bool = False  # those that came more than once
    conflicting: bool = False  # those that came with several bodies
    since: int | None = None  # µs, included
    until: int | None = None  # µs, excluded


def find_deliveries(
    connection: Connection,
    wanted: WantedDeliveries,
    *,
    endpoints: Collection[str],
    limit: int,
    before: int | None = None,
    look_at: int = LOOKED_AT,
) -> Found:
    """A page of the log, from behind the delivery with the id `before`. `endpoints` are those that there are."""
    if wanted.webhook_id is not None:  # the unique index needs the endpoint too
        near: list[ColumnElement[bool]] = [
            deliveries.c.endpoint.in_(sorted(endpoints)),
            deliveries.c.webhook_id == wanted.webhook_id,
        ]
        bottom = 0
    else:
        top = before or (connection.execute(select(func.max(deliveries.c.id))).scalar() or 0) + 1
        if wanted.until is not None:
            top = min(top, (_first_since(connection, wanted.until) or top) + UNORDERED)
        bottom = max(top - look_at, (_first_since(connection, wanted.since or 0) or top) - UNORDERED, 1)
        near = [deliveries.c.id < top, deliveries.c.id >= bottom]
    shown = [deliveries.c[name] for name in Delivery.__dataclass_fields__]
    found = select(*shown).where(*near, *_conditions(wanted)).order_by(deliveries.c.id.desc()).limit(limit + 1)
    rows = [_delivery(row) for row in connection.execute(found)]
    if len(rows) > limit:
        return Found(rows[:limit], rows[limit - 1].id)
    return Found(rows, bottom if bottom > 1 and _is_more(connection, wanted, bottom) else None)


def find_delivery(connection: Connection, number: int) -> tuple[Delivery, bytes | None] | None:
    """One delivery, and its body where that was kept."""
    shown = [deliveries.c[name] for name in Delivery.__dataclass_fields__]
    row = connection.execute(select(*shown, deliveries.c.body).where(deliveries.c.id == number)).one_or_none()
    return None if row is None else (_delivery(row[:-1]), row.body)


def _first_since(connection: Connection, moment: int) -> int | None:
    """The id of the first delivery received then or later."""
    first = select(deliveries.c.id).where(deliveries.c.received_at >= moment)
    return connection.execute(first.order_by(deliveries.c.received_at, deliveries.c.id).limit(1)).scalar()


def _is_more(connection: Connection, wanted: WantedDeliveries, bottom: int) -> bool:
    older = select(deliveries.c.received_at).where(deliveries.c.id < bottom).order_by(deliveries.c.id.desc()).limit(1)
    at = connection.execute(older).scalar()
    return at is not None and (wanted.since is None or at >= wanted.since)


def _conditions(wanted: WantedDeliveries) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.endpoint is not None:
        conditions.append(deliveries.c.endpoint == wanted.endpoint)
    if wanted.verdict is not None:
        conditions.append(deliveries.c.verdict == wanted.verdict)
    if wanted.repeated:
        conditions.append(deliveries.c.repeats > 0)
    if wanted.conflicting:
        conditions.append(deliveries.c.conflicts > 0)
    if wanted.since is not None:
        conditions.append(deliveries.c.received_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(deliveries.c.received_at < wanted.until)
    return conditions


def _delivery(row: Any) -> Delivery:
    return Delivery(**dict(zip(Delivery.__dataclass_fields__, row, strict=True)))
