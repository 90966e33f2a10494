"""The life of a call as one table: which event leads from which state to which.

Theory
------
A call is born by its webhook and moves only by the events below; `advance` is the only way to compute a next state.
An event that a state does not have raises `IllegalTransition` and changes nothing, so a late or repeated report can
never bring a finished call back. The table is the specification of RELIABILITY 2.4, and the picture in
`docs/lifecycle.md` is drawn from it.

Four ideas explain its shape:

* **Doubt is a state.** When a reply is lost we do not know whether the upstream acted. An accept in doubt
  (`accept_unknown`) may be sent again, byte for byte, but never turned into a rejection: the caller may be talking.
  A refer in doubt (`refer_unknown`) is never sent again: a second REFER is a second phone call on someone's bill.
* **A 2xx is a promise, not a proof.** `accepted` and `refer_wait` say what the upstream acknowledged. Only the
  sideband confirms it; without one, calls settle with `confirmed = false`.
* **Who moves a call.** While an action is open, its owner alone; otherwise whoever watches the call's sideband, or
  opens the next action (`gateway.actions.moves`).
* **Nothing waits for ever.** Each non-terminal state that owes work has an event for "out of time".

Terminal states have no way out. `accepted` is settled although it is not terminal: it owes no work until the call
ends, is transferred or is hung up.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.errors import IllegalTransition


class State(StrEnum):
    """Where a call stands; the values are the public contract's."""

    DECIDED = "decided"  # stored with its plan; nothing sent yet
    EXPIRED = "expired"  # too old to act on; nothing was sent
    IGNORED = "ignored"  # left to a sister deployment on purpose
    ACCEPTING = "accepting"  # an accept is under way
    ACCEPT_UNKNOWN = "accept_unknown"  # an accept may have been applied
    ACCEPTED = "accepted"  # the upstream took the accept
    REJECTING = "rejecting"  # a reject is under way
    REJECTED = "rejected"
    REFERRING = "referring"  # a refer was or is about to be sent, once
    REFER_WAIT = "refer_wait"  # the upstream took the refer; the transfer is not proven
    REFER_UNKNOWN = "refer_unknown"  # a refer may have been applied
    REFERRED = "referred"
    ENDING = "ending"  # a hangup is under way
    ENDED = "ended"
    GONE = "gone"  # the caller hung up before we could act
    LOST = "lost"  # someone else decided this call first
    FAILED = "failed"  # we gave up; an operator should look


class Event(StrEnum):
    """What happened to a call; also the kind of its timeline entries."""

    ARRIVED = "arrived"  # its webhook was stored in time
    ARRIVED_LATE = "arrived_late"  # its webhook was too old to act on
    LEFT_ALONE = "left_alone"  # the decision is to ignore it
    ACCEPT_STARTED = "accept_started"  # an accept is leased and about to be sent
    REJECT_STARTED = "reject_started"
    REFER_STARTED = "refer_started"  # committed before the one sending
    HANGUP_STARTED = "hangup_started"
    NEVER_SENT = "never_sent"  # grew too old before anything was sent, leased or not
    SUCCEEDED = "succeeded"  # the upstream answered 2xx
    RETRYING = "retrying"  # a harmless failure; the same bytes again
    IN_DOUBT = "in_doubt"  # the command may have been applied
    RESENDING = "resending"  # the same bytes again, after doubt
    UNCLEAR = "unclear"  # out of time while in doubt
    FELL_BACK = "fell_back"  # refused or out of time; another accept is tried
    GAVE_WAY = "gave_way"  # refused or out of time; a reject is tried
    REFUSED = "refused"  # the upstream refused the last thing we could try
    UNAUTHORIZED = "unauthorized"  # the upstream refused our key
    CALLER_GONE = "caller_gone"  # the upstream no longer knows the call
    TAKEN = "taken"  # another decision came first
    STAYED = "stayed"  # a transfer failed; the caller stays with the AI
    UNWATCHED = "unwatched"  # no sideband: settled without proof
    CONFIRMED = "confirmed"  # the sideband proved that the caller is through
    CLOSED = "closed"  # the sideband closed: the call is over
    OUT_OF_TIME = "out_of_time"  # the deadline passed without an answer
    STUCK = "stuck"  # no progress for a minute


BIRTHS: Final = MappingProxyType(
    {
        Event.ARRIVED: State.DECIDED,
        Event.ARRIVED_LATE: State.EXPIRED,
        Event.LEFT_ALONE: State.IGNORED,
    }
)

_S, _E = State, Event

TRANSITIONS: Final = MappingProxyType(
    {
        _S.DECIDED: {
            _E.ACCEPT_STARTED: _S.ACCEPTING,
            _E.REJECT_STARTED: _S.REJECTING,
            _E.NEVER_SENT: _S.EXPIRED,
            _E.STUCK: _S.FAILED,
        },
        _S.ACCEPTING: {
            _E.SUCCEEDED: _S.ACCEPTED,
            _E.RETRYING: _S.ACCEPTING,
            _E.IN_DOUBT: _S.ACCEPT_UNKNOWN,
            _E.FELL_BACK: _S.ACCEPTING,
            _E.GAVE_WAY: _S.REJECTING,
            _E.CALLER_GONE: _S.GONE,
            _E.TAKEN: _S.LOST,
            # It grew too old between its lease and its request.
            _E.NEVER_SENT: _S.EXPIRED,
            # The specification lets 401 fall back to a reject; the same key would be refused again, so an operator
            # is told at once instead.
            _E.UNAUTHORIZED: _S.FAILED,
            _E.OUT_OF_TIME: _S.FAILED,
            _E.STUCK: _S.FAILED,
        },
        _S.ACCEPT_UNKNOWN: {
            _E.RESENDING: _S.ACCEPTING,
            _E.SUCCEEDED: _S.ACCEPTED,
            _E.CONFIRMED: _S.ACCEPTED,
            _E.CALLER_GONE: _S.GONE,
            _E.UNCLEAR: _S.ACCEPTED,
            _E.STUCK: _S.FAILED,
        },
        _S.REJECTING: {
            _E.SUCCEEDED: _S.REJECTED,
            _E.RETRYING: _S.REJECTING,
            _E.CALLER_GONE: _S.GONE,
            # A reject refused after an accept that met a 5xx: that accept may have been applied.
            _E.IN_DOUBT: _S.ACCEPT_UNKNOWN,
            # A reject refused after a reject whose reply was lost: ours was most likely the one applied.
            _E.UNCLEAR: _S.REJECTED,
            _E.NEVER_SENT: _S.EXPIRED,
            _E.UNAUTHORIZED: _S.FAILED,
            _E.OUT_OF_TIME: _S.FAILED,
            _E.STUCK: _S.FAILED,
        },
        _S.ACCEPTED: {
            _E.REFER_STARTED: _S.REFERRING,
            _E.HANGUP_STARTED: _S.ENDING,
            _E.STAYED: _S.ACCEPTED,
            _E.CONFIRMED: _S.ACCEPTED,
            _E.CLOSED: _S.ENDED,
            # Accepted, and yet never on the sideband: the caller had hung up while ringing.
            _E.CALLER_GONE: _S.GONE,
            # Longer than any session lasts, and nobody saw the end.
            _E.OUT_OF_TIME: _S.ENDED,
        },
        _S.REFERRING: {
            _E.CONFIRMED: _S.REFERRING,
            _E.SUCCEEDED: _S.REFER_WAIT,
            _E.IN_DOUBT: _S.REFER_UNKNOWN,
            _E.STAYED: _S.ACCEPTED,
            _E.HANGUP_STARTED: _S.ENDING,
            # The next target of a list; each target is sent at most once.
            _E.REFER_STARTED: _S.REFERRING,
            _E.CALLER_GONE: _S.ENDED,
            _E.STUCK: _S.FAILED,
        },
        _S.REFER_WAIT: {
            _E.CONFIRMED: _S.REFER_WAIT,
            _E.CLOSED: _S.REFERRED,
            _E.UNWATCHED: _S.REFERRED,
            _E.STAYED: _S.ACCEPTED,
            _E.HANGUP_STARTED: _S.ENDING,
            _E.REFER_STARTED: _S.REFERRING,
            _E.STUCK: _S.FAILED,
        },
        _S.REFER_UNKNOWN: {
            _E.CONFIRMED: _S.REFER_UNKNOWN,
            _E.CLOSED: _S.REFERRED,
            _E.UNWATCHED: _S.ACCEPTED,
            _E.STAYED: _S.ACCEPTED,
            _E.HANGUP_STARTED: _S.ENDING,
            _E.STUCK: _S.FAILED,
        },
        _S.ENDING: {
            _E.CONFIRMED: _S.ENDING,
            _E.SUCCEEDED: _S.ENDED,
            _E.RETRYING: _S.ENDING,
            # No answer in time, and a request may have been applied: the sideband will tell.
            _E.IN_DOUBT: _S.ENDING,
            _E.CALLER_GONE: _S.ENDED,
            _E.CLOSED: _S.ENDED,
            _E.REFUSED: _S.FAILED,
            _E.UNAUTHORIZED: _S.FAILED,
            _E.OUT_OF_TIME: _S.FAILED,
            _E.STUCK: _S.FAILED,
        },
    }
)

TERMINAL: Final = frozenset(State) - frozenset(TRANSITIONS)

# In which there may be a caller on the line, so that someone should be on the sideband.
LIVE: Final = frozenset(
    {
        State.ACCEPT_UNKNOWN,
        State.ACCEPTED,
        State.REFERRING,
        State.REFER_WAIT,
        State.REFER_UNKNOWN,
        State.ENDING,
    }
)


def advance(state: State, *events: Event) -> State:
    """The state that `events`, in order, lead to from `state`.

    Raises IllegalTransition, naming the state and the event, where the table has no such step.
    """
    for event in events:
        following = TRANSITIONS.get(state, {}).get(event)
        if following is None:
            raise IllegalTransition(f"a call that is {state} has no step for {event}")
        state = following
    return state


def draw() -> str:
    """The table as a Mermaid state diagram, as `docs/lifecycle.md` shows it."""
    arrows = [f"    [*] --> {state}: {event}" for event, state in BIRTHS.items()]
    arrows += [
        f"    {state} --> {following}: {event}"
        for state, steps in TRANSITIONS.items()
        for event, following in steps.items()
    ]
    arrows += [f"    {state} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(["stateDiagram-v2", *arrows]) + "\n"


if __name__ == "__main__":
    print(f"# The life of a call\n\nDrawn from `gateway/calls/lifecycle.py`.\n\n```mermaid\n{draw()}```")  # noqa: T201
