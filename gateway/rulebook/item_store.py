"""The rows of the rulebook in the database: which are valid at a revision, and writing what a revision changes.

A row is valid at a revision if it began at it or before and has not ended by then. The one thing that ever changes in
a row is its end. A revision exists once it has its row in `revisions`, which is written last; a large one is written in
many small transactions before, so that calls are answered in between. If that is cut off, rows of a number are left
that is no revision's: nobody reads them, and whoever writes next sweeps them away.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, or_, select, text, update

from gateway.rulebook.items import ItemKind, Row
from gateway.tables import rulebook_items as items

# Rows in one statement: PostgreSQL takes 65,535 parameters, and a statement should be done in some milliseconds.
AT_ONCE: Final = 500


class End(NamedTuple):
    """Rows that are valid no longer."""

    kind: str
    name: str
    place: int | None = None  # of one chunk; None: every row of that name


class Writing(NamedTuple):
    """What a revision changes in the rows."""

    number: int
    ends: Sequence[End]
    rows: Sequence[Row]
    everything: bool = False  # whether all rows there are end, whatever `ends` says


def valid_at(number: int) -> ColumnElement[bool]:
    """The condition that a row is valid at a revision."""
    return (items.c.valid_from <= number) & or_(items.c.valid_until.is_(None), items.c.valid_until > number)


def find_rows(connection: Connection, number: int) -> list[Row]:
    """Every row of a revision, in the order of kind, place and name."""
    order = (items.c.kind, items.c.place, items.c.name)
    return _rows(connection, _select(number).order_by(*order))


def find_item(connection: Connection, number: int, kind: str, name: str) -> Row | None:
    """The row of an item in a revision."""
    found = _rows(connection, _select(number).where(items.c.kind == kind, items.c.name == name))
    return found[0] if found else None


def find_entries(connection: Connection, number: int, name: str) -> list[Row]:
    """The chunks of a list in a revision, in order."""
    wanted = _select(number).where(items.c.kind == ItemKind.ENTRIES, items.c.name == name)
    return _rows(connection, wanted.order_by(items.c.place))


def find_edited(connection: Connection, number: int, kind: str, names: Sequence[str]) -> dict[str, int]:
    """The revisions that last changed these items of a revision, by name."""
    return dict(_columns(connection, number, kind, names, items.c.name, items.c.edited))


def find_places(connection: Connection, number: int, names: Sequence[str] | None = None) -> dict[str, int]:
    """The places of rules of a revision, by their ids; of all rules, if no names are given."""
    if names is None:
        wanted = select(items.c.name, items.c.place).where(items.c.kind == ItemKind.RULE, valid_at(number))
        return {row.name: row.place for row in connection.execute(wanted)}
    found = _columns(connection, number, ItemKind.RULE, names, items.c.name, items.c.place)
    return dict(found)


def count_before(connection: Connection, number: int, place: int) -> int:
    """How many rules of a revision stand before a place."""
    wanted = select(func.count()).where(items.c.kind == ItemKind.RULE, items.c.place < place, valid_at(number))
    return connection.execute(wanted).scalar_one()


def list_rules(connection: Connection, number: int, *, limit: int, after: int | None = None) -> list[Row]:
    """Rules of a revision in their order, from behind a place."""
    wanted = _select(number).where(items.c.kind == ItemKind.RULE)
    if after is not None:
        wanted = wanted.where(items.c.place > after)
    return _rows(connection, wanted.order_by(items.c.place).limit(limit))


def list_items(connection: Connection, number: int, kind: str, *, limit: int, after: str | None = None) -> list[Row]:
    """Items of a kind in a revision, by name, from behind a name."""
    wanted = _select(number).where(items.c.kind == kind)
    if after is not None:
        wanted = wanted.where(items.c.name > after)
    return _rows(connection, wanted.order_by(items.c.name).limit(limit))


def write_items(connection: Connection, writing: Writing) -> None:
    """End rows and begin others."""
    number = writing.number
    # One statement for many rows each, so that the writer's time is short.
    if writing.everything:
        connection.execute(update(items).where(items.c.valid_until.is_(None)).values(valid_until=number))
    for kind, names in _by_kind(end for end in writing.ends if end.place is None):
        still = (items.c.kind == kind) & items.c.name.in_(names) & items.c.valid_until.is_(None)
        connection.execute(update(items).where(still).values(valid_until=number))
    for end in writing.ends:
        if end.place is not None:
            one = (items.c.kind == end.kind) & (items.c.name == end.name) & (items.c.place == end.place)
            connection.execute(update(items).where(one, items.c.valid_until.is_(None)).values(valid_until=number))
    for begin in range(0, len(writing.rows), AT_ONCE):
        rows = [{**row._asdict(), "valid_from": number} for row in writing.rows[begin : begin + AT_ONCE]]
        connection.execute(insert(items), rows)
    if connection.dialect.name == "postgresql" and len(writing.rows) > AT_ONCE:
        # Without statistics of so many new rows, every look-up of one by name walks through all of its kind.
        connection.execute(text("ANALYZE rulebook_items"))


def sweep(connection: Connection, newest: int) -> None:
    """Take away what was left of revisions that were never finished."""
    connection.execute(delete(items).where(items.c.valid_from > newest))
    connection.execute(update(items).where(items.c.valid_until > newest).values(valid_until=None))


def clear(connection: Connection) -> None:
    """Take away every row."""
    connection.execute(delete(items))


def _by_kind(ends: Iterator[End]) -> Iterator[tuple[str, Sequence[str]]]:
    """The names of ends, kind by kind, so many at once."""
    names: dict[str, list[str]] = {}
    for end in ends:
        names.setdefault(end.kind, []).append(end.name)
    for kind, of_kind in names.items():
        for begin in range(0, len(of_kind), AT_ONCE):
            yield kind, of_kind[begin : begin + AT_ONCE]


def _select(number: int) -> Select[Any]:
    return select(items.c.kind, items.c.name, items.c.place, items.c.content, items.c.edited).where(valid_at(number))


def _rows(connection: Connection, wanted: Select[Any]) -> list[Row]:
    return [Row(*row) for row in connection.execute(wanted)]


def _columns(
    connection: Connection, number: int, kind: str, names: Sequence[str], *columns: ColumnElement[Any]
) -> Iterator[Any]:
    for begin in range(0, len(names), AT_ONCE):
        named = items.c.name.in_(names[begin : begin + AT_ONCE])
        yield from connection.execute(select(*columns).where(items.c.kind == kind, named, valid_at(number)))
