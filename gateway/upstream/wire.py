"""All the vendor's words: the webhook's events, the commands' paths and bodies, the errors' shape.

No other module knows how OpenAI spells anything, so a change of its API is a change of this file. Sources: the types
of the official SDK (`types/webhooks`, `resources/realtime/calls.py`), its OpenAPI document and its SIP guide.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from gateway.errors import InvalidCallId, PayloadError

INCOMING_CALL: Final = "realtime.call.incoming"

# An id that is part of a path that carries our key. `../../models` would otherwise become `/v1/models/accept`.
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


class Command(StrEnum):
    """What we may ask of the upstream for one call."""

    ACCEPT = "accept"
    REJECT = "reject"
    REFER = "refer"
    HANGUP = "hangup"


class _Header(msgspec.Struct, frozen=True, gc=False):
    name: str
    value: str


class _Call(msgspec.Struct, frozen=True, gc=False):
    call_id: str
    sip_headers: list[_Header] | None = None
    sip_media_security: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    created_at: msgspec.Raw = msgspec.Raw(b"null")  # looked at only where the event is a call
    data: msgspec.Raw = msgspec.Raw(b"{}")


class IncomingCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call that rings: what the event says of it. Every header is a claim by the caller."""

    call_id: str
    created_at: int  # seconds since the epoch, by the sender's clock
    headers: tuple[tuple[str, str], ...]  # order and repeats kept
    media: str | None  # "rtp", "srtp" or something newer


class OtherEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A genuine event that is none of our business."""

    type: str


_event_decoder: Final = msgspec.json.Decoder(_Event)
_seconds_decoder: Final = msgspec.json.Decoder(int)
_call_decoder: Final = msgspec.json.Decoder(_Call)


def read_event(body: bytes) -> IncomingCall | OtherEvent:
    """The event in a delivery's body.

    Raises PayloadError, naming the place, for what is not JSON of the published shape. Unknown fields are allowed:
    the vendor adds some now and then.
    """
    try:
        try:
            event = _event_decoder.decode(body)
        except msgspec.DecodeError:
            if b"\\u" not in body:
                raise
            event = _event_decoder.decode(_without_lone_surrogates(body))
        if event.type != INCOMING_CALL:
            return OtherEvent(type=event.type)
        created_at = _seconds_decoder.decode(event.created_at)
        call = _call_decoder.decode(event.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"the body is not an event of the published shape: {error}") from error
    if not is_call_id(call.call_id):
        raise PayloadError("data.call_id is not 1 to 128 letters, digits, '_' or '-'")
    return IncomingCall(
        call_id=call.call_id,
        created_at=created_at,
        headers=tuple((header.name, header.value) for header in call.sip_headers or ()),
        media=call.sip_media_security,
    )


def _without_lone_surrogates(body: bytes) -> bytes:
    """The same JSON with U+FFFD for halves of surrogate pairs.

    JSON allows their escapes and Unicode does not (RFC 8259 section 8.2). A caller's name may hold one, and must not be
    a way to keep a call from being decided.
    """
    return _ESCAPE.sub(lambda escape: escape[0] if escape["kept"] else rb"\ufffd", body)


# An escape that is kept: a pair of surrogates, or anything that is no surrogate.
_ESCAPE: Final = re.compile(
    rb"(?P<kept>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def is_call_id(text: str) -> bool:
    """Whether `text` may stand in an upstream path."""
    return _CALL_ID.fullmatch(text) is not None


def path(command: Command, call_id: str) -> str:
    """The path below the endpoint's base URL. Raises InvalidCallId."""
    if not is_call_id(call_id):
        raise InvalidCallId("a call id is 1 to 128 letters, digits, '_' or '-'")
    return f"/realtime/calls/{call_id}/{command.value}"


def accept_body(session: Mapping[str, Any]) -> bytes:
    """The bytes of an accept: the session, flat, with the `type` that the upstream demands."""
    return msgspec.json.encode({"type": "realtime", **session})


def reject_body(status: int) -> bytes:
    """The bytes of a reject; `status` is the SIP status that the caller's carrier sees."""
    return msgspec.json.encode({"status_code": status})


def refer_body(target: str) -> bytes:
    """The bytes of a refer; `target` is a tel: or sip: URI that the guard has let pass."""
    return msgspec.json.encode({"target_uri": target})


# Answers a call without a word, to transfer it at once. No turn detection means that the model never speaks by itself.
SILENT_SESSION: Final[Mapping[str, Any]] = {
    "model": "gpt-realtime-2.1",
    "instructions": "Say nothing: this call is being transferred.",
    "audio": {"input": {"turn_detection": None}},
}


def plain_session(session: Mapping[str, Any]) -> dict[str, Any]:
    """The least of a session that still answers as it should: its model and its instructions.

    Tried once when the upstream refuses the whole: most refusals are about one of the many other fields.
    """
    plain = {key: session[key] for key in ("model", "instructions") if key in session}
    return {"model": SILENT_SESSION["model"], **plain}


class _Error(msgspec.Struct, frozen=True, gc=False):
    message: str = ""
    code: str | None = None


class _ErrorReply(msgspec.Struct, frozen=True, gc=False):
    error: _Error


_error_decoder: Final = msgspec.json.Decoder(_ErrorReply)


def read_error(body: bytes) -> str:
    """The code and message of an error reply, shortened; empty where the body is of another shape."""
    try:
        error = _error_decoder.decode(body[:16_384]).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    text = f"{error.code}: {error.message}" if error.code else error.message
    return text[:300]
