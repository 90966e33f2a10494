"""How many calls are under way now, on all nodes."""

from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from gateway.calls.lifecycle import LIVE
from gateway.calls.usage import LONGEST_SESSION
from gateway.tables import calls


def count_live(connection: Connection, now: int) -> int:
    """Calls that are answered or about to be, received so lately that they can still last. `now` is in µs."""
    return connection.execute(_COUNT, {"since": now - int(LONGEST_SESSION * 1e6)}).scalar_one()


_COUNT: Final = select(func.count()).where(calls.c.state.in_(sorted(LIVE)), calls.c.received_at >= bindparam("since"))
