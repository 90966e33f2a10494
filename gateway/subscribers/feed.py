"""From timelines to notices: what happened to calls becomes what subscribers are to be told.

Looks twice a second, and only where subscribers are configured. What happened before the first look, or more than a
day ago, is not told: a subscriber that is configured anew is not buried under the past.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.calls.history import RecordedCall, find_call
from gateway.calls.horizon import Horizon
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.subscriber import Subscriber
from gateway.subscribers import store
from gateway.subscribers.notice import body_of, events_of, message_id
from gateway.subscribers.store import Line, NewNotice, Opening
from gateway.tables import events

# Seconds between two looks.
PAUSE: Final = 0.5

# µs. The oldest news.
OLDEST: Final = 24 * 3_600_000_000

log = structlog.get_logger(__name__)


class Feed:
    """Opens notices. `run` belongs to the application's lifespan."""

    def __init__(
        self, *, subscribers: Mapping[str, Subscriber], database: Database, journal: Journal, clock: Clock
    ) -> None:
        self._subscribers = subscribers
        self._database = database
        self._journal = journal
        self._clock = clock
        self._horizon = Horizon(events)

    async def run(self) -> None:
        """Look for ever; ends by being cancelled, and at once where nobody has subscribed."""
        while self._subscribers:
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("cannot look for what subscribers are to be told", error=str(error))
            except Exception:
                log.exception("looking for what subscribers are to be told failed")  # and is tried again
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """Open notices for everything that happened since the last look. Raises DatabaseUnavailable."""
        known = await self._database.read(store.find_watermark)
        if known is None:
            known = await self._database.read(store.newest_line)
            await self._open([], known)
        settled, after = await self._horizon.settled(self._database), known
        while after < settled:
            lines, after = await self._database.read(store.read_lines, after, settled)
            oldest = self._clock.now() - OLDEST
            fresh = [line for line in lines if line.at >= oldest]
            await self._open(await self._database.read(self._notices, fresh), after)

    async def _open(self, notices: list[NewNotice], watermark: int) -> None:
        await self._journal.write(
            store.open_notices, Opening(now=self._clock.now(), watermark=watermark, notices=notices)
        )

    def _notices(self, connection: Connection, lines: list[Line]) -> list[NewNotice]:
        """What the lines mean, for every subscriber that wants to hear it."""
        known: dict[str, RecordedCall | None] = {}
        found = {}
        for line in lines:
            for event in events_of(line.kind, line.state):
                for subscriber in self._subscribers.values():
                    name = message_id(subscriber.name, line.call_id, event)
                    if event not in subscriber.events or name in found:
                        continue
                    if line.call_id not in known:
                        known[line.call_id] = find_call(connection, line.call_id)
                    if (call := known[line.call_id]) is not None:
                        body = body_of(subscriber, call, event, at=line.at, state=line.state)
                        found[name] = NewNotice(subscriber.name, call.id, event, name, body)
        return list(found.values())
