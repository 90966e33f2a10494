"""Storing a publication, without anybody waiting for it.

On SQLite it goes through the journal like everything else, much of it in many small transactions before the one that
makes it a revision; on PostgreSQL it is a transaction of its own, which no call has to wait for.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from gateway.database import Database
from gateway.journal import Journal
from gateway.rulebook.item_store import AT_ONCE, Writing
from gateway.rulebook.store import (
    Publication,
    Published,
    make_way,
    newest_number,
    publish_revisions,
    write_ahead,
)


async def commit(publication: Publication, database: Database, journal: Journal) -> Published:
    """Store a publication if it follows the current revision. Raises DatabaseUnavailable: it may be stored or not."""
    if not database.is_sqlite:
        return await asyncio.to_thread(_commit_directly, publication, database)
    writing = publication.writing
    if writing is not None and len(writing.rows) + len(writing.ends) > AT_ONCE:
        if not await _write_ahead(writing, journal):
            return Published(done=False, newest=await database.read(newest_number))
        publication = replace(publication, writing=None)
    return await journal.write(publish_revisions, publication)


async def _write_ahead(writing: Writing, journal: Journal) -> bool:
    """Write all rows; whether the revision can still follow the current one."""
    if not await journal.write(make_way, writing.number):
        return False
    for piece in _pieces(writing):
        if not await journal.write(write_ahead, piece):
            return False
    return True


def _pieces(writing: Writing) -> Iterator[Writing]:
    """The same in parts that take the writer some milliseconds each."""
    if writing.everything:
        yield writing._replace(ends=(), rows=())
    rest = writing._replace(ends=(), rows=(), everything=False)
    for begin in range(0, len(writing.ends), AT_ONCE):
        yield rest._replace(ends=writing.ends[begin : begin + AT_ONCE])
    for begin in range(0, len(writing.rows), AT_ONCE):
        yield rest._replace(rows=writing.rows[begin : begin + AT_ONCE])


def _commit_directly(publication: Publication, database: Database) -> Published:
    with database.transaction() as connection:
        (published,) = publish_revisions(connection, [publication])
        return published
