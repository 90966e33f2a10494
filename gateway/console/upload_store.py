"""Files of numbers in the database, so that every process can take what one of them has read."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select

from gateway.console.upload import Upload
from gateway.tables import uploads

# µs after which a file that nobody took is forgotten.
KEPT: Final = 24 * 3_600 * 1_000_000


class Received(NamedTuple):
    """What becomes of somebody's file for a list: a new one takes the place of what they sent before."""

    owner: str
    name: str  # of the list
    id: str
    upload: Upload | None  # None: it is thrown away
    now: int  # µs


def find_upload(connection: Connection, owner: str, name: str, id: str) -> Upload | None:
    """A file that somebody sent for a list; None if there is none, or it is another's."""
    wanted = select(uploads.c.content).where(uploads.c.id == id, uploads.c.owner == owner, uploads.c.name == name)
    content = connection.execute(wanted).scalar_one_or_none()
    return None if content is None else msgspec.json.decode(content, type=Upload)


def store_uploads(connection: Connection, items: Sequence[Received]) -> list[None]:
    """Keep files, or throw them away; those that nobody took go too."""
    for item in items:
        forgotten = or_(uploads.c.owner == item.owner, uploads.c.created_at < item.now - KEPT)
        connection.execute(delete(uploads).where(forgotten))
        if item.upload is not None:
            content = msgspec.json.encode(item.upload)
            row = {"id": item.id, "owner": item.owner, "name": item.name, "content": content, "created_at": item.now}
            connection.execute(insert(uploads).values(row))
    return [None] * len(items)
