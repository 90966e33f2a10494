"""The feed misses nothing, repeats nothing, and keeps one order, whoever writes and in whatever order they commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import insert

from gateway.calls import feed as feed_module
from gateway.calls.erasure import delete_calls
from gateway.calls.feed import MOST_BEHIND, PAGE, RECENT, Feed, Follower, Gap
from gateway.database import Database
from gateway.tables import events
from tests.gateway.api_fixtures import NOW, a_call, given_calls

LINE = {"at": NOW, "kind": "arrived", "state": "decided"}


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Feed]:
    feed = Feed(database, look=0.02)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def happen(database: Database, call: int, times: int = 1) -> None:
    with database.transaction() as connection:
        connection.execute(insert(events), [{"call": call, **LINE}] * times)


async def heard(follower: Follower, count: int) -> list[int]:
    """The ids of the next changes."""
    found: list[int] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            changes = await follower.next(1)
            assert not isinstance(changes, Gap)
            found += [change.event.id for change in changes]
    return found


async def test_a_follower_hears_what_happens_from_now_on(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    happen(database, call, 3)
    async with running(database) as feed, feed.follow() as follower:
        assert follower.place == 3
        happen(database, call)
        changes = await follower.next(5)
        assert not isinstance(changes, Gap)
        (change,) = changes
        assert (change.event.id, change.event.kind, change.call.call_id) == (4, "arrived", "rtc_1")
        assert await follower.next(0.01) == []


async def test_a_follower_that_comes_back_misses_nothing(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    happen(database, call, PAGE + 30)
    async with running(database) as feed, feed.follow(after=10) as follower:
        happen(database, call)
        assert await heard(follower, PAGE + 21) == list(range(11, PAGE + 32))


async def test_followers_do_not_hold_up_each_other(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    async with running(database) as feed, feed.follow() as slow, feed.follow() as quick:
        for _ in range(3):
            happen(database, call, RECENT // 2)
            await heard(quick, RECENT // 2)
        assert await heard(slow, 3 * (RECENT // 2)) == list(range(1, 3 * (RECENT // 2) + 1))


async def test_who_is_too_far_behind_is_told_of_the_gap(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    happen(database, call, MOST_BEHIND + 2)
    async with running(database) as feed, feed.follow(after=1) as follower:
        assert await follower.next(1) == Gap(MOST_BEHIND + 2)
        happen(database, call)
        assert await heard(follower, 1) == [MOST_BEHIND + 3]


async def test_a_place_that_this_database_never_had_is_a_gap(database: Database) -> None:
    async with running(database) as feed, feed.follow(after=77) as follower:
        assert await follower.next(1) == Gap(0)


async def test_who_follows_while_the_latest_calls_are_erased_is_told_of_the_gap(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    ids = given_calls(database, a_call("rtc_1"), a_call("rtc_2"))
    happen(database, ids["rtc_2"], 3)
    async with running(database) as feed, feed.follow() as follower:
        with database.transaction() as connection:
            delete_calls(connection, [[ids["rtc_2"]]])
        assert await follower.next(10) == Gap(0)
        happen(database, ids["rtc_1"])
        assert await heard(follower, 1) == [1]  # SQLite gives the last ids again
    database.close()


async def test_nobody_is_kept_waiting_by_a_closed_feed(database: Database) -> None:
    async with running(database) as feed, feed.follow() as follower:
        waiting = asyncio.create_task(follower.next(60))
        await asyncio.sleep(0)
        feed.close()
        async with asyncio.timeout(1):
            assert await waiting == []
            assert await follower.next(60) == []


async def test_a_feed_that_nobody_followed_for_a_while_begins_anew(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    async with running(database) as feed:
        for round_ in range(3):
            happen(database, call, 2)
            async with feed.follow() as follower:
                assert follower.place == 3 * round_ + 2
                happen(database, call)
                assert await heard(follower, 1) == [3 * round_ + 3]


async def test_a_commit_of_this_node_is_heard_of_at_once(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    feed = Feed(database, look=60)
    task = asyncio.create_task(feed.run())
    feed.wake()  # nobody follows, and nothing happens
    try:
        async with feed.follow() as follower, asyncio.timeout(5):
            happen(database, call)
            await asyncio.to_thread(feed.wake)
            while not (found := await follower.next(0.1)):
                await asyncio.to_thread(feed.wake)
            assert len(found) == 1
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_committed_out_of_order_is_heard_in_order(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("one writer commits in order")
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]
    async with running(database) as feed, feed.follow() as follower:
        with database.writer.connect() as slow:
            transaction = slow.begin()
            slow.execute(insert(events), {"call": call, **LINE})
            happen(database, call)
            assert await follower.next(0.2) == []
            transaction.commit()
        assert await heard(follower, 2) == [1, 2]


async def test_writers_on_many_nodes_are_all_heard_once(database: Database) -> None:
    call = given_calls(database, a_call("rtc_1"))["rtc_1"]

    def write() -> None:
        for _ in range(40):
            happen(database, call, 2)

    async with running(database) as feed, feed.follow() as follower:
        nodes = 1 if database.is_sqlite else 2
        writers = asyncio.gather(*(asyncio.to_thread(write) for _ in range(nodes)))
        found = await heard(follower, nodes * 80)
        await writers
    assert found == sorted(set(found))
    assert len(found) == nodes * 80


def test_the_limits_fit_together() -> None:
    assert feed_module.PAGE <= RECENT <= MOST_BEHIND
