"""Deliveries in the database: every genuine webhook once, however often it is sent.

The unique key (endpoint, webhook-id) recognises a repeated delivery, the unique call id a call that was announced
twice under different deliveries. Both are decided by the database, so they hold across nodes and restarts. Keys are
kept for seven days: the sender repeats for three, with fresh timestamps.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TypedDict

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from gateway.actions.action import NewAction
from gateway.actions.outbox import open_actions
from gateway.calls.call import Happened, NewCall
from gateway.calls.store import insert_calls, insert_events, insert_facts, insert_plans
from gateway.database import insert_or_skip
from gateway.statements import Statement
from gateway.tables import deliveries


class Verdict(StrEnum):
    """What a genuine delivery turned out to be."""

    NEW = "new"  # a call, decided now
    LATE = "late"  # a call, too old to act on
    IGNORED = "ignored"  # an event that is none of our business
    QUARANTINED = "quarantined"  # a body that cannot be used
    SAME_CALL = "same_call"  # a call that another delivery had announced
    DUPLICATE = "duplicate"  # a delivery that was here before
    CONFLICT = "conflict"  # one that was here before, with another body


class NewDelivery(TypedDict):
    """A delivery as it arrived."""

    endpoint: str
    webhook_id: str
    received_at: int
    verdict: str
    type: str | None
    call_id: str | None
    digest: bytes
    problem: str | None
    body: bytes | None


class NewCallRows(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that is stored of a new call. The row ids that link them are filled in when they are known."""

    row: NewCall
    facts: bytes
    plan: bytes | None  # the encoded plan, where it may not be stored yet
    happened: Sequence[Happened]
    action: NewAction | None


class Arrival(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One delivery and, unless it announces nothing, its call."""

    delivery: NewDelivery
    call: NewCallRows | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an arrival: its verdict, and the ids of the new call's rows."""

    verdict: Verdict
    call: int = 0
    action: int = 0


def store_arrivals(connection: Connection, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Store deliveries, and the calls that are new, with their plans, timelines and first actions."""
    first = _insert_deliveries(connection, arrivals)
    fresh = [a.call for a, won in zip(arrivals, first, strict=True) if won and a.call is not None]
    insert_plans(connection, {rows.row["plan"]: rows.plan for rows in fresh if rows.plan is not None})
    ids = insert_calls(connection, sorted((rows.row for rows in fresh), key=lambda row: row["call_id"]))
    # Two deliveries of one batch may announce the same call; the first has it.
    born = {id(rows): call for rows in fresh if (call := ids.pop(rows.row["call_id"], None)) is not None}
    new = [rows for rows in fresh if id(rows) in born]
    insert_facts(connection, [(born[id(rows)], rows.facts) for rows in new])
    insert_events(connection, [{**line, "call": born[id(rows)]} for rows in new for line in rows.happened])
    opened = open_actions(
        connection, [{**rows.action, "call": born[id(rows)]} for rows in new if rows.action is not None]
    )
    receipts = []
    for arrival, won in zip(arrivals, first, strict=True):
        if not won:
            receipts.append(_count_repetition(connection, arrival.delivery))
        elif arrival.call is None:
            receipts.append(Receipt(verdict=Verdict(arrival.delivery["verdict"])))
        elif (call := born.get(id(arrival.call))) is None:
            receipts.append(_mark_same_call(connection, arrival.delivery))
        else:
            verdict = Verdict(arrival.delivery["verdict"])
            receipts.append(Receipt(verdict=verdict, call=call, action=opened.get(call, 0)))
    return receipts


def _insert_deliveries(connection: Connection, arrivals: Sequence[Arrival]) -> list[bool]:
    """Store deliveries; for each, whether it is the first of its key."""
    # In one order on every node, so that two that store the same deliveries wait for each other and never in a circle.
    rows = sorted((arrival.delivery for arrival in arrivals), key=lambda row: (row["endpoint"], row["webhook_id"]))
    stored = set(_INSERT.returning(connection, rows))
    first = []
    for arrival in arrivals:
        key = (arrival.delivery["endpoint"], arrival.delivery["webhook_id"])
        first.append(key in stored)
        stored.discard(key)  # the second of the same batch is a repetition
    return first


def _count_repetition(connection: Connection, delivery: NewDelivery) -> Receipt:
    """Count a delivery whose key was there already, and say whether its body is another."""
    row = connection.execute(_FIND, _key(delivery)).one()
    differs = row.digest != delivery["digest"]
    connection.execute(_COUNT, {"row": row.id, "conflict": int(differs)})
    return Receipt(verdict=Verdict.CONFLICT if differs else Verdict.DUPLICATE)


def _mark_same_call(connection: Connection, delivery: NewDelivery) -> Receipt:
    """Correct the verdict of a new delivery whose call is known."""
    row = connection.execute(_FIND, _key(delivery)).one()
    connection.execute(_MARK, {"row": row.id, "found": Verdict.SAME_CALL})
    return Receipt(verdict=Verdict.SAME_CALL)


def _key(delivery: NewDelivery) -> dict[str, str]:
    return {"endpoint": delivery["endpoint"], "webhook_id": delivery["webhook_id"]}


_INSERT: Final = Statement(
    lambda dialect: insert_or_skip(dialect, deliveries).returning(deliveries.c.endpoint, deliveries.c.webhook_id)
)
_FIND: Final = select(deliveries.c.id, deliveries.c.digest).where(
    deliveries.c.endpoint == bindparam("endpoint"), deliveries.c.webhook_id == bindparam("webhook_id")
)
_COUNT: Final = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("row"))
    .values(repeats=deliveries.c.repeats + 1, conflicts=deliveries.c.conflicts + bindparam("conflict"))
)
_MARK: Final = update(deliveries).where(deliveries.c.id == bindparam("row")).values(verdict=bindparam("found"))
