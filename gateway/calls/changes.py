"""Changes of calls, as the timeline's lines tell them, with the calls themselves: for those who follow along."""

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from gateway.calls.history import RECORDED, RecordedCall, RecordedEvent, recorded
from gateway.calls.wanted import Wanted, has_header, passes
from gateway.tables import events


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One line of a timeline, and the call as it stands now."""

    event: RecordedEvent
    call: RecordedCall


def find_changes(connection: Connection, *, after: int, upto: int, limit: int) -> list[Change]:
    """Changes by the ids of their lines, ascending: behind `after`, up to `upto`, which must be settled."""
    wanted = _CHANGES.where(events.c.id > after, events.c.id <= upto).order_by(events.c.id).limit(limit)
    found = []
    for row in connection.execute(wanted):
        line = RecordedEvent(
            id=row.event_id, at=row.event_at, kind=row.event_kind, state=row.event_state, detail=row.event_detail
        )
        found.append(Change(event=line, call=recorded(row)))
    return found


def concerns(change: Change, wanted: Wanted) -> bool:
    """Whether a change is of a wanted call; `state` is the one that the change led to."""
    if wanted.state not in (None, change.event.state) or not passes(change.call, replace(wanted, state=None)):
        return False
    return wanted.header is None or has_header(change.call.facts["headers"], wanted.header)


_CHANGES: Final = RECORDED.join(events, events.c.call == RECORDED.selected_columns.id).add_columns(
    *(events.c[name].label(f"event_{name}") for name in ("id", "at", "kind", "state", "detail"))
)
