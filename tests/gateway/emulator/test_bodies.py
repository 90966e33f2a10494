"""What the emulated upstream refuses of a body."""

import json
from typing import Any

import pytest
from openai.types.live import session_accept_params
from openai.types.realtime.call_accept_params import CallAcceptParams

from gateway.emulator.answers import Mistake
from gateway.emulator.bodies import LIVE_SESSION, REALTIME_SESSION, check_client_secret, find_mistake, read
from gateway.emulator.faults import Command

SESSION = {"type": "realtime", "model": "gpt-realtime-2.1"}

GOOD: dict[str, tuple[Command, Any]] = {
    "smallest session": (Command.ACCEPT, {"type": "realtime"}),
    "session": (
        Command.ACCEPT,
        SESSION
        | {
            "instructions": "x",
            "audio": {"output": {"voice": "marin"}},
            "max_output_tokens": 4096,
            "output_modalities": ["text"],
            "tools": [],
            "tracing": None,
            "tool_choice": "auto",
        },
    ),
    "endless tokens": (Command.ACCEPT, SESSION | {"max_output_tokens": "inf"}),
    "reject without a status": (Command.REJECT, {}),
    "reject": (Command.REJECT, {"status_code": 486}),
    "tel": (Command.REFER, {"target_uri": "tel:+14155550123"}),
    "sip": (Command.REFER, {"target_uri": "SIP:agent@example.com"}),
    "hangup": (Command.HANGUP, {}),
}

BAD: dict[str, tuple[Command, Any, str, str]] = {
    "no type": (Command.ACCEPT, {"model": "x"}, "type", "missing_required_parameter"),
    "transcription": (Command.ACCEPT, {"type": "transcription"}, "type", "invalid_value"),
    "type of another type": (Command.ACCEPT, {"type": 1}, "type", "invalid_type"),
    "model of another type": (Command.ACCEPT, SESSION | {"model": 7}, "model", "invalid_type"),
    "typo": (Command.ACCEPT, SESSION | {"instructons": "x"}, "instructons", "unknown_parameter"),
    "beta shape": (Command.ACCEPT, SESSION | {"voice": "alloy"}, "voice", "unknown_parameter"),
    "too many tokens": (Command.ACCEPT, SESSION | {"max_output_tokens": 5000}, "max_output_tokens", "invalid_value"),
    "no tokens": (Command.ACCEPT, SESSION | {"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
    "tokens as text": (Command.ACCEPT, SESSION | {"max_output_tokens": "4"}, "max_output_tokens", "invalid_type"),
    "both modalities": (
        Command.ACCEPT,
        SESSION | {"output_modalities": ["text", "audio"]},
        "output_modalities",
        "invalid_value",
    ),
    "status too low": (Command.REJECT, {"status_code": 200}, "status_code", "invalid_value"),
    "status too high": (Command.REJECT, {"status_code": 700}, "status_code", "invalid_value"),
    "status as text": (Command.REJECT, {"status_code": "486"}, "status_code", "invalid_type"),
    "status as boolean": (Command.REJECT, {"status_code": True}, "status_code", "invalid_type"),
    "no target": (Command.REFER, {}, "target_uri", "missing_required_parameter"),
    "target of another type": (Command.REFER, {"target_uri": 1}, "target_uri", "invalid_type"),
    "target without a scheme": (Command.REFER, {"target_uri": "+14155550123"}, "target_uri", "invalid_value"),
}


@pytest.mark.parametrize(("command", "document"), GOOD.values(), ids=GOOD)
def test_a_good_body_passes(command: Command, document: Any) -> None:
    assert find_mistake(command, json.dumps(document).encode()) is None


@pytest.mark.parametrize(("command", "document", "param", "code"), BAD.values(), ids=BAD)
def test_a_bad_body_is_refused_with_its_place(command: Command, document: Any, param: str, code: str) -> None:
    mistake = find_mistake(command, json.dumps(document).encode())
    assert mistake is not None
    assert (mistake.param, mistake.code) == (param, code)
    assert param in mistake.message or code == "invalid_value"


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    assert isinstance(read(body), Mistake)


def test_an_empty_body_counts_as_an_empty_object() -> None:
    assert read(b"") == {}
    assert find_mistake(Command.REJECT, b"") is None
    assert find_mistake(Command.HANGUP, b"") is None


def test_the_known_parameters_are_those_of_the_official_sdk() -> None:
    assert set(REALTIME_SESSION) == set(CallAcceptParams.__annotations__)


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({}, None),
        ({"session": SESSION}, None),
        ({"session": {"type": "transcription", "audio": {}}}, None),
        ({"expires_after": {"anchor": "created_at", "seconds": 10}}, None),
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
        ({"expires_after": 600}, "expires_after"),
        ({"session": {}}, "session.type"),
        ({"session": {"type": "transcription", "tools": []}}, "session.tools"),
        ({"session": SESSION | {"model": None}}, "session.model"),
        ({"ttl": 1}, "ttl"),
    ],
)
def test_the_body_of_client_secrets_is_checked(document: dict[str, Any], param: str | None) -> None:
    mistake = check_client_secret(document)
    assert (mistake and mistake.param) == param


LIVE = {"type": "live", "model": "gpt-live-1"}

LIVE_BODIES: dict[str, tuple[Command, Any, str | None]] = {
    "smallest session": (Command.ACCEPT, {"session": LIVE}, None),
    "session": (
        Command.ACCEPT,
        {"session": LIVE | {"instructions": "x", "audio": {"output": {"voice": "marin"}}, "delegation": None}},
        None,
    ),
    "no session": (Command.ACCEPT, {}, "session"),
    "a flat session, as Realtime takes it": (Command.ACCEPT, LIVE, "type"),
    "no model": (Command.ACCEPT, {"session": {"type": "live"}}, "session.model"),
    "a Realtime session": (Command.ACCEPT, {"session": LIVE | {"type": "realtime"}}, "session.type"),
    "a field of Realtime's": (Command.ACCEPT, {"session": LIVE | {"tools": []}}, "session.tools"),
    "reject": (Command.REJECT, {"status_code": 486}, None),
    "reject without a status": (Command.REJECT, {}, "status_code"),
    "reject with a status that is none": (Command.REJECT, {"status_code": 200}, "status_code"),
}


@pytest.mark.parametrize("name", LIVE_BODIES)
def test_the_live_api_has_bodies_of_its_own(name: str) -> None:
    command, body, param = LIVE_BODIES[name]
    mistake = find_mistake(command, json.dumps(body).encode(), live=True)
    assert (mistake and mistake.param) == param


def test_a_live_session_has_the_fields_of_the_official_types() -> None:
    assert set(LIVE_SESSION) == set(session_accept_params.Session.__annotations__)
