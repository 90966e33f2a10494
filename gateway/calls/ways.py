"""The ways through history: which conditions of a search choose an index, and which are checked along it.

See `gateway.calls.history` for why. Everything here is a condition or a bounded count; pages are read there.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, tuple_, union_all

from gateway.calls.gram_index import count_up_to
from gateway.calls.search import FIELDS, having_part
from gateway.calls.transcripts import calls_that_may_say, says
from gateway.calls.wanted import EXACT, Pattern, Position, Wanted, read_pattern
from gateway.tables import calls

# Calls looked at for one page: some 5 ms, with those that lie apart on the disk.
WINDOW: Final = 2_000

Condition = ColumnElement[bool]

POSITION: Final = tuple_(calls.c.received_at, calls.c.id)
NEWEST_FIRST: Final = (calls.c.received_at.desc(), calls.c.id.desc())

# The same where calls are found first and sorted then: adding nothing keeps the index of times out of play.
SORTED: Final = ((calls.c.received_at + 0).desc(), (calls.c.id + 0).desc())

# The columns that a search may name by value, under the contract's words.
_EXACT: Final = {"decision": calls.c.kind, **{name: calls.c[name] for name in EXACT}}

# An exact match on one of these columns is a way through history; they are tried in the order of how narrow they are
# most likely to be.
_WAYS: Final = ("called", "caller", "rule", "state", "country")


class Way(NamedTuple):
    """A way through history, from where a page begins."""

    path: list[Condition]  # these choose it
    along: list[Condition]  # these are checked along it
    end: Position | None  # nothing behind it may be looked at for one page; None: all may be
    is_column: bool  # or is it time alone

    def stretch(self, wanted: Wanted) -> list[Condition]:
        """Its conditions up to its end, which takes the place of `since`: SQLite might walk on to the lower bound."""
        if self.end is None:
            return self.path
        rest = self.path[1:] if wanted.since is not None else self.path  # `find_way` puts it first
        return [*rest, self.end <= POSITION]

    def as_far_as(self, connection: Connection, window: int) -> "Way":
        """The same with an end that lets `window` calls be looked at."""
        return self._replace(end=end_of_window(connection, self.path, window))


def find_way(connection: Connection, wanted: Wanted, *, window: int, after: Position | None = None) -> Way:
    """The way that begins behind `after` and on which `window` calls reach furthest back.

    `until` is checked along it if there is `after`: of two upper bounds, SQLite might begin at the higher one.
    """
    exact = {name: value for name in _EXACT if (value := getattr(wanted, name)) is not None}
    for name in texts_of(wanted):
        exact.pop(name, None)
    path: list[Condition] = []
    if wanted.since is not None:
        path.append(calls.c.received_at >= wanted.since)
    if wanted.until is not None:
        path.append((calls.c.received_at if after is None else calls.c.received_at + 0) < wanted.until)
    if after is not None:
        path.append(after > POSITION)
    paths: dict[str, list[Condition]] = {name: [*path, _EXACT[name] == exact[name]] for name in _WAYS if name in exact}
    chosen, end = _furthest(connection, paths, window)
    if chosen is not None:
        path = paths[chosen]
        exact.pop(chosen)
    # Appending nothing keeps a column's index out of play: the way is chosen already, and SQLite, which has no
    # statistics, might take the state "accepted" for the narrower of two.
    along: list[Condition] = [_EXACT[name] + "" == value for name, value in exact.items()]
    along += [_has_part(connection, name, pattern) for name, pattern in texts_of(wanted).items()]
    if along and len(paths) < 2:
        end = end_of_window(connection, path, window)
    return Way(path, along, end, chosen is not None)


def _furthest(
    connection: Connection, paths: Mapping[str, Sequence[Condition]], window: int
) -> tuple[str | None, Position | None]:
    """The path on which a window reaches furthest back, and its end if there was a choice.

    It has the fewest calls for the time, and leads past the fewest that are not wanted.
    """
    if len(paths) < 2:
        return next(iter(paths), None), None
    ends: dict[str, Position] = {}
    for name, path in paths.items():
        end = end_of_window(connection, path, window)
        if end is None:
            return name, None
        ends[name] = end
    chosen = min(ends, key=lambda name: ends[name])
    return chosen, ends[chosen]


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


def end_of_window(connection: Connection, way: Sequence[Condition], window: int) -> Position | None:
    """Where the stretch ends that may be looked at for one page, `window` calls; None if all that are left may be.

    Its offset is bounded and walks along an index only: by times, since PostgreSQL's indexes have no row ids. Calls of
    the same microsecond are looked at together.
    """
    times = select(calls.c.received_at).where(*way).order_by(calls.c.received_at.desc())
    at = connection.execute(times.offset(window - 1).limit(1)).scalar_one_or_none()
    return None if at is None else Position(at, 0)
