"""Saved searches in the database: named filters of call history, of one key or shared with all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select

from gateway.tables import saved_searches


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedSearch:
    """Filters under a name."""

    owner: str  # the id of the key that saved it
    owner_name: str  # that key's name then
    name: str
    shared: bool  # whether everybody is offered it
    filters: Mapping[str, str]  # as the search's address has them
    saved_at: int  # µs


def find_searches(connection: Connection, owner: str) -> list[SavedSearch]:
    """A key's own searches and those that others share, by name."""
    mine_or_shared = or_(saved_searches.c.owner == owner, saved_searches.c.shared)
    found = select(saved_searches).where(mine_or_shared).order_by(saved_searches.c.name, saved_searches.c.owner)
    return [
        SavedSearch(**{**row._mapping, "filters": msgspec.json.decode(row.filters)})
        for row in connection.execute(found)
    ]


def save_searches(connection: Connection, searches: Sequence[SavedSearch]) -> list[None]:
    """Save searches, each in the place of its owner's of that name. A unit of the journal."""
    for one in searches:
        forget_searches(connection, [(one.owner, one.name)])
        row = {
            "owner": one.owner,
            "owner_name": one.owner_name,
            "name": one.name,
            "shared": one.shared,
            "filters": msgspec.json.encode(one.filters).decode(),
            "saved_at": one.saved_at,
        }
        connection.execute(insert(saved_searches).values(row))
    return [None] * len(searches)


def forget_searches(connection: Connection, keys: Sequence[tuple[str, str]]) -> list[bool]:
    """Forget searches by owner and name; whether each was there. A unit of the journal."""
    columns = saved_searches.c
    gone = [
        connection.execute(delete(saved_searches).where(columns.owner == owner, columns.name == name)).rowcount
        for owner, name in keys
    ]
    return [count > 0 for count in gone]
