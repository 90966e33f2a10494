"""What a revision changed, read from the rows that end and begin with it: no revision is read as a whole."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, exists, or_, select, union

from gateway.rulebook.difference import sort_of
from gateway.rulebook.items import ItemKind
from gateway.rulebook.revision_contract import MOST_CHANGES, ShownChange, show_change
from gateway.tables import rulebook_items as items

_begun = items.alias()


def find_changes(connection: Connection, number: int) -> list[ShownChange]:
    """The first items that a revision changed, by kind and name."""
    # A rule whose row began although it was not edited only made room beside it.
    put = select(items.c.kind, items.c.name).where(items.c.valid_from == number, items.c.edited == number)
    again = exists().where(_begun.c.valid_from == number, _begun.c.kind == items.c.kind, _begun.c.name == items.c.name)
    gone = select(items.c.kind, items.c.name).where(items.c.valid_until == number, ~again)
    touched = union(put, gone).subquery()
    wanted = select(touched).where(touched.c.kind != ItemKind.ENTRIES).order_by(touched.c.kind, touched.c.name)
    named = connection.execute(wanted.limit(MOST_CHANGES)).all()
    rows = connection.execute(
        select(items)
        .where(or_(items.c.valid_from == number, items.c.valid_until == number))
        .where(items.c.name.in_({name for _, name in named}))
        .order_by(items.c.place)
    ).all()
    of_item: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        of_item.setdefault((row.kind, row.name), []).append(row)
    return [_change(number, kind, name, of_item) for kind, name in named]


def _change(number: int, kind: str, name: str, of_item: dict[tuple[str, str], list[Row[Any]]]) -> ShownChange:
    rows = of_item[kind, name]
    was = next((row for row in rows if row.valid_until == number), None)
    now = next((row for row in rows if row.valid_from == number), None)
    if kind == ItemKind.LIST:
        chunks = of_item.get((ItemKind.ENTRIES, name), ())
        before, after = _entries(was, number, chunks, ended=True), _entries(now, number, chunks, ended=False)
    else:
        before, after = _value(was), _value(now)
    moved = was is not None and now is not None and was.place != now.place
    return show_change(kind, name, sort_of(before, after), before, after, moved=moved)


def _value(row: Row[Any] | None) -> Any:
    return None if row is None else msgspec.json.decode(row.content)


def _entries(row: Row[Any] | None, number: int, chunks: Sequence[Row[Any]], *, ended: bool) -> list[str] | None:
    """The entries of the chunks that ended or began: those of the others were and are on the list."""
    if row is None:
        return None
    of = [chunk for chunk in chunks if (chunk.valid_until if ended else chunk.valid_from) == number]
    return [entry for chunk in of for entry in msgspec.json.decode(chunk.content)]
