"""A revision that waits for confirmation: the newest one, if it is to revert by itself and nobody has confirmed it.

That is all there is to store: what a pending revision reverts to is the one before it, and once another revision
follows it, it is not the newest one any more and so not pending. Nothing but its revert may follow it meanwhile (see
`gateway.rulebook.store`), so that nobody makes an experiment permanent without a word.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from gateway.clock import to_rfc3339
from gateway.tables import revisions


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """A revision that waits for confirmation."""

    revision: int  # its number
    until: int  # µs; from then on it reverts, and cannot be confirmed

    @property
    def reverts_to(self) -> int:
        """The revision that comes back unless it is confirmed."""
        return self.revision - 1

    def __str__(self) -> str:
        return f"revision {self.revision} reverts to {self.reverts_to} at {to_rfc3339(self.until)} unless confirmed"


_NEWEST: Final = (
    select(revisions.c.number, revisions.c.confirm_by, revisions.c.confirmed_at)
    .order_by(revisions.c.number.desc())
    .limit(1)
)


def find_pending(connection: Connection) -> Pending | None:
    """The revision that waits for confirmation, if there is one."""
    row = connection.execute(_NEWEST).one_or_none()
    if row is None or row.confirm_by is None or row.confirmed_at is not None:
        return None
    return Pending(revision=row.number, until=row.confirm_by)
