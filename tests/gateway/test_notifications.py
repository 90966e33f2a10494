import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from gateway.database import Database
from gateway.notifications import listen, notify
from tests.postgresql import PostgreSQL

LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[Database]:
    """On PostgreSQL."""
    with postgresql.database() as url:
        database = Database(url)
        yield database
        database.close()


@asynccontextmanager
async def listening(
    database: Database, channel: str = "news", pause: float = 0.01
) -> AsyncIterator[asyncio.Queue[int]]:
    """What is heard on a channel."""
    heard: asyncio.Queue[int] = asyncio.Queue()
    task = asyncio.create_task(listen(database, channel, lambda: heard.put_nowait(1), pause))
    yield heard
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def hear(heard: asyncio.Queue[int]) -> None:
    await asyncio.wait_for(heard.get(), 10)


def publish(database: Database, channel: str = "news") -> None:
    with database.transaction() as connection:
        notify(connection, channel)


async def test_a_listener_looks_once_it_is_connected_and_at_every_notification(database: Database) -> None:
    async with listening(database) as heard:
        await hear(heard)
        assert heard.empty()
        for _ in range(3):
            publish(database)
            await hear(heard)


async def test_a_notification_comes_with_the_commit_and_only_on_its_channel(database: Database) -> None:
    async with listening(database, "news") as news, listening(database, "Other's") as other:
        await hear(news)
        await hear(other)
        with database.writer.connect() as connection:
            notify(connection, "news")
            connection.rollback()
        publish(database, "Other's")
        await hear(other)
        assert news.empty(), "what was rolled back is heard by nobody"


async def test_a_listener_whose_connection_is_lost_connects_again_and_looks(database: Database) -> None:
    async with listening(database) as heard:
        await hear(heard)
        with database.transaction() as connection:
            assert connection.execute(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}")).all() == [(True,)]
        await hear(heard)
        publish(database)
        await hear(heard)


async def test_a_listener_keeps_trying_while_there_is_no_server() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with capture_logs() as logs:
        async with asyncio.timeout(10), listening(database) as heard:
            while len(logs) < 3:  # noqa: ASYNC110 - what was logged can only be looked at
                await asyncio.sleep(0.01)
            assert heard.empty()
    assert {log["event"] for log in logs} == {"no notifications for now"}
    database.close()


async def test_a_listener_that_ends_leaves_no_connection(database: Database) -> None:
    async with listening(database) as heard:
        await hear(heard)
    with database.transaction() as connection:
        deadline = asyncio.get_running_loop().time() + 5
        while connection.execute(text(f"SELECT count(*) {LISTENERS}")).scalar_one():
            assert asyncio.get_running_loop().time() < deadline
            connection.execute(text("SELECT pg_stat_clear_snapshot()"))
            await asyncio.sleep(0.01)


async def test_sqlite_has_no_notifications(sqlite: Database) -> None:
    with sqlite.transaction() as connection:
        notify(connection, "news")
    await asyncio.wait_for(listen(sqlite, "news", lambda: None), 10)
