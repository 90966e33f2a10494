"""Genuine deliveries as they were stored, for people who look for what became of a webhook."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select, tuple_

from gateway.tables import deliveries
from gateway.webhooks.inbox import Verdict

# Verdicts that are stored; the others are counted at the delivery that came first.
STORED: Final = (Verdict.NEW, Verdict.LATE, Verdict.IGNORED, Verdict.SAME_CALL, Verdict.QUARANTINED)

# Characters of a quarantined body that are read for a list.
LONGEST_BODY: Final = 20_000


class Place(NamedTuple):
    """A delivery's place in the list."""

    received_at: int
    id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredDelivery:
    """A delivery. Times in µs."""

    id: int
    endpoint: str
    webhook_id: str
    received_at: int
    verdict: str
    type: str | None  # of the event; None where it could not be read
    call_id: str | None
    repeats: int  # later deliveries with the same id
    conflicts: int  # … whose body differed
    problem: str | None  # why it is quarantined
    body: bytes | None  # its beginning, kept only where it could not be used

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return Place(self.received_at, self.id)


def list_deliveries(
    connection: Connection, *, limit: int, after: Place | None = None, verdict: str | None = None
) -> list[StoredDelivery]:
    """Deliveries, the newest first, from behind a place."""
    columns = [column for column in deliveries.c if column.name not in ("digest", "body")]
    body = func.substr(deliveries.c.body, 1, LONGEST_BODY).label("body")
    wanted = select(*columns, body).order_by(deliveries.c.received_at.desc(), deliveries.c.id.desc()).limit(limit)
    if after is not None:
        wanted = wanted.where(tuple_(deliveries.c.received_at, deliveries.c.id) < after)
    if verdict is not None:
        wanted = wanted.where(deliveries.c.verdict == verdict)
    return [StoredDelivery(**row._asdict()) for row in connection.execute(wanted)]
