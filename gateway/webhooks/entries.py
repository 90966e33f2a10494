"""Entries: calls that are acted on before everything about them is filed.

Theory
------
A ringing caller waits for the commit after which its decision stands, and what that commit takes grows with the tables
and indexes that it touches. So a call that rings alone is first *entered*: one row holds all that will be stored of it,
and its request leaves as soon as that is committed. Then it is *filed*: stored as every arrival is, in one commit that
also removes its entry. The sender is answered after that, so whoever heard 200 finds the call.

Between the two commits no table tells that the delivery and the call were here. Whoever enters calls has to keep what
may repeat them waiting until they are filed, and so must be the only one that writes: a process that owns its SQLite
file. On PostgreSQL nodes would enter the same call beside each other, and every arrival is filed at once.

An entry that is there at start-up belonged to a process that died. It is filed then, and its action taken over as any
other, in doubt.
"""

from collections.abc import Sequence
from typing import Final, TypedDict

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select

from gateway.journal import database_failed
from gateway.statements import Statement
from gateway.tables import actions, calls, deliveries, entries
from gateway.webhooks.inbox import Arrival, NewCallRows, NewDelivery, Receipt, Verdict, store_arrivals

log = structlog.get_logger(__name__)


class Entry(TypedDict):
    """A call about to be entered."""

    endpoint: str
    webhook_id: str
    call_id: str
    content: bytes  # the arrival, encoded


class Filing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entered call about to be filed."""

    entry: int  # the row of its entry
    arrival: Arrival

    def leased_until(self, until: int) -> "Filing":
        """The same filing, with a lease of its action until then (µs, on the database's clock)."""
        call = self.arrival.call
        if call is None or call.action is None:
            return self
        leased = replace(call, action={**call.action, "lease_until": until})
        return replace(self, arrival=replace(self.arrival, call=leased))


def entry_of(delivery: NewDelivery, call: NewCallRows) -> Entry:
    """The entry of a call and the delivery that announces it."""
    return {
        "endpoint": delivery["endpoint"],
        "webhook_id": delivery["webhook_id"],
        "call_id": call.row["call_id"],
        "content": _encoder.encode(Arrival(delivery=delivery, call=call)),
    }


def enter(connection: Connection, entered: Sequence[Entry]) -> list[int]:
    """Enter calls; for each the row of its entry, or 0 where its delivery or its call is in the tables already."""
    return [row for entry in entered for (row,) in _ENTER.returning(connection, [entry]) or [(0,)]]


def file(connection: Connection, filings: Sequence[Filing]) -> list[Receipt]:
    """Store the arrivals of entered calls in the place of their entries.

    May be done again when it is unknown whether it was done: the receipt is the same.
    """
    wanted = [{"row": filing.entry, "call": filing.arrival.delivery["call_id"]} for filing in filings]
    removed = {call_id for (call_id,) in _REMOVE.returning(connection, wanted)}
    fresh = [filing for filing in filings if filing.arrival.delivery["call_id"] in removed]
    receipts = store_arrivals(connection, [filing.arrival for filing in fresh])
    known = {filing.arrival.delivery["call_id"]: receipt for filing, receipt in zip(fresh, receipts, strict=True)}
    return [known.get(filing.arrival.delivery["call_id"]) or _find(connection, filing) for filing in filings]


def file_all(connection: Connection) -> None:
    """File what a process that died had entered. What cannot be filed is told, and keeps no other from it."""
    connection.execute(_DROP_UNHEARD)
    filed = []
    for entry, call_id in connection.execute(select(entries.c.id, entries.c.call_id).order_by(entries.c.id)).all():
        try:
            with connection.begin_nested():
                row = connection.execute(select(entries).where(entries.c.id == entry)).one()
                file(connection, [Filing(entry=entry, arrival=_decoder.decode(row.content))])
        except Exception as error:
            if database_failed(error):
                raise
            log.exception("a call that an earlier process entered cannot be filed", call_id=call_id)
        else:
            filed.append(call_id)
    if filed:
        log.warning("calls that an earlier process had entered were filed", call_ids=filed)


def _find(connection: Connection, filing: Filing) -> Receipt:
    """The receipt of a call that was filed before."""
    row = connection.execute(_FILED, {"name": filing.arrival.delivery["call_id"]}).one()
    return Receipt(verdict=Verdict.NEW, call=row.call, action=row.action)


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Arrival)

_CALL_ID: Final = bindparam("call_id", type_=calls.c.call_id.type)
_ENTER: Final = Statement(
    lambda _: (
        insert(entries)
        .from_select(
            ["call_id", "content"],
            select(_CALL_ID, bindparam("content", type_=entries.c.content.type)).where(
                ~exists().where(calls.c.call_id == _CALL_ID),
                ~exists().where(
                    deliveries.c.endpoint == bindparam("endpoint"), deliveries.c.webhook_id == bindparam("webhook_id")
                ),
            ),
        )
        .returning(entries.c.id)
    )
)
# SQLite gives a row's number to another once it is gone, so the call is asked for too.
_REMOVE: Final = Statement(
    lambda _: (
        delete(entries)
        .where(entries.c.id == bindparam("row"), entries.c.call_id == bindparam("call"))
        .returning(entries.c.call_id)
    )
)
# Of a commit that was made and reported as failed nobody heard: nothing was sent for it, and its call was entered anew.
_DROP_UNHEARD: Final = delete(entries).where(
    entries.c.id.not_in(select(func.max(entries.c.id)).group_by(entries.c.call_id))
)
_FILED: Final = (
    select(calls.c.id.label("call"), actions.c.id.label("action"))
    .join_from(calls, actions, actions.c.call == calls.c.id)
    .where(calls.c.call_id == bindparam("name"))
    .order_by(actions.c.id)
    .limit(1)
)
