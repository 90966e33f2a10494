"""Revisions of the rulebook in the database."""

import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, func, insert, select

from gateway.collector import uncollected
from gateway.database import insert_or_skip
from gateway.notifications import notify
from gateway.tables import revisions
from routing_rules import read_document, write_document

# Where other nodes hear of a new revision; see `gateway.rulebook.watch`.
CHANNEL: Final = "gateway_rulebook"


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """One published state of the rulebook. Number 0 is the starter, in force before the first publish."""

    number: int
    document: dict[str, Any]  # canonical, as `routing_rules.write_document` writes it
    author: str = ""
    comment: str = ""
    created_at: int = 0  # µs


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """A revision on its way into the database, its document packed before the writer's time is taken."""

    number: int
    packed: bytes  # by `pack_document`
    author: str
    comment: str
    created_at: int  # µs


class Note(NamedTuple):
    """What is told of a revision beside its document."""

    number: int
    author: str
    comment: str
    created_at: int  # µs


class Published(NamedTuple):
    """What became of a publication."""

    done: bool
    newest: int  # the number of the current revision


@cache
def starter() -> Revision:
    """The rulebook that a new gateway starts with: `routing_rules/starter.toml`."""
    text = files("routing_rules").joinpath("starter.toml").read_text("utf-8")
    return Revision(number=0, document=tomllib.loads(text), author="sip-call-gateway", comment="the starter")


def newest_number(connection: Connection) -> int:
    """The number of the current revision; 0 before the first publish."""
    number: int = connection.execute(select(func.coalesce(func.max(revisions.c.number), 0))).scalar_one()
    return number


def find_revision(connection: Connection, number: int | None = None) -> Revision | None:
    """The revision with this number, or the current one; None if there is none of that number."""
    wanted = select(revisions).order_by(revisions.c.number.desc()).limit(1)
    if number is not None:
        wanted = wanted.where(revisions.c.number == number)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return starter() if not number else None
    with uncollected():
        document = msgspec.json.decode(unpack_document(row.document))
    return Revision(
        number=row.number,
        document=document,
        author=row.author,
        comment=row.comment,
        created_at=row.created_at,
    )


def insert_revision(connection: Connection, revision: Revision) -> None:
    """Publish a revision. Its number must be free: the primary key decides a race."""
    connection.execute(
        insert(revisions).values(
            number=revision.number,
            created_at=revision.created_at,
            author=revision.author,
            comment=revision.comment,
            document=pack_document(revision.document),
        )
    )
    notify(connection, CHANNEL)


def publish_revisions(connection: Connection, publications: Sequence[Publication]) -> list[Published]:
    """Publish revisions, each only if it follows the current one. A unit of the journal."""
    return [_publish(connection, publication) for publication in publications]


def _publish(connection: Connection, publication: Publication) -> Published:
    newest = newest_number(connection)
    if newest != publication.number - 1:
        return Published(done=False, newest=newest)
    row = {
        "number": publication.number,
        "created_at": publication.created_at,
        "author": publication.author,
        "comment": publication.comment,
        "document": publication.packed,
    }
    # On PostgreSQL another node may be publishing this number; the skip waits for its commit.
    stored = connection.execute(insert_or_skip(connection.dialect.name, revisions).returning(revisions.c.number), row)
    done = stored.one_or_none() is not None
    if done:
        notify(connection, CHANNEL)
    return Published(done=done, newest=publication.number)


def find_text(connection: Connection, number: int) -> bytes | None:
    """The document of the revision with this number, as JSON; None if there is none."""
    if number == 0:
        return msgspec.json.encode(write_document(read_document(starter().document)))
    packed = connection.execute(select(revisions.c.document).where(revisions.c.number == number)).scalar()
    return None if packed is None else unpack_document(packed)


def list_revisions(connection: Connection, *, limit: int, before: int | None = None) -> list[Note]:
    """Revisions, the newest first, from below the number `before`."""
    columns = (revisions.c.number, revisions.c.author, revisions.c.comment, revisions.c.created_at)
    wanted = select(*columns).order_by(revisions.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(revisions.c.number < before)
    return [Note(*row) for row in connection.execute(wanted)]


def pack_document(document: Mapping[str, Any]) -> bytes:
    """The stored form of a document. Takes a second for the largest, so never within the journal's transaction."""
    return zlib.compress(msgspec.json.encode(document))


def unpack_document(packed: bytes) -> bytes:
    """The JSON text that `pack_document` packed."""
    return zlib.decompress(packed)
