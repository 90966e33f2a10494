"""The rows that make up a call, as its writers hand them to the stores.

They are typed dictionaries, and not objects, because SQLAlchemy takes dictionaries: on the way of a ringing call
nothing is converted twice.
"""

from typing import TypedDict


class NewCall(TypedDict):
    """A call as it is born. Times in microseconds since the epoch."""

    call_id: str
    endpoint: str
    state: str
    confirmed: bool
    kind: str
    rule: str | None
    revision: int
    reason: str
    profile: str | None
    status: int | None
    target: str | None
    called: str
    caller: str
    caller_name: str | None
    country: str | None
    media: str | None
    received_at: int
    decided_at: int
    ended_at: int | None
    plan: bytes
    overrides: int


class Advance(TypedDict):
    """What a settled action changes of its call; None leaves a column as it is."""

    call: int
    state: str
    new_profile: str | None
    new_status: int | None
    new_target: str | None
    new_answered_at: int | None
    new_ended_at: int | None
    new_error: str | None
    new_end_reason: str | None
    new_usage: str | None
    new_confirmed: bool | None
    more_attempts: int


class Happened(TypedDict):
    """One line of a call's timeline."""

    call: int
    at: int
    kind: str
    state: str
    detail: str | None


class ReadFacts(TypedDict):
    """The facts as read, beyond those that are columns; stored compressed."""

    headers: list[tuple[str, str]]
    called_uri: str
    caller_uri: str
    anonymous: bool
    attestation: str


def unchanged(call: int, state: str) -> Advance:
    """An advance that changes nothing but the state."""
    return {
        "call": call,
        "state": state,
        "new_profile": None,
        "new_status": None,
        "new_target": None,
        "new_answered_at": None,
        "new_ended_at": None,
        "new_error": None,
        "new_end_reason": None,
        "new_usage": None,
        "new_confirmed": None,
        "more_attempts": 0,
    }
