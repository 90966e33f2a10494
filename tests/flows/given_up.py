"""Why calls came to nothing, or to something that is not true: their timelines, and what reached the upstream.

`failed`, `expired` and `lost` are allowed ends, and each needs its reason: a run that kills gateways prints them, so
that a reader can judge whether the gateway told the truth.
"""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, exists, select

from gateway.calls.lifecycle import Event, State
from gateway.emulator.upstream import EmulatedUpstream
from gateway.tables import calls, events
from tests.flows.truth import Told, lie

GIVEN_UP: Final = frozenset({State.FAILED, State.EXPIRED, State.LOST})


def tell_given_up(connection: Connection, upstream: EmulatedUpstream) -> list[str]:
    """One paragraph for each call that was given up or of which the gateway says what is not true."""
    told = read_told(connection)
    wanted = select(calls.c.id, calls.c.call_id, calls.c.state, calls.c.error, calls.c.received_at).order_by(calls.c.id)
    return [
        _paragraph(connection, row, upstream)
        for row in connection.execute(wanted).all()
        if row.state in GIVEN_UP
        or (row.call_id in upstream.calls and lie(upstream.calls[row.call_id], told[row.call_id]))
    ]


def read_told(connection: Connection) -> dict[str, Told]:
    """What the gateway says of every call."""
    begun = exists(select(events.c.id).where(events.c.call == calls.c.id, events.c.kind == Event.REFER_STARTED))
    wanted = select(calls.c.call_id, calls.c.state, calls.c.confirmed, begun.label("transferring"))
    return {row.call_id: Told(row.state, row.confirmed, row.transferring) for row in connection.execute(wanted)}


def _paragraph(connection: Connection, row: Any, upstream: EmulatedUpstream) -> str:
    wanted = select(events.c.at, events.c.kind, events.c.state, events.c.detail)
    timeline = connection.execute(wanted.where(events.c.call == row.id).order_by(events.c.id))
    lines = [f"{row.call_id} is {row.state}: {row.error or 'no error'}"]
    for event in timeline:
        after = (event.at - row.received_at) / 1e6
        lines.append(f"    {after:7.3f} s  {event.kind} → {event.state}{_detail(event.detail)}")
    for arrival in upstream.record.of(row.call_id):
        after = (arrival.at - row.received_at) / 1e6
        answer = "no answer" if arrival.status is None else f"answered {arrival.status}"
        took = "applied" if arrival.applied else "no effect"
        fault = f" ({arrival.fault})" if arrival.fault else ""
        lines.append(f"    {after:7.3f} s  upstream: {arrival.command}, {took}, {answer}{fault}")
    return "\n".join(lines)


def _detail(detail: str | None) -> str:
    if detail is None:
        return ""
    told: dict[str, object] = msgspec.json.decode(detail)
    return ": " + ", ".join(f"{name} {value}" for name, value in told.items())
