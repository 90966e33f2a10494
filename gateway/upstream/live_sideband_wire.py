"""The vendor's words on a sideband of the Live API: the twin of `sideband_wire`, which tells the same happenings.

Sources: the official SDK's `resources/live/sideband.py` and `types/live` (client and server events). A Live session has
no turns: words come as fragments, which are a sign too that someone speaks. What it uses up is told as sums so far.
Before the connection ends, `session.closed` tells why.

A Live model calls no functions. It may delegate to the Responses API, whose model does; the stream of that response is
told event by event (`response.event`), and whoever is on the sideband gives it the functions' results.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.upstream.sideband_wire import (
    Answered,
    CallerSpeaks,
    Closed,
    Happening,
    ModelSpeaks,
    Pressed,
    Seconds,
    SessionStarted,
    ToolCalled,
    Trouble,
    Used,
    counts,
)


def read_happening(message: str | bytes) -> Happening | None:
    """What an event on the sideband tells; None for one that does not matter, or that nobody can read."""
    try:
        event = _decode(message)
        reader = _READERS.get(event.type)
        return None if reader is None else reader(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def say(text: str) -> bytes:
    """The event that gives the model `text` to say."""
    return _append("commentary", f"Say exactly this, and nothing else: {text}")


def tell(instructions: str) -> bytes:
    """The event that tells the model what to do from now on."""
    return _append("instructions", instructions)


def tool_result(call_id: str, output: str) -> bytes:
    """The event that gives the model delegated to a function's result; `call_id` is the function call's."""
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return msgspec.json.encode({"type": "response.item.create", "item": item})


def tool_answer(call_id: str, output: str) -> list[bytes]:
    """The events that give it a function's result and let it go on."""
    return [tool_result(call_id, output), msgspec.json.encode({"type": "response.create"})]


def _append(what: str, content: str) -> bytes:
    return msgspec.json.encode({"type": f"session.{what}.append", "content": content, "delegation_id": None})


class _Usage(msgspec.Struct, gc=False):
    seconds: Seconds = 0.0


class _Session(msgspec.Struct, gc=False):
    model: str | None = None


class _Error(msgspec.Struct, gc=False):
    code: str = ""
    message: str = ""


class _Cause(msgspec.Struct, gc=False):
    code: str | None = None


class _Response(msgspec.Struct, gc=False):
    status: str | None = None
    error: _Cause | None = None
    usage: dict[str, Any] | None = None


class _Item(msgspec.Struct, gc=False):
    """Something that the model delegated to has made; here the fields of a function call."""

    type: str = ""
    name: str = ""
    call_id: str = ""
    arguments: str = ""


class _Delegated(msgspec.Struct, gc=False):
    """An event of the Responses API, which carries out what the Live model delegates."""

    type: str = ""
    response: _Response | None = None
    item: _Item | None = None


class _Event(msgspec.Struct, gc=False):
    """An event of any type; each has some of these, and none means something else by the same name, but `event`."""

    type: str
    session: _Session | None = None
    usage: _Usage | None = None
    reason: str | None = None
    error: _Error | None = None
    delta: str = ""  # of a transcript
    event: Any = None  # a key of the telephone, or a delegated event


_decode: Final = msgspec.json.Decoder(_Event).decode


def _read_closed(event: _Event) -> Closed:
    return Closed(reason=event.reason or "", seconds=event.usage.seconds if event.usage else None)


def _read_usage(event: _Event) -> Used | None:
    return Used(seconds=event.usage.seconds) if event.usage else None


def _read_error(event: _Event) -> Trouble:
    error = event.error or _Error()
    return Trouble(code=error.code[:100], message=error.message[:300])


def _read_key(event: _Event) -> Pressed | None:
    return Pressed(key=event.event[:1]) if isinstance(event.event, str) and event.event else None


def _read_delegated(event: _Event) -> Answered | ToolCalled | None:
    """A function call, or the end of a response with its tokens; the other events of its stream are passed over."""
    delegated = msgspec.convert(event.event, _Delegated)
    item = delegated.item
    if delegated.type == "response.output_item.done" and item is not None and item.type == "function_call":
        return ToolCalled(name=item.name, call_id=item.call_id, arguments=item.arguments)
    if delegated.type not in _RESPONSE_ENDS or delegated.response is None:
        return None
    response = delegated.response
    return Answered(
        status=response.status,
        code=response.error.code if response.error else None,
        tokens=counts(response.usage or {}),
    )


_RESPONSE_ENDS: Final = frozenset({"response.completed", "response.failed", "response.incomplete"})

_READERS: Final[Mapping[str, Any]] = {
    "session.started": lambda event: SessionStarted(model=event.session.model if event.session else None),
    "session.closed": _read_closed,
    "session.usage.updated": _read_usage,
    "session.input_transcript.delta": lambda event: CallerSpeaks(begins=False, words=event.delta),
    "session.output_transcript.delta": lambda event: ModelSpeaks(begins=False, words=event.delta),
    "transport.dtmf.received": _read_key,
    "response.event": _read_delegated,
    "error": _read_error,
}
