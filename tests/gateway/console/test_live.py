"""The live page's stream."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request

from gateway.calls.feed import Feed
from gateway.console.live import LivePages
from gateway.console.visit import Visit, make_visit
from gateway.database import Database
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import a_call, given_calls, given_events
from tests.gateway.console_fixtures import Console


@pytest.fixture
async def feed(sqlite: Database) -> AsyncIterator[Feed]:
    feed = Feed(sqlite, look=0.01)
    task = asyncio.create_task(feed.run())
    yield feed
    feed.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def a_visit() -> Visit:
    return make_visit(Request({"type": "http", "path": "/live", "headers": [], "query_string": b""}), None)


async def test_a_page_hears_that_calls_have_moved_and_nothing_about_them(
    sqlite: Database, feed: Feed, clock: SettableClock
) -> None:
    calls = given_calls(sqlite, a_call("rtc_1", caller_name="<script>"))
    stream = (await LivePages(feed=feed, clock=clock, rest=0).follow(a_visit())).body_iterator
    async with asyncio.timeout(5):
        assert await anext(stream) == b"retry: 2000\n\n"  # type: ignore[call-overload]
        given_events(sqlite, calls["rtc_1"], ("arrived", "decided"))
        assert await anext(stream) == b"event: moved\ndata: {}\n\n"  # type: ignore[call-overload]
        feed.close()
        assert [part async for part in stream if part != b":\n\n"] == []


async def test_a_quiet_stream_is_kept_alive(feed: Feed, clock: SettableClock) -> None:
    stream = (await LivePages(feed=feed, clock=clock, heartbeat=0.01).follow(a_visit())).body_iterator
    async with asyncio.timeout(5):
        assert [await anext(stream), await anext(stream)] == [b"retry: 2000\n\n", b":\n\n"]  # type: ignore[call-overload]
        await stream.aclose()  # type: ignore[union-attr]


async def test_a_stream_is_for_those_who_are_signed_in(console: Console) -> None:
    answer = await console.client.get("/live")
    assert answer.headers["location"].startswith("/sign-in")
