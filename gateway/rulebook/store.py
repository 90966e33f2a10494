"""Revisions of the rulebook in the database."""

import tomllib
import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from gateway.tables import revisions


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """One published state of the rulebook. Number 0 is the starter, in force before the first publish."""

    number: int
    document: dict[str, Any]  # canonical, as `routing_rules.write_document` writes it
    author: str = ""
    comment: str = ""
    created_at: int = 0  # µs


@cache
def starter() -> Revision:
    """The rulebook that a new gateway starts with: `routing_rules/starter.toml`."""
    text = files("routing_rules").joinpath("starter.toml").read_text("utf-8")
    return Revision(number=0, document=tomllib.loads(text), author="sip-call-gateway", comment="the starter")


def newest_number(connection: Connection) -> int:
    """The number of the current revision; 0 before the first publish."""
    return connection.execute(select(func.coalesce(func.max(revisions.c.number), 0))).scalar_one()


def find_revision(connection: Connection, number: int | None = None) -> Revision | None:
    """The revision with this number, or the current one; None if there is none of that number."""
    wanted = select(revisions).order_by(revisions.c.number.desc()).limit(1)
    if number is not None:
        wanted = wanted.where(revisions.c.number == number)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return starter() if not number else None
    return Revision(
        number=row.number,
        document=msgspec.json.decode(zlib.decompress(row.document)),
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
            document=zlib.compress(msgspec.json.encode(revision.document)),
        )
    )
