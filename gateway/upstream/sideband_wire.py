"""The vendor's words on a sideband: the events that matter to someone who looks on, and what may be sent.

The other half of `wire`. Sources: the official SDK's `types/realtime` (server and client events) and FACTS section 4.
Everything that is not listed here (deltas of text and audio, items, mcp) is passed over unread.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec

from gateway.endpoint import Surface
from gateway.errors import InvalidCallId
from gateway.upstream.wire import is_call_id

# Nothing that one event tells to be used up is more; sums of anything larger would not fit into the database.
MOST: Final = 2**31

Seconds = Annotated[float, msgspec.Meta(ge=0, le=MOST)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]


def counts(usage: Mapping[str, Any]) -> dict[str, int]:
    """Of what was used up, all that can be counted."""
    return {name: count for name, count in usage.items() if type(count) is int and 0 <= count <= MOST}


def sideband_path(call_id: str, surface: Surface = "realtime") -> str:
    """The path and query below the endpoint's base URL. Raises InvalidCallId."""
    if not is_call_id(call_id):
        raise InvalidCallId("a call id is 1 to 128 letters, digits, '_' or '-'")
    return f"/realtime?call_id={quote(call_id)}" if surface == "realtime" else f"/live/sessions/{quote(call_id)}/attach"


class SessionStarted(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """We are on the sideband."""

    model: str | None = None


class Trouble(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The session reports an error; most are about one event and not fatal."""

    code: str
    message: str


class Answered(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The model has finished a response, however."""

    status: str | None = None  # completed, cancelled, incomplete or failed
    reason: str | None = None  # why it was cancelled or is incomplete
    code: str | None = None  # why it failed
    tokens: dict[str, int]  # by kind: "input_tokens", "output_audio_tokens", …


class Heard(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the caller said, written down."""

    text: str
    tokens: int = 0
    seconds: float = 0.0


class Spoke(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the model said."""

    text: str


class ToolCalled(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The model calls a function."""

    name: str
    call_id: str  # of the function call, not of the SIP call
    arguments: str  # JSON, as the model wrote it


class Pressed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A key of the telephone: 0-9, *, # or A-D."""

    key: str


class CallerSpeaks(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The caller begins or ceases to speak; on the Live surface with a fragment of what is said."""

    begins: bool
    words: str = ""


class ModelSpeaks(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The model's voice begins or ceases to be heard; `cut` where the caller spoke over it. Likewise with words."""

    begins: bool
    cut: bool = False
    words: str = ""


class Limited(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The upstream's rate limits: what is left of each, and the seconds until it is filled up again."""

    remaining: dict[str, tuple[int, float]]


class Placed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An item has its place in the conversation."""

    item: str  # its id
    behind: str | None = None  # the id of the item before it; None for the first


class Recalled(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An item of the conversation that was asked for is a function call, written to its end."""

    call: ToolCalled


class Used(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The session has used up so much so far; on the Live surface."""

    seconds: float  # of audio


class Closed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The session is over, and the connection about to end; on the Live surface."""

    reason: str
    seconds: float | None = None  # of audio that it used up


Happening = (
    SessionStarted
    | Trouble
    | Answered
    | Heard
    | Spoke
    | ToolCalled
    | Pressed
    | CallerSpeaks
    | ModelSpeaks
    | Limited
    | Placed
    | Recalled
    | Used
    | Closed
)


def read_happening(message: str | bytes) -> Happening | None:
    """What an event on the sideband tells; None for one that does not matter, or that nobody can read."""
    try:
        reader = _READERS.get(_kinds.decode(message).type)
        return None if reader is None else reader(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Kind(msgspec.Struct, gc=False):
    type: str


class _Session(msgspec.Struct, gc=False):
    model: str | None = None


class _SessionEvent(msgspec.Struct, gc=False):
    session: _Session


class _Error(msgspec.Struct, gc=False):
    message: str = ""
    type: str = ""
    code: str | None = None


class _ErrorEvent(msgspec.Struct, gc=False):
    error: _Error


class _Cause(msgspec.Struct, gc=False):
    code: str | None = None
    type: str | None = None


class _Details(msgspec.Struct, gc=False):
    reason: str | None = None
    error: _Cause | None = None


class _Response(msgspec.Struct, gc=False):
    status: str | None = None
    status_details: _Details | None = None
    usage: dict[str, Any] | None = None


class _ResponseEvent(msgspec.Struct, gc=False):
    response: _Response


class _Usage(msgspec.Struct, gc=False):
    total_tokens: _Count = 0
    seconds: Seconds = 0.0


class _HeardEvent(msgspec.Struct, gc=False):
    transcript: str
    usage: _Usage | None = None


class _SpokeEvent(msgspec.Struct, gc=False):
    transcript: str


class _KeyEvent(msgspec.Struct, gc=False):
    event: str


class _Limit(msgspec.Struct, gc=False):
    name: str = ""
    remaining: int = 0
    reset_seconds: float = 0.0


class _LimitsEvent(msgspec.Struct, gc=False):
    rate_limits: list[_Limit]


class _Item(msgspec.Struct, gc=False):
    id: str = ""
    type: str = ""
    status: str | None = None
    name: str = ""
    call_id: str = ""
    arguments: str = ""


class _ItemEvent(msgspec.Struct, gc=False):
    item: _Item
    previous_item_id: str | None = None


def _decoder(type_: Any) -> Any:
    return msgspec.json.Decoder(type_).decode


_kinds: Final = msgspec.json.Decoder(_Kind)
_session, _error, _response = _decoder(_SessionEvent), _decoder(_ErrorEvent), _decoder(_ResponseEvent)
_heard, _spoke, _tool = _decoder(_HeardEvent), _decoder(_SpokeEvent), _decoder(ToolCalled)
_key, _limits, _item = _decoder(_KeyEvent), _decoder(_LimitsEvent), _decoder(_ItemEvent)


def _read_error(message: str | bytes) -> Trouble:
    error = _error(message).error
    return Trouble(code=(error.code or error.type)[:100], message=error.message[:300])


def _read_response(message: str | bytes) -> Answered:
    response = _response(message).response
    details = response.status_details or _Details()
    cause = details.error or _Cause()
    return Answered(
        status=response.status,
        reason=details.reason,
        code=cause.code or cause.type,
        tokens=_flatten(response.usage or {}),
    )


def _flatten(usage: dict[str, Any]) -> dict[str, int]:
    """Token counts by kind: `{"input_token_details": {"text_tokens": 3}}` is `{"input_text_tokens": 3}`."""
    tokens = counts(usage)
    for side in ("input", "output"):
        details = usage.get(f"{side}_token_details")
        for name, count in counts(details if isinstance(details, dict) else {}).items():
            tokens["cached_tokens" if name == "cached_tokens" else f"{side}_{name}"] = count
    return tokens


def _read_heard(message: str | bytes) -> Heard:
    event = _heard(message)
    usage = event.usage or _Usage()
    return Heard(text=event.transcript, tokens=usage.total_tokens, seconds=usage.seconds)


def _read_limits(message: str | bytes) -> Limited:
    limits = _limits(message).rate_limits
    return Limited(remaining={limit.name: (limit.remaining, limit.reset_seconds) for limit in limits})


def _read_placed(message: str | bytes) -> Placed:
    event = _item(message)
    return Placed(item=event.item.id, behind=event.previous_item_id)


def _read_recalled(message: str | bytes) -> Recalled | None:
    item = _item(message).item
    # One that is still being written will be told of by `response.function_call_arguments.done`.
    if item.type != "function_call" or item.status not in (None, "completed"):
        return None
    return Recalled(call=ToolCalled(name=item.name, call_id=item.call_id, arguments=item.arguments))


_READERS: Final[dict[str, Any]] = {
    "session.created": lambda message: SessionStarted(model=_session(message).session.model),
    "error": _read_error,
    "response.done": _read_response,
    "conversation.item.input_audio_transcription.completed": _read_heard,
    "response.output_audio_transcript.done": lambda message: Spoke(text=_spoke(message).transcript),
    "response.function_call_arguments.done": _tool,
    "input_audio_buffer.dtmf_event_received": lambda message: Pressed(key=_key(message).event[:1]),
    "input_audio_buffer.speech_started": lambda _: CallerSpeaks(begins=True),
    "input_audio_buffer.speech_stopped": lambda _: CallerSpeaks(begins=False),
    "output_audio_buffer.started": lambda _: ModelSpeaks(begins=True),
    "output_audio_buffer.stopped": lambda _: ModelSpeaks(begins=False),
    "output_audio_buffer.cleared": lambda _: ModelSpeaks(begins=False, cut=True),
    "rate_limits.updated": _read_limits,
    "conversation.item.added": _read_placed,
    "conversation.item.retrieved": _read_recalled,
}


# Told by an `error` event before the upstream closes a session that has lasted too long (FACTS section 3), and by
# `session.closed` on the Live surface (FACTS section 4).
SESSION_EXPIRED: Final = "session_expired"
LIVE_EXPIRED: Final = "expired"

# Why a Live session may be over that someone should look at: a safety filter, or a failure on the way.
LIVE_TROUBLES: Final = frozenset({"content", "connection_lost"})


def say(text: str) -> bytes:
    """The event that lets the model say `text`."""
    return tell(f"Say exactly this, and nothing else: {text}")


def tell(instructions: str) -> bytes:
    """The event that lets the model speak as it is told."""
    return msgspec.json.encode({"type": "response.create", "response": {"instructions": instructions}})


def tool_result(call_id: str, output: str) -> bytes:
    """The event that gives the model a function's result; `call_id` is the function call's."""
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return msgspec.json.encode({"type": "conversation.item.create", "item": item})


def mark(item_id: str, text: str) -> bytes:
    """The event that puts words of ours at the end of the conversation, for the model to know.

    The upstream's `conversation.item.added` then tells which item came before (`Placed`). `item_id` is ours to choose:
    32 characters at most, and new in this conversation.
    """
    content = [{"type": "input_text", "text": text}]
    item = {"id": item_id, "type": "message", "role": "system", "content": content}
    return msgspec.json.encode({"type": "conversation.item.create", "item": item})


def take_back(item_id: str) -> bytes:
    """The event that takes an item out of the conversation."""
    return msgspec.json.encode({"type": "conversation.item.delete", "item_id": item_id})


def recall(item_id: str) -> bytes:
    """The event that asks for an item of the conversation."""
    return msgspec.json.encode({"type": "conversation.item.retrieve", "item_id": item_id})


def tool_answer(call_id: str, output: str) -> list[bytes]:
    """The events that give the model a function's result and let it go on."""
    return [tool_result(call_id, output), msgspec.json.encode({"type": "response.create"})]
