"""Call history: any call found fast, the newest first, in pages.

Theory
------
A page begins behind a *position*, the (received_at, id) of the last call of the page before; nothing is counted and
nothing skipped, so the thousandth page costs what the first did. The work of one page is bounded too, whatever is
asked for, because a reader must not slow down the calls that ring meanwhile:

One condition of a search chooses the *way* through history: an exact called or caller, a rule, a state, a country, or
time alone. Each way is an index that yields calls in their order. The other conditions are checked along the way, on
at most `WINDOW` calls; if these do not fill the page, it ends there, short or even empty, and says where to go on. Of
several ways the one is taken on which as many calls reach furthest back from where the page begins.

Parts of numbers and names are met on the way, if they are common. If the way leads past too few of them, they are
sought by an index of beginnings or of grams (see `gateway.calls.search`), and if those are `FEW` or fewer, they are the
page's calls after sorting. If not, a longer stretch of the way is walked.

Headers are stored compressed, and no index has them: `HEADER_WINDOW` calls that pass the other conditions are opened
for one page.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Select, func, select

from gateway.calls.call import ReadFacts
from gateway.calls.sealed_search import find_rows, unsealed
from gateway.calls.store import unpack_facts, unpack_headers
from gateway.calls.wanted import Position, Wanted, has_header
from gateway.calls.ways import (
    NEWEST_FIRST,
    SORTED,
    WINDOW,
    Way,
    find_way,
    narrow,
    texts_of,
)
from gateway.tables import call_facts, calls, events, plans
from routing_rules import CallFacts

# Rows of a page, and where to go on.
Found = tuple[Sequence[Row[Any]], Position | None]

# The part of a window that is looked at first: where one call in ten is wanted, it fills a page.
TRIED: Final = 8

# Calls looked at where a part of a text is sought that is neither common nor rare: some 50 ms.
TEXT_WINDOW: Final = 50_000

# Calls that are found by a part of a text and sorted, rather than met on the way: some 20 ms.
FEW: Final = 4_000

# Calls whose headers are opened for one page: some 4 ms.
HEADER_WINDOW: Final = 300


class RecordedCall(msgspec.Struct, frozen=True):
    """A call as history has it. Times in µs.

    A struct, made and changed in a twentieth of a dataclass's time: exports make millions.
    """

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
    overrides: int  # the state of the overrides that decided, see gateway.rulebook.overrides
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
    facts: bool = True,
) -> tuple[list[RecordedCall], Position | None]:
    """Calls behind `after`, the newest first, and where to go on; None when history is exhausted.

    Without `facts` they have none: to unpack them is most of the work where nobody asks for headers.
    """
    what = RECORDED if facts else _BARE
    if wanted.header is None:
        found, end = _find(connection, what, wanted, limit=limit, after=after, window=window, few=few)
        return [recorded(row) for row in found], end
    rest, most = replace(wanted, header=None), min(window, HEADER_WINDOW)
    opened, end = _find(connection, _OPENED, rest, limit=most, after=after, window=window, few=few)
    having = (row for row in opened if has_header(unpack_headers(row.content), wanted.header))
    page, end = _page(list(islice(having, limit + 1)), limit, end)
    if not page:
        return [], end
    return [recorded(row) for row in connection.execute(_among(what, [row.id for row in page]))], end


def find_call(connection: Connection, call_id: str) -> RecordedCall | None:
    """The call with this id."""
    row = connection.execute(RECORDED.where(calls.c.call_id == call_id)).one_or_none()
    return None if row is None else recorded(row)


def count_calls(connection: Connection, *, since: int | None, until: int | None, most: int) -> int:
    """How many calls were received in a span of time (µs, `since` included, `until` excluded); counts up to `most`."""
    path = find_way(connection, Wanted(since=since, until=until), window=most).path()
    return connection.execute(
        select(func.count()).select_from(select(calls.c.id).where(*path).limit(most).subquery())
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


NO_FACTS: Final[ReadFacts] = {
    "headers": [],
    "called_uri": "",
    "caller_uri": "",
    "anonymous": False,
    "attestation": "none",
}
_COLUMNS: Final = RecordedCall.__struct_fields__[:-1]  # all but the facts
_OPENED: Final = select(calls.c.id, calls.c.received_at, call_facts.c.content).join(
    call_facts, call_facts.c.call == calls.c.id
)
_BARE: Final = select(*(calls.c[name] for name in _COLUMNS))
RECORDED: Final = _BARE.add_columns(call_facts.c.content).join(call_facts, call_facts.c.call == calls.c.id)


def _find(
    connection: Connection,
    what: Select[Any],
    wanted: Wanted,
    *,
    limit: int,
    after: Position | None,
    window: int,
    few: int,
) -> Found:
    """A page of `what` is asked of calls, whatever their headers."""
    wanted, sought = unsealed(connection, wanted)
    if sought is not None:
        rows, end = find_rows(connection, wanted, sought, limit=limit, after=after, window=window, few=few)
        return _page(connection.execute(_among(what, [row.id for row in rows])).all(), limit, end)
    first = min(window, max(window // TRIED, 2 * limit))
    way = find_way(connection, wanted, window=first, after=after)
    rows = _walk(connection, what, way, limit + 1)
    if way.end is None or len(rows) > limit:
        return _page(rows, limit, way.end)
    if first < window:
        way = way.onward().as_far_as(connection, window - first)
        rows += _walk(connection, what, way, limit + 1 - len(rows))
    if way.end is None or len(rows) > limit or not texts_of(wanted):
        return _page(rows, limit, way.end)
    farthest = TEXT_WINDOW * window // WINDOW
    # As many calls again may well hold the rest; twice that, for chance.
    far = min(farthest, 2 * window * limit // len(rows)) if rows else farthest
    is_common = way.column is None and far <= farthest // 2  # so to walk on is less than to ask the index
    few_calls = None if is_common else narrow(connection, wanted, few)
    if few_calls is None and way.column is not None:
        return _page(rows, limit, way.end)
    if few_calls is None:
        way = way.onward().as_far_as(connection, far)
        return _page(rows + _walk(connection, what, way, limit + 1 - len(rows)), limit, way.end)
    # Not by their place in time: to sort these few, by their ids alone, is less than to walk past all others.
    chosen = select(calls.c.id).where(*replace(way, after=after).checked(), few_calls).order_by(*SORTED)
    return _page(connection.execute(_among(what, chosen.limit(limit + 1))).all(), limit, None)


def _walk(connection: Connection, what: Select[Any], way: Way, most: int) -> list[Row[Any]]:
    """The first calls of a way up to its end."""
    wish = what.where(*way.stretch(), *way.along).order_by(*NEWEST_FIRST).limit(most)
    return list(connection.execute(wish).all())


def _among(what: Select[Any], ids: Sequence[int] | Select[tuple[int]]) -> Select[Any]:
    """What is asked of the calls with these row ids, the newest first."""
    return what.where(calls.c.id.in_(ids)).order_by(*SORTED)


def _page(found: Sequence[Row[Any]], limit: int, end: Position | None) -> Found:
    """The page that begins with what was found, up to `end`."""
    if len(found) > limit:
        last = found[limit - 1]
        return found[:limit], Position(last.received_at, last.id)
    return found, end


def recorded(row: Row[Any]) -> RecordedCall:
    """The call in a row that begins with those of `RECORDED`; one of `_BARE` has no facts."""
    facts = unpack_facts(row[len(_COLUMNS)]) if len(row) > len(_COLUMNS) else NO_FACTS
    return RecordedCall(*(*row[: len(_COLUMNS)], facts))
