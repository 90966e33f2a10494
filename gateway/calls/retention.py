"""Retention: what is kept for how long, and forgotten without anybody's doing.

| what | unless configured, for |
|---|---|
| bodies of deliveries that could not be used | 72 hours |
| the keys by which a repeated delivery is known | 7 days: the sender repeats for three |
| who called: numbers, names, headers | 30 days; then a pseudonym |
| calls, with their timelines and what subscribers were told of them | 90 days; sums stay |

A round looks every minute and works in small batches through the journal, with a pause after each, so that ringing
calls never wait for more than one. Every step may be done twice, on any node.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog

from gateway.calls import erasure
from gateway.calls.erasure import BEGINNING, Anonymizer, Place
from gateway.calls.pseudonyms import Pseudonyms
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.settings import Settings

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR

# The sender repeats a delivery for three days, with fresh timestamps.
KEEP_DELIVERIES: Final = 7 * DAY

# Seconds between two rounds, and between two batches: 4,000 calls a second are forgotten at most.
ROUND: Final = 60.0
PAUSE: Final = 0.05

log = structlog.get_logger(__name__)

Unit = Callable[..., Any]


class Retention:
    """Forgets what has been kept for long enough. `run` belongs to the application's lifespan."""

    def __init__(
        self, *, settings: Settings, database: Database, journal: Journal, pseudonyms: Pseudonyms, clock: Clock
    ) -> None:
        self._settings = settings
        self._database = database
        self._journal = journal
        self._clock = clock
        self._anonymizer = Anonymizer(pseudonyms)
        self._bodies = BEGINNING  # up to here no delivery has a body
        self._numbers = BEGINNING  # up to here no call tells who called

    async def run(self) -> None:
        """Forget for ever; ends by being cancelled."""
        while True:
            try:
                await self.forget()
            except DatabaseUnavailable as error:
                log.warning("retention waits for the database", error=str(error))
            except Exception:
                log.exception("retention failed")  # and is tried again: what is promised to be forgotten must be
            await asyncio.sleep(ROUND)

    async def forget(self) -> None:
        """Forget all that is old enough by now. Raises DatabaseUnavailable."""
        now = self._clock.now()
        keep = self._settings
        gone = await self._drain(erasure.find_old_calls, now - int(keep.keep_calls_days * DAY), erasure.delete_calls)
        await self._drain(erasure.find_old_deliveries, now - KEEP_DELIVERIES, erasure.delete_deliveries)
        self._bodies, bodies = await self._sweep(
            erasure.find_old_bodies, self._bodies, now - int(keep.keep_bodies_hours * HOUR), erasure.drop_bodies
        )
        self._numbers, numbers = await self._sweep(
            erasure.find_numbers, self._numbers, now - int(keep.keep_numbers_days * DAY), self._anonymizer.hide
        )
        if gone or bodies or numbers:
            log.info("forgotten", calls=gone, bodies=bodies, callers=numbers)

    async def _drain(self, find: Callable[..., list[int]], before: int, unit: Unit) -> int:
        """Let `unit` delete, batch by batch, what `find` finds until it finds nothing; how many that were."""
        total = 0
        while ids := await self._database.read(find, before):
            await self._write(unit, ids)
            total += len(ids)
        return total

    async def _sweep(
        self, find: Callable[..., tuple[list[int], Place | None]], place: Place, before: int, unit: Unit
    ) -> tuple[Place, int]:
        """Let `unit` change, batch by batch, what `find` finds behind `place`; where that ends, and how many."""
        total = 0
        while True:
            ids, further = await self._database.read(find, place, before)
            if further is None:
                return place, total
            if ids:
                await self._write(unit, ids)
            place, total = further, total + len(ids)

    async def _write(self, unit: Unit, ids: Sequence[int]) -> None:
        written: Awaitable[Any] = self._journal.write(unit, ids)
        await written
        await asyncio.sleep(PAUSE)
