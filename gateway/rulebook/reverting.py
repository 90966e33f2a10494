"""Reverting what nobody confirmed: once a second, by the wall clock, and when the gateway starts.

The deadline stands in the database, so that it outlives whoever published. Every node looks; the first one that is
there reverts, and the transaction of the revert sees to it that it is the only one.
"""

import asyncio
from typing import Final

import structlog

from gateway.access.audit import GATEWAY
from gateway.clock import Clock, to_rfc3339
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.rulebook.pending import Pending, find_pending
from gateway.rulebook.publish import NotPendingError, Publisher
from routing_rules import DocumentError

LOOK: Final = 1.0  # seconds

log = structlog.get_logger(__name__)


class Reverting:
    """Reverts the pending revision when its time is over."""

    def __init__(self, *, database: Database, publisher: Publisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._pending: Pending | None = None
        self._failure: str | None = None  # why the pending revision could not be reverted here

    async def run(self, pause: float = LOOK) -> None:
        """Look for ever; ends by being cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("cannot look for revisions to revert", error=str(error))
            except Exception:
                log.exception("looking for revisions to revert failed")  # and is tried again: it was promised
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Revert the pending revision if its time is over. Raises DatabaseUnavailable."""
        pending = await self._database.read(find_pending)
        if pending is not None and self._clock.now() >= pending.until:
            await self._revert(pending)
            pending = await self._database.read(find_pending)
        self._pending = pending
        if pending is None:
            self._failure = None

    async def _revert(self, pending: Pending) -> None:
        number = pending.revision
        comment = f"reverts revision {number}, which nobody confirmed before {to_rfc3339(pending.until)}"
        try:
            reverted = await self._publisher.revert(number, author=GATEWAY, comment=comment)
        except NotPendingError:
            return  # another node was faster, or a last-second confirmation
        except DocumentError as error:
            if str(error) != self._failure:
                log.critical("a revision cannot be reverted by this release", revision=number, error=str(error))
            self._failure = str(error)
            return
        doubts = [f"{problem.pointer}: {problem.detail}" for problem in reverted.warnings]
        log.warning("revision reverted", revision=number, back_to=pending.reverts_to, problems=doubts[:10])

    def concerns(self) -> dict[str, str]:
        """What someone should look at: a revision that waits for confirmation."""
        if self._pending is None:
            return {}
        failure = f", but this release cannot do that: {self._failure}" if self._failure else ""
        return {"confirmation": f"{self._pending}{failure}"}
