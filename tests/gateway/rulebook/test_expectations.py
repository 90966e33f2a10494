"""Expectations as this gateway reads their calls."""

from datetime import datetime
from typing import Any

from gateway.rulebook.current import compile_rulebook
from gateway.rulebook.expectations import FORCEABLE, broken_expectations, strange_endpoints
from gateway.settings import Endpoint, Settings
from routing_rules import read_document

SETTINGS = Settings(endpoints={"berlin": Endpoint(name="berlin", default_region="DE")})
CHRISTMAS = int(datetime.fromisoformat("2026-12-25T09:00:00+01:00").timestamp()) * 1_000_000
DOCUMENT: dict[str, Any] = {
    "calendars": {"office": {"zone": "Europe/Berlin", "open": "Mon-Fri 08:00-18:00", "holidays": "DE"}},
    "rules": [
        {"id": "open", "when": {"called": "+4930901820", "during": "office"}, "then": {"reject": 486}},
        {"id": "closed", "when": {"called": "+4930901820"}, "then": {"reject": 480}},
    ],
}


def broken(*expect: dict[str, Any], now: int = CHRISTMAS) -> list[tuple[str, str]]:
    named = [{"name": f"case {number}"} | case for number, case in enumerate(expect)]
    compiled = compile_rulebook(read_document(DOCUMENT | {"expect": named}), 1)
    return [(problem.code, problem.pointer) for problem in broken_expectations(compiled, SETTINGS, now)]


def test_calls_are_read_as_any_call_and_holidays_count() -> None:
    call = {"called": "030 901820"}
    assert broken({"call": call, "rule": "closed"}) == []
    assert broken({"call": call | {"at": "2026-12-23T09:00:00+01:00"}, "rule": "open"}) == []
    assert broken({"call": call, "rule": "open"}) == [("broken_expectation", "/expect/0")]


def test_an_endpoint_that_is_not_configured_is_told() -> None:
    found = broken(
        {"call": {"endpoint": "paris"}, "rule": "open"}, {"call": {"endpoint": "berlin"}, "then": {"reject": {}}}
    )
    assert found == [("unknown_endpoint", "/expect/0/call")]
    assert {code for code, _ in found} <= FORCEABLE


def test_a_rule_for_an_endpoint_that_is_not_configured_is_told() -> None:
    rules = [
        {"id": "here", "when": {"endpoint": "berlin"}, "then": {"reject": 486}},
        {"id": "there", "unless": {"endpoint": ["berlin", "paris"]}, "then": {"reject": 486}},
    ]
    (problem,) = strange_endpoints(read_document({"rules": rules}), SETTINGS)
    assert (problem.severity, problem.pointer) == ("warning", "/rules/1/unless/endpoint")
    assert problem.detail == "no endpoint 'paris' is configured; there are berlin"


def test_thousands_of_expectations_take_no_time_to_speak_of() -> None:
    cases = [{"call": {"called": f"+493091{number:04}"}, "then": {"reject": 603}} for number in range(3_000)]
    assert broken(*cases) == []
