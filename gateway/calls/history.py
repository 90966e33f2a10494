"""Call history: any call found fast, the newest first, in pages.

Theory
------
A page begins behind a *position*, the (received_at, id) of the last call of the page before; nothing is counted and
nothing skipped, so the thousandth page costs what the first did. The work of one page is bounded too, whatever is
asked for, because a reader must not slow down the calls that ring meanwhile:

One condition of a search chooses the *way* through history: an exact called or caller, a rule, a state, or time alone.
Each way is an index that yields calls in their order. The other conditions are checked along the way, on at most
`WINDOW` calls; if these do not fill the page, it ends there, short or even empty, and says where to go on. A prefix of
a number is a way of its own if `FEW` calls or fewer have it: then they are found by the number and sorted.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select, tuple_

from gateway.calls.call import ReadFacts
from gateway.calls.store import unpack_facts
from gateway.tables import call_facts, calls, events, plans
from routing_rules import CallFacts

# Calls looked at for one page: some 50 ms.
WINDOW: Final = 50_000

# Calls that are found by a prefix and sorted, rather than met on the way: some 20 ms.
FEW: Final = 10_000


Condition = ColumnElement[bool]


class Position(NamedTuple):
    """A place in history: that of one call."""

    received_at: int  # µs
    id: int  # of the row


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which calls are wanted; None asks for nothing."""

    state: str | None = None
    decision: str | None = None  # its kind
    rule: str | None = None
    profile: str | None = None
    endpoint: str | None = None
    called: str | None = None  # exact, or a prefix that ends in `*`
    caller: str | None = None  # likewise
    since: int | None = None  # µs, included
    until: int | None = None  # µs, excluded
    q: str | None = None  # a call id's beginning, or any part of called, caller or caller_name


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedCall:
    """A call as history has it. Times in µs."""

    id: int  # of its row
    call_id: str  # the upstream's id
    endpoint: str
    state: str
    confirmed: bool  # the upstream's word has been proven
    kind: str  # of the decision
    rule: str | None  # None where the default decided
    revision: int
    reason: str
    profile: str | None
    status: int | None  # the SIP status of a reject
    target: str | None  # of a refer; the one in use where there are several
    called: str
    caller: str
    caller_name: str | None
    country: str | None
    media: str | None
    received_at: int
    decided_at: int
    answered_at: int | None
    ended_at: int | None
    attempts: int  # requests sent upstream
    error: str | None  # the last failure, in words
    plan: bytes  # the digest of what was planned
    end_reason: str | None  # see gateway.calls.remark.EndReason
    usage: str | None  # JSON: what the conversation used up
    facts: ReadFacts  # what else was read of it

    @property
    def position(self) -> Position:
        """Its place in history."""
        return Position(self.received_at, self.id)

    def facts_as_read(self) -> CallFacts:
        """What the rules read of it."""
        return CallFacts(
            call_id=self.call_id,
            called=self.called,
            caller=self.caller,
            called_uri=self.facts["called_uri"],
            caller_uri=self.facts["caller_uri"],
            anonymous=self.facts["anonymous"],
            country=self.country,
            headers=tuple((name, value) for name, value in self.facts["headers"]),
            media=self.media,
            endpoint=self.endpoint,
            attestation=self.facts["attestation"],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedEvent:
    """One line of a call's timeline."""

    id: int  # of its row; ascending with time
    at: int  # µs
    kind: str
    state: str  # that it led to
    detail: str | None  # JSON


def find_calls(
    connection: Connection,
    wanted: Wanted,
    *,
    limit: int,
    after: Position | None = None,
    window: int = WINDOW,
    few: int = FEW,
) -> tuple[list[RecordedCall], Position | None]:
    """Calls behind `after`, the newest first, and where to go on; None when history is exhausted."""
    way, along = _conditions(connection, wanted, few)
    if after is not None:
        way.append(after > _POSITION)
    end = _end_of_window(connection, way, window) if along else None
    if end is not None:
        along.append(end <= _POSITION)
    found = _read(connection, _CALLS.where(*way, *along).order_by(*_NEWEST_FIRST).limit(limit + 1))
    if len(found) > limit:
        return found[:limit], found[limit - 1].position
    return found, end


def find_call(connection: Connection, call_id: str) -> RecordedCall | None:
    """The call with this id."""
    found = _read(connection, _CALLS.where(calls.c.call_id == call_id))
    return found[0] if found else None


def count_calls(connection: Connection, *, since: int | None, until: int | None, most: int) -> int:
    """How many calls were received in a span of time (µs, `since` included, `until` excluded); counts up to `most`."""
    way, _ = _conditions(connection, Wanted(since=since, until=until), 0)
    return connection.execute(
        select(func.count()).select_from(select(calls.c.id).where(*way).limit(most).subquery())
    ).scalar_one()


def find_plan_of(connection: Connection, call: int) -> bytes:
    """The encoded plan of the call with this row id."""
    wanted = select(plans.c.document).join(calls, calls.c.plan == plans.c.digest).where(calls.c.id == call)
    document: bytes = connection.execute(wanted).scalar_one()
    return document


def find_plans(connection: Connection, digests: Collection[bytes]) -> dict[bytes, bytes]:
    """The encoded plans with these digests, by digest."""
    wanted = select(plans.c.digest, plans.c.document).where(plans.c.digest.in_(digests))
    return {row.digest: row.document for row in connection.execute(wanted)}


def find_events(connection: Connection, call: int, *, limit: int, after: int = 0) -> list[RecordedEvent]:
    """The timeline of the call with this row id, the oldest line first, from behind the line `after`."""
    wanted = select(events).where(events.c.call == call, events.c.id > after).order_by(events.c.id).limit(limit)
    return [
        RecordedEvent(id=row.id, at=row.at, kind=row.kind, state=row.state, detail=row.detail)
        for row in connection.execute(wanted)
    ]


_CALLS: Final = select(calls, call_facts.c.content).join(call_facts, call_facts.c.call == calls.c.id)
_COLUMNS: Final = frozenset(field.name for field in fields(RecordedCall)) - {"facts"}
_POSITION: Final = tuple_(calls.c.received_at, calls.c.id)
_NEWEST_FIRST: Final = (calls.c.received_at.desc(), calls.c.id.desc())

# The columns that a search may name by value, under the contract's words.
_EXACT: Final = {
    "called": calls.c.called,
    "caller": calls.c.caller,
    "rule": calls.c.rule,
    "state": calls.c.state,
    "decision": calls.c.kind,
    "profile": calls.c.profile,
    "endpoint": calls.c.endpoint,
}
_NUMBERS: Final = ("called", "caller")

# An exact match on one of these columns is a way through history; the first is the surest to be narrow.
_WAYS: Final = ("called", "caller", "rule", "state")


def _read(connection: Connection, wanted: Select[Any]) -> list[RecordedCall]:
    return [_recorded(row) for row in connection.execute(wanted)]


def _recorded(row: Row[Any]) -> RecordedCall:
    columns = row._mapping
    return RecordedCall(**{name: columns[name] for name in _COLUMNS}, facts=unpack_facts(row.content))


def _conditions(connection: Connection, wanted: Wanted, few: int) -> tuple[list[Condition], list[Condition]]:
    """The conditions that choose the way, and those that are checked along it."""
    exact = {name: value for name in _EXACT if (value := getattr(wanted, name)) is not None}
    prefixes = {name: exact.pop(name)[:-1] for name in _NUMBERS if exact.get(name, "").endswith("*")}
    way: list[Condition] = []
    if wanted.since is not None:
        way.append(calls.c.received_at >= wanted.since)
    if wanted.until is not None:
        way.append(calls.c.received_at < wanted.until)
    if chosen := next((name for name in _WAYS if name in exact), None):
        way.append(_EXACT[chosen] == exact.pop(chosen))
    else:
        for name, prefix in prefixes.items():
            if _count(connection, _EXACT[name], prefix, few + 1) <= few:
                way.append(calls.c.id.in_(_with_prefix(connection, _EXACT[name], prefix)))
                del prefixes[name]
                break
    # Appending nothing keeps a column's index out of play: the way is chosen already, and SQLite, which has no
    # statistics, might take the state "accepted" for the narrower of two.
    along: list[Condition] = [_EXACT[name] + "" == value for name, value in exact.items()]
    along += [func.substr(_EXACT[name], 1, len(prefix)) == prefix for name, prefix in prefixes.items()]
    if wanted.q is not None:
        along.append(_mentions(wanted.q))
    return way, along


def _with_prefix(connection: Connection, column: ColumnElement[str], prefix: str) -> Select[tuple[int]]:
    """The row ids of calls whose number begins so, by the column's index."""
    # Code points compare as bytes do, on SQLite by nature; on PostgreSQL languages have orders of their own.
    ordered = column if connection.dialect.name == "sqlite" else column.collate("C")
    return select(calls.c.id).where(ordered >= prefix, ordered < prefix + "\U0010ffff")


def _count(connection: Connection, column: ColumnElement[str], prefix: str, most: int) -> int:
    """How many calls have a number that begins so; `most` of them are counted."""
    found = _with_prefix(connection, column, prefix).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(found)).scalar_one()


def _mentions(text: str) -> Condition:
    """Whether a call has the text where people look for it."""
    parts = [
        column.icontains(text, autoescape=True) for column in (calls.c.called, calls.c.caller, calls.c.caller_name)
    ]
    return or_(func.substr(calls.c.call_id, 1, len(text)) == text, *parts)


def _end_of_window(connection: Connection, way: list[Condition], window: int) -> Position | None:
    """The last call that may be looked at for one page; None if all that are left may be.

    Its offset is bounded and walks along an index only.
    """
    last = select(calls.c.received_at, calls.c.id).where(*way).order_by(*_NEWEST_FIRST).offset(window - 1).limit(1)
    row = connection.execute(last).one_or_none()
    return None if row is None else Position(*row)
