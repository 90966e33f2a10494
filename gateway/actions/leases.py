"""How long this node holds what it works on, and the clock that says so.

Actions (`outbox`) and watched calls (`gateway.calls.watches`) are leased alike: for 15 s, renewed each 5 s, so that
what a crashed node held is taken over within 20 s: a lease, and a look each second.
"""

from typing import Final

from gateway.actions.action import Lease
from gateway.clock import Clock

LEASE: Final = 15_000_000  # µs
RENEWAL: Final = 5.0  # seconds
LOOK: Final = 1.0  # seconds

# What is ours and not in our hands this long (µs) after its lease began is an orphan: the reply to the commit that
# began it was lost.
ORPHANED_AFTER: Final = 3_000_000


class LeaseClock:
    """The database's clock, read with every renewal and kept by our monotonic one in between.

    So a step of this machine's wall clock neither steals a lease nor gives one away.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = 0.0

    def set(self, now: int) -> None:
        """What the database's clock says, in µs (`outbox.database_now`)."""
        self._offset = now - self._clock.monotonic() * 1e6

    def now(self) -> int:
        """The database's clock."""
        return int(self._offset + self._clock.monotonic() * 1e6)

    def until(self) -> int:
        """When a lease that is granted now ends."""
        return self.now() + LEASE

    def grant(self, node: str) -> Lease:
        """A lease that begins now."""
        now = self.now()
        return Lease(node=node, granted=now, until=now + LEASE)
