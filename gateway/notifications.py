"""Telling other nodes at once that something is new: PostgreSQL's NOTIFY and LISTEN.

A notification is a hint and no more. It is sent with the commit of what it tells of, and whoever hears it looks into
the database; whoever misses it, since a connection was lost or a pooler in transaction mode swallows LISTEN, finds the
same by looking now and then. SQLite has nothing of the kind, and one process.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Connection, text

from gateway.database import Database

# Seconds before a lost connection is opened anew; whoever listens looks by itself meanwhile.
PAUSE: Final = 1.0

log = structlog.get_logger(__name__)


def notify(connection: Connection, channel: str) -> None:
    """Notify the channel's listeners when the transaction is committed; nobody on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel})


async def listen(database: Database, channel: str, hear: Callable[[], None], pause: float = PAUSE) -> None:
    """Call `hear` at every notification, and after connecting, since some may have been missed by then.

    Ends by being cancelled; on SQLite at once.
    """
    if database.is_sqlite:
        return
    from psycopg import Error  # not needed, and slow to import, where there is only SQLite

    while True:
        try:
            await _listen(database, channel, hear)
        except Error as error:
            log.warning("no notifications for now", channel=channel, error=str(error))
        except Exception:
            log.exception("listening failed", channel=channel)  # whoever listens must be able to rely on its looking
        await asyncio.sleep(pause)


async def _listen(database: Database, channel: str, hear: Callable[[], None]) -> None:
    """Listen until the connection is lost. Raises psycopg.Error."""
    from psycopg import AsyncConnection, sql

    connection = await AsyncConnection.connect(autocommit=True, **database.connect_arguments())
    async with connection:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        hear()
        async for _ in connection.notifies():
            hear()
