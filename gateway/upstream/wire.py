"""All the vendor's words: the webhook's events, the commands' paths and bodies, the errors' shape.

No other module knows how OpenAI spells anything, so a change of its API is a change of this file. Sources: the types
of the official SDK (`types/webhooks`, `resources/realtime/calls.py`, `resources/live/sessions.py`), its OpenAPI
document and its SIP guide.

Two surfaces control calls: Realtime and its successor, the Live API. One ringing call may be announced on both, under
different ids; the first accept on either decides it. An endpoint is for one of them, and leaves the other's events
alone.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from gateway.endpoint import Surface
from gateway.errors import InvalidCallId, PayloadError
from gateway.profiles.profile import LIVE

INCOMING_CALL: Final = "realtime.call.incoming"

# The events that announce a call, and on which surface. The last is the second's name of before, which old
# subscriptions still get, beside it and with the same session id.
_ANNOUNCEMENTS: Final[Mapping[str, Surface]] = {
    INCOMING_CALL: "realtime",
    "live.transport.incoming": "live",
    "live.call.incoming": "live",
}

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


class _LiveCall(msgspec.Struct, frozen=True, gc=False):
    call_id: str = msgspec.field(name="session_id")
    sip_headers: list[_Header] | None = None
    sip_media_security: str | None = None
    type: str = "sip"  # of the transport; the event of before has none


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    created_at: msgspec.Raw = msgspec.Raw(b"null")  # looked at only where the event is a call
    data: msgspec.Raw = msgspec.Raw(b"{}")


class IncomingCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call that rings: what the event says of it. Every header is a claim by the caller."""

    type: str  # of the event
    surface: Surface  # where it is decided
    call_id: str  # on that surface
    created_at: int  # seconds since the epoch, by the sender's clock
    headers: tuple[tuple[str, str], ...]  # order and repeats kept
    media: str | None  # "rtp", "srtp" or something newer


class OtherEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A genuine event that is none of our business."""

    type: str


_event_decoder: Final = msgspec.json.Decoder(_Event)
# More is no time; and what no float holds, no age can be worked out from.
_Seconds = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_seconds_decoder: Final = msgspec.json.Decoder(_Seconds)
_call_decoders: Final[Mapping[Surface, msgspec.json.Decoder[_Call] | msgspec.json.Decoder[_LiveCall]]] = {
    "realtime": msgspec.json.Decoder(_Call),
    "live": msgspec.json.Decoder(_LiveCall),
}


def read_event(body: bytes, surface: Surface | None = None) -> IncomingCall | OtherEvent:
    """The event in a delivery's body; with a `surface`, a call that is announced on the other one is none of ours.

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
        announced = _ANNOUNCEMENTS.get(event.type)
        if announced is None or (surface is not None and announced != surface):
            return OtherEvent(type=event.type)
        created_at = _seconds_decoder.decode(event.created_at)
        call = _call_decoders[announced].decode(event.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"the body is not an event of the published shape: {error}") from error
    if not is_call_id(call.call_id):
        name = "call_id" if announced == "realtime" else "session_id"
        raise PayloadError(f"data.{name} is not 1 to 128 letters, digits, '_' or '-'")
    if isinstance(call, _LiveCall) and call.type != "sip":
        return OtherEvent(type=event.type)  # a transport that is no telephone call
    return IncomingCall(
        type=event.type,
        surface=announced,
        call_id=call.call_id,
        created_at=created_at,
        headers=tuple([(header.name, header.value) for header in call.sip_headers or ()]),
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


def path(command: Command, call_id: str, surface: Surface = "realtime") -> str:
    """The path below the endpoint's base URL. Raises InvalidCallId."""
    if not is_call_id(call_id):
        raise InvalidCallId("a call id is 1 to 128 letters, digits, '_' or '-'")
    return f"/{_CALLS[surface]}/{call_id}/{command.value}"


_CALLS: Final[Mapping[Surface, str]] = {"realtime": "realtime/calls", "live": "live/sessions"}


def accept_body(session: Mapping[str, Any], surface: Surface = "realtime") -> bytes:
    """The bytes of an accept: the session with the `type` that the upstream demands.

    Realtime takes it flat; Live in an object of its own, in its own words (`live_session`).
    """
    if surface == "live":
        return msgspec.json.encode({"session": {"type": "live", **live_session(session)}})
    return msgspec.json.encode({"type": "realtime", **{key: session[key] for key in session if key != LIVE}})


LIVE_MODEL: Final = "gpt-live-1"


def live_session(session: Mapping[str, Any]) -> dict[str, Any]:
    """The Live session of a profile: what both surfaces know (instructions and voice), and its `live` table over it.

    So one rulebook decides on both. Models differ, and so does who carries out tasks (`delegation`); a Realtime
    session's tools, turn detection and formats have no place here.
    """
    shared = {key: session[key] for key in ("instructions",) if key in session}
    voice = _table(_table(session, "audio"), "output").get("voice")
    if voice is not None:
        shared["audio"] = {"output": {"voice": voice}}
    return {"model": LIVE_MODEL, **shared, **_table(session, LIVE)}


def _table(session: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of a session; a ringing call is not the place to find that it is none."""
    part = session.get(key)
    return part if isinstance(part, Mapping) else {}


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
    """The least of a session that still answers as it should: its model and its instructions, on either surface.

    Tried once when the upstream refuses the whole: most refusals are about one of the many other fields.
    """
    plain = {"model": SILENT_SESSION["model"], **_plain(session)}
    return {**plain, LIVE: _plain(_table(session, LIVE))}


def _plain(session: Mapping[str, Any]) -> dict[str, Any]:
    return {key: session[key] for key in ("model", "instructions") if key in session}


CLIENT_SECRETS: Final = "/realtime/client_secrets"


def client_secret_body(session: Mapping[str, Any], seconds: int | None) -> bytes:
    """The bytes of a request for an ephemeral key; `seconds`, 10 to 7200, until it expires, or the upstream's usual."""
    body: dict[str, Any] = {"session": msgspec.Raw(accept_body(session))}
    if seconds is not None:
        body["expires_after"] = {"anchor": "created_at", "seconds": seconds}
    return msgspec.json.encode(body)


class ClientSecret(msgspec.Struct, frozen=True, gc=False):
    """An ephemeral key, as the upstream answers it."""

    value: str  # the key itself
    expires_at: int  # seconds since the epoch
    session: dict[str, Any] = {}  # what it opens, with the upstream's defaults

    def __repr__(self) -> str:
        return f"ClientSecret(value='•••', expires_at={self.expires_at})"


_secret_decoder: Final = msgspec.json.Decoder(ClientSecret)


def read_client_secret(body: bytes) -> ClientSecret:
    """The ephemeral key in a reply. Raises PayloadError for another shape, without a word of what it held."""
    try:
        return _secret_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise PayloadError("the upstream's reply is not an ephemeral key of the published shape") from None


MODELS: Final = "/models"


class _Model(msgspec.Struct, frozen=True, gc=False):
    id: str
    shutdown_date: str | None = None


class _Models(msgspec.Struct, frozen=True, gc=False):
    data: list[_Model]


_models_decoder: Final = msgspec.json.Decoder(_Models)


def read_models(body: bytes) -> dict[str, date | None]:
    """The models that a key may use, each with the day of its announced shutdown. Raises PayloadError."""
    try:
        listed = _models_decoder.decode(body).data
        return {model.id: date.fromisoformat(model.shutdown_date) if model.shutdown_date else None for model in listed}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise PayloadError("the upstream's reply is not a list of models of the published shape") from None


class _Error(msgspec.Struct, frozen=True, gc=False):
    message: str = ""
    code: str | None = None


class _ErrorReply(msgspec.Struct, frozen=True, gc=False):
    error: _Error


_error_decoder: Final = msgspec.json.Decoder(_ErrorReply)


def read_error(body: bytes) -> str:
    """The code and message of an error reply, shortened, without NUL; empty where the body is of another shape."""
    try:
        error = _error_decoder.decode(body[:16_384]).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    text = f"{error.code}: {error.message}" if error.code else error.message
    return text.replace("\x00", "\ufffd")[:300]  # PostgreSQL has no NUL


def is_decided(error: str) -> bool:
    """Whether an error, as `read_error` tells it, says that the call was accepted or rejected before."""
    return error.startswith("decision_already_made:")
