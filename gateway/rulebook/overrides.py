"""Overrides in the database, and those in force as one value.

Theory
------
Each change of the overrides, one added or one ended, has a number, counted without gaps. So "the overrides as of change
12" is one state for everybody, as a revision is of the rulebook, and every call keeps the number of the state that it
was decided under: with the revision, all that its decision can be recomputed from. Nothing else of an override ever
changes and none is deleted, so any past state can be had again.

The clock ends an override without a change: a state holds what was added and not ended, and deciding compares times.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, insert, or_, select, text, update

from gateway.access.audit import Action, Author, Entry, record
from gateway.clock import to_datetime, to_rfc3339
from gateway.notifications import notify
from gateway.rulebook.store import CHANNEL
from gateway.tables import overrides
from routing_rules import DocumentError, Override, Rulebook, missing_from, read_override, write_override
from routing_rules.overrides import PREFIX
from routing_rules.rule import Rule

# Overrides in force at a time. They are exceptions, asked one after the other for every call; what a hundred people
# need at once is a rule.
MOST_LIVE: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedOverride:
    """An override as it is stored. Times in µs."""

    id: str  # a slug, never used again
    document: dict[str, Any]  # {when?, unless?, then}, canonical
    reason: str  # why, for people
    author: str  # the name of the key that added it
    created_at: int  # it is in force from then …
    until: int  # … until then, unless ended before
    ended_at: int | None = None
    ended_by: str | None = None  # the name of the key
    added_in: int = 0  # the number of the change that added it
    ended_in: int | None = None  # and of the one that ended it

    def override(self) -> Override | None:
        """What it decides; None if a newer release wrote it and this one cannot read it."""
        try:
            rule = read_override(self.id, self.document)
        except DocumentError:
            return None
        return Override(rule=rule, start=to_datetime(self.created_at), until=to_datetime(self.until))

    def problem(self, rulebook: Rulebook) -> str | None:
        """Why it decides no call above this rulebook; None if nothing is wrong with it."""
        found = self.override()
        if found is None:
            return "this release cannot read it"
        missing = missing_from(rulebook, [found.rule])
        return "; ".join(f"the rulebook lacks {one.pointer[1:]}" for one in missing) or None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """A state of the overrides."""

    number: int  # of the last change; 0 before the first
    live: tuple[RecordedOverride, ...] = ()  # neither ended nor expired at `known_at`, the newest first
    known_at: int = field(default=0, compare=False)  # µs; if the clock is set back, there may be more of them

    def readable(self) -> tuple[Override, ...]:
        """Those that this release can read, in the order in which they are asked."""
        return tuple(found for one in self.live if (found := one.override()) is not None)

    def at(self, now: int) -> "Overrides":
        """The same without what has expired by `now`."""
        live = tuple(one for one in self.live if now < one.until)
        return Overrides(number=self.number, live=live, known_at=max(now, self.known_at))


NO_OVERRIDES: Final = Overrides(number=0)


class Addition(NamedTuple):
    """An override to be added."""

    rule: Rule
    reason: str
    until: int  # µs
    at: int  # µs
    by: Author

    @property
    def id(self) -> str:
        """The override's."""
        return self.rule.id.removeprefix(PREFIX)


class Ending(NamedTuple):
    """An override to be ended."""

    id: str
    at: int  # µs
    by: Author


class Added(NamedTuple):
    """What became of an addition."""

    override: RecordedOverride | None  # None where it could not be added
    taken: bool = False  # since its id was used before
    full: bool = False  # since too many are in force


def newest_change(connection: Connection) -> int:
    """The number of the last change; 0 before the first."""
    added, ended = connection.execute(_NEWEST).one()
    return max(int(added), int(ended))


def find_live(connection: Connection, now: int) -> Overrides:
    """The newest state, without what has expired by `now` (µs)."""
    return find_state(connection, newest_change(connection), now)


def find_state(connection: Connection, number: int, now: int) -> Overrides:
    """The state after the change of that number, without what had expired by `now` (µs)."""
    if number == 0:
        return NO_OVERRIDES
    wanted = select(overrides).where(
        overrides.c.added_in <= number,
        or_(overrides.c.ended_in.is_(None), overrides.c.ended_in > number),
        overrides.c.until > now,
    )
    rows = connection.execute(wanted.order_by(overrides.c.added_in.desc()))
    return Overrides(number=number, live=tuple(map(_recorded, rows)), known_at=now)


def find_override(connection: Connection, override_id: str) -> RecordedOverride | None:
    """The override with this id, in force or not."""
    row = connection.execute(select(overrides).where(overrides.c.id == override_id)).one_or_none()
    return None if row is None else _recorded(row)


def list_overrides(
    connection: Connection, *, limit: int, before: int | None = None, live_at: int | None = None
) -> list[RecordedOverride]:
    """Overrides, the newest first, from behind the one that the change `before` added; or only those live at a time."""
    wanted = select(overrides).order_by(overrides.c.added_in.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(overrides.c.added_in < before)
    if live_at is not None:
        wanted = wanted.where(overrides.c.ended_in.is_(None), overrides.c.until > live_at)
    return [_recorded(row) for row in connection.execute(wanted)]


def add_overrides(connection: Connection, additions: Sequence[Addition]) -> list[Added]:
    """Add overrides, and note it in the audit log. A unit of the journal."""
    _take_turns(connection)
    return [_add(connection, addition) for addition in additions]


def end_overrides(connection: Connection, endings: Sequence[Ending]) -> list[RecordedOverride | None]:
    """End overrides; each as it then is, None where there is no such one. A unit of the journal.

    One that has ended or expired stays as it is.
    """
    _take_turns(connection)
    return [_end(connection, ending) for ending in endings]


def _take_turns(connection: Connection) -> None:
    """Let changes be numbered without gaps: on PostgreSQL another node waits here for this transaction's end."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE overrides IN SHARE ROW EXCLUSIVE MODE"))


def _add(connection: Connection, addition: Addition) -> Added:
    if find_override(connection, addition.id) is not None:
        return Added(None, taken=True)
    if len(list_overrides(connection, limit=MOST_LIVE, live_at=addition.at)) == MOST_LIVE:
        return Added(None, full=True)
    added = RecordedOverride(
        id=addition.id,
        document=write_override(addition.rule),
        reason=addition.reason,
        author=addition.by.name,
        created_at=addition.at,
        until=addition.until,
        added_in=newest_change(connection) + 1,
    )
    connection.execute(insert(overrides).values(_row(added)))
    _note(connection, Action.ADD_OVERRIDE, addition, before=None, after=added)
    return Added(added)


def _end(connection: Connection, ending: Ending) -> RecordedOverride | None:
    before = find_override(connection, ending.id)
    if before is None or before.ended_at is not None or before.until <= ending.at:
        return before
    change = {"ended_at": ending.at, "ended_by": ending.by.name, "ended_in": newest_change(connection) + 1}
    connection.execute(update(overrides).where(overrides.c.id == ending.id).values(change))
    after = find_override(connection, ending.id)
    _note(connection, Action.END_OVERRIDE, ending, before=before, after=after)
    return after


def _note(
    connection: Connection,
    action: Action,
    change: Addition | Ending,
    *,
    before: RecordedOverride | None,
    after: RecordedOverride | None,
) -> None:
    """Tell the other nodes and the audit log of a change."""
    notify(connection, CHANNEL)
    entry = Entry(
        at=change.at,
        author=change.by,
        action=action,
        object=f"override:{change.id}",
        before=_told(before),
        after=_told(after),
    )
    record(connection, entry)


def _told(override: RecordedOverride | None) -> dict[str, Any] | None:
    """What the audit log says of an override."""
    if override is None:
        return None
    times = {"until": to_rfc3339(override.until), "ended_at": to_rfc3339(override.ended_at)}
    return {**override.document, "reason": override.reason, **times}


_NEWEST: Final = select(
    func.coalesce(select(func.max(overrides.c.added_in)).scalar_subquery(), 0),
    func.coalesce(select(func.max(overrides.c.ended_in)).scalar_subquery(), 0),
)


def _row(override: RecordedOverride) -> dict[str, Any]:
    columns = {column.name: getattr(override, column.name) for column in overrides.columns}
    return {**columns, "document": msgspec.json.encode(override.document).decode()}


def _recorded(row: Row[Any]) -> RecordedOverride:
    return RecordedOverride(**{**row._asdict(), "document": msgspec.json.decode(row.document)})
