"""Taking calls, numbers and bodies out of the database, in batches, each a unit of the journal.

What is deleted is overwritten: SQLite runs with `secure_delete`, and `gateway calls erase` empties its write-ahead log.
PostgreSQL reuses the space after its vacuum; its own logs and backups are the operator's.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, null, select, tuple_, update

from gateway.calls.gram_index import step_back
from gateway.calls.masking import is_hidden, mask_detail, mask_text
from gateway.calls.pseudonyms import Pseudonyms
from gateway.calls.sealed_search import all_forms
from gateway.calls.search import INDEX, forget_grams, index_again
from gateway.calls.store import own_plan_key, pack_facts, unpack_facts
from gateway.calls.transcripts import forget_transcripts
from gateway.database import take_time
from gateway.statements import Statement
from gateway.subscriber import WATERMARK
from gateway.tables import call_facts, calls, deliveries, events, metadata, notices, plans

# Rows in one transaction: some 10 ms of the writer, in which calls that ring have to wait.
BATCH: Final = 200


class Place(NamedTuple):
    """A place in history, oldest first."""

    received_at: int  # µs
    id: int  # of the row


BEGINNING: Final = Place(-1, 0)


def find_old_calls(connection: Connection, before: int) -> list[int]:
    """A batch of calls received before this time (µs), the oldest first."""
    wanted = select(calls.c.id).where(calls.c.received_at < before).order_by(calls.c.received_at).limit(BATCH)
    return list(connection.execute(wanted).scalars())


def find_calls_of(connection: Connection, callers: Sequence[str]) -> list[int]:
    """A batch of the calls of these callers."""
    forms = all_forms(connection, "caller", callers)
    return list(connection.execute(select(calls.c.id).where(calls.c.caller.in_(forms)).limit(BATCH)).scalars())


def count_calls_of(connection: Connection, callers: Sequence[str]) -> int:
    """How many calls there are of these callers."""
    take_time(connection)
    wanted = select(func.count()).select_from(calls).where(calls.c.caller.in_(all_forms(connection, "caller", callers)))
    return connection.execute(wanted).scalar_one()


def delete_calls(connection: Connection, batches: Sequence[Sequence[int]]) -> list[int]:
    """Delete calls by their row ids, with everything that belongs to them; how many there were."""
    deleted = []
    for ids in batches:
        rows = connection.execute(select(*_SOUGHT, calls.c.call_id, calls.c.received_at).where(_among(ids))).all()
        forget_grams(connection, [row[:4] for row in rows])
        forget_transcripts(connection, ids)
        for table in reversed(metadata.sorted_tables):
            for column in table.c:
                if any(key.column is calls.c.id for key in column.foreign_keys):
                    connection.execute(delete(table).where(column.in_(ids)))
        announced = [(row.received_at, row.call_id) for row in rows]
        if announced:  # a call was received with the delivery that announced it
            key = tuple_(deliveries.c.received_at, deliveries.c.call_id)
            connection.execute(delete(deliveries).where(key.in_(announced)))
        deleted.append(connection.execute(delete(calls).where(_among(ids))).rowcount)
        connection.execute(delete(plans).where(plans.c.digest.in_([own_plan_key(row.call_id) for row in rows])))
        INDEX.step_back(connection)
        step_back(connection, WATERMARK, events)
    return deleted


def find_old_deliveries(connection: Connection, before: int) -> list[int]:
    """A batch of deliveries received before this time (µs), the oldest first."""
    wanted = select(deliveries.c.id).where(deliveries.c.received_at < before).order_by(deliveries.c.received_at)
    return list(connection.execute(wanted.limit(BATCH)).scalars())


def delete_deliveries(connection: Connection, batches: Sequence[Sequence[int]]) -> list[None]:
    """Forget deliveries; what they announced stays."""
    connection.execute(delete(deliveries).where(deliveries.c.id.in_([row for ids in batches for row in ids])))
    return [None] * len(batches)


def find_old_bodies(connection: Connection, after: Place, before: int) -> tuple[list[int], Place | None]:
    """Deliveries behind `after` and before a time (µs) that still have their body, and where to go on."""
    wanted = (
        select(deliveries.c.id, deliveries.c.received_at, deliveries.c.body.is_not(None).label("has_body"))
        .where(tuple_(deliveries.c.received_at, deliveries.c.id) > after, deliveries.c.received_at < before)
        .order_by(deliveries.c.received_at, deliveries.c.id)
        .limit(BATCH * 10)
    )
    rows = connection.execute(wanted).all()
    return [row.id for row in rows if row.has_body], Place(rows[-1].received_at, rows[-1].id) if rows else None


def drop_bodies(connection: Connection, batches: Sequence[Sequence[int]]) -> list[None]:
    """Forget the bodies of quarantined deliveries; why they could not be used stays."""
    wanted = deliveries.c.id.in_([row for ids in batches for row in ids])
    connection.execute(update(deliveries).where(wanted).values(body=None))
    return [None] * len(batches)


def find_bodies_with(connection: Connection, text: str) -> list[int]:
    """The deliveries whose body holds this text."""
    take_time(connection)
    wanted = select(deliveries.c.id, deliveries.c.body).where(deliveries.c.body.is_not(None))
    return [row.id for row in connection.execute(wanted) if text.encode() in row.body]


def find_numbers(connection: Connection, after: Place, before: int) -> tuple[list[int], Place | None]:
    """Calls behind `after` and before a time (µs) that still tell who called, and where to go on."""
    wanted = (
        select(calls.c.id, calls.c.received_at, calls.c.caller, calls.c.caller_name)
        .where(tuple_(calls.c.received_at, calls.c.id) > after, calls.c.received_at < before)
        .order_by(calls.c.received_at, calls.c.id)
        .limit(BATCH)
    )
    rows = connection.execute(wanted).all()
    telling = [row.id for row in rows if row.caller_name is not None or not _is_anonymous(row.caller)]
    return telling, Place(rows[-1].received_at, rows[-1].id) if rows else None


def _is_anonymous(caller: str) -> bool:
    return not caller or is_hidden(caller)


class Anonymizer:
    """Takes out of calls who called. `hide` is a unit of the journal."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def hide(self, connection: Connection, batches: Sequence[Sequence[int]]) -> list[None]:
        """Replace callers by pseudonyms, and forget their names, headers and words."""
        ids = [row for batch in batches for row in batch]
        wanted = select(*_SOUGHT, calls.c.call_id, calls.c.error, call_facts.c.content).where(_among(ids))
        rows = connection.execute(wanted.join(call_facts, call_facts.c.call == calls.c.id)).all()
        if rows:
            hidden = [self._hidden(row) for row in rows]
            forget_grams(connection, [row[:4] for row in rows])
            _HIDE.run(connection, hidden)
            sought = [(row.id, row.called, new["new_caller"], None) for row, new in zip(rows, hidden, strict=True)]
            index_again(connection, sought)
            _HIDE_FACTS.run(connection, [{"call": row.id, "new": _hidden_facts(row.content)} for row in rows])
            forget_transcripts(connection, ids)
            _forget_plans(connection, [row.call_id for row in rows])
            _forget_notices(connection, ids)
            self._hide_details(connection, {row.id: row.called for row in rows})
        return [None] * len(batches)

    def _hidden(self, row: Any) -> dict[str, Any]:
        caller = row.caller if _is_anonymous(row.caller) else self._pseudonyms.of(row.caller)
        return {
            "row": row.id,
            "call_id": row.call_id,
            "new_caller": caller,
            "new_caller_sealed": None,
            "new_error": None if row.error is None else mask_text(row.error, spare=row.called),
        }

    def _hide_details(self, connection: Connection, called: dict[int, str]) -> None:
        wanted = select(events.c.id, events.c.call, events.c.at, events.c.kind, events.c.detail).where(
            events.c.call.in_(called), events.c.detail.is_not(None)
        )
        changed = []
        for row in connection.execute(wanted):
            detail = msgspec.json.decode(row.detail)
            if (masked := mask_detail(detail, spare=called[row.call])) != detail:
                named = {"row": row.id, "call": row.call, "at": row.at, "kind": row.kind}
                changed.append({**named, "new": msgspec.json.encode(masked).decode()})
        _HIDE_DETAIL.run(connection, changed)


def _among(ids: Sequence[int]) -> ColumnElement[bool]:
    return calls.c.id.in_(ids)


# What the index of searches is made of (`gateway.calls.search.forget_grams`).
_SOUGHT: Final = (calls.c.id, calls.c.called, calls.c.caller, calls.c.caller_name)


def _forget_plans(connection: Connection, call_ids: Sequence[str]) -> None:
    """Leave of the plans that speak of these calls what was decided, and none of the words."""
    mine = plans.c.digest.in_([own_plan_key(call_id) for call_id in call_ids])
    changed = [
        {"digest": row.digest, "new": _bare_plan(row.document)}
        for row in connection.execute(select(plans.c.digest, plans.c.document).where(mine))
    ]
    _HIDE_PLAN.run(connection, changed)


def _forget_notices(connection: Connection, ids: Sequence[int]) -> None:
    """Leave of what subscribers were to be told of these calls only that they were."""
    wanted = select(notices.c.id, notices.c.message_id).where(notices.c.call.in_(ids))
    told = [{"row": row.id, "message_id": row.message_id, "new": b""} for row in connection.execute(wanted)]
    _HIDE_NOTICE.run(connection, told)


def _bare_plan(document: bytes) -> bytes:
    plan = msgspec.json.decode(document)
    steps = [{name: step[name] for name in step if name not in ("body", "conduct")} for step in plan["steps"]]
    return msgspec.json.encode({"steps": steps})


def _hidden_facts(content: bytes) -> bytes:
    return pack_facts({**unpack_facts(content), "headers": [], "caller_uri": ""})


_HIDE: Final = Statement(
    lambda _: (
        update(calls)
        .where(calls.c.id == bindparam("row"))
        .values(
            caller=bindparam("new_caller"),
            caller_sealed=bindparam("new_caller_sealed"),
            caller_name=null(),
            error=bindparam("new_error"),
        )
    )
)
_HIDE_FACTS: Final = Statement(
    lambda _: update(call_facts).where(call_facts.c.call == bindparam("call")).values(content=bindparam("new"))
)
_HIDE_DETAIL: Final = Statement(
    lambda _: update(events).where(events.c.id == bindparam("row")).values(detail=bindparam("new"))
)
_HIDE_PLAN: Final = Statement(
    lambda _: update(plans).where(plans.c.digest == bindparam("digest")).values(document=bindparam("new"))
)
_HIDE_NOTICE: Final = Statement(
    lambda _: (
        update(notices).where(notices.c.id == bindparam("row")).values(body=bindparam("new", type_=notices.c.body.type))
    )
)
