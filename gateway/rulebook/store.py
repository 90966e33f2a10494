"""Revisions of the rulebook in the database, each with its entry in the audit log."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, exists, func, select, text

from gateway.access.audit import Action, Author, Entry, record
from gateway.clock import to_rfc3339
from gateway.collector import uncollected
from gateway.database import insert_or_skip
from gateway.notifications import notify
from gateway.rulebook.account import Account
from gateway.rulebook.item_store import Writing, clear, find_rows, sweep, write_items
from gateway.rulebook.items import rows_of, write_text
from gateway.rulebook.pending import Pending, find_pending
from gateway.tables import revisions
from routing_rules import read_document, write_document

# Where other nodes hear of a new revision; see `gateway.rulebook.watch`.
CHANNEL: Final = "gateway_rulebook"


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """One published state of the rulebook. Number 0 is the starter, in force before the first publish."""

    number: int
    document: dict[str, Any]  # canonical, as `routing_rules.write_document` writes it; names in alphabetical order
    author: str = ""
    comment: str = ""
    created_at: int = 0  # µs


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """Who publishes, and why."""

    author: Author
    comment: str = ""
    forced_for: str | None = None  # why it is published although expectations fail
    confirm_within: int | None = None  # seconds after which it reverts by itself unless confirmed; None: it stays


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """A revision on its way into the database."""

    number: int
    signed: Signed
    created_at: int  # µs
    counts: Mapping[str, int] = field(default_factory=dict)  # what it changes, by sort of change
    writing: Writing | None = None  # its rows; None where they are written already
    account: Account | None = None  # the changes themselves, for the audit log; None where they are many
    confirm_by: int | None = None  # µs, when it reverts unless confirmed; None: it stays
    reverts: int | None = None  # the pending revision that it takes back


class Note(NamedTuple):
    """What is told of a revision beside its document."""

    number: int
    author: str
    comment: str
    forced_for: str | None  # why it was published although expectations failed; None if they held
    created_at: int  # µs
    counts: Mapping[str, int]
    confirm_by: int | None  # µs, when it was to revert unless confirmed; None: it was to stay
    confirmed_at: int | None  # µs
    reverted: bool  # nobody confirmed it, and the next revision took it back


class Published(NamedTuple):
    """What became of a publication."""

    done: bool
    newest: int  # the number of the current revision
    pending: Pending | None = None  # the revision that may only be followed by its revert, where that is in the way


@cache
def starter() -> Revision:
    """The rulebook that a new gateway starts with: `routing_rules/starter.toml`."""
    document = tomllib.loads(files("routing_rules").joinpath("starter.toml").read_text("utf-8"))
    canonical = write_document(read_document(document))
    return Revision(number=0, document=canonical, author="sip-call-gateway", comment="the starter")


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
        return _first(connection) if not number else None
    with uncollected():
        document = msgspec.json.decode(write_text(find_rows(connection, row.number)))
    return Revision(
        number=row.number,
        document=document,
        author=row.author,
        comment=row.comment,
        created_at=row.created_at,
    )


def _first(connection: Connection) -> Revision:
    """Revision 0: as it was when the first revision was published, which another release may have done."""
    rows = find_rows(connection, 0)
    if not rows or not newest_number(connection):
        return starter()
    return replace(starter(), document=msgspec.json.decode(write_text(rows)))


def publish_revisions(connection: Connection, publications: Sequence[Publication]) -> list[Published]:
    """Publish revisions, each only if it follows the current one. A unit of the journal."""
    return [_publish(connection, publication) for publication in publications]


def _publish(connection: Connection, publication: Publication) -> Published:
    one_at_a_time(connection)
    newest = newest_number(connection)
    if newest != publication.number - 1:
        return Published(done=False, newest=newest)
    pending = find_pending(connection)
    if (pending.revision if pending else None) != publication.reverts:
        return Published(done=False, newest=newest, pending=pending)
    if publication.writing is not None:
        _begin(connection, newest)
        write_items(connection, publication.writing)
    signed = publication.signed
    row = {
        "number": publication.number,
        "created_at": publication.created_at,
        "author": signed.author.name,
        "comment": signed.comment,
        "forced_for": signed.forced_for,
        "counts": msgspec.json.encode(publication.counts).decode(),
        "confirm_by": publication.confirm_by,
    }
    # On PostgreSQL another node may be publishing this number; the skip waits for its commit.
    stored = connection.execute(insert_or_skip(connection.dialect.name, revisions).returning(revisions.c.number), row)
    done = stored.one_or_none() is not None
    if done:
        record(connection, _entry(publication))
        notify(connection, CHANNEL)
    return Published(done=done, newest=publication.number)


def _entry(publication: Publication) -> Entry:
    """What the audit log says of a publication: who and why, and what is not as it was, or how much."""
    signed, account = publication.signed, publication.account or Account({}, {})
    before = {"revision": publication.number - 1, **account.before}
    after = {
        "revision": publication.number,
        "comment": signed.comment,
        "forced_for": signed.forced_for,
        "counts": publication.counts,
        **account.after,
    }
    if publication.confirm_by is not None:
        after["reverts_at"] = to_rfc3339(publication.confirm_by)
    if publication.reverts is not None:
        after["reverts"] = publication.reverts
    return Entry(
        at=publication.created_at,
        author=signed.author,
        action=Action.PUBLISH,
        object="rulebook",
        before=before,
        after=after,
    )


def write_ahead(connection: Connection, writings: Sequence[Writing]) -> list[bool]:
    """Write some rows of a revision that is to come; whether it can still come. A unit of the journal, on SQLite."""
    return [_write_ahead(connection, writing) for writing in writings]


def _write_ahead(connection: Connection, writing: Writing) -> bool:
    if newest_number(connection) != writing.number - 1:
        return False
    write_items(connection, writing)
    return True


def make_way(connection: Connection, numbers: Sequence[int]) -> list[bool]:
    """Begin to write ahead for a revision; whether it follows the current one. A unit of the journal, on SQLite."""
    return [_make_way(connection, number) for number in numbers]


def _make_way(connection: Connection, number: int) -> bool:
    newest = newest_number(connection)
    if newest != number - 1:
        return False
    _begin(connection, newest)
    return True


def _begin(connection: Connection, newest: int) -> None:
    """Clear the ground for a revision that follows `newest`."""
    sweep(connection, newest)
    if newest == 0:
        pin_starter(connection)


def pin_starter(connection: Connection) -> None:
    """Store the starter as revision 0 until something is published: from then on it stays as it was."""
    one_at_a_time(connection)
    if newest_number(connection) > 0:
        return
    rows = rows_of(starter().document, 0)
    if sorted(find_rows(connection, 0)) != sorted(rows):
        clear(connection)
        write_items(connection, Writing(number=0, ends=(), rows=rows))


def one_at_a_time(connection: Connection) -> None:
    """Wait for another node that publishes, until its commit; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('sip-call-gateway revisions'))"))


def find_text(connection: Connection, number: int) -> bytes | None:
    """The document of the revision with this number, as JSON; None if there is none."""
    if number == 0:
        return msgspec.json.encode(_first(connection).document)
    if connection.execute(select(revisions.c.number).where(revisions.c.number == number)).scalar() is None:
        return None
    return write_text(find_rows(connection, number))


def list_revisions(connection: Connection, *, limit: int, before: int | None = None) -> list[Note]:
    """Revisions, the newest first, from below the number `before`."""
    wanted = select(*_NOTED).order_by(revisions.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(revisions.c.number < before)
    noted = [row._mapping for row in connection.execute(wanted)]
    return [Note(**{**row, "counts": msgspec.json.decode(row["counts"])}) for row in noted]


# Nothing but its revert may follow a revision that waits for confirmation, see `gateway.rulebook.pending`.
_LATER: Final = revisions.alias()
_NOTED: Final = (
    *(revisions.c[name] for name in Note._fields if name != "reverted"),
    and_(
        revisions.c.confirm_by.is_not(None),
        revisions.c.confirmed_at.is_(None),
        exists().where(_LATER.c.number > revisions.c.number),
    ).label("reverted"),
)
