"""Writing: canonical, of JSON's types, and the inverse of reading."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_rules import read_document, write_document
from routing_rules.writing import write_calendar, write_decision, write_rule
from tests.routing_rules.calls import DECISIONS, documents

HOURS = ["Mon-Fri 09:00-17:30", "Sat,Sun 10:00-14:00", "Fri-Mon 22:00-06:00", "Mon-Sun 18:00-00:00"]
WALL = st.datetimes(datetime(2026, 1, 1), datetime(2026, 6, 1))
CALENDARS = st.fixed_dictionaries(
    {"zone": st.sampled_from(["Europe/Berlin", "UTC"])},
    optional={
        "open": st.one_of(st.sampled_from(HOURS), st.lists(st.sampled_from(HOURS), min_size=1)),
        "closed_on": st.lists(st.one_of(st.dates(), st.dates().map(date.isoformat))),
        "holidays": st.sampled_from(["DE", "DE-BE"]),
        "overrides": st.lists(
            st.fixed_dictionaries({"from": WALL, "until": st.just("2026-06-02T00:00"), "open": st.booleans()})
        ),
    },
)
EXPECTATIONS = st.fixed_dictionaries(
    {
        "name": st.just("n"),
        "rule": st.just("r0"),
        "call": st.fixed_dictionaries(
            {},
            optional={
                "called": st.just("+15551230000"),
                "headers": st.dictionaries(
                    st.sampled_from(["X-A", "X-B"]),
                    st.one_of(st.just("1"), st.lists(st.sampled_from("123"), min_size=1)),
                ),
                "at": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
                "media": st.just("srtp"),
            },
        ),
    },
    optional={"then": DECISIONS},
)


@settings(max_examples=40, deadline=None)
@given(documents(), st.dictionaries(st.sampled_from("abc"), CALENDARS), st.lists(EXPECTATIONS, max_size=2))
def test_reading_what_was_written_gives_the_same_rulebook(document, calendars, expect) -> None:
    rulebook = read_document(document | {"calendars": document["calendars"] | calendars, "expect": expect})
    written = write_document(rulebook)
    assert read_document(json.loads(json.dumps(written))) == rulebook
    assert write_document(read_document(written)) == written


CANONICAL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "long forms become short": (
        {"accept": {"profile": "a"}, "fallback": {"reject": {"status": 480}}},
        {"accept": "a", "fallback": {"reject": 480}},
    ),
    "a status is always written": ({"reject": {}}, {"reject": 603}),
    "one target stands alone": ({"refer": {"to": ["tel:+49301234"]}}, {"refer": "tel:+49301234"}),
    "targets with a profile need a table": (
        {"refer": {"to": ["tel:+49301234"], "profile": "a"}},
        {"refer": {"to": "tel:+49301234", "profile": "a"}},
    ),
    "empty metadata still overrides the profile's": (
        {"accept": {"profile": "a", "metadata": {}}},
        {"accept": {"profile": "a", "metadata": {}}},
    ),
    "ignore": ({"ignore": True}, {"ignore": True}),
}


@pytest.mark.parametrize(("document", "canonical"), CANONICAL.values(), ids=CANONICAL.keys())
def test_a_decision_is_written_in_its_shortest_form(document: dict[str, Any], canonical: dict[str, Any]) -> None:
    rule = read_document({"rules": [{"id": "r", "then": document}]}).rules[0]
    assert write_decision(rule.then) == canonical


def test_a_rule_is_written_with_its_conditions_in_order_and_nothing_empty() -> None:
    document = {
        "id": "r",
        "unless": {},
        "when": {
            "rate_below": {"seconds": 60, "calls": 5, "per": "caller"},
            "share": 25.0,
            "header": {"X-Tenant": ["acme", "acme"]},
            "country": ["us", "US", "de"],
            "called": ["*@PBX.example.com"],
        },
        "then": {"ignore": True},
        "enabled": True,
    }
    written = write_rule(read_document({"rules": [document]}).rules[0])
    assert json.dumps(written) == json.dumps(
        {
            "id": "r",
            "when": {
                "called": "*@pbx.example.com",
                "country": ["US", "DE"],
                "header": {"x-tenant": "acme"},
                "share": 25,
                "rate_below": {"per": "caller", "calls": 5, "seconds": 60},
            },
            "then": {"ignore": True},
        }
    )


def test_what_a_rule_says_beside_its_conditions_is_written_if_it_says_something() -> None:
    document = {
        "id": "r",
        "note": "why",
        "enabled": False,
        "when": {"share": 12.5, "active_below": 3},
        "unless": {"during": ["a", "b"]},
        "then": {"ignore": True},
    }
    assert write_rule(read_document({"rules": [document]}).rules[0]) == document


def test_an_expectation_is_written_as_it_was_read() -> None:
    expect = [
        {"name": "a", "call": {"called": "1001", "at": "2026-12-01T22:00:00+01:00"}, "then": {"reject": 486}},
        {"name": "b", "call": {"headers": {"X-A": ["1", "2"], "X-B": "3"}}, "rule": "r"},
    ]
    assert write_document(read_document({"expect": expect}))["expect"] == expect


def test_a_canonical_document_is_written_as_it_was_read() -> None:
    document = {
        "profiles": {"a": {"model": "gpt-realtime-2.1", "tools": [{"name": "x"}], "tool_choice": None}},
        "calendars": {
            "c": {
                "zone": "UTC",
                "open": ["Mon,Wed-Thu 09:00-17:30"],
                "closed_on": ["2026-12-24"],
                "holidays": "DE",
                "overrides": [{"from": "2026-12-24T14:00:00", "until": "2026-12-24T18:00:00", "open": True}],
            }
        },
        "lists": {"l": ["+4420*"]},
        "rules": [
            {
                "id": "r",
                "when": {"called": "1001", "during": "c"},
                "then": {"accept": "a", "fallback": {"reject": 503}},
            },
            {"id": "s", "then": {"ignore": True}},
        ],
        "default": {"refer": ["tel:+493023125042", "tel:+493023125043"]},
    }
    assert write_document(read_document(document)) == document


def test_a_calendar_is_written_with_its_days_in_order() -> None:
    calendar = {"zone": "UTC", "open": "Mon 09:00-10:00", "closed_on": ["2026-12-31", "2026-12-24", "2026-12-24"]}
    assert write_calendar(read_document({"calendars": {"c": calendar}}).calendars["c"]) == {
        "zone": "UTC",
        "open": ["Mon 09:00-10:00"],
        "closed_on": ["2026-12-24", "2026-12-31"],
    }
