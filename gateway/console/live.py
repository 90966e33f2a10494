"""The live page's stream: server-sent events that say that calls have moved, and nothing about them.

A page that hears of a change asks for its live part again, which is rendered, masked and escaped as ever. So whatever
a caller calls himself never comes by another way. Changes come in handfuls: `REST` seconds lie between two events.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import structlog
from starlette.responses import StreamingResponse

from gateway.calls.feed import Feed
from gateway.calls.stream import EVENT_STREAM, HEARTBEAT, LONGEST, RETRY
from gateway.clock import Clock
from gateway.console.visit import Visit
from gateway.errors import DatabaseUnavailable

# Seconds between two events: a person does not read faster, and each costs a page's queries.
REST: Final = 1.0

log = structlog.get_logger(__name__)


class LivePages:
    """`/live`."""

    def __init__(self, *, feed: Feed, clock: Clock, rest: float = REST, heartbeat: float = HEARTBEAT) -> None:
        self._feed = feed
        self._clock = clock
        self._rest = rest
        self._heartbeat = heartbeat

    async def follow(self, visit: Visit) -> StreamingResponse:
        """Tell that calls have moved, until the session could have ended."""
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._events(), headers=headers, media_type=EVENT_STREAM)

    async def _events(self) -> AsyncIterator[bytes]:
        ends = self._clock.monotonic() + LONGEST
        try:
            async with self._feed.follow() as follower:
                yield b"retry: %d\n\n" % RETRY
                while not self._feed.closed and self._clock.monotonic() < ends:
                    if await follower.next(self._heartbeat):
                        yield b"event: moved\ndata: {}\n\n"
                        await asyncio.sleep(self._rest)
                    else:
                        yield b":\n\n"
        except DatabaseUnavailable as error:
            log.warning("a live page's stream ends, since the database failed", error=str(error))
