"""What is still to be sent upstream, and who works on it: the open rows of the outbox, for people."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from gateway.tables import actions, calls


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingAction:
    """An action that is not settled yet. Times in µs."""

    id: int
    call_id: str
    endpoint: str
    command: str
    opened_at: int
    useless_after: int  # nothing is sent later than this
    attempts: int  # requests sent or about to be sent
    in_doubt: bool  # it may have been applied
    node: str | None  # who works on it; None: nobody
    epoch: int  # counts owners
    lease_until: int  # by the database's clock; then others may take it over


def list_waiting(connection: Connection, *, limit: int) -> list[WaitingAction]:
    """The oldest open actions."""
    names = ("id", "command", "opened_at", "useless_after", "attempts", "in_doubt", "node", "epoch", "lease_until")
    columns = [actions.c[name] for name in names]
    wanted = (
        select(*columns, calls.c.call_id, calls.c.endpoint)
        .join(calls, calls.c.id == actions.c.call)
        .where(actions.c.settled_at.is_(None))
        .order_by(actions.c.opened_at, actions.c.id)
        .limit(limit)
    )
    return [WaitingAction(**row._asdict()) for row in connection.execute(wanted)]
