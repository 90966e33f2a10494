"""A decision made concrete: which bytes are sent, and what is tried next."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.actions.plan import Plan, Step, decode_plan, digest, make_plan
from gateway.profiles.profile import Conduct, Silence
from gateway.profiles.variables import Call, Rendering
from gateway.upstream.wire import SILENT_SESSION, Command
from routing_rules import CallFacts, Decision, read_document

PROFILES = {
    "sales": {
        "model": "gpt-realtime-2.1",
        "instructions": "Sell.",
        "audio": {"output": {"voice": "marin"}},
        "max_seconds": 600,
    },
    "backup": {"model": "gpt-realtime-2.1-mini"},
    "hotel": {
        "model": "gpt-realtime-2.1",
        "instructions": "You answer {called}.",
        "greeting": "Good day, it is {now}.",
        "silence": {"seconds": 20, "say": "Is {called} right?", "times": 2},
        "metadata": {"team": "{called}"},
    },
}
SALES_PLAIN = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Sell."}
SALES = {**SALES_PLAIN, "audio": {"output": {"voice": "marin"}}}
BACKUP = {"type": "realtime", "model": "gpt-realtime-2.1-mini"}
SILENT = {"type": "realtime", **SILENT_SESSION}
TARGET = "tel:+493023125000"

# The decision as a document says it, and the steps: kind, body, and what is special about the step.
CASES: dict[str, tuple[dict[str, Any], list[tuple[str, dict[str, Any] | None, dict[str, Any]]]]] = {
    "accept": (
        {"accept": "sales"},
        [
            ("accept", SALES, {"profile": "sales"}),
            ("accept", SALES_PLAIN, {"profile": "sales", "only_if_refused": True}),
            ("reject", {"status_code": 503}, {"status": 503}),
        ],
    ),
    "accept with its own words": (
        {"accept": {"profile": "sales", "instructions": "Be brief."}, "fallback": {"reject": 486}},
        [
            ("accept", {**SALES, "instructions": "Be brief."}, {"profile": "sales"}),
            ("reject", {"status_code": 486}, {"status": 486}),
        ],
    ),
    "accept, else another profile": (
        {"accept": "sales", "fallback": {"accept": "backup"}},
        [
            ("accept", SALES, {"profile": "sales"}),
            ("accept", BACKUP, {"profile": "backup"}),
            ("accept", BACKUP, {"profile": "backup", "only_if_refused": True}),
            ("reject", {"status_code": 503}, {"status": 503}),
        ],
    ),
    "accept, else another profile, else busy": (
        {"accept": "sales", "fallback": {"accept": "backup", "fallback": {"reject": 486}}},
        [
            ("accept", SALES, {"profile": "sales"}),
            ("accept", BACKUP, {"profile": "backup"}),
            ("reject", {"status_code": 486}, {"status": 486}),
        ],
    ),
    "reject": ({"reject": 486}, [("reject", {"status_code": 486}, {"status": 486})]),
    "refer, answered in silence": (
        {"refer": TARGET},
        [
            ("refer", SILENT, {"targets": (TARGET,), "stays": False}),
            ("reject", {"status_code": 503}, {"status": 503}),
        ],
    ),
    "refer, answered by a profile": (
        {"refer": {"to": [TARGET, "tel:+493023125001"], "profile": "sales"}, "fallback": {"reject": 480}},
        [
            ("refer", SALES, {"targets": (TARGET, "tel:+493023125001"), "profile": "sales", "stays": True}),
            ("reject", {"status_code": 480}, {"status": 480}),
        ],
    ),
    "ignore": ({"ignore": True}, [("ignore", None, {})]),
}


def plan_of(then: dict[str, Any]) -> Plan:
    rulebook = read_document({"profiles": PROFILES, "rules": [{"id": "it", "then": then}]})
    decision: Decision = rulebook.rules[0].then
    return make_plan(decision, rulebook)


@pytest.mark.parametrize("name", CASES)
def test_a_decision_becomes_steps(name: str) -> None:
    then, expected = CASES[name]
    steps = plan_of(then).steps
    assert [(step.kind, json.loads(step.body) if step.body else None) for step in steps] == [
        (kind, body) for kind, body, _ in expected
    ]
    for step, (_, _, special) in zip(steps, expected, strict=True):
        assert {key: getattr(step, key) for key in special} == special


@pytest.mark.parametrize("name", CASES)
def test_a_plan_is_read_back_as_it_was_stored(name: str) -> None:
    plan = plan_of(CASES[name][0])
    assert decode_plan(plan.encode()) == plan
    assert digest(plan.encode()) == digest(plan_of(CASES[name][0]).encode())


def test_what_the_gateway_reads_of_a_profile_is_not_sent_upstream() -> None:
    assert b"max_seconds" not in plan_of({"accept": "sales"}).steps[0].body


def test_the_plain_session_is_tried_only_when_the_profile_was_refused() -> None:
    plan = plan_of({"accept": "sales"})
    assert plan.following(0, refused=True) == 1
    assert plan.following(0, refused=False) == 2
    assert plan.following(2, refused=True) is None


def test_a_refer_answers_the_call_first() -> None:
    assert plan_of({"refer": TARGET}).steps[0].command is Command.ACCEPT
    assert Step(kind="reject").command is Command.REJECT


def test_what_the_gateway_does_in_the_call_is_planned_with_it() -> None:
    whole, plain, _ = plan_of({"accept": {"profile": "sales", "greeting": "Hi", "metadata": {"line": "1"}}}).steps
    assert whole.conduct == plain.conduct == Conduct(greeting="Hi", max_seconds=600, metadata={"line": "1"})
    assert plan_of({"accept": "backup"}).steps[0].conduct is None
    assert plan_of({"refer": {"to": TARGET, "profile": "sales"}}).steps[0].conduct == Conduct(max_seconds=600)


def test_variables_are_rendered_for_the_call() -> None:
    rulebook = read_document({"profiles": PROFILES, "default": {"accept": "hotel"}})
    facts = CallFacts(call_id="rtc_1", called="+15551230000", caller="")
    call = Rendering(Call(facts, datetime(2026, 12, 1, 14, 5, tzinfo=UTC), lambda number, address: ()))
    step = make_plan(rulebook.default, rulebook, call).steps[0]
    assert json.loads(step.body)["instructions"] == "You answer +15551230000."
    assert step.conduct == Conduct(
        greeting="Good day, it is Tuesday, 1 December 2026, 14:05 UTC.",
        silence=Silence(seconds=20, say="Is +15551230000 right?", times=2),
        metadata={"team": "{called}"},
    )
    assert call.used


def test_a_plan_that_says_nothing_of_the_call_can_serve_others() -> None:
    rulebook = read_document({"profiles": PROFILES, "default": {"accept": "sales"}})
    call = Rendering(Call(CallFacts(call_id="rtc_1", called="", caller=""), datetime.now(UTC), lambda n, a: ()))
    assert make_plan(rulebook.default, rulebook, call) == make_plan(rulebook.default, rulebook)
    assert not call.used
