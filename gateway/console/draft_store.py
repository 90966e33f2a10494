"""Drafts in the database, one for each key."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select

from gateway.console.draft import Draft
from gateway.tables import drafts


class Stored(NamedTuple):
    """What becomes of somebody's draft."""

    owner: str
    draft: Draft | None  # None: it is thrown away


def find_draft(connection: Connection, owner: str) -> Draft | None:
    """Somebody's draft."""
    row = connection.execute(select(drafts).where(drafts.c.owner == owner)).one_or_none()
    if row is None:
        return None
    changes = tuple(msgspec.json.decode(row.changes))
    return Draft(owner=row.owner, base=row.base, changes=changes, updated_at=row.updated_at)


def store_drafts(connection: Connection, items: Sequence[Stored]) -> list[None]:
    """Put drafts in the place of those that there are, or throw them away."""
    for owner, draft in items:
        connection.execute(delete(drafts).where(drafts.c.owner == owner))
        if draft is not None and draft.changes:
            changes = msgspec.json.encode(draft.changes)
            row = {"owner": owner, "base": draft.base, "changes": changes, "updated_at": draft.updated_at}
            connection.execute(insert(drafts).values(row))
    return [None] * len(items)
