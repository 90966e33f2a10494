"""The bodies of webhook events: the official SDK's types are the judge."""

import json

from openai.types.webhooks import LiveTransportIncomingWebhookEvent, RealtimeCallIncomingWebhookEvent

from gateway.emulator.events import incoming_call, incoming_transport, webhook_id

HEADERS = (("From", '"Jürgen 👋" <sip:+49301@example.com>'), ("X-Twice", "1"), ("X-Twice", "2"))


def test_an_incoming_call_has_the_published_shape() -> None:
    body = incoming_call("rtc_1", HEADERS, created_at=1_790_000_000, media="srtp")
    event = RealtimeCallIncomingWebhookEvent.model_validate_json(body, strict=True)
    assert (event.object, event.created_at, event.data.call_id) == ("event", 1_790_000_000, "rtc_1")
    assert event.data.sip_media_security == "srtp"
    assert tuple((header.name, header.value) for header in event.data.sip_headers) == HEADERS


def test_unknown_media_security_is_left_out() -> None:
    body = incoming_call("rtc_1", HEADERS, created_at=1, media=None)
    assert "sip_media_security" not in json.loads(body)["data"]


def test_the_twin_event_has_the_published_shape_and_another_id() -> None:
    body = incoming_transport("rtc_1", HEADERS, created_at=1, media="rtp")
    event = LiveTransportIncomingWebhookEvent.model_validate_json(body, strict=True)
    assert event.data.session_id.startswith("live_")
    assert event.id != json.loads(incoming_call("rtc_1", HEADERS, created_at=1, media="rtp"))["id"]
    assert webhook_id("rtc_1", "twin") != webhook_id("rtc_1")


def test_the_ids_of_an_event_are_the_same_every_time() -> None:
    one, other = (incoming_call("rtc_1", HEADERS, created_at=1, media=None) for _ in range(2))
    assert one == other
    assert webhook_id("rtc_1") == webhook_id("rtc_1") != webhook_id("rtc_2")
