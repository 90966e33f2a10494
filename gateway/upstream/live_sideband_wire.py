"""The vendor's words on a sideband of the Live API: the twin of `sideband_wire`, which tells the same happenings.

Sources: the official SDK's `resources/live/sideband.py` and `types/live` (client and server events). A Live session has
no turns: words come as fragments, which are read as a sign that someone speaks, and not kept. What it uses up is told
as sums so far. Before the connection ends, `session.closed` tells why.
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
    SessionStarted,
    Trouble,
    Used,
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


def _append(what: str, content: str) -> bytes:
    return msgspec.json.encode({"type": f"session.{what}.append", "content": content, "delegation_id": None})


class _Usage(msgspec.Struct, gc=False):
    seconds: float = 0.0


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


class _Delegated(msgspec.Struct, gc=False):
    """An event of the Responses API, which carries out what the Live model delegates."""

    type: str = ""
    response: _Response | None = None


class _Event(msgspec.Struct, gc=False):
    """An event of any type; each has some of these, and none means something else by the same name, but `event`."""

    type: str
    session: _Session | None = None
    usage: _Usage | None = None
    reason: str | None = None
    error: _Error | None = None
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


def _read_delegated(event: _Event) -> Answered | None:
    """The end of a response, with its tokens; the other events of its stream are passed over."""
    delegated = msgspec.convert(event.event, _Delegated)
    if delegated.type not in _RESPONSE_ENDS or delegated.response is None:
        return None
    response = delegated.response
    return Answered(
        status=response.status,
        code=response.error.code if response.error else None,
        tokens={name: count for name, count in (response.usage or {}).items() if isinstance(count, int)},
    )


_RESPONSE_ENDS: Final = frozenset({"response.completed", "response.failed", "response.incomplete"})

_READERS: Final[Mapping[str, Any]] = {
    "session.started": lambda event: SessionStarted(model=event.session.model if event.session else None),
    "session.closed": _read_closed,
    "session.usage.updated": _read_usage,
    "session.input_transcript.delta": lambda _: CallerSpeaks(begins=False),
    "session.output_transcript.delta": lambda _: ModelSpeaks(begins=False),
    "transport.dtmf.received": _read_key,
    "response.event": _read_delegated,
    "error": _read_error,
}
