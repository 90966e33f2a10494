"""The vendor's words: which bodies are events, which ids may stand in a path, which bytes are sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.live.session_accept_params import SessionAcceptParams
from openai.types.realtime.client_secret_create_params import ClientSecretCreateParams
from openai.types.webhooks import (
    LiveCallIncomingWebhookEvent,
    LiveTransportIncomingWebhookEvent,
    RealtimeCallIncomingWebhookEvent,
)
from pydantic import BaseModel, TypeAdapter

from gateway.errors import InvalidCallId, PayloadError
from gateway.upstream import wire
from gateway.upstream.wire import Command, IncomingCall, OtherEvent

EVENT: dict[str, Any] = {
    "object": "event",
    "id": "evt_1",
    "type": "realtime.call.incoming",
    "created_at": 1_790_000_000,
    "data": {
        "call_id": "rtc_u0_9c6574da8b8a41a18da9308f4ad974ce",
        "sip_headers": [
            {"name": "From", "value": "sip:+142555512112@sip.example.com"},
            {"name": "X-Twice", "value": "one"},
            {"name": "X-Twice", "value": "two"},
        ],
        "sip_media_security": "srtp",
    },
}


def encode(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def with_data(**changes: Any) -> bytes:
    return encode(data={**EVENT["data"], **changes})


def test_an_incoming_call_is_read_as_the_official_types_describe_it() -> None:
    RealtimeCallIncomingWebhookEvent.model_validate(EVENT, strict=True)
    assert wire.read_event(encode()) == IncomingCall(
        type="realtime.call.incoming",
        surface="realtime",
        call_id="rtc_u0_9c6574da8b8a41a18da9308f4ad974ce",
        created_at=1_790_000_000,
        headers=(
            ("From", "sip:+142555512112@sip.example.com"),
            ("X-Twice", "one"),
            ("X-Twice", "two"),
        ),
        media="srtp",
    )


def test_unknown_fields_are_allowed_and_optional_ones_may_be_missing() -> None:
    body = json.dumps(
        {
            "type": "realtime.call.incoming",
            "created_at": 1,
            "new": {"deep": [1]},
            "data": {"call_id": "rtc_1", "sip_headers": [], "new": None},
        }
    ).encode()
    event = wire.read_event(body)
    assert isinstance(event, IncomingCall)
    assert (event.call_id, event.created_at, event.headers, event.media) == ("rtc_1", 1, (), None)


@pytest.mark.parametrize(
    "kind", ["live.transport.incoming", "live.call.incoming", "batch.completed", "response.done", ""]
)
def test_other_events_are_told_apart_by_their_type_whatever_they_hold(kind: str) -> None:
    assert wire.read_event(encode(type=kind, data={"call_id": 5}), "realtime") == OtherEvent(type=kind)
    for body in ({"type": kind, "created_at": 1}, {"type": kind, "created_at": "today"}, {"type": kind}):
        assert wire.read_event(json.dumps(body).encode(), "realtime") == OtherEvent(type=kind)


LIVE: dict[str, Any] = {
    **{key: EVENT["data"][key] for key in ("sip_headers", "sip_media_security")},
    "session_id": "live_9c6574da8b8a41a18da9308f4ad974ce",
}


@pytest.mark.parametrize(
    ("kind", "data", "model"),
    [
        ("live.transport.incoming", {**LIVE, "type": "sip"}, LiveTransportIncomingWebhookEvent),
        ("live.call.incoming", LIVE, LiveCallIncomingWebhookEvent),
    ],
)
def test_a_live_announcement_is_read_as_the_official_types_describe_it(
    kind: str, data: dict[str, Any], model: type[BaseModel]
) -> None:
    model.model_validate({**EVENT, "type": kind, "data": data}, strict=True)
    event = wire.read_event(encode(type=kind, data=data), "live")
    assert event == IncomingCall(
        type=kind,
        surface="live",
        call_id=LIVE["session_id"],
        created_at=1_790_000_000,
        headers=tuple((header["name"], header["value"]) for header in LIVE["sip_headers"]),
        media="srtp",
    )
    assert wire.read_event(encode(), "live") == OtherEvent(type="realtime.call.incoming")


def test_a_live_transport_that_is_no_telephone_call_is_none_of_ours() -> None:
    body = encode(type="live.transport.incoming", data={**LIVE, "type": "webrtc"})
    assert wire.read_event(body) == OtherEvent(type="live.transport.incoming")


@pytest.mark.parametrize("session_id", ["", "live/1", "x" * 129])
def test_a_live_session_id_that_could_change_the_path_is_refused(session_id: str) -> None:
    with pytest.raises(PayloadError, match="session_id"):
        wire.read_event(encode(type="live.transport.incoming", data={**LIVE, "session_id": session_id}))


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"\uDFFF!", "\ufffd!"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud800", "\\ud800"),
        (rb"\\\ud800\"", '\\\ufffd"'),
        (rb"\u00e9\ud800", "é\ufffd"),
    ],
)
def test_half_a_surrogate_pair_does_not_keep_a_call_from_being_read(escaped: bytes, read: str) -> None:
    body = with_data(sip_headers=[{"name": "From", "value": "HERE"}]).replace(b"HERE", escaped + rb"x\udc00")
    event = wire.read_event(body)
    assert isinstance(event, IncomingCall)
    assert event.headers == (("From", read + "x\ufffd"),)


UNUSABLE: dict[str, bytes] = {
    "empty": b"",
    "not JSON": b"call me",
    "not UTF-8": b'{"type":"\xff"}',
    "an array": b"[]",
    "null": b"null",
    "cut off": encode()[:-3],
    "two values": encode() + encode(),
    "NaN": b'{"type":"realtime.call.incoming","created_at":NaN,"data":{"call_id":"rtc_1"}}',
    "no type": json.dumps({key: EVENT[key] for key in EVENT if key != "type"}).encode(),
    "no created_at": json.dumps({key: EVENT[key] for key in EVENT if key != "created_at"}).encode(),
    "created_at as text": encode(created_at="1790000000"),
    "created_at as true": encode(created_at=True),
    "created_at before all time": encode(created_at=-(10**310)),
    "no data": json.dumps({key: EVENT[key] for key in EVENT if key != "data"}).encode(),
    "data as list": encode(data=[]),
    "no call id": encode(data={"sip_headers": []}),
    "call id as number": with_data(call_id=5),
    "headers as object": with_data(sip_headers={"From": "x"}),
    "a header without value": with_data(sip_headers=[{"name": "From"}]),
    "media as number": with_data(sip_media_security=1),
    "a thousand levels deep": b'{"type":"realtime.call.incoming","created_at":1,"data":'
    + b"[" * 5000
    + b"]" * 5000
    + b"}",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_not_an_event_of_the_published_shape_is_a_payload_error(name: str) -> None:
    with pytest.raises(PayloadError):
        wire.read_event(UNUSABLE[name])


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_payload_error(body: bytes) -> None:
    try:
        wire.read_event(body)
    except PayloadError:
        return


HOSTILE_IDS = [
    "",
    "../../models",
    "rtc_1/accept",
    "rtc_1?x=1",
    "rtc 1",
    "rtc_é",
    "rtc_1\n",
    "a" * 129,
    "%2e%2e",
    "rtc_١",
]


@pytest.mark.parametrize("call_id", HOSTILE_IDS)
def test_a_call_id_that_could_change_the_path_is_refused(call_id: str) -> None:
    with pytest.raises(InvalidCallId):
        wire.path(Command.ACCEPT, call_id)
    with pytest.raises(PayloadError, match="call_id"):
        wire.read_event(with_data(call_id=call_id))


def test_commands_have_the_published_paths_and_bodies() -> None:
    assert [wire.path(command, "rtc_1") for command in Command] == [
        "/realtime/calls/rtc_1/accept",
        "/realtime/calls/rtc_1/reject",
        "/realtime/calls/rtc_1/refer",
        "/realtime/calls/rtc_1/hangup",
    ]
    assert json.loads(wire.accept_body({"model": "gpt-realtime-2.1"})) == {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
    }
    assert [wire.path(command, "live_1", "live") for command in Command] == [
        "/live/sessions/live_1/accept",
        "/live/sessions/live_1/reject",
        "/live/sessions/live_1/refer",
        "/live/sessions/live_1/hangup",
    ]
    assert wire.reject_body(486) == b'{"status_code":486}'
    assert wire.refer_body("tel:+493023125000") == b'{"target_uri":"tel:+493023125000"}'


TALKER = {
    "model": "gpt-realtime-2.1",
    "instructions": "Hello.",
    "audio": {"input": {"turn_detection": None}, "output": {"voice": "cedar", "speed": 1.1}},
    "tools": [],
}


@pytest.mark.parametrize(
    ("session", "live"),
    [
        (
            TALKER,
            {"model": "gpt-live-1", "instructions": "Hello.", "audio": {"output": {"voice": "cedar"}}},
        ),
        (
            {**TALKER, "live": {"model": "gpt-live-2", "delegation": None, "instructions": "Hi."}},
            {
                "model": "gpt-live-2",
                "instructions": "Hi.",
                "audio": {"output": {"voice": "cedar"}},
                "delegation": None,
            },
        ),
        ({}, {"model": "gpt-live-1"}),
        ({"audio": "loud", "live": 5}, {"model": "gpt-live-1"}),
    ],
)
def test_one_profile_answers_on_both_surfaces(session: dict[str, Any], live: dict[str, Any]) -> None:
    assert json.loads(wire.accept_body(session, "live")) == {"session": {"type": "live", **live}}
    flat = json.loads(wire.accept_body(session))
    assert flat == {"type": "realtime", **{key: value for key, value in session.items() if key != "live"}}


def test_a_live_accept_has_the_shape_of_the_official_types() -> None:
    session = {**TALKER, "live": {"store": True, "delegation": {"type": "client"}, "safety_identifier": "a"}}
    body = json.loads(wire.accept_body(session, "live"))
    TypeAdapter(SessionAcceptParams).validate_python(body, strict=True)


def test_the_plainest_session_keeps_model_and_instructions_on_both_surfaces() -> None:
    plain = wire.plain_session({**TALKER, "live": {"model": "gpt-live-2", "store": True}})
    assert json.loads(wire.accept_body(plain)) == {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "instructions": "Hello.",
    }
    assert json.loads(wire.accept_body(plain, "live"))["session"] == {
        "type": "live",
        "model": "gpt-live-2",
        "instructions": "Hello.",
    }


@pytest.mark.parametrize(("seconds", "expires"), [(None, {}), (60, {"anchor": "created_at", "seconds": 60})])
def test_an_ephemeral_key_is_asked_for_as_the_official_types_describe_it(
    seconds: int | None, expires: dict[str, Any]
) -> None:
    body = json.loads(wire.client_secret_body(TALKER, seconds))
    TypeAdapter(ClientSecretCreateParams).validate_python(body)
    assert body["session"] == {"type": "realtime", **TALKER}
    assert body.get("expires_after", {}) == expires


def test_an_ephemeral_key_is_read_and_never_shown() -> None:
    secret = wire.read_client_secret(b'{"value":"ek_1","expires_at":5,"session":{"id":"sess_1"},"new":1}')
    assert (secret.value, secret.expires_at, secret.session) == ("ek_1", 5, {"id": "sess_1"})
    assert "ek_1" not in repr(secret)
    for broken in (b"", b'{"value":"ek_1"}', b'{"value":5,"expires_at":5}', b"\xff"):
        with pytest.raises(PayloadError) as caught:
            wire.read_client_secret(broken)
        assert "ek_1" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"message":"No session found","code":"call_id_not_found"}}', "call_id_not_found: No session found"),
        (b'{"error":{"message":"No."}}', "No."),
        (b'{"error":{"message":"' + b"x" * 1000 + b'"}}', "x" * 300),
        (b'{"error":{"message":"a\\u0000b"}}', "a\ufffdb"),
        (b'{"error":{"more":' + b"[" * 10_000, ""),
        (b'{"error":"text"}', ""),
        (b"<html>", ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)
def test_an_error_reply_is_told_in_a_few_words(body: bytes, text: str) -> None:
    assert wire.read_error(body) == text
