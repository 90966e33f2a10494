"""The Live sideband's words, held against the official SDK's own types."""

import json
from typing import Any, get_args

import pytest
from openai.types.live import (
    CommentaryAppendEvent,
    InstructionsAppendEvent,
    ResponseCreateEvent,
    ResponseItemCreateEvent,
    ServerEvent,
)
from openai.types.responses import ResponseOutputItemDoneEvent

from gateway.upstream import live_sideband_wire
from gateway.upstream.live_sideband_wire import read_happening
from gateway.upstream.sideband_wire import (
    Answered,
    CallerSpeaks,
    Closed,
    ModelSpeaks,
    Pressed,
    SessionStarted,
    ToolCalled,
    Trouble,
    Used,
    sideband_path,
)

_WORDS = {"delta": "Hello", "start_ms": 0, "end_ms": 400}
_USAGE = {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 10, "total_tokens": 30}
_FUNCTION_CALL = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "send_note",
    "arguments": '{"text":"Call back."}',
}

CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "the session": (
        {"type": "session.started", "session": {"id": "live_1", "model": "gpt-live-1"}},
        SessionStarted(model="gpt-live-1"),
    ),
    "the end": (
        {"type": "session.closed", "reason": "remote_hangup", "session": {}, "usage": {"seconds": 12.5}},
        Closed(reason="remote_hangup", seconds=12.5),
    ),
    "an end that tells little": ({"type": "session.closed"}, Closed(reason="")),
    "usage": ({"type": "session.usage.updated", "usage": {"seconds": 3.0}}, Used(seconds=3.0)),
    "usage that is missing": ({"type": "session.usage.updated"}, None),
    "the caller's words": (
        {"type": "session.input_transcript.delta", **_WORDS},
        CallerSpeaks(begins=False, words="Hello"),
    ),
    "the model's words": (
        {"type": "session.output_transcript.delta", **_WORDS},
        ModelSpeaks(begins=False, words="Hello"),
    ),
    "a key": ({"type": "transport.dtmf.received", "event": "#"}, Pressed(key="#")),
    "a key that is none": ({"type": "transport.dtmf.received", "event": ""}, None),
    "an error": (
        {"type": "error", "error": {"type": "x", "code": "unknown_parameter", "message": "No."}},
        Trouble(code="unknown_parameter", message="No."),
    ),
    "a delegated response": (
        {
            "type": "response.event",
            "event": {"type": "response.completed", "response": {"status": "completed", "usage": _USAGE}},
        },
        Answered(status="completed", tokens={"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}),
    ),
    "a delegated response that failed": (
        {
            "type": "response.event",
            "event": {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}},
        },
        Answered(status="failed", code="server_error", tokens={}),
    ),
    "a function call of the model delegated to": (
        {
            "type": "response.event",
            "event": {
                "type": "response.output_item.done",
                "output_index": 0,
                "sequence_number": 1,
                "item": _FUNCTION_CALL,
            },
        },
        ToolCalled(name="send_note", call_id="call_1", arguments='{"text":"Call back."}'),
    ),
    "an item that is no function call": (
        {"type": "response.event", "event": {"type": "response.output_item.done", "item": {"type": "message"}}},
        None,
    ),
    "a delegated delta": ({"type": "response.event", "event": {"type": "response.output_text.delta"}}, None),
    "something new": ({"type": "session.surprise"}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_an_event_is_read(name: str) -> None:
    event, expected = CASES[name]
    assert read_happening(json.dumps({**event, "event_id": "event_1"})) == expected


def test_the_sdk_knows_every_event_that_is_read() -> None:
    members = get_args(get_args(ServerEvent)[0])
    known = {word for member in members for word in get_args(member.model_fields["type"].annotation)}
    assert set(live_sideband_wire._READERS) <= known


@pytest.mark.parametrize("message", ["", "[]", "{", '{"type":1}', b"\xff", '{"type":"response.event","event":3}'])
def test_what_cannot_be_read_is_passed_over(message: str | bytes) -> None:
    assert read_happening(message) is None


def test_what_is_said_is_what_the_sdk_would_send() -> None:
    said = CommentaryAppendEvent.model_validate_json(live_sideband_wire.say("Good day."))
    told = InstructionsAppendEvent.model_validate_json(live_sideband_wire.tell("Go on."))
    assert (said.type, said.content.endswith("Good day."), said.delegation_id) == (
        "session.commentary.append",
        True,
        None,
    )
    assert (told.type, told.content) == ("session.instructions.append", "Go on.")


def test_a_functions_result_goes_to_the_model_delegated_to() -> None:
    called, going_on = live_sideband_wire.tool_answer("call_1", "noted")
    result = ResponseItemCreateEvent.model_validate_json(called)
    assert result.item.type == "function_call_output"
    assert (result.item.call_id, result.item.output) == ("call_1", "noted")
    assert ResponseCreateEvent.model_validate_json(going_on).type == "response.create"
    nested = CASES["a function call of the model delegated to"][0]["event"]
    assert ResponseOutputItemDoneEvent.model_validate(nested).item.type == "function_call"


def test_a_live_session_has_an_address_of_its_own() -> None:
    assert sideband_path("live_1", "live") == "/live/sessions/live_1/attach"
