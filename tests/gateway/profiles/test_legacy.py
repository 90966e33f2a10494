"""Beta sessions of both generations become profiles of today; every change is told."""

from typing import Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.beta.realtime.session_create_params import SessionCreateParams
from openai.types.beta.realtime.transcription_session_create_params import TranscriptionSessionCreateParams
from typing_extensions import get_type_hints, is_typeddict

from gateway.profiles.legacy import upgrade
from gateway.profiles.problems import find_problems_of
from routing_rules import Severity

FUNCTION = {"type": "function", "name": "book", "description": "Books.", "parameters": {"type": "object"}}

# The first generation, as the guides of October 2024 wrote it.
FIRST: dict[str, Any] = {
    "modalities": ["text", "audio"],
    "model": "gpt-4o-realtime-preview-2024-10-01",
    "instructions": "You answer for Example Ltd.",
    "voice": "alloy",
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200},
    "tools": [FUNCTION],
    "tool_choice": "book",
    "temperature": 0.8,
    "max_response_output_tokens": "inf",
}

# The second, as the upstream answered it in 2025.
SECOND: dict[str, Any] = {
    **FIRST,
    "id": "sess_1",
    "object": "realtime.session",
    "expires_at": 0,
    "model": "gpt-realtime-2025-08-28",
    "voice": "marin",
    "speed": 1.1,
    "tracing": None,
    "prompt": None,
    "input_audio_noise_reduction": {"type": "near_field"},
    "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "de", "prompt": ""},
    "turn_detection": {
        "type": "semantic_vad",
        "eagerness": "low",
        "threshold": 0.5,
        "create_response": True,
        "interrupt_response": True,
    },
    "client_secret": {"value": "ek_1", "expires_at": 1},
    "tool_choice": "auto",
}

AUDIO = {
    "input": {
        "transcription": {"model": "whisper-1"},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 200,
        },
    },
    "output": {"voice": "alloy"},
}


def test_the_first_generation() -> None:
    upgraded = upgrade(FIRST)
    assert upgraded.profile == {
        "output_modalities": ["audio"],
        "model": "gpt-4o-realtime-preview-2024-10-01",
        "instructions": "You answer for Example Ltd.",
        "audio": AUDIO,
        "tools": [FUNCTION],
        "tool_choice": {"type": "function", "name": "book"},
        "max_output_tokens": "inf",
    }
    assert {(change.was, change.now) for change in upgraded.changes} == {
        ("/modalities", "/output_modalities"),
        ("/voice", "/audio/output/voice"),
        ("/input_audio_format", None),
        ("/output_audio_format", None),
        ("/input_audio_transcription", "/audio/input/transcription"),
        ("/turn_detection", "/audio/input/turn_detection"),
        ("/temperature", None),
        ("/max_response_output_tokens", "/max_output_tokens"),
        ("/tool_choice", "/tool_choice"),
    }
    assert all(change.why for change in upgraded.changes)


def test_the_second_generation() -> None:
    upgraded = upgrade(SECOND)
    assert upgraded.profile["audio"] == {
        "input": {
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "gpt-4o-transcribe", "language": "de"},
            "turn_detection": {
                "type": "semantic_vad",
                "eagerness": "low",
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"voice": "marin", "speed": 1.1},
    }
    told = {change.was: change.why for change in upgraded.changes}
    assert "POST /api/v1/client-secrets" in told["/client_secret"]
    assert "takes no threshold" in told["/audio/input/turn_detection/threshold"]
    assert {"/id", "/object", "/expires_at", "/prompt", "/audio/input/transcription/prompt"} <= told.keys()


# What was given → (profile, a change: was, now).
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str | None] | None]] = {
    "nothing": ({}, {}, None),
    "today's": ({"type": "realtime", "audio": AUDIO}, {"type": "realtime", "audio": AUDIO}, None),
    "an event around it": (
        {"type": "session.update", "event_id": "e", "session": {"voice": "ash"}},
        {"audio": {"output": {"voice": "ash"}}},
        ("/session/voice", "/audio/output/voice"),
    ),
    "a request around it": (
        {"session": {"type": "realtime", "model": "m"}, "expires_after": {"anchor": "created_at", "seconds": 60}},
        {"type": "realtime", "model": "m"},
        ("/expires_after", None),
    ),
    "text only": ({"modalities": ["text"]}, {"output_modalities": ["text"]}, ("/modalities", "/output_modalities")),
    "a voice that is gone": ({"voice": "onyx"}, {}, ("/voice", None)),
    "turns off": (
        {"turn_detection": None},
        {"audio": {"input": {"turn_detection": None}}},
        ("/turn_detection", "/audio/input/turn_detection"),
    ),
    "no transcription": ({"input_audio_transcription": None}, {}, ("/input_audio_transcription", None)),
    "turns of no kind": (
        {"turn_detection": {"eagerness": "low"}},
        {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}},
        ("/audio/input/turn_detection/type", "/audio/input/turn_detection/type"),
    ),
    "a tool of no kind": (
        {"tools": [{"name": "f", "description": None}]},
        {"tools": [{"type": "function", "name": "f"}]},
        ("/tools/0/description", None),
    ),
    "half of it is today's already": (
        {"voice": "ash", "speed": 1.2, "audio": {"output": {"voice": "marin"}}},
        {"audio": {"output": {"voice": "marin", "speed": 1.2}}},
        ("/speed", "/audio/output/speed"),
    ),
    "a transcription session": (
        {
            "object": "realtime.transcription_session",
            "modalities": ["text"],
            "input_audio_format": "pcm16",
            "input_audio_transcription": {"model": "gpt-4o-transcribe"},
        },
        {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "gpt-4o-transcribe"},
                }
            },
        },
        ("/modalities", None),
    ),
    "an update of a transcription session": (
        {"type": "transcription_session.update", "session": {"input_audio_noise_reduction": {"type": "far_field"}}},
        {"type": "transcription", "audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
        ("/session", "/type"),
    ),
    "what the gateway reads": (
        {"greeting": "Hi", "voice": "ash"},
        {"greeting": "Hi", "audio": {"output": {"voice": "ash"}}},
        None,
    ),
    "nonsense stays for others to tell": (
        {"tools": "all", "voice": 7},
        {"tools": "all", "audio": {"output": {"voice": 7}}},
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_session_is_upgraded(name: str) -> None:
    session, profile, change = CASES[name]
    upgraded = upgrade(session)
    assert upgraded.profile == profile
    assert change is None or change in {(one.was, one.now) for one in upgraded.changes}


WORDS = st.sampled_from(["Example", "de", "sales"])
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "threshold": st.floats(0, 1),
    "speed": st.floats(0.25, 1.5),
    "temperature": st.floats(0.6, 1.2),
    "max_response_output_tokens": st.just("inf") | st.integers(1, 4096),
    "prefix_padding_ms": st.integers(0, 2000),
    "silence_duration_ms": st.integers(0, 2000),
    "seconds": st.integers(10, 7200),
    "modalities": st.sampled_from([["text"], ["audio"], ["text", "audio"], ["audio", "text"]]),
    "model": st.sampled_from(["whisper-1", "gpt-4o-transcribe"]),
    "tool_choice": st.sampled_from(["auto", "none"]),
    "include": st.just(["item.input_audio_transcription.logprobs"]),
    "tools": st.sampled_from([[], [FUNCTION], [FUNCTION, {"type": "function", "name": "other"}]]),
    "metadata": st.just({"a": 1}),
}


def published(kind: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a type of the SDK, within the published ranges."""
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        fields = {field: published(hint, field) for field, hint in hints.items()}
        required = {field: fields.pop(field) for field in kind.__required_keys__}
        return st.fixed_dictionaries(required, optional=fields)
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if name in BY_NAME:
        return BY_NAME[name]
    if get_origin(kind) is Union:
        return st.one_of([published(part, name) for part in get_args(kind) if part is not str])
    return {bool: st.booleans(), str: WORDS}[kind]


def check_upgraded(session: dict[str, Any]) -> None:
    upgraded = upgrade(session)
    found = find_problems_of({"it": upgraded.profile}, "it", {}, None)
    assert not [problem for problem in found if problem.severity is Severity.ERROR]
    again = upgrade(upgraded.profile)
    assert (again.profile, again.changes) == (upgraded.profile, ())
    told = {change.was for change in upgraded.changes}
    for key, value in session.items():
        assert f"/{key}" in told or upgraded.profile[key] == value


@settings(max_examples=150, deadline=None)
@given(session=published(SessionCreateParams))
def test_whatever_the_beta_published_becomes_a_right_profile(session: dict[str, Any]) -> None:
    check_upgraded(session)


@settings(max_examples=100, deadline=None)
@given(session=published(TranscriptionSessionCreateParams))
def test_so_do_transcription_sessions(session: dict[str, Any]) -> None:
    check_upgraded({"object": "realtime.transcription_session", **session})
