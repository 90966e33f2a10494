"""Notices in the database: the outbox of what subscribers are told, and the log of what became of it.

Theory
------
A call's timeline is written in the commit that moves the call, so it is the outbox already: what is told follows from
its lines, and the way of a ringing call pays nothing for subscribers. `read_lines` reads the lines behind a watermark,
`open_notices` stores what they mean. A line may be read twice, by two nodes or again after a crash: a subscriber is
told each event of a call once, by the unique key (subscriber, call, event).

Lines are read up to the horizon (see `gateway.calls.horizon`), behind which none can show up any more.

A notice belongs to whoever claims it until `due_at`; a node that dies gives it back by that. So an event may be posted
twice, under the same `webhook-id`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from gateway.calls.lifecycle import BIRTHS
from gateway.database import insert_or_skip
from gateway.statements import Statement
from gateway.subscriber import WATERMARK
from gateway.subscribers.notice import TELLING
from gateway.tables import calls, events, notices, watermarks

# µs that a claim lasts: longer than one round of attempts.
LEASE: Final = 60_000_000

# Lines looked at in one go.
CHUNK: Final = 500


class Line(NamedTuple):
    """A line of a timeline that may mean something to subscribers."""

    id: int
    call_id: str
    at: int  # µs
    kind: str
    state: str


class NewNotice(NamedTuple):
    """A notice to be stored."""

    subscriber: str
    call: int  # the row
    event: str
    message_id: str
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """Notices that are due now, and how far the timelines were read for them."""

    now: int  # µs
    watermark: int
    notices: Sequence[NewNotice]


class Wish(NamedTuple):
    """A wish for work."""

    now: int  # µs
    subscriber: str
    limit: int


class Claimed(NamedTuple):
    """A notice in our hands."""

    id: int
    subscriber: str
    event: str
    message_id: str
    body: bytes
    rounds: int  # of attempts, the one that begins included


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """How a round of attempts ended."""

    id: int
    message_id: str
    now: int  # µs
    status: int | None  # HTTP, of the last reply
    error: str | None  # None: the subscriber has taken it
    again_at: int | None  # µs; None: this is the end of it


def find_watermark(connection: Connection) -> int | None:
    """The id of the last line that was read for good; None before the first."""
    return connection.execute(select(watermarks.c.id).where(watermarks.c.name == WATERMARK)).scalar()


def newest_line(connection: Connection) -> int:
    """The id of the newest line."""
    return connection.execute(select(func.max(events.c.id))).scalar() or 0


def read_lines(connection: Connection, after: int, settled: int) -> tuple[list[Line], int]:
    """Of the next lines behind `after`, up to `settled`, those that may mean something, and where to go on."""
    ids = select(events.c.id).where(events.c.id > after, events.c.id <= settled).order_by(events.c.id)
    upto = connection.execute(ids.offset(CHUNK - 1).limit(1)).scalar() or settled
    telling = or_(events.c.kind.in_(list(BIRTHS)), events.c.state.in_(TELLING))
    wanted = (
        select(events.c.id, calls.c.call_id, events.c.at, events.c.kind, events.c.state)
        .join(calls, calls.c.id == events.c.call)
        .where(events.c.id > after, events.c.id <= upto, telling)
        .order_by(events.c.id)
    )
    return [Line(*row) for row in connection.execute(wanted)], upto


def open_notices(connection: Connection, openings: Sequence[Opening]) -> list[None]:
    """Store notices that are not there yet, and how far the timelines are read."""
    for opening in openings:
        if opening.notices:
            rows = [
                {**notice._asdict(), "created_at": opening.now, "due_at": opening.now, "rounds": 0}
                for notice in opening.notices
            ]
            _OPEN.run(connection, rows)
        step = {"index": WATERMARK, "upto": opening.watermark}
        if connection.execute(_ADVANCE, step).rowcount == 0 and find_watermark(connection) is None:
            connection.execute(insert(watermarks), {"name": WATERMARK, "id": opening.watermark})
    return [None] * len(openings)


def claim_notices(connection: Connection, wishes: Sequence[Wish]) -> list[list[Claimed]]:
    """Take notices that are due, the oldest first."""
    return [_claim(connection, wish) for wish in wishes]


def _claim(connection: Connection, wish: Wish) -> list[Claimed]:
    due = (
        select(notices.c.id)
        .where(_PENDING, notices.c.subscriber == wish.subscriber, notices.c.due_at <= wish.now)
        .order_by(notices.c.due_at)
        .limit(wish.limit)
        .with_for_update(skip_locked=True)
    )
    taken = connection.execute(
        update(notices)
        .where(notices.c.id.in_(due.scalar_subquery()))
        .values(due_at=wish.now + LEASE, rounds=notices.c.rounds + 1)
        .returning(*(notices.c[name] for name in Claimed._fields))
    )
    return [Claimed(*row) for row in taken]


def give_up_others(connection: Connection, looks: Sequence[tuple[int, Sequence[str]]]) -> list[int]:
    """Settle some of what waits for others than (now, these subscribers); how many notices."""
    return [_give_up(connection, now, subscribers) for now, subscribers in looks]


def _give_up(connection: Connection, now: int, subscribers: Sequence[str]) -> int:
    others = select(notices.c.id).where(_PENDING, notices.c.subscriber.not_in(subscribers)).limit(CHUNK)
    given_up = update(notices).where(notices.c.id.in_(others.scalar_subquery()))
    return connection.execute(given_up.values(settled_at=now, error="it is not configured any more")).rowcount


def settle_notices(connection: Connection, ends: Sequence[Told]) -> list[None]:
    """Write down how rounds of attempts ended. What will not be posted again is forgotten: it may tell who called."""
    for end in ends:
        connection.execute(
            _SETTLE,
            {
                "notice": end.id,
                "end": None if end.again_at is not None else end.now,
                "again": end.again_at or end.now,
                "reply": end.status,
                "why": end.error,
            },
        )
    over = [{"notice": end.id, "message_id": end.message_id, "nothing": b""} for end in ends if end.again_at is None]
    _FORGET.run(connection, over)
    return [None] * len(ends)


def list_notices(
    connection: Connection, *, subscriber: str | None, pending: bool | None, limit: int, before: int | None
) -> list[Any]:
    """The log, the newest first, from behind the notice with the id `before`."""
    wanted = select(
        *(notices.c[name] for name in _LOGGED),
        calls.c.call_id,
    ).join(calls, calls.c.id == notices.c.call)
    if subscriber is not None:
        wanted = wanted.where(notices.c.subscriber == subscriber)
    if pending is not None:
        wanted = wanted.where(notices.c.settled_at.is_(None) if pending else notices.c.settled_at.is_not(None))
    if before is not None:
        wanted = wanted.where(notices.c.id < before)
    return list(connection.execute(wanted.order_by(notices.c.id.desc()).limit(limit)))


_PENDING: Final = notices.c.settled_at.is_(None)
_OPEN: Final = Statement(lambda dialect: insert_or_skip(dialect, notices))
_LOGGED: Final = (
    *("id", "subscriber", "event", "message_id", "created_at", "due_at", "rounds"),
    *("settled_at", "status", "error"),
)
_ADVANCE: Final = (
    update(watermarks)
    .where(watermarks.c.name == bindparam("index"), watermarks.c.id < bindparam("upto"))
    .values(id=bindparam("upto"))
)
_SETTLE: Final = (
    update(notices)
    .where(notices.c.id == bindparam("notice"), notices.c.settled_at.is_(None))
    .values(settled_at=bindparam("end"), due_at=bindparam("again"), status=bindparam("reply"), error=bindparam("why"))
)
_FORGET: Final = Statement(
    lambda _: (
        update(notices)
        .where(notices.c.id == bindparam("notice"))
        .values(body=bindparam("nothing", type_=notices.c.body.type))
    )
)
