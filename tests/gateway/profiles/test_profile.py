"""A profile: what of it goes upstream, what stays here, and what it inherits."""

import copy
from typing import Any

import pytest

from gateway.profiles.profile import Conduct, Silence, browser_session_of, conduct_of, find_profile, session_of

FORMATS = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"}}

# A profile and the session that answers a phone call.
SESSIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the session as it stands": ({"model": "m", "instructions": "Sell."}, {"model": "m", "instructions": "Sell."}),
    "what the gateway reads is not sent": (
        {
            "model": "m",
            "note": "x",
            "greeting": "Hi",
            "max_seconds": 5,
            "silence": {"seconds": 9},
            "metadata": {"a": "b"},
            "extends": "base",
        },
        {"model": "m"},
    ),
    "the wire adds the type": ({"type": "realtime", "model": "m"}, {"model": "m"}),
    "formats are negotiated by the line": ({"audio": FORMATS}, {"audio": {"output": {"voice": "marin"}}}),
    "tables that only held a format": ({"model": "m", "audio": {"input": FORMATS["input"]}}, {"model": "m"}),
    "off is null": (
        {"audio": {"input": {"turn_detection": "off", "noise_reduction": "off", "transcription": "off"}}},
        {"audio": {"input": {"turn_detection": None, "noise_reduction": None, "transcription": None}}},
    ),
    "tracing off": ({"tracing": "off"}, {"tracing": None}),
    "extra is merged, deep": (
        {"audio": {"output": {"voice": "ash"}}, "extra": {"new": 1, "audio": {"output": {"mood": "calm"}}}},
        {"audio": {"output": {"voice": "ash", "mood": "calm"}}, "new": 1},
    ),
    "extra of a tool": (
        {"tools": [{"type": "function", "name": "f", "extra": {"strict": True}}]},
        {"tools": [{"type": "function", "name": "f", "strict": True}]},
    ),
    "what an earlier release let through": (
        {"audio": "loud", "tools": "none", "extra": 3, "tracing": 7},
        {"audio": "loud", "tools": "none", "tracing": 7},
    ),
    "tools of an earlier release": ({"tools": ["f"]}, {"tools": ["f"]}),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_a_profile_becomes_the_session_that_answers_a_call(name: str) -> None:
    profile, session = SESSIONS[name]
    before = copy.deepcopy(profile)
    assert session_of(profile) == session
    assert profile == before  # it belongs to the rulebook


def test_a_rules_instructions_stand_in_place_of_the_profiles() -> None:
    assert session_of({"instructions": "Sell."}, instructions="Buy.") == {"instructions": "Buy."}


def test_a_browser_needs_the_type_and_the_formats() -> None:
    assert browser_session_of({"audio": FORMATS, "greeting": "Hi"}) == {"type": "realtime", "audio": FORMATS}
    assert browser_session_of({"type": "transcription"}) == {"type": "transcription"}


def test_what_the_gateway_does_beside_the_session() -> None:
    profile = {"greeting": "Hi", "max_seconds": 60, "silence": {"seconds": 9, "say": "Hello?"}, "metadata": {"a": "b"}}
    assert conduct_of(profile) == Conduct(
        greeting="Hi", max_seconds=60, silence=Silence(seconds=9, say="Hello?"), metadata={"a": "b"}
    )
    assert conduct_of(profile, greeting="Hey", max_seconds=5, metadata={}) == Conduct(
        greeting="Hey", max_seconds=5, silence=Silence(seconds=9, say="Hello?")
    )
    assert conduct_of({"model": "m"}) is None


def test_conduct_that_cannot_be_read_is_left_out() -> None:
    odd = {"greeting": 7, "max_seconds": "long", "silence": {"say": "Hello?"}, "metadata": {"a": 1}}
    assert conduct_of(odd) is None
    assert conduct_of({**odd, "max_seconds": 60}) == Conduct(max_seconds=60)


PROFILES = {
    "base": {
        "model": "m",
        "note": "for all",
        "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}, "output": {"voice": "ash"}},
        "metadata": {"team": "all"},
        "tools": [{"type": "function", "name": "f"}],
    },
    "sales": {"extends": "base", "audio": {"output": {"speed": 1.1}}, "metadata": {"line": "sales"}},
    "patient": {"extends": "sales", "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
    "quick": {"extends": "base", "audio": {"input": {"turn_detection": {"silence_duration_ms": 200}}}, "tools": []},
    "orphan": {"extends": "nobody", "model": "m"},
    "hen": {"extends": "egg", "model": "h"},
    "egg": {"extends": "hen", "instructions": "e"},
}


def test_an_heir_adds_to_tables_and_replaces_everything_else() -> None:
    sales = find_profile(PROFILES, "sales")
    assert session_of(sales) == {
        "model": "m",
        "audio": {
            "input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}},
            "output": {"voice": "ash", "speed": 1.1},
        },
        "tools": [{"type": "function", "name": "f"}],
    }
    assert (sales["metadata"], "note" in sales) == ({"team": "all", "line": "sales"}, False)
    assert find_profile(PROFILES, "quick")["tools"] == []


def test_a_table_of_another_type_replaces_the_inherited_one_whole() -> None:
    turns = [find_profile(PROFILES, name)["audio"]["input"]["turn_detection"] for name in ("patient", "quick")]
    assert turns == [{"type": "semantic_vad"}, {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 200}]


def test_a_missing_parent_adds_nothing_and_a_circle_ends() -> None:
    assert session_of(find_profile(PROFILES, "orphan")) == {"model": "m"}
    assert session_of(find_profile(PROFILES, "hen")) == {"instructions": "e", "model": "h"}


def test_what_is_for_live_alone_goes_with_the_session_and_not_with_a_browsers() -> None:
    profile = {
        "model": "gpt-realtime-2.1",
        "instructions": "Hello.",
        "live": {"instructions": "Hi.", "delegation": "off", "store": True, "extra": {"newer": 1}},
    }
    live = {"instructions": "Hi.", "delegation": None, "store": True, "newer": 1}
    assert session_of(profile)["live"] == live
    assert session_of(profile, instructions="Ours.")["live"] == {**live, "instructions": "Ours."}
    assert "live" not in browser_session_of(profile)
    assert "live" not in session_of({"live": "odd"})
