"""Noticing what others publish and override: other nodes on PostgreSQL, command lines on SQLite.

On PostgreSQL a publish notifies every node at once. That is only a hint, and may be lost: the newest revision's number
is asked for again and again anyway, which costs some fifty microseconds on a reading connection. (SQLite's `PRAGMA
data_version` would tell that *something* was written, but our own journal writes all the time.) A newer revision is
made of the one in force and the rows that differ, in threads, and put in force; one that this release cannot read is
not, and `Current.failure` says so until another one can be.
"""

import asyncio
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.bell import Bell
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.notifications import listen
from gateway.rulebook.current import Current, compile_revision, years_around
from gateway.rulebook.derivation import compile_near
from gateway.rulebook.overrides import find_live, newest_change
from gateway.rulebook.store import CHANNEL, find_revision, newest_number

# Seconds between two looks where nothing is heard: an admin who publishes elsewhere and then dials must find the new
# rules in force.
PAUSE: Final = 0.5

log = structlog.get_logger(__name__)


def _newest(connection: Connection) -> tuple[int, int]:
    """The numbers of the newest revision and of the last change of the overrides."""
    return newest_number(connection), newest_change(connection)


def take_newest(connection: Connection, current: Current, now: int) -> None:
    """Put the newest revision in force that this release can read; it may be an older release, started again."""
    years = years_around(now)
    for number in range(newest_number(connection), 0, -1):
        try:
            if (revision := find_revision(connection, number)) is not None:
                current.swap(compile_revision(revision, years))
                return
        except Exception as error:
            log.critical("a revision cannot be used", revision=number, error=str(error))  # the watch says so too


class Watch:
    """Keeps `current` at the newest revision and the newest overrides of the database."""

    def __init__(self, *, database: Database, current: Current, clock: Clock) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._unreadable = 0  # the newest revision that could not be compiled
        self._called = Bell()  # when there may be something to see

    async def run(self, pause: float = PAUSE) -> None:
        """Look for ever, at least once in `pause` seconds; ends by being cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(self._database, CHANNEL, self._called.ring))
            while True:
                try:
                    await self.look()
                except DatabaseUnavailable as error:
                    log.warning("cannot look for newer revisions", error=str(error))
                except Exception:
                    log.exception("looking for newer revisions failed")  # and is tried again: rules must not go stale
                await self._called.wait(pause)

    async def look(self) -> None:
        """Put the newest revision and overrides in force if they are not. Raises DatabaseUnavailable."""
        newest, change = await self._database.read(_newest)
        await self._look_at_overrides(change)
        if newest <= max(self._current.revision.number, self._unreadable):
            return
        near, years = self._current.revision, years_around(self._clock.now())
        try:
            compiled = await compile_near(self._database, newest, near, years)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # whatever it is, the revision in force stays in force
            self._unreadable = newest
            self._current.failure = f"revision {newest} cannot be used by this release: {error}"
            log.error("a newer revision cannot be used", revision=newest, error=str(error))
            return
        if compiled is not None:
            self._current.swap(compiled)
            log.info("revision in force", revision=newest)

    async def _look_at_overrides(self, change: int) -> None:
        """Put the overrides in force as of their last change, and forget those that have expired.

        A clock that went wrong and was set back makes some expire that should not have.
        """
        now, known = self._clock.now(), self._current.overrides
        if change > known.number or now < known.known_at:
            overrides = await self._database.read(find_live, now)
            self._current.override(overrides)
            log.info("overrides in force", change=overrides.number, overrides=[one.id for one in overrides.live])
        elif (still := known.at(now)) != known:
            self._current.override(still)
            log.info("overrides expired", overrides=[one.id for one in known.live if one not in still.live])
