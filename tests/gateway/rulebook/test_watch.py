import asyncio
from typing import Any

import pytest

from gateway.access.audit import GATEWAY
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.rulebook.current import Compiled, Current, compile_rulebook
from gateway.rulebook.overrides import Addition, Ending, Overrides, add_overrides, end_overrides
from gateway.rulebook.store import Revision
from gateway.rulebook.watch import Watch
from routing_rules import read_override
from tests.conftest import SettableClock
from tests.gateway.rulebook.rulebooks import insert_revision
from tests.gateway.rulebook.test_comparison import publish_all
from tests.gateway.rulebook.test_row_plan import changed, many, moved
from tests.postgresql import PostgreSQL


def publish_elsewhere(database: Database, number: int, **document: Any) -> None:
    """As another process does."""
    with database.transaction() as connection:
        insert_revision(connection, Revision(number=number, document=document))


@pytest.fixture
def current() -> Current:
    return Current()


@pytest.fixture
def watch(database: Database, current: Current, clock: SettableClock) -> Watch:
    return Watch(database=database, current=current, clock=clock)


async def test_what_others_publish_comes_into_force(database: Database, current: Current, watch: Watch) -> None:
    await watch.look()
    assert current.compiled.number == 0
    publish_elsewhere(database, 1)
    publish_elsewhere(database, 2, rules=[{"id": "all", "then": {"reject": 486}}])
    await watch.look()
    assert current.compiled.number == 2
    assert [rule.id for rule in current.compiled.rulebook.rules] == ["all"]


async def test_rules_that_others_left_as_they_were_are_not_read_again(
    database: Database, current: Current, watch: Watch
) -> None:
    first = many(5)
    second = moved(changed(first, 1), 4, 0)
    with database.transaction() as connection:
        publish_all(connection, [first, second])
    current.swap(compile_rulebook(first, 1))
    await watch.look()
    assert (current.compiled.number, current.compiled.rulebook) == (2, second)
    kept = {id(rule) for rule in first.rules}
    assert [rule.id for rule in current.compiled.rulebook.rules if id(rule) not in kept] == ["r4", "r1"]


async def test_a_revision_that_cannot_be_read_leaves_the_old_one_in_force_and_is_reported(
    database: Database, current: Current, watch: Watch
) -> None:
    publish_elsewhere(database, 1)
    await watch.look()
    publish_elsewhere(database, 2, rules=[{"id": "all", "then": {"teleport": True}}])
    for _ in range(2):
        await watch.look()
        assert current.compiled.number == 1
        assert "revision 2" in (current.failure or "")
        assert "teleport" in (current.failure or "")
    publish_elsewhere(database, 3)
    await watch.look()
    assert (current.compiled.number, current.failure) == (3, None)


def override_elsewhere(database: Database, clock: SettableClock, name: str, seconds: int = 60) -> None:
    rule = read_override(name, {"then": {"reject": 480}})
    until = clock.now() + seconds * 1_000_000
    with database.transaction() as connection:
        add_overrides(connection, [Addition(rule=rule, reason="x", until=until, at=clock.now(), by=GATEWAY)])


async def test_what_others_override_comes_into_force_and_goes_by_the_clock(
    database: Database, current: Current, watch: Watch, clock: SettableClock
) -> None:
    for name, seconds in (("short", 10), ("long", 60)):
        override_elsewhere(database, clock, name, seconds)
        await watch.look()
        assert current.overrides.live[0].id == name
    clock.pass_(10)
    await watch.look()
    assert (current.compiled.overrides, [override.id for override in current.overrides.live]) == (2, ["long"])
    with database.transaction() as connection:
        end_overrides(connection, [Ending("long", clock.now(), GATEWAY)])
    await watch.look()
    assert (current.compiled.overrides, current.overrides.live) == (3, ())
    assert current.compiled.table.overlay is None


class Noticed(Current):
    """Says when a revision comes into force."""

    def __init__(self) -> None:
        super().__init__()
        self.swapped = asyncio.Event()

    def swap(self, compiled: Compiled) -> None:
        super().swap(compiled)
        self.swapped.set()

    def override(self, overrides: Overrides) -> None:
        super().override(overrides)
        self.swapped.set()


class Failing(Watch):
    """Says when it could not look."""

    failed: asyncio.Event

    async def look(self) -> None:
        try:
            await super().look()
        except DatabaseUnavailable:
            self.failed.set()
            raise


async def test_an_override_is_not_lost_by_a_clock_that_was_wrong_for_a_while(
    database: Database, current: Current, watch: Watch, clock: SettableClock
) -> None:
    override_elsewhere(database, clock, "storm", seconds=60)
    await watch.look()
    clock.pass_(3_600)
    await watch.look()
    assert current.overrides.live == ()
    clock.pass_(-3_600)
    await watch.look()
    assert [override.id for override in current.overrides.live] == ["storm"]


async def test_the_watch_goes_on_looking(database: Database, clock: SettableClock) -> None:
    current = Noticed()
    looking = asyncio.create_task(Watch(database=database, current=current, clock=clock).run(pause=0.001))
    for number in (1, 2):
        publish_elsewhere(database, number)
        await asyncio.wait_for(current.swapped.wait(), 10)
        current.swapped.clear()
        assert current.compiled.number == number
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


async def test_on_postgresql_a_publish_is_in_force_on_every_node_at_once(
    postgresql: PostgreSQL, clock: SettableClock
) -> None:
    with postgresql.database() as url:
        here, there = Database(url), Database(url)
        current = Noticed()
        looking = asyncio.create_task(Watch(database=there, current=current, clock=clock).run(pause=3_600))
        for number in (1, 2, 3):
            publish_elsewhere(here, number)
            await asyncio.wait_for(current.swapped.wait(), 10)
            current.swapped.clear()
            assert current.compiled.number == number
        override_elsewhere(here, clock, "storm")
        await asyncio.wait_for(current.swapped.wait(), 10)
        assert current.compiled.overrides == 1
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        there.close()
        here.close()


async def test_the_watch_outlives_a_database_that_is_away(sqlite: Database, clock: SettableClock) -> None:
    current = Noticed()
    watch = Failing(database=sqlite, current=current, clock=clock)
    watch.failed = asyncio.Event()
    with sqlite.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE revisions RENAME TO away")
    looking = asyncio.create_task(watch.run(pause=0.001))
    await asyncio.wait_for(watch.failed.wait(), 10)
    with sqlite.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO revisions")
    publish_elsewhere(sqlite, 1)
    await asyncio.wait_for(current.swapped.wait(), 10)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
