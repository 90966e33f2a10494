"""The webhook events that announce a call.

The shapes are those of the SDK's `RealtimeCallIncomingWebhookEvent` and `LiveTransportIncomingWebhookEvent` (FACTS
section 2).
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

Headers = Sequence[tuple[str, str]]


def incoming_call(call_id: str, headers: Headers, *, created_at: int, media: str | None) -> bytes:
    """The body of a `realtime.call.incoming` event; `created_at` in seconds since the epoch."""
    data = {"call_id": call_id, "sip_headers": _header_list(headers)}
    return _event("realtime.call.incoming", call_id, created_at, data, media)


def incoming_transport(call_id: str, headers: Headers, *, created_at: int, media: str | None) -> bytes:
    """The body of the `live.transport.incoming` event by which the same call may be announced as well."""
    data = {"session_id": live_id(call_id), "type": "sip", "sip_headers": _header_list(headers)}
    return _event("live.transport.incoming", call_id, created_at, data, media)


def live_id(call_id: str) -> str:
    """The id that the Live API has for the call."""
    return f"live_{_digest('live', call_id)}"


def webhook_id(call_id: str, kind: str = "call") -> str:
    """The id under which every delivery of one event goes out."""
    return f"wh_{_digest(kind, call_id)}"


def _event(kind: str, call_id: str, created_at: int, data: dict[str, Any], media: str | None) -> bytes:
    if media is not None:
        data["sip_media_security"] = media
    event_id = f"evt_{_digest(kind, call_id)}"
    return msgspec.json.encode(
        {"object": "event", "id": event_id, "type": kind, "created_at": created_at, "data": data}
    )


def _header_list(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _digest(kind: str, call_id: str) -> str:
    return blake2b(f"{kind}:{call_id}".encode(), digest_size=16).hexdigest()
