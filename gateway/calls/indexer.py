"""Fills the search's indexes behind the calls: seldom, and so many rows at a time that a ringing call hardly waits.

Grams are made in a reading thread; only their insertion goes through the journal. On PostgreSQL several nodes may try
the same rows, and the watermark lets one of them through.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.calls import search, transcripts
from gateway.calls.gram_index import GramIndex, Indexed
from gateway.calls.horizon import Horizon
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.tables import calls
from gateway.tables import transcripts as lines

# Seconds between looks: until it is in the index a new call is found by other means.
LOOK: Final = 5.0

# Rows in one step: some four milliseconds of the journal, most of which even a single row would take.
STEP: Final = 250

# Seconds between two steps while there is a backlog, as after an upgrade: ringing calls come in between.
PAUSE: Final = 0.02

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """What an index is filled from."""

    index: GramIndex
    read: Callable[[Connection, int, int], Indexed | None]
    horizon: Horizon


class Indexer:
    """One node's part in filling the indexes. `run` belongs to the application's lifespan."""

    def __init__(self, *, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._sources = (
            _Source(index=search.INDEX, read=search.read_unindexed, horizon=Horizon(calls)),
            _Source(index=transcripts.INDEX, read=transcripts.read_unindexed_lines, horizon=Horizon(lines)),
        )

    async def run(self) -> None:
        """Fill the indexes for ever; ends by being cancelled."""
        while True:
            backlog = False
            try:
                backlog = await self.step()
            except DatabaseUnavailable as error:
                log.warning("the search's indexes wait for the database", error=str(error))
            except Exception:
                log.exception("filling the search's indexes failed")  # and is tried again: calls are found without
            await asyncio.sleep(PAUSE if backlog else LOOK)

    async def step(self) -> bool:
        """Index some calls and some lines of transcripts; whether there may be more."""
        return any([await self._fill(source) for source in self._sources])

    async def _fill(self, source: _Source) -> bool:
        settled = await source.horizon.settled(self._database)
        found: Indexed | None = await self._database.read(source.read, settled, STEP)
        if found is None:
            return False
        await self._journal.write(source.index.store, found)
        return found.more
