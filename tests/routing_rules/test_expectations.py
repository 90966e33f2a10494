"""Expectations: calls that must keep going where they go."""

from datetime import datetime
from typing import Any

import pytest

from routing_rules import CallFacts, ExpectedCall, check_expectations, compile_table, read_document
from routing_rules.expectations import MOST_SEARCHED, agrees
from routing_rules.places import Place
from routing_rules.problem import ReadingError
from routing_rules.reading import read_decision
from tests.routing_rules.calls import TUESDAY, call

NIGHT = "2026-12-01T22:00:00+01:00"
DOCUMENT: dict[str, Any] = {
    "profiles": {"sales": {"model": "gpt-realtime-2.1"}},
    "calendars": {"office": {"zone": "Europe/Berlin", "open": "Mon-Fri 09:00-17:00"}},
    "rules": [
        {"id": "vip", "when": {"caller": "+441*"}, "then": {"accept": "sales"}},
        {"id": "off", "enabled": False, "then": {"refer": "tel:+15557654321"}},
        {"id": "open", "when": {"called": "+15551230000", "during": "office"}, "then": {"accept": "sales"}},
        {
            "id": "closed",
            "when": {"called": "+15551230000"},
            "unless": {"during": "office"},
            "then": {"refer": "tel:+15557654321", "fallback": {"reject": 480}},
        },
        {"id": "us", "when": {"country": "US"}, "then": {"reject": 486}},
    ],
}


def read(expected: ExpectedCall) -> CallFacts:
    if expected.endpoint is not None:
        raise ReadingError("unknown_endpoint", f"there is no endpoint {expected.endpoint!r}")
    return call(called=expected.called, caller=expected.caller, country="US" if "+1415" in expected.caller else None)


def check(*expect: dict[str, Any], now: datetime = TUESDAY, **document: Any) -> list[tuple[str, str, str]]:
    named = [{"name": f"case {number}"} | case for number, case in enumerate(expect)]
    table = compile_table(read_document(DOCUMENT | document | {"expect": named}))
    return [(problem.code, problem.pointer, problem.detail) for problem in check_expectations(table, read, now)]


def broken(call: dict[str, Any], **wanted: Any) -> str:
    """What is told of one broken expectation, after its name."""
    ((code, pointer, detail),) = check({"call": call} | wanted)
    assert (code, pointer) == ("broken_expectation", "/expect/0")
    assert detail.startswith("'case 0' expects ")
    return detail.removeprefix("'case 0' expects ")


SALES = {"called": "+15551230000", "caller": "+491701234567"}


def test_expectations_that_hold_are_silent() -> None:
    assert (
        check(
            {"call": SALES, "then": {"accept": "sales"}, "rule": "open"},
            {"call": SALES | {"at": NIGHT}, "then": {"refer": "tel:+15557654321"}},
            {"call": {"called": "+49301"}, "then": {"reject": {}}},
        )
        == []
    )


def test_a_call_without_a_time_comes_at_the_moment_of_the_check() -> None:
    case = {"call": SALES, "rule": "open"}
    assert check(case) == []
    assert [code for code, _, _ in check(case, now=datetime.fromisoformat(NIGHT))] == ["broken_expectation"]


def test_a_broken_expectation_tells_why_its_rule_did_not_match() -> None:
    assert broken(SALES | {"at": NIGHT}, rule="open") == (
        "rule 'open'; what comes out is refer tel:+15557654321, else reject 480 by rule 'closed' (rule matched); "
        "'open' does not match: office is closed at 2026-12-01T22:00:00+01:00"
    )


def test_a_broken_expectation_tells_which_rule_came_first() -> None:
    assert broken(SALES | {"caller": "+4412345"}, then={"accept": "sales"}, rule="open") == (
        "accept sales by rule 'open'; what comes out is accept sales by rule 'vip' (rule matched); "
        "'open' matches too, but stands after 'vip'"
    )


def test_of_the_rules_that_decide_as_expected_the_closest_is_told() -> None:
    told = broken(SALES | {"at": NIGHT}, then={"accept": "sales"})
    assert told.endswith("'open' does not match: office is closed at 2026-12-01T22:00:00+01:00")
    told = broken(SALES, then={"refer": "tel:+15557654321"})
    assert told.endswith("'closed' does not match: office is open at 2026-12-01T09:00:00+00:00")


def test_a_rule_that_is_switched_off_is_told_if_there_is_no_other() -> None:
    assert broken({"called": "+49301"}, rule="off").endswith("'off' does not match: the rule is switched off")


def test_where_the_expected_rule_decides_otherwise_only_that_is_told() -> None:
    told = broken(SALES, then={"reject": 486}, rule="open")
    assert told == "reject 486 by rule 'open'; what comes out is accept sales by rule 'open' (rule matched)"


def test_where_no_rule_decides_so_there_is_nothing_to_explain() -> None:
    assert broken({"called": "+49301"}, then={"ignore": True}) == (
        "ignore; what comes out is reject 603 by the default (none matched)"
    )


def test_long_decisions_are_told_in_short() -> None:
    told = broken(SALES, then={"accept": {"profile": "sales", "instructions": "blah " * 200}})
    assert '{"profile": "sales", "instructions": "blah ' in told
    assert len(told) < 400


def test_a_call_that_cannot_be_read_is_told_at_its_place() -> None:
    assert check({"call": {"endpoint": "berlin"}, "rule": "us"}) == [
        ("unknown_endpoint", "/expect/0/call", "'case 0': there is no endpoint 'berlin'")
    ]


def test_of_many_broken_expectations_the_first_are_explained() -> None:
    told = check(*[{"call": SALES | {"at": NIGHT}, "rule": "open"}] * (MOST_SEARCHED + 5))
    assert len(told) == MOST_SEARCHED + 5
    assert sum("does not match" in detail for _, _, detail in told) == MOST_SEARCHED


ACCEPT = {"profile": "a", "instructions": "Be brief.", "metadata": {"team": "x"}}
AGREEING = {
    "the same": ({"reject": 486}, {"reject": 486}),
    "overrides left off": ({"accept": "a"}, {"accept": ACCEPT}),
    "an override": ({"accept": {"profile": "a", "instructions": "Be brief."}}, {"accept": ACCEPT}),
    "a fallback left off": ({"reject": 486}, {"reject": 486, "fallback": {"reject": 503}}),
    "a fallback's fallback left off": (
        {"reject": 486, "fallback": {"reject": 503}},
        {"reject": 486, "fallback": {"reject": 503, "fallback": {"reject": 603}}},
    ),
    "a profile left off": ({"refer": "tel:+4930"}, {"refer": {"to": "tel:+4930", "profile": "a"}}),
    "nothing": ({"ignore": True}, {"ignore": True}),
}
DIFFERING = {
    "another kind": ({"reject": 486}, {"accept": "a"}),
    "another status": ({"reject": 486}, {"reject": 480}),
    "nothing": ({"ignore": True}, {"reject": 480}),
    "something": ({"reject": 480}, {"ignore": True}),
    "another profile": ({"accept": "b"}, {"accept": ACCEPT}),
    "another override": ({"accept": {"profile": "a", "metadata": {"team": "y"}}}, {"accept": ACCEPT}),
    "an override that is not there": ({"accept": {"profile": "a", "greeting": "Hi"}}, {"accept": ACCEPT}),
    "another target": ({"refer": "tel:+4930"}, {"refer": ["tel:+4930", "tel:+4931"]}),
    "no fallback": ({"reject": 486, "fallback": {"reject": 503}}, {"reject": 486}),
    "another fallback": (
        {"reject": 486, "fallback": {"reject": 503}},
        {"reject": 486, "fallback": {"reject": 480}},
    ),
}


@pytest.mark.parametrize(("expected", "decision"), AGREEING.values(), ids=AGREEING.keys())
def test_a_decision_agrees_with_what_is_said_of_it(expected: dict[str, Any], decision: dict[str, Any]) -> None:
    assert agrees(read_decision(Place(expected, [])), read_decision(Place(decision, [])))


@pytest.mark.parametrize(("expected", "decision"), DIFFERING.values(), ids=DIFFERING.keys())
def test_a_decision_disagrees_with_anything_else(expected: dict[str, Any], decision: dict[str, Any]) -> None:
    assert not agrees(read_decision(Place(expected, [])), read_decision(Place(decision, [])))
