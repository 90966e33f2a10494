"""The sideband's words, held against the official SDK's own types."""

import json
from typing import Any, get_args

import pytest
from openai.types.realtime import (
    ConversationItemCreateEvent,
    ConversationItemDeleteEvent,
    ConversationItemRetrieveEvent,
    RealtimeServerEvent,
)

from gateway.errors import InvalidCallId
from gateway.upstream import sideband_wire
from gateway.upstream.sideband_wire import (
    Answered,
    CallerSpeaks,
    Heard,
    Limited,
    ModelSpeaks,
    Placed,
    Pressed,
    Recalled,
    SessionStarted,
    Spoke,
    ToolCalled,
    Trouble,
    read_happening,
)

_AT = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
_USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"text_tokens": 5, "audio_tokens": 15, "cached_tokens": 8, "cached_tokens_details": {}},
    "output_token_details": {"text_tokens": 4, "audio_tokens": 6},
}
_TOKENS = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_text_tokens": 5,
    "input_audio_tokens": 15,
    "cached_tokens": 8,
    "output_text_tokens": 4,
    "output_audio_tokens": 6,
}
_FUNCTION = {"id": "item_1", "type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"}
_HEARD = "conversation.item.input_audio_transcription.completed"

CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "the session": (
        {"type": "session.created", "session": {"type": "realtime", "model": "gpt-realtime-2.1"}},
        SessionStarted(model="gpt-realtime-2.1"),
    ),
    "an error": (
        {"type": "error", "error": {"type": "server_error", "code": "session_expired", "message": "Over."}},
        Trouble(code="session_expired", message="Over."),
    ),
    "an error without a code": (
        {"type": "error", "error": {"type": "server_error", "code": None, "message": "Sorry."}},
        Trouble(code="server_error", message="Sorry."),
    ),
    "a response": (
        {"type": "response.done", "response": {"status": "completed", "status_details": None, "usage": _USAGE}},
        Answered(status="completed", tokens=_TOKENS),
    ),
    "a response without usage": (
        {
            "type": "response.done",
            "response": {"status": "cancelled", "status_details": {"reason": "turn_detected"}, "usage": None},
        },
        Answered(status="cancelled", reason="turn_detected", tokens={}),
    ),
    "a response that failed": (
        {
            "type": "response.done",
            "response": {"status": "failed", "status_details": {"error": {"code": "rate_limit_exceeded"}}},
        },
        Answered(status="failed", code="rate_limit_exceeded", tokens={}),
    ),
    "a response whose usage nobody can count": (
        {
            "type": "response.done",
            "response": {
                "status": "completed",
                "usage": {"input_tokens": 10**30, "output_tokens": -1, "total_tokens": 7, "input_token_details": [1]},
            },
        },
        Answered(status="completed", tokens={"total_tokens": 7}),
    ),
    "the caller's words": (
        {
            "type": _HEARD,
            "item_id": "item_1",
            "content_index": 0,
            "transcript": "Hello?",
            "usage": {"type": "tokens", "total_tokens": 12, "input_tokens": 10, "output_tokens": 2},
        },
        Heard(text="Hello?", tokens=12),
    ),
    "the caller's words by the second": (
        {"type": _HEARD, "transcript": "Hm.", "usage": {"type": "duration", "seconds": 1.5}},
        Heard(text="Hm.", seconds=1.5),
    ),
    "the model's words": (
        {"type": "response.output_audio_transcript.done", "transcript": "Good day.", **_AT},
        Spoke(text="Good day."),
    ),
    "a function call": (
        {"type": "response.function_call_arguments.done", "name": "f", "call_id": "c", "arguments": "{}", **_AT},
        ToolCalled(name="f", call_id="c", arguments="{}"),
    ),
    "an item's place": (
        {"type": "conversation.item.added", "previous_item_id": "item_1", "item": {"id": "item_2", "type": "message"}},
        Placed(item="item_2", behind="item_1"),
    ),
    "a function call that was asked for": (
        {"type": "conversation.item.retrieved", "item": {**_FUNCTION, "status": "completed"}},
        Recalled(call=ToolCalled(name="f", call_id="c", arguments="{}")),
    ),
    "a function call that is still being written": (
        {"type": "conversation.item.retrieved", "item": {**_FUNCTION, "status": "in_progress"}},
        None,
    ),
    "words that were asked for": (
        {"type": "conversation.item.retrieved", "item": {"id": "item_1", "type": "message", "content": []}},
        None,
    ),
    "a key": (
        {"type": "input_audio_buffer.dtmf_event_received", "event": "#", "received_at": 1_790_000_000},
        Pressed(key="#"),
    ),
    "the caller begins": ({"type": "input_audio_buffer.speech_started", "item_id": "i"}, CallerSpeaks(begins=True)),
    "the caller ends": ({"type": "input_audio_buffer.speech_stopped", "item_id": "i"}, CallerSpeaks(begins=False)),
    "the model begins": ({"type": "output_audio_buffer.started"}, ModelSpeaks(begins=True)),
    "the model ends": ({"type": "output_audio_buffer.stopped"}, ModelSpeaks(begins=False)),
    "the model is cut off": ({"type": "output_audio_buffer.cleared"}, ModelSpeaks(begins=False, cut=True)),
    "limits": (
        {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "remaining": 0, "reset_seconds": 0.5}]},
        Limited(remaining={"tokens": (0, 0.5)}),
    ),
    "a delta": ({"type": "response.output_audio_transcript.delta", "delta": "Goo"}, None),
    "something new": ({"type": "realtime.surprise"}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_an_event_is_read(name: str) -> None:
    event, expected = CASES[name]
    assert read_happening(json.dumps({**event, "event_id": "event_1"})) == expected


def test_the_sdk_knows_every_event_that_is_read() -> None:
    members = get_args(get_args(RealtimeServerEvent)[0])
    known = {word for member in members for word in get_args(member.model_fields["type"].annotation)}
    unknown = set(sideband_wire._READERS) - known
    # The SDK has the commands of this buffer and, in its documentation, these events, but no types for them.
    assert unknown <= {f"output_audio_buffer.{what}" for what in ("started", "stopped", "cleared")}


@pytest.mark.parametrize("seconds", ["-1", "1e300", "1e999", '"long"'])
def test_words_that_took_no_time_there_is_are_passed_over(seconds: str) -> None:
    assert read_happening(f'{{"type":"{_HEARD}","transcript":"Hm.","usage":{{"seconds":{seconds}}}}}') is None


@pytest.mark.parametrize("message", ["", "[]", "{", '{"type":1}', '{"type":"error"}', b"\xff", "[" * 100_000])
def test_what_cannot_be_read_is_passed_over(message: str | bytes) -> None:
    assert read_happening(message) is None


def test_what_is_said_is_what_the_sdk_would_send() -> None:
    say = json.loads(sideband_wire.say("Good day."))
    assert say["type"] == "response.create"
    assert say["response"]["instructions"].endswith("Good day.")
    item, go_on = (json.loads(event) for event in sideband_wire.tool_answer("call_1", '{"ok":true}'))
    assert item["item"] == {"type": "function_call_output", "call_id": "call_1", "output": '{"ok":true}'}
    assert go_on == {"type": "response.create"}


def test_what_asks_for_items_is_what_the_sdk_would_send() -> None:
    marked = ConversationItemCreateEvent.model_validate_json(sideband_wire.mark("gateway_1", "Hear this."))
    assert (marked.item.id, marked.item.type, marked.item.role) == ("gateway_1", "message", "system")  # type: ignore[union-attr]
    assert ConversationItemRetrieveEvent.model_validate_json(sideband_wire.recall("item_1")).item_id == "item_1"
    assert ConversationItemDeleteEvent.model_validate_json(sideband_wire.take_back("item_1")).item_id == "item_1"


def test_a_call_id_cannot_leave_its_place_in_the_address() -> None:
    assert sideband_wire.sideband_path("rtc_1") == "/realtime?call_id=rtc_1"
    with pytest.raises(InvalidCallId):
        sideband_wire.sideband_path("rtc_1&model=x")
