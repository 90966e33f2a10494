"""Moving a call that is under way, from outside of its actions: what its watcher saw, and what someone orders.

Theory
------
A call has one mover at a time. While an action is open, that is the action's owner, who moves the call when it settles
(`outbox.settle`); until then nobody else may, and a move is answered `BUSY` and tried again. Without an open action it
is whoever locks the call's row first: its watcher, fenced by the watch's epoch, or an administrator. What a move means
depends on the state in which it finds the call, which is read in the same transaction; so a hint that came late, or
twice, or from a node that was believed dead, finds no step and changes nothing.

A move may also open the next action of the call (a transfer, a hangup), so that no crash comes between the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, exists, select

from gateway.access.audit import Entry, record
from gateway.actions.action import NewAction
from gateway.actions.outbox import open_actions
from gateway.calls.call import Advance, Happened, unchanged
from gateway.calls.lifecycle import TERMINAL, Event, State, advance
from gateway.calls.remark import EndReason, Line, Said
from gateway.calls.store import advance_calls, insert_events, insert_transcripts
from gateway.calls.watches import close_watches
from gateway.tables import actions, calls, watches


class Refusal(StrEnum):
    """Why a move was not made; nothing was written."""

    NOT_OURS = "not_ours"  # another node watches the call now, or nobody does
    BUSY = "busy"  # an action is open; its end comes first
    NO_STEP = "no_step"  # the call's state has no use for it


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """What is to become of one call. Times in µs."""

    call: int  # its row
    now: int
    steps: Mapping[State, tuple[Event, ...]]  # by the state it is found in; a state that is not here refuses
    epoch: int | None = None  # of the mover's watch; None: whoever orders something
    detail: str | None = None  # JSON, of the last step's line in the timeline
    remarks: Sequence[Line] = ()  # further lines of the timeline
    said: Sequence[Said] = ()  # further words of the transcript
    audit: Entry | None = None  # who ordered it
    confirmed: bool | None = None
    ended_at: int | None = None  # where it ends by this move
    end_reason: EndReason | None = None  # likewise
    usage: str | None = None  # JSON
    error: str | None = None  # for people
    target: str | None = None  # of the transfer that begins
    follow: NewAction | None = None  # the action that begins


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """What became of a move."""

    refusal: Refusal | None = None
    state: State | None = None  # where the call stands now; None: it is not known
    action: int = 0  # the row of the action that began


ANY_STATE: Final[Mapping[State, tuple[Event, ...]]] = dict.fromkeys(State, ())


def move(connection: Connection, moves: Sequence[Move]) -> list[Moved]:
    """Make moves, in order; those of other calls do not touch each other."""
    standing = {row.id: _Standing(row) for row in _find(connection, sorted({one.call for one in moves}))}
    judged = [_judge(one, standing.get(one.call)) for one in moves]
    made = [(one, moved) for one, moved in zip(moves, judged, strict=True) if moved.refusal is None]
    advance_calls(connection, [_change(one, moved, standing[one.call].row) for one, moved in made])
    insert_events(connection, [line for call in standing.values() for line in call.lines])
    insert_transcripts(connection, [(one.call, words) for one, _ in made for words in one.said])
    record(connection, *(one.audit for one, _ in made if one.audit is not None))
    close_watches(connection, [one.call for one, moved in made if one.epoch is not None and moved.state in TERMINAL])
    opened = open_actions(connection, [one.follow for one, _ in made if one.follow is not None])
    return [
        replace(moved, action=opened[one.call]) if one.follow is not None and moved.refusal is None else moved
        for one, moved in zip(moves, judged, strict=True)
    ]


class _Standing:
    """A call as it was found, and as the moves of this batch have left it."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.state = State(row.state)
        self.busy = bool(row.busy)
        self.lines: list[Happened] = []


def _judge(one: Move, standing: _Standing | None) -> Moved:
    """Whether a move can be made; if so, its lines are prepared and the next one of its call finds it made."""
    if standing is None:
        return Moved(refusal=Refusal.NOT_OURS)
    if one.epoch is not None and one.epoch != standing.row.epoch:
        return Moved(refusal=Refusal.NOT_OURS, state=standing.state)
    steps = one.steps.get(standing.state)
    if steps is None:
        return Moved(refusal=Refusal.BUSY if standing.busy else Refusal.NO_STEP, state=standing.state)
    state = advance(standing.state, *steps)
    if standing.busy and (state is not standing.state or one.follow is not None):
        return Moved(refusal=Refusal.BUSY, state=standing.state)
    standing.lines += _lines(one, standing.state, steps)
    standing.state, standing.busy = state, standing.busy or one.follow is not None
    return Moved(state=state)


def _lines(one: Move, state: State, steps: Sequence[Event]) -> list[Happened]:
    lines = [Happened(call=one.call, state=state, **remark) for remark in one.remarks]
    for event in steps:
        state = advance(state, event)
        lines.append(Happened(call=one.call, at=one.now, kind=event, state=state, detail=None))
    if steps:
        lines[-1]["detail"] = one.detail
    return lines


def _change(one: Move, moved: Moved, row: Any) -> Advance:
    """What a move changes of the call's row. What an action has written of its end is left as it is."""
    if moved.state is None:
        raise AssertionError("a move that was made has led somewhere")
    change = unchanged(one.call, moved.state)
    change["new_target"] = one.target
    change["new_confirmed"] = one.confirmed
    change["new_usage"] = one.usage
    change["new_error"] = one.error
    if moved.state is State.ACCEPTED and row.answered_at is None:
        change["new_answered_at"] = one.now
    if moved.state in TERMINAL and row.ended_at is None:
        change["new_ended_at"] = one.ended_at or one.now
    if moved.state is State.REFERRED:
        change["new_end_reason"] = EndReason.TRANSFERRED
    elif moved.state is State.ENDED and row.end_reason is None:
        change["new_end_reason"] = one.end_reason
    return change


def _find(connection: Connection, ids: Sequence[int]) -> Sequence[Any]:
    """The calls, locked in one order, so that nodes wait for each other and never in a circle.

    Looked at once they are locked: a statement that had to wait for a lock sees the row as it is then, and everything
    beside it as it was before, without the action that was opened meanwhile.
    """
    if connection.dialect.name != "sqlite":  # where a writer is alone
        connection.execute(_LOCK, {"ids": ids})
    return connection.execute(_FIND, {"ids": ids}).all()


_LOCK: Final = (
    select(calls.c.id).where(calls.c.id.in_(bindparam("ids", expanding=True))).order_by(calls.c.id).with_for_update()
)
_FIND: Final = (
    select(
        calls.c.id,
        calls.c.state,
        calls.c.answered_at,
        calls.c.ended_at,
        calls.c.end_reason,
        watches.c.epoch,
        exists(select(actions.c.id).where(actions.c.call == calls.c.id, actions.c.settled_at.is_(None))).label("busy"),
    )
    .outerjoin(watches, watches.c.call == calls.c.id)
    .where(calls.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(calls.c.id)
)
