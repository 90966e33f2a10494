"""Wrong profiles are refused with one message each, right ones are sent as they are meant."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.actions.plan import make_plan
from gateway.profiles.legacy import upgrade
from gateway.profiles.mistakes import BETA_FIELDS
from gateway.profiles.problems import find_problems_of, find_profile_problems, used_by_profiles
from gateway.profiles.session import RealtimeProfile
from gateway.profiles.variables import Call, Rendering
from routing_rules import Accept, CallFacts, Problem, Rulebook, Severity, read_document
from routing_rules.lists import ListIndex
from tests.gateway.profiles.right import RIGHT
from tests.gateway.profiles.wrong import WRONG, heard, model, said

BASE = {
    "model": "gpt-realtime-2.1",
    "instructions": "You answer for Example Ltd.",
    "audio": {"output": {"voice": "marin"}},
}
LISTS = {"vip": ["+4930*"]}


def problems(profile: dict[str, Any], today: date | None = None, **others: dict[str, Any]) -> list[Problem]:
    document = {"profiles": {"base": BASE, **others, "it": profile}, "lists": LISTS}
    return list(find_profile_problems(read_document(document), today))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_profile_is_told_once_where_and_why(name: str) -> None:
    profile, pointer, words = WRONG[name]
    found = [problem for problem in problems(profile) if problem.severity is Severity.ERROR]
    assert [problem.pointer for problem in found] == [f"/profiles/it{pointer}"]
    assert words in found[0].detail


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_profile_is_sent_as_it_is_meant(name: str) -> None:
    profile, session = RIGHT[name]
    assert problems(profile) == []
    rulebook = read_document({"profiles": {"base": BASE, "it": profile}, "lists": LISTS, "default": {"accept": "it"}})
    facts = CallFacts(call_id="rtc_1", called="+15551230000", caller="+493023125901", country="DE")
    call = Rendering(Call(facts, datetime(2026, 12, 1, tzinfo=UTC), ListIndex(rulebook.lists).holding))
    body = make_plan(rulebook.default, rulebook, call).steps[0].body
    assert json.loads(body) == {"type": "realtime", **session}
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()


def test_the_tables_are_long_enough() -> None:
    assert len(WRONG) >= 40
    assert len(RIGHT) >= 40


# What is doubtful → (profile, pointer, words of the warning).
DOUBTFUL: dict[str, tuple[dict[str, Any], str, str]] = {
    "no model": ({"instructions": "Sell."}, "/model", "say which"),
    "an unknown model": ({"model": "gpt-realtime-2.l"}, "/model", "did you mean 'gpt-realtime-2.1'"),
    "a model of the other surface": ({"model": "gpt-live-1"}, "/model", "in the table `live`"),
    "an unknown voice": (said(voice="marine"), "/audio/output/voice", "did you mean 'marin'"),
    "a voice that is gone": (said(voice="onyx"), "/audio/output/voice", "is gone"),
    "an unknown voice of the other surface": (
        model(live={"audio": {"output": {"voice": "wilow"}}}),
        "/live/audio/output/voice",
        "did you mean 'willow'",
    ),
    "an unknown transcriber": (
        heard(transcription={"model": "whisper-9"}),
        "/audio/input/transcription/model",
        "no transcription model",
    ),
    "a format": (heard(format={"type": "audio/pcmu"}), "/audio/input/format", "it is not sent"),
    "text on the phone": (model(output_modalities=["text"]), "/output_modalities", "in silence"),
    "approval on the phone": (
        model(tools=[{"type": "mcp", "server_label": "crm", "server_url": "https://crm.example.com"}]),
        "/tools/0/require_approval",
        "nobody gives",
    ),
    "longer than the upstream": (model(max_seconds=7200), "/max_seconds", "3,600"),
    "a variable misspelt": (model(greeting="You called {caled}"), "/greeting", "did you mean 'called'"),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_doubtful_profile_is_warned_of_and_may_be_published(name: str) -> None:
    profile, pointer, words = DOUBTFUL[name]
    (found,) = problems(profile)
    assert (found.severity, found.pointer) == (Severity.WARNING, f"/profiles/it{pointer}")
    assert words in found.detail


@pytest.mark.parametrize(
    ("today", "code", "words"),
    [
        (date(2026, 11, 21), "shutdown", "in 60 days"),
        (date(2026, 12, 21), "shutdown_soon", "IN 30 DAYS, on 2027-01-20"),
        (date(2027, 1, 19), "shutdown_soon", "TOMORROW"),
        (date(2027, 1, 20), "shut_down", "SHUT DOWN"),
    ],
)
def test_a_warning_of_a_shutdown_becomes_louder(today: date, code: str, words: str) -> None:
    (found,) = problems({"model": "gpt-realtime"}, today)
    assert (found.severity, found.code, found.pointer) == (Severity.WARNING, code, "/profiles/it/model")
    assert words in found.detail
    assert "use gpt-realtime-2.1 (https://" in found.detail


def test_without_a_date_nothing_is_said_of_shutdowns() -> None:
    assert problems({"model": "gpt-realtime"}) == []


def test_what_a_parent_was_told_is_not_told_again() -> None:
    parent = model(audio={"output": {"speed": 9}}, instructons="x")
    found = problems({"extends": "parent", "instructions": "Sell.", "max_seconds": 0}, parent=parent)
    assert [problem.pointer for problem in found] == [
        "/profiles/parent/audio/output/speed",
        "/profiles/parent/instructons",
        "/profiles/it/max_seconds",
    ]


def test_a_mistake_in_what_is_inherited_points_to_the_heir_as_far_as_it_goes() -> None:
    tools = {"type": "function", "name": "f"}
    parent = model(tools=[tools], tool_choice={"type": "function", "name": "f"})
    (found,) = problems({"extends": "parent", "tools": []}, parent=parent)
    assert (found.pointer, found.code) == ("/profiles/it", "missing_tool")


def test_profiles_that_extend_each_other_in_a_circle_are_told_the_way() -> None:
    found = problems({"extends": "hen"}, hen=model(extends="egg"), egg=model(extends="hen"))
    assert {problem.pointer for problem in found if problem.code == "circular_profile"} == {
        "/profiles/hen/extends",
        "/profiles/egg/extends",
    }
    (itself,) = (problem for problem in problems(model(extends="it")) if problem.severity is Severity.ERROR)
    assert itself.detail == "goes round in a circle: 'it' extends 'it'"


def test_a_rule_cannot_answer_by_a_transcription_session_nor_say_unknown_variables() -> None:
    rules = [
        {"id": "a", "then": {"accept": {"profile": "scribe", "greeting": "{now:x}"}, "fallback": {"accept": "scribe"}}},
        {"id": "b", "then": {"refer": {"to": "tel:+493023125000", "profile": "scribe"}}},
        {"id": "c", "then": {"ignore": True}},
    ]
    document = {"profiles": {"scribe": {"type": "transcription"}}, "rules": rules}
    assert [(problem.code, problem.pointer) for problem in find_profile_problems(read_document(document))] == [
        ("transcription_profile", "/rules/0/then/accept"),
        ("unknown_zone", "/rules/0/then/accept/greeting"),
        ("transcription_profile", "/rules/0/then/fallback/accept"),
        ("transcription_profile", "/rules/1/then/refer"),
    ]


def test_what_profiles_use_is_not_unused() -> None:
    document = {
        "profiles": {
            "base": BASE,
            "it": {"extends": "base", "silence": {"seconds": 9, "say": "{caller_in:vip}"}},
            "scribe": {"type": "transcription"},
        },
        "rules": [{"id": "a", "then": {"accept": {"profile": "it", "instructions": "{called_in:hotels}"}}}],
    }
    assert set(used_by_profiles(read_document(document))) == {
        "/profiles/base",
        "/profiles/scribe",
        "/lists/vip",
        "/lists/hotels",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["off", "mcp"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "input", "output", "model", "voice", "extra", "x"]), inner)
    ),
    max_leaves=8,
)
SOME = st.dictionaries(st.sampled_from([*RealtimeProfile.model_fields, *BETA_FIELDS, "object", "session"]), JSON)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profile=SOME)
def test_whatever_somebody_writes_is_told_and_breaks_nothing(profile: dict[str, Any]) -> None:
    list(find_problems_of({"it": profile}, "it", {}, date(2026, 11, 21)))
    upgraded = upgrade(profile)
    list(find_problems_of({"it": upgraded.profile}, "it", {}, date(2026, 11, 21)))
    rulebook = Rulebook(profiles={"it": profile}, default=Accept(profile="it"))
    make_plan(rulebook.default, rulebook)  # what an earlier release let through still answers calls
