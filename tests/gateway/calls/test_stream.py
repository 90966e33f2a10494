"""The live feed as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from gateway.access.roles import Role
from gateway.calls.feed import MOST_BEHIND
from gateway.calls.reveal import Reveal
from gateway.calls.stream import StreamQuery, StreamRoutes
from tests.gateway.api_fixtures import Api, a_call, given_calls, given_events

SSE = dict[str, str]


def parse(text: str) -> list[SSE]:
    """Blocks as a browser reads them."""
    blocks = (block.splitlines() for block in text.split("\n\n") if block)
    return [dict(line.split(": ", 1) for line in block) for block in blocks]


@asynccontextmanager
async def stream(api: Api, query: Mapping[str, str] | None = None, last: str = "") -> AsyncIterator[AsyncIterator[SSE]]:
    headers = [(b"last-event-id", last.encode())] if last else []
    request = Request({"type": "http", "method": "GET", "headers": headers, "query_string": b""})
    reveal = Reveal(journal=api.journal, clock=api.context.clock)
    routes = StreamRoutes(feed=api.context.feed, clock=api.context.clock, reveal=reveal, heartbeat=0.05)
    response = await routes.stream_calls(request, StreamQuery.model_validate({"reveal": False, **(query or {})}))
    assert isinstance(response, StreamingResponse)

    async def blocks() -> AsyncIterator[SSE]:
        async for chunk in response.body_iterator:
            for block in parse(chunk.decode() if isinstance(chunk, bytes) else str(chunk)):
                yield block

    look = asyncio.create_task(api.context.feed.run())
    try:
        async with asyncio.timeout(5), aclosing(blocks()) as found:
            yield found
    finally:
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)


async def next_call(found: AsyncIterator[SSE]) -> SSE:
    async for block in found:
        if block.get("event") not in (None, "start"):
            return block
    raise AssertionError("the stream ended")


async def test_a_stream_tells_each_change_with_its_call(api: Api) -> None:
    ids = given_calls(api.database, a_call("rtc_1"))
    given_events(api.database, ids["rtc_1"], ("arrived", "decided"))
    async with stream(api) as found:
        assert await anext(found) == {"retry": "2000", "id": "1", "event": "start", "data": "{}"}
        given_events(api.database, ids["rtc_1"], ("accept_started", "accepting"))
        told = await next_call(found)
    data = json.loads(told["data"])
    assert (told["event"], told["id"]) == ("call", "2")
    assert (data["kind"], data["state"], data["call"]["call_id"]) == ("accept_started", "accepting", "rtc_1")
    assert "+14155550100" not in told["data"]  # as this one does not want to know


async def test_a_stream_goes_on_where_its_client_was(api: Api) -> None:
    ids = given_calls(api.database, a_call("rtc_1"))
    given_events(api.database, ids["rtc_1"], *[("arrived", "decided")] * 3)
    async with stream(api, last="1") as found:
        assert [(await next_call(found))["id"] for _ in range(2)] == ["2", "3"]


async def test_a_filtered_stream_still_tells_how_far_it_is(api: Api) -> None:
    ids = given_calls(api.database, a_call("rtc_1"), a_call("rtc_2", rule="other"))
    async with stream(api, {"rule": "other"}) as found:
        await anext(found)
        given_events(api.database, ids["rtc_1"], ("arrived", "decided"))
        async for block in found:
            if block == {"id": "1"}:
                break
        given_events(api.database, ids["rtc_2"], ("arrived", "decided"))
        assert (await next_call(found))["id"] == "2"


async def test_a_silent_stream_is_kept_alive(api: Api) -> None:
    async with stream(api) as found:
        await anext(found)
        assert await anext(found) == {"id": "0"}


async def test_who_was_away_too_long_is_told_of_the_gap(api: Api) -> None:
    ids = given_calls(api.database, a_call("rtc_1"))
    given_events(api.database, ids["rtc_1"], *[("arrived", "decided")] * (MOST_BEHIND + 2))
    async with stream(api, last="1") as found:
        told = await next_call(found)
    assert (told["event"], told["id"]) == ("gap", str(MOST_BEHIND + 2))


async def test_a_stream_ends_when_the_gateway_stops(api: Api) -> None:
    async with stream(api) as found:
        await anext(found)
        api.context.feed.close()
        assert [block async for block in found if "event" in block] == []


@pytest.mark.parametrize("last", ["x", "-1", str(2**63)])
async def test_a_last_event_that_is_none_is_refused(api: Api, last: str) -> None:
    refused = await api.client.get("/api/v1/calls/stream", headers={"last-event-id": last})
    assert refused.status_code == 400


async def test_a_stream_that_tells_who_called_is_for_those_who_may(api: Api) -> None:
    for query in ("reveal=true", "q=ann", "caller=*5550*"):
        refused = await api.client.get(f"/api/v1/calls/stream?{query}", headers=api.as_(Role.VIEWER))
        assert refused.status_code == 403
