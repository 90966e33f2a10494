"""What else a timeline tells: remarks, which move nothing, and why a call ended."""

from enum import StrEnum
from typing import TypedDict


class Remark(StrEnum):
    """What was seen or done during a call; the kinds of its timeline entries beside those of `lifecycle.Event`."""

    REATTACHED = "reattached"  # the sideband was lost for a while, or taken over from another node
    GREETED = "greeted"  # the model was told to greet the caller
    TOOL_CALLED = "tool_called"  # the model called one of its functions
    NOTE = "note"  # what the model wanted to be remembered of the call
    PRESSED = "pressed"  # keys of the telephone
    TROUBLE = "trouble"  # the session reported an error, or a response failed
    RATE_LIMITED = "rate_limited"  # the upstream's limits are used up
    SILENT = "silent"  # nobody has said anything for a while
    REFUSED_COMMAND = "refused_command"  # a transfer or hangup was asked for and could not be begun


class EndReason(StrEnum):
    """Why a call that was answered is over."""

    HUNG_UP = "hung_up"  # the caller, or the upstream without telling why
    TRANSFERRED = "transferred"  # the caller left with a transfer
    TRANSFER_FAILED = "transfer_failed"  # no target could be reached, and nobody was there to stay with
    BY_ADMIN = "by_admin"  # hung up through the API or the command line
    BY_MODEL = "by_model"  # the model hung up
    BY_KEY = "by_key"  # the caller pressed a key that ends the call
    TOO_LONG = "too_long"  # the profile's longest duration was reached
    SILENCE = "silence"  # nobody said anything for too long
    SESSION_EXPIRED = "session_expired"  # the upstream's limit was reached
    UNSEEN = "unseen"  # nobody watched when it ended; `ended_at` is when that was noticed


class Line(TypedDict):
    """A remark on its way into a timeline."""

    at: int
    kind: str
    detail: str | None  # JSON


class Said(TypedDict):
    """What someone said, on its way into a transcript."""

    at: int
    speaker: str  # caller or model
    text: str
