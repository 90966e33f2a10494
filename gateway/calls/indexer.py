"""Fills the search's index behind the calls: a few at a time, so that no ringing call waits for it.

Grams are made in a reading thread; only their insertion goes through the journal. On PostgreSQL several nodes may try
the same calls, and the watermark lets one of them through.
"""

import asyncio
from typing import Final

import structlog

from gateway.calls.horizon import Horizon
from gateway.calls.search import Indexed, read_unindexed, store_grams
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.tables import calls

# Seconds between looks: a new call is in the index within a second, and is found by other means until then.
LOOK: Final = 0.5

# Calls in one step: a few milliseconds of the journal.
STEP: Final = 100

# Seconds between two steps while there is a backlog, as after an upgrade: ringing calls come in between.
PAUSE: Final = 0.005

log = structlog.get_logger(__name__)


class Indexer:
    """One node's part in filling the index. `run` belongs to the application's lifespan."""

    def __init__(self, *, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._horizon = Horizon(calls)

    async def run(self) -> None:
        """Fill the index for ever; ends by being cancelled."""
        while True:
            backlog = False
            try:
                backlog = await self.step() == STEP
            except DatabaseUnavailable as error:
                log.warning("the search's index waits for the database", error=str(error))
            except Exception:
                log.exception("filling the search's index failed")  # and is tried again: calls are found without it
            await asyncio.sleep(PAUSE if backlog else LOOK)

    async def step(self) -> int:
        """Index some calls; how many there were."""
        found: Indexed | None = await self._database.read(
            lambda connection: read_unindexed(connection, self._horizon.settled(connection), STEP)
        )
        if found is None:
            return 0
        await self._journal.write(store_grams, found)
        return len(found.grams)
