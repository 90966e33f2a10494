"""The journal: many callers' work in one commit, and what happens when something fails."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from psycopg import errors
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from gateway.database import Database
from gateway.errors import DatabaseUnavailable, JournalFull
from gateway.journal import LARGEST_BATCH, MANY, Journal, database_failed

numbers = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))


def add(connection: Connection, items: Sequence[int]) -> list[int]:
    connection.execute(insert(numbers), [{"number": item} for item in items])
    return [item * 10 for item in items]


def stored(database: Database) -> int:
    with database.transaction() as connection:
        return connection.execute(select(func.count()).select_from(numbers)).scalar_one()


@pytest.fixture
def open_database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/journal.db")
    with database.transaction() as connection:
        numbers.create(connection)
    return database


class Deaths:
    """Hears of the writer's death."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()


@pytest.fixture
async def deaths() -> Deaths:
    return Deaths()


@pytest.fixture
async def journal(open_database: Database, deaths: Deaths) -> AsyncIterator[Journal]:
    journal = open_database.journal(on_death=deaths.heard.set)
    journal.start()
    yield journal
    await journal.stop()
    open_database.close()


class Gate:
    """A unit that keeps the writer busy until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def unit(self, connection: Connection, items: Sequence[None]) -> list[None]:
        self.entered.set()
        assert self.opened.wait(10)
        return [None] * len(items)


async def test_a_written_item_is_committed_and_its_result_returned(journal: Journal, open_database: Database) -> None:
    assert await journal.write(add, 7) == 70
    assert stored(open_database) == 1


async def test_what_queues_up_is_written_as_one_transaction(open_database: Database) -> None:
    batches: list[int] = []

    def gauge(*, entries: int, seconds: float, waiting: int) -> None:
        batches.append(entries)

    journal = open_database.journal(on_death=lambda: None, gauge=gauge)
    journal.start()
    gate = Gate()
    busy = journal.write(gate.unit, None)
    await asyncio.to_thread(gate.entered.wait)
    waiting = [journal.write(add, number) for number in range(LARGEST_BATCH + 1)]
    gate.opened.set()
    assert await asyncio.gather(*waiting) == [number * 10 for number in range(LARGEST_BATCH + 1)]
    await busy
    await journal.stop()
    assert batches == [1, LARGEST_BATCH, 1]
    open_database.close()


async def test_what_can_wait_shares_a_commit_and_keeps_nothing_else_waiting(open_database: Database) -> None:
    batches: list[int] = []

    def gauge(*, entries: int, seconds: float, waiting: int) -> None:
        batches.append(entries)

    journal = Journal(open_database.writer, on_death=lambda: None, gauge=gauge, moment=3600)
    journal.start()
    patient = [journal.write(add, 1, can_wait=True)]
    assert await journal.write(add, 2) == 20
    patient.append(journal.write(add, 3, can_wait=True))
    assert not any(one.done() for one in patient)
    await journal.stop()
    assert await asyncio.gather(*patient) == [10, 30]
    assert batches == [1, 2]
    open_database.close()


async def test_nothing_is_kept_waiting_because_much_that_can_wait_was_written(open_database: Database) -> None:
    journal = Journal(open_database.writer, on_death=lambda: None, pause=3600, moment=0)
    journal.start()
    await asyncio.gather(*(journal.write(add, number, can_wait=True) for number in range(MANY)))
    assert await asyncio.wait_for(journal.write(add, MANY), 60) == MANY * 10
    await journal.stop()
    open_database.close()


async def test_what_can_wait_is_written_after_a_moment(journal: Journal) -> None:
    assert await journal.write(add, 1, can_wait=True) == 10


def level(connection: Connection, items: Sequence[bool]) -> list[int]:
    """How far commits are waited for: 2 to the disk, 1 to the operating system. Fails where that is asked for."""
    if not all(items):
        raise ValueError("as asked for")
    return [int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())] * len(items)


async def test_only_what_needs_it_waits_for_the_disk(journal: Journal) -> None:
    assert [await journal.write(level, True, flush=flush) for flush in (True, False, False, True)] == [2, 1, 1, 2]
    with pytest.raises(ValueError, match="as asked for"):
        await journal.write(level, False, flush=False)
    assert await journal.write(level, True) == 2


async def test_one_that_waits_for_the_disk_makes_its_neighbours_wait(journal: Journal) -> None:
    gate = Gate()
    busy = journal.write(gate.unit, None)
    await asyncio.to_thread(gate.entered.wait)
    together = [journal.write(level, True, flush=flush) for flush in (False, True, False)]
    gate.opened.set()
    assert await asyncio.gather(*together) == [2, 2, 2]
    await busy


async def test_what_is_not_waited_for_tells_of_no_rush(open_database: Database) -> None:
    journal = Journal(open_database.writer, on_death=lambda: None, pause=3600)
    journal.start()
    gate = Gate()
    busy = journal.write(gate.unit, None)
    await asyncio.to_thread(gate.entered.wait)
    together = [journal.write(add, number, flush=False) for number in range(MANY)]
    gate.opened.set()
    await asyncio.gather(busy, *together)
    assert await asyncio.wait_for(journal.write(add, MANY), 60) == MANY * 10
    await journal.stop()
    open_database.close()


async def test_an_entry_that_fails_does_not_fail_its_neighbours(journal: Journal, open_database: Database) -> None:
    gate = Gate()
    busy = journal.write(gate.unit, None)
    await asyncio.to_thread(gate.entered.wait)
    waiting = [journal.write(add, number) for number in (1, 2, 2, 3)]
    gate.opened.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    await busy
    assert [type(result).__name__ for result in results] == ["int", "int", "IntegrityError", "int"]
    assert stored(open_database) == 3


async def test_a_failed_database_fails_every_entry_and_is_reported_until_it_heals(
    journal: Journal, open_database: Database
) -> None:
    def break_(connection: Connection, items: Sequence[None]) -> list[None]:
        connection.execute(text("SELECT * FROM no_such_table"))
        return []

    with pytest.raises(DatabaseUnavailable, match="no such table"):
        await journal.write(break_, None)
    assert journal.failing
    assert await journal.write(add, 1) == 10
    assert not journal.failing


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (errors.OperationalError("connection refused"), True),
        (errors.ConnectionTimeout("connection timeout expired"), True),
        (errors.ProtocolViolation("server_login_retry, from a pooler in between"), True),
        (errors.TooManyConnections("sorry, too many clients already"), True),
        (errors.ReadOnlySqlTransaction("in recovery"), True),
        (errors.IdleInTransactionSessionTimeout("terminated"), True),
        (errors.DeadlockDetected("deadlock detected"), False),
        (errors.UniqueViolation("duplicate key"), False),
        (errors.ProgramLimitExceeded("index row too large"), False),
    ],
)
def test_what_postgresql_answers_is_the_databases_failure_or_the_units_own(error: Exception, failed: bool) -> None:
    assert database_failed(error) is failed
    assert database_failed(DBAPIError("SELECT 1", None, error)) is failed


async def test_a_full_queue_is_refused_at_once(open_database: Database) -> None:
    journal = Journal(open_database.writer, on_death=lambda: None, longest_queue=2)
    journal.start()
    gate = Gate()
    busy = journal.write(gate.unit, None)
    await asyncio.to_thread(gate.entered.wait)
    waiting = [journal.write(add, number) for number in range(2)]
    with pytest.raises(JournalFull):
        journal.write(add, 3)
    gate.opened.set()
    await asyncio.gather(busy, *waiting)
    await journal.stop()
    open_database.close()


async def test_stopping_writes_what_is_queued_and_refuses_the_rest(open_database: Database) -> None:
    journal = open_database.journal(on_death=lambda: None)
    journal.start()
    waiting = [journal.write(add, number, can_wait=number % 2 == 0) for number in range(50)]
    await journal.stop()
    assert await asyncio.gather(*waiting) == [number * 10 for number in range(50)]
    with pytest.raises(DatabaseUnavailable):
        journal.write(add, 51)
    open_database.close()


async def test_a_caller_that_stops_waiting_does_not_disturb_the_others(
    journal: Journal, open_database: Database
) -> None:
    gate = Gate()
    busy = journal.write(gate.unit, None)
    await asyncio.to_thread(gate.entered.wait)
    first, second = journal.write(add, 1), journal.write(add, 2)
    first.cancel()
    gate.opened.set()
    assert await second == 20
    await busy
    assert stored(open_database) == 2


async def test_the_death_of_the_writer_is_reported_and_nothing_is_acknowledged_afterwards(
    open_database: Database, deaths: Deaths
) -> None:
    journal = open_database.journal(on_death=deaths.heard.set)
    journal.start()

    def die(connection: Connection, items: Sequence[None]) -> list[None]:
        raise SystemExit("as if the interpreter were out of memory")

    kept_back = journal.write(add, 0, can_wait=True)
    lost = journal.write(die, None)
    await asyncio.wait_for(deaths.heard.wait(), 5)
    for one in (lost, kept_back):
        with pytest.raises(DatabaseUnavailable):
            await one
    await journal.stop()
    assert not journal.alive
    with pytest.raises(DatabaseUnavailable):
        journal.write(add, 1)
    open_database.close()


async def test_a_transaction_that_hangs_is_noticed(journal: Journal) -> None:
    gate = Gate()
    busy = journal.write(gate.unit, None)
    await asyncio.wait_for(journal.hanging(0.1, look=0.02), 10)
    gate.opened.set()
    await busy


async def test_a_process_that_was_stood_still_is_not_taken_for_a_hanging_transaction(journal: Journal) -> None:
    gate = Gate()
    busy = journal.write(gate.unit, None)
    hanging = asyncio.create_task(journal.hanging(0.2, look=0.05))
    await asyncio.to_thread(gate.entered.wait)
    time.sleep(0.4)  # noqa: ASYNC251  the loop stands still as well
    gate.opened.set()
    await busy
    assert not hanging.done()
    hanging.cancel()
