"""The live feed: everyone who follows hears of every change of a call, in one order, on whatever node it happened.

Theory
------
The events table is the queue, and the ids of its rows are the order: ascending, the same on all nodes, and good for
going on after an interruption. The feed reads it up to the *horizon* (see `gateway.calls.horizon`), behind which
nothing can appear any more, so a follower never misses a change that was committed late.

While somebody follows, one task looks for what is new: at once when this node's journal has committed, and each `LOOK`
seconds for what other nodes and the command line wrote. What it finds is kept for all followers together, up to
`RECENT` changes. A follower only has a place in that order; one that is slow, or comes back, reads what it missed from
the database in pages. So followers cost no memory, and none can hold up another or the feed. One that is more than
`MOST_BEHIND` changes behind is not taken through all of them: it is told of the gap.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import structlog

from gateway.bell import Bell
from gateway.calls.changes import Change, find_changes
from gateway.calls.horizon import UNKNOWN, Horizon
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.tables import events

# Seconds between looks for what others wrote; half of that is the usual delay across nodes.
LOOK: Final = 0.2

# Seconds between two looks at least, however much is committed: a busy gateway's changes come in handfuls.
REST: Final = 0.05

# Changes kept in memory, some seconds of a busy gateway, and read in one go.
RECENT: Final = 1_000
PAGE: Final = 200

# A person cannot use more, and a program that keeps a copy had better read it anew.
MOST_BEHIND: Final = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gap:
    """Changes were left out; whoever keeps a copy must read it anew."""

    upto: int  # the id of the last change left out


class Feed:
    """What happens to calls, for all followers in this process. `run` belongs to the application's lifespan."""

    def __init__(self, database: Database, *, look: float = LOOK) -> None:
        self._database = database
        self._look_seconds = look
        self._horizon = Horizon(events)
        self._looking = asyncio.Lock()
        self._followers = 0
        self._followed = asyncio.Event()  # somebody follows
        self._woken = Bell()  # something was committed here
        self._moved = asyncio.Event()  # set, and replaced, whenever something new was found
        self._loop: asyncio.AbstractEventLoop | None = None
        self._recent: deque[Change] = deque(maxlen=RECENT)
        self._first = 0  # nothing between this id and the first recent change is missing from `_recent`
        self._last = UNKNOWN  # everything up to this id was found
        self.closed = False

    async def run(self) -> None:
        """Look for changes while somebody follows; ends by being cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._followed.wait()
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("the live feed waits for the database", error=str(error))
            except Exception:
                log.exception("the live feed failed")  # and goes on: followers wait for it
            await asyncio.sleep(REST)
            await self._woken.wait(self._look_seconds)

    def wake(self) -> None:
        """Look soon, since something was committed. Cheap, and may be called from any thread."""
        if self._followers and not self._woken.rung and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.ring)

    def close(self) -> None:
        """End all followers, since the server stops."""
        self.closed = True
        self._announce()

    async def look(self) -> None:
        """Find what is new, if anything is."""
        async with self._looking:
            await self._look_once()

    async def _look_once(self) -> None:
        last, settled = self._last, await self._horizon.settled(self._database)
        if settled == last:
            return
        if last == UNKNOWN or not 0 <= settled - last <= RECENT:
            # Followed anew, too much at once, or the latest were erased: whoever is behind reads itself.
            self._recent.clear()
            self._first = settled
        else:
            found = await self._database.read(lambda c: find_changes(c, after=last, upto=settled, limit=RECENT))
            if len(self._recent) + len(found) > RECENT:
                self._first = [*self._recent, *found][-RECENT - 1].event.id
            self._recent.extend(found)
        self._last = settled
        self._announce()

    def _announce(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def follow(self, after: int | None = None) -> "Follower":
        """A place in the feed: behind the change with the id `after`, else behind the latest."""
        return Follower(self, after)

    async def _enter(self) -> int:
        """Count a follower; the id of the latest change."""
        async with self._looking:
            if not self._followers:  # nobody has looked for a while
                self._horizon = Horizon(events)
                self._last = UNKNOWN
                while self._last == UNKNOWN:
                    await self._look_once()
                    await asyncio.sleep(REST if self._last == UNKNOWN else 0)
            self._followers += 1
            self._followed.set()
            return self._last

    def _leave(self) -> None:
        self._followers -= 1
        if not self._followers:
            self._followed.clear()

    async def _behind(self, place: int) -> list[Change]:
        """The changes behind a place, a page of them."""
        if place >= self._first:
            return [change for change in self._recent if change.event.id > place][:PAGE]
        last = self._last
        return await self._database.read(lambda c: find_changes(c, after=place, upto=last, limit=PAGE))


class Follower:
    """One who follows, as an async context. `place` is the id of the last change that it was told."""

    def __init__(self, feed: Feed, after: int | None) -> None:
        self._feed = feed
        self._after = after
        self.place = 0

    async def __aenter__(self) -> Self:
        latest = await self._feed._enter()
        self.place = latest if self._after is None else self._after
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._feed._leave()

    async def next(self, seconds: float) -> list[Change] | Gap:
        """The next changes, as soon as there are any; none after `seconds`, or when the feed is closed.

        Raises DatabaseUnavailable.
        """
        feed = self._feed
        last, moved = feed._last, feed._moved
        if self.place == last and not feed.closed:
            try:
                async with asyncio.timeout(seconds):
                    await moved.wait()
            except TimeoutError:
                return []
            last = feed._last
        if self.place > last or last - self.place > MOST_BEHIND:  # or the database is another, with fewer changes
            self.place = last
            return Gap(last)
        found = await feed._behind(self.place)
        self.place = found[-1].event.id if found else last
        return found
