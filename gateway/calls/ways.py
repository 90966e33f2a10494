"""The ways through history: which conditions of a search choose an index, and which are checked along it.

See `gateway.calls.history` for why. Everything here is a condition or a bounded count; pages are read there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, tuple_, union_all

from gateway.calls.gram_index import count_up_to
from gateway.calls.search import FIELDS, having_part
from gateway.calls.transcripts import calls_that_may_say, says
from gateway.calls.wanted import EXACT, Pattern, Position, Wanted, read_pattern
from gateway.tables import calls

# Calls looked at for one page: a few milliseconds, even where they lie apart, if the database's pages are in memory.
WINDOW: Final = 1_000

Condition = ColumnElement[bool]
Column = tuple[str, str]  # a filter and what is wanted of it

POSITION: Final = tuple_(calls.c.received_at, calls.c.id)
NEWEST_FIRST: Final = (calls.c.received_at.desc(), calls.c.id.desc())

# The same where calls are found first and sorted then: adding nothing keeps the index of times out of play.
SORTED: Final = ((calls.c.received_at + 0).desc(), (calls.c.id + 0).desc())

# The columns that a search may name by value, under the contract's words.
_EXACT: Final = {"decision": calls.c.kind, **{name: calls.c[name] for name in EXACT}}

# An exact match on one of these columns is a way through history; they are tried in the order of how narrow they are
# most likely to be.
_WAYS: Final = ("called", "caller", "rule", "state", "country")


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A way through history, from where a page begins."""

    since: int | None  # µs; nothing older is wanted
    until: int | None  # µs; nothing from then on
    after: Position | None  # a page begins behind it
    column: Column | None  # what chooses its index; None: time alone
    along: tuple[Condition, ...] = ()  # these are checked along it
    end: Position | None = None  # nothing older may be looked at for one page; None: all may be

    def path(self) -> list[Condition]:
        """The conditions that choose it."""
        return self._within(self.since, self._begin())

    def stretch(self) -> list[Condition]:
        """The same up to its end, which takes the place of `since`: SQLite might walk on to the lower bound."""
        return self._within(self.since if self.end is None else self.end.received_at, self._begin())

    def checked(self) -> list[Condition]:
        """All conditions, for calls that another index finds."""
        column = [] if self.column is None else [_is_checked(*self.column)]
        return [*replace(self, column=None).path(), *column, *self.along]

    def as_far_as(self, connection: Connection, window: int) -> "Way":
        """The same with an end that lets `window` calls be looked at; without one if no more are left.

        Calls of the same microsecond are looked at together, and a position of row 0 is behind all of them.
        """
        return self.ending(connection.scalar(self.last(window)))

    def ending(self, at: int | None) -> "Way":
        """The same with an end behind all calls of a microsecond."""
        return replace(self, end=None if at is None else Position(at, 0))

    def last(self, window: int) -> Select[int]:
        """When the last call of a window was received.

        The offset is bounded, and walks along an index only: by times, since but one of PostgreSQL's indexes has row
        ids.
        """
        times = select(calls.c.received_at).where(*self._within(self.since, self._begin()[:1]))
        return times.order_by(calls.c.received_at.desc()).offset(window - 1).limit(1)

    def _begin(self) -> list[Condition]:
        """Where it begins: by time, which PostgreSQL can tell how much of history it is, and if need be by row."""
        if self.after is None:
            return []
        newest, row = self.after
        return [calls.c.received_at <= newest, self.after > POSITION] if row else [calls.c.received_at < newest]

    def _within(self, since: int | None, begin: list[Condition]) -> list[Condition]:
        """Its column within bounds of time.

        `until` is checked along it if it begins elsewhere: of two upper bounds, SQLite might begin at the higher one.
        """
        bounds = [] if since is None else [calls.c.received_at >= since]
        if self.until is not None:
            bounds.append((calls.c.received_at + 0 if begin else calls.c.received_at) < self.until)
        column = [] if self.column is None else [_has(*self.column)]
        return [*bounds, *begin, *column]

    def onward(self) -> "Way":
        """The rest of it, behind its end."""
        return replace(self, after=self.end, end=None)


def find_way(connection: Connection, wanted: Wanted, *, window: int, after: Position | None = None) -> Way:
    """The way that begins behind `after` and on which `window` calls reach furthest back."""
    exact = {name: value for name in _EXACT if (value := getattr(wanted, name)) is not None}
    for name in texts_of(wanted):
        exact.pop(name, None)
    time_alone = Way(since=wanted.since, until=wanted.until, after=after, column=None)
    of = [name for name in _WAYS if name in exact and not _is_none(name, exact[name])]
    ways: dict[str, Way] = {name: replace(time_alone, column=(name, exact[name])) for name in of}
    chosen, way = _furthest(connection, ways, window) or (None, time_alone)
    along = [_is_checked(name, value) for name, value in exact.items() if name != chosen]
    along += [_has_part(connection, name, pattern) for name, pattern in texts_of(wanted).items()]
    way = replace(way, along=tuple(along))
    return way.as_far_as(connection, window) if along and len(ways) < 2 else way


def _is_checked(name: str, value: str) -> Condition:
    """An exact match that chooses no index, since the way is chosen already.

    SQLite, which has no statistics, might take the state "accepted" for the narrower of two, and PostgreSQL might walk
    both. Put like this, it can still tell how many calls will pass, and so whether to stop when the page is full.
    """
    return _has(name, value).is_(True)


def _has(name: str, value: str) -> Condition:
    return _EXACT[name].is_(None) if _is_none(name, value) else _EXACT[name] == value


def _is_none(name: str, value: str) -> bool:
    """Whether calls are wanted that have no rule, no profile or no country. No index has those by their times."""
    return not value and _EXACT[name].nullable is True


def _furthest(connection: Connection, ways: Mapping[str, Way], window: int) -> tuple[str, Way] | None:
    """The way on which a window reaches furthest back, with its end if there was a choice.

    It has the fewest calls for the time, and leads past the fewest that are not wanted.
    """
    if len(ways) < 2:
        return next(iter(ways.items()), None)
    lasts = connection.execute(select(*[way.last(window).scalar_subquery() for way in ways.values()])).one()
    ends = dict(zip(ways, lasts, strict=True))
    chosen = min(ends, key=lambda name: ends[name] or 0)  # one that never ends reaches furthest
    return chosen, ways[chosen].ending(ends[chosen])


def texts_of(wanted: Wanted) -> dict[str, Pattern]:
    """The parts of texts that are sought, by filter."""
    found = {name: read_pattern(text) for name in ("called", "caller") if (text := getattr(wanted, name)) is not None}
    sought = {name: pattern for name, pattern in found.items() if not pattern.is_exact}
    return sought if wanted.q is None else {**sought, "q": Pattern(wanted.q, from_start=False, to_end=False)}


def _has_part(connection: Connection, name: str, pattern: Pattern) -> Condition:
    """Whether a call has what is sought, by its texts themselves."""
    text = pattern.text
    if name == "q":
        parts = [calls.c[field].icontains(text, autoescape=True) for field in FIELDS]
        if (said := says(connection, text)) is not None:
            parts.append(said)
        return or_(func.substr(calls.c.call_id, 1, len(text)) == text, *parts)
    column = _EXACT[name]
    if pattern.from_start:
        return func.substr(column, 1, len(text)) == text
    if pattern.to_end:
        return column.iendswith(text, autoescape=True)
    return column.icontains(text, autoescape=True)


def narrow(connection: Connection, wanted: Wanted, few: int) -> Condition | None:
    """A condition that an index of texts turns into `few` calls or fewer; None if there is none."""
    for name, pattern in texts_of(wanted).items():
        found = _candidates(connection, name, pattern)
        if found is not None and count_up_to(connection, found, few + 1) <= few:
            return calls.c.id.in_(found)
    return None


def _candidates(connection: Connection, name: str, pattern: Pattern) -> Select[tuple[int]] | None:
    """The row ids of calls among which all are that have what is sought; None if no index has it."""
    if name != "q":
        if pattern.from_start:
            return beginning_with(connection, _EXACT[name], pattern.text)
        return having_part(connection, pattern, [name])
    parts = having_part(connection, pattern, FIELDS)
    said = calls_that_may_say(connection, pattern.text)
    if parts is None or said is None:  # for both the same reason: the text has no grams
        return None
    together = union_all(parts, said, beginning_with(connection, calls.c.call_id, pattern.text)).subquery()
    return select(together.c[0])


def beginning_with(connection: Connection, column: ColumnElement[str], text: str) -> Select[tuple[int]]:
    """The row ids of calls whose column begins so, by its index."""
    # Code points compare as bytes do, on SQLite by nature; on PostgreSQL languages have orders of their own.
    ordered = column if connection.dialect.name == "sqlite" else column.collate("C")
    return select(calls.c.id).where(ordered >= text, ordered < text + "\U0010ffff")
