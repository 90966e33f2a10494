"""A notice: one event of one call for one subscriber, and what is posted for it.

Pure. The body is made once and stored, so that every attempt sends the same bytes under the same `webhook-id`.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.calls.history import RecordedCall
from gateway.calls.lifecycle import BIRTHS, TERMINAL, State
from gateway.calls.masking import mask_call
from gateway.clock import to_rfc3339
from gateway.subscriber import Subscriber

# Seconds from one round of attempts to the next, some 24 hours in all; then the notice is given up.
PAUSES: Final = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)

_BIRTHS: Final = frozenset(str(event) for event in BIRTHS)


def events_of(kind: str, state: str) -> Iterator[str]:
    """What a line of a timeline, of this kind and leading to this state, means to subscribers."""
    if kind in _BIRTHS:
        yield "call.decided"
    if state == State.ACCEPTED:
        yield "call.answered"
    if state == State.REFERRED:
        yield "call.transferred"
    if state in TERMINAL:
        yield "call.ended"


# The states of lines that may mean something, beside births.
TELLING: Final = (State.ACCEPTED, *TERMINAL)


def message_id(subscriber: str, call_id: str, event: str) -> str:
    """The `webhook-id`: the same for every attempt, wherever and whenever it is made."""
    parts = "\n".join((subscriber, call_id, event))
    return f"msg_{sha256(parts.encode()).hexdigest()[:32]}"


def body_of(subscriber: Subscriber, call: RecordedCall, event: str, *, at: int, state: str) -> bytes:
    """What is posted: Standard Webhooks' `type`, `timestamp` and `data`; `at` is when it happened (µs)."""
    told = call if subscriber.callers == "clear" else mask_call(call)
    data: dict[str, Any] = {
        "call_id": call.call_id,
        "endpoint": call.endpoint,
        "state": state,
        "confirmed": call.confirmed,
        "decision": {
            "kind": call.kind,
            "profile": call.profile,
            "status": call.status,
            "target": call.target,
            "rule": call.rule,
            "revision": call.revision,
            "reason": call.reason,
        },
        "called": call.called,
        "caller": told.caller,
        "caller_name": told.caller_name,
        "received_at": to_rfc3339(call.received_at),
        "answered_at": to_rfc3339(call.answered_at),
        "ended_at": to_rfc3339(call.ended_at),
    }
    return msgspec.json.encode({"type": event, "timestamp": to_rfc3339(at), "data": data})


def pause_after(rounds: int) -> int | None:
    """Seconds until the next round of attempts, after so many; None when the notice is given up."""
    return PAUSES[rounds - 1] if rounds <= len(PAUSES) else None
