"""How two revisions differ, read from the rows that only one of them has: neither is read as a whole.

It is what `difference` finds between the two rulebooks, in the same order; values are compared as they were written.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, or_, select

from gateway.collector import uncollected
from gateway.rulebook.difference import ItemChange, counts, difference, longest_ascending
from gateway.rulebook.item_store import AT_ONCE, valid_at
from gateway.rulebook.items import ItemKind, Row
from gateway.rulebook.revision_contract import MOST_CHANGES, ShownChange, show_change, shown_change
from gateway.rulebook.store import find_revision, newest_number
from gateway.tables import rulebook_items as items
from routing_rules import DocumentError, Rulebook, read_document
from routing_rules.problem import error

# Beside rules, in the order in which changes are told.
_OTHERS: Final = tuple(kind for kind in ItemKind if kind not in (ItemKind.RULE, ItemKind.ENTRIES))

_KNOWN: Final = frozenset(map(str, ItemKind))

_COLUMNS: Final = [items.c[name] for name in Row._fields]


Rows = dict[tuple[str, str], Row]  # by kind and name


class Comparison(NamedTuple):
    """How one revision differs from another."""

    counts: dict[str, int]  # how many items, by what became of them
    changes: list[ShownChange]  # the first of them


class _Sides(NamedTuple):
    """Two revisions, and the rows that only the one or the other has."""

    before: int
    after: int
    gone: Rows
    come: Rows

    def names(self, kind: ItemKind) -> list[str]:
        """The items of a kind that may have changed, in alphabetical order."""
        return sorted({name for of_kind, name in (*self.gone, *self.come) if of_kind == kind})


def compare_revisions(connection: Connection, before: int, after: int) -> Comparison:
    """How revision `after` differs from `before`.

    Raises LookupError where there is no such revision, and DocumentError where one holds what only a newer release
    knows.
    """
    low, high = sorted((before, after))
    if not 0 <= low <= high <= newest_number(connection):
        raise LookupError(f"there is no revision {low if low < 0 else high}")
    with uncollected():
        if low == 0 and not _is_stored(connection, 0):
            return _compare_documents(connection, before, after)
        gone, come = find_ended(connection, low, high), find_begun(connection, low, high)
        sides = _Sides(before, after, gone, come) if before == low else _Sides(before, after, come, gone)
        changes = list(_changes(connection, sides))
        return Comparison(counts(changes), [_shown(change) for change in changes[:MOST_CHANGES]])


def _is_stored(connection: Connection, number: int) -> bool:
    return connection.execute(select(items.c.id).where(valid_at(number)).limit(1)).scalar() is not None


def _compare_documents(connection: Connection, before: int, after: int) -> Comparison:
    """The same for the starter where the database is older than its rows."""
    changes = difference(_read(connection, before), _read(connection, after))
    return Comparison(counts(changes), [shown_change(change) for change in changes[:MOST_CHANGES]])


def _read(connection: Connection, number: int) -> Rulebook:
    revision = find_revision(connection, number)
    if revision is None:
        raise LookupError(f"there is no revision {number}")
    return read_document(revision.document)


def is_ended(low: int, high: int) -> ColumnElement[bool]:
    """The condition that a row is valid at the lower of two revisions, and not at the higher."""
    until = items.c.valid_until
    return (items.c.valid_from <= low) & (until > low) & (until <= high)


def is_begun(low: int, high: int) -> ColumnElement[bool]:
    """The condition that a row is valid at the higher of two revisions, and not at the lower."""
    return (items.c.valid_from > low) & valid_at(high)


def find_ended(connection: Connection, low: int, high: int) -> Rows:
    """The rows that only the lower of two revisions has. Raises DocumentError where a newer release wrote some."""
    return _by_item(connection, is_ended(low, high))


def find_begun(connection: Connection, low: int, high: int) -> Rows:
    """The rows that only the higher one has. Raises likewise."""
    return _by_item(connection, is_begun(low, high))


def _by_item(connection: Connection, only: ColumnElement[bool]) -> Rows:
    """Items by kind and name; a list stands for its entries, since it changes whenever they do."""
    wanted = select(*_COLUMNS).where(only, items.c.kind != ItemKind.ENTRIES)
    found = {(row.kind, row.name): Row(*row) for row in connection.execute(wanted)}
    for kind, _ in found:
        if kind not in _KNOWN:
            raise DocumentError([error("unknown_field", f"/{kind}", "is not known to this release")])
    return found


def _changes(connection: Connection, sides: _Sides) -> Iterator[ItemChange]:
    """What changed; values are as they are stored, those of lists by chunks."""
    yield from _rules(connection, sides)
    for kind in _OTHERS:
        names = sides.names(kind)
        if kind is ItemKind.LIST:
            before, after = _find_lists(connection, sides.before, names), _find_lists(connection, sides.after, names)
        for name in names:
            was, now = sides.gone.get((kind, name)), sides.come.get((kind, name))
            one: Any = None if was is None else before.get(name, []) if kind is ItemKind.LIST else was.content
            other: Any = None if now is None else after.get(name, []) if kind is ItemKind.LIST else now.content
            if one != other:
                yield ItemChange(kind=kind, name=name, before=one, after=other)


def _find_lists(connection: Connection, number: int, names: Sequence[str]) -> dict[str, list[bytes]]:
    """The chunks of lists in a revision, by name."""
    found: dict[str, list[bytes]] = {}
    for begin in range(0, len(names), AT_ONCE):
        named = (items.c.kind == ItemKind.ENTRIES) & items.c.name.in_(names[begin : begin + AT_ONCE])
        wanted = select(items.c.name, items.c.content).where(named, valid_at(number)).order_by(items.c.place)
        for name, content in connection.execute(wanted):
            found.setdefault(name, []).append(content)
    return found


def _rules(connection: Connection, sides: _Sides) -> Iterator[ItemChange]:
    """Those that are there, in their order, then those that are not there any more, in theirs."""
    gone = {name: row for (kind, name), row in sides.gone.items() if kind == ItemKind.RULE}
    come = {name: row for (kind, name), row in sides.come.items() if kind == ItemKind.RULE}
    moved = _find_moved(connection, sides, gone, come)
    for row in sorted({**come, **moved}.values(), key=lambda row: row.place):
        was = gone.get(row.name, moved.get(row.name))
        before = None if was is None else was.content
        if before != row.content or row.name in moved:
            yield ItemChange(
                kind=ItemKind.RULE, name=row.name, before=before, after=row.content, moved=row.name in moved
            )
    for row in sorted((row for name, row in gone.items() if name not in come), key=lambda row: row.place):
        yield ItemChange(kind=ItemKind.RULE, name=row.name, before=row.content)


def _find_moved(connection: Connection, sides: _Sides, gone: dict[str, Row], come: dict[str, Row]) -> dict[str, Row]:
    """The rules that stand elsewhere, by id, as they are afterwards.

    Between the first and the last place of rules with new rows the others matter too: one of those may be what moved.
    """
    both = {come[name].place: gone[name].place for name in gone.keys() & come.keys()}
    if all(now == was for now, was in both.items()):
        return {}
    places = [*both.keys(), *both.values()]
    between = items.c.place.between(min(places), max(places)) & _kept(sides)
    both |= {place: place for place in connection.execute(select(items.c.place).where(between)).scalars()}
    stayed = longest_ascending([both[now] for now in sorted(both)])
    elsewhere = {now for now, was in both.items() if was not in stayed}
    moved = {name: row for name, row in come.items() if name in gone and row.place in elsewhere}
    others = sorted(elsewhere - {row.place for row in moved.values()})
    for begin in range(0, len(others), AT_ONCE):
        placed = items.c.place.in_(others[begin : begin + AT_ONCE]) & _kept(sides)
        moved |= {row.name: Row(*row) for row in connection.execute(select(*_COLUMNS).where(placed))}
    return moved


def _kept(sides: _Sides) -> ColumnElement[bool]:
    """The condition that a row is a rule of both revisions."""
    low, high = sorted((sides.before, sides.after))
    until = items.c.valid_until
    return (items.c.kind == ItemKind.RULE) & (items.c.valid_from <= low) & or_(until.is_(None), until > high)


def _shown(change: ItemChange) -> ShownChange:
    """A change in the contract's words."""
    before, after = _value(change.kind, change.before), _value(change.kind, change.after)
    return show_change(change.kind, change.name, change.sort, before, after, moved=change.moved)


def _value(kind: ItemKind, stored: Any) -> Any:
    if stored is None:
        return None
    if kind is ItemKind.LIST:
        return [entry for chunk in stored for entry in msgspec.json.decode(chunk)]
    return msgspec.json.decode(stored)
