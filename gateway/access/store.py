"""API keys in the database.

What changes them are units of the journal: one call with many items, on a connection that the caller commits.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, tuple_, update

from gateway.access.audit import Action, Author, Entry, record
from gateway.access.keys import Key
from gateway.access.roles import Role
from gateway.clock import to_rfc3339
from gateway.tables import api_keys


class Moment(NamedTuple):
    """Something that happens to a key at a time (µs)."""

    id: str
    at: int


class Creation(NamedTuple):
    """A key to be stored."""

    key: Key
    by: Author


class Revocation(NamedTuple):
    """A key to be revoked."""

    id: str
    at: int  # µs
    by: Author


def create_keys(connection: Connection, creations: Sequence[Creation]) -> list[None]:
    """Store new keys, and who made them."""
    insert_keys(connection, [creation.key for creation in creations])
    record(
        connection,
        *[
            Entry(at=key.created_at, author=by, action=Action.CREATE_KEY, object=f"key:{key.id}", after=_told(key))
            for key, by in creations
        ],
    )
    return [None] * len(creations)


def insert_keys(connection: Connection, keys: Sequence[Key]) -> list[None]:
    """Store new keys."""
    connection.execute(insert(api_keys), [asdict(key) for key in keys])
    return [None] * len(keys)


def revoke_keys(connection: Connection, revocations: Sequence[Revocation]) -> list[Key | None]:
    """Revoke keys; each as it then is, None where there is no such key. The first revocation of a key stands."""
    return [_revoke(connection, revocation) for revocation in revocations]


def _revoke(connection: Connection, revocation: Revocation) -> Key | None:
    changed = connection.execute(_REVOKE, {"key": revocation.id, "at": revocation.at}).rowcount
    key = find_key(connection, revocation.id)
    if key is not None and changed:
        entry = Entry(
            at=revocation.at,
            author=revocation.by,
            action=Action.REVOKE_KEY,
            object=f"key:{key.id}",
            before=_told(key) | {"revoked_at": None},
            after=_told(key),
        )
        record(connection, entry)
    return key


def _told(key: Key) -> dict[str, object]:
    """What the audit log says of a key."""
    return {"name": key.name, "role": key.role.value, "prefix": key.prefix, "revoked_at": to_rfc3339(key.revoked_at)}


def touch_keys(connection: Connection, uses: Sequence[Moment]) -> list[None]:
    """Remember when keys were last used."""
    connection.execute(_TOUCH, [{"key": use.id, "at": use.at} for use in uses])
    return [None] * len(uses)


def find_key(connection: Connection, key_id: str) -> Key | None:
    """The key with this id."""
    row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def find_by_digest(connection: Connection, digest: bytes) -> Key | None:
    """The key whose token has this digest, revoked or not."""
    row = connection.execute(select(api_keys).where(api_keys.c.digest == digest)).one_or_none()
    return None if row is None else _key(row)


def list_keys(connection: Connection, *, limit: int, after: tuple[int, str] | None = None) -> list[Key]:
    """Keys, the newest first, from behind the one with this `created_at` and id."""
    position = tuple_(api_keys.c.created_at, api_keys.c.id)
    wanted = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc()).limit(limit)
    if after is not None:
        wanted = wanted.where(position < after)
    return [_key(row) for row in connection.execute(wanted)]


_REVOKE = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("key"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)
_TOUCH = (
    update(api_keys)
    .where(
        api_keys.c.id == bindparam("key"),
        or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("at")),
    )
    .values(last_used_at=bindparam("at"))
)


def _key(row: Row[tuple[object, ...]]) -> Key:
    columns = row._asdict()
    return Key(**{**columns, "role": Role(columns["role"])})
