from typing import Any

import pytest

from gateway.console.rule_form import field_of, fields_of, mistakes_of, rule_of
from routing_rules import Problem, Severity, read_document, write_document

RULES: dict[str, dict[str, Any]] = {
    "plain": {"id": "a", "then": {"reject": 603}},
    "noted and off": {"id": "a", "note": "why", "enabled": False, "then": {"ignore": True}},
    "numbers": {
        "id": "a",
        "when": {"called": ["+493023125100", "+4930*"], "caller": "anonymous"},
        "then": {"accept": "sales"},
    },
    "headers": {
        "id": "a",
        "when": {"header": {"x-tier": ["gold", "silver*"], "x-tenant": "present"}},
        "unless": {"during": "office"},
        "then": {"accept": "sales"},
    },
    "capacity": {
        "id": "a",
        "when": {"share": 12.5, "active_below": 3, "rate_below": {"per": "called", "calls": 5, "seconds": 60}},
        "then": {"refer": "tel:+494066969301"},
    },
    "everything else": {
        "id": "a",
        "when": {"country": ["GB", "IE"], "media": "srtp", "attestation": ["A", "B"], "endpoint": "openai"},
        "then": {"refer": {"to": ["tel:+494066969301", "sip:a@b.example"], "profile": "sales"}},
    },
    "own words": {
        "id": "a",
        "then": {
            "accept": {"profile": "sales", "instructions": "Hi", "max_seconds": 60, "metadata": {"a": "b"}},
            "fallback": {"accept": "sales", "fallback": {"reject": 486}},
        },
    },
    "fallback": {"id": "a", "then": {"accept": "sales", "fallback": {"reject": 486}}},
}


def sent_as(said: dict[str, Any]) -> dict[str, list[str]]:
    """What a browser sends of a form that was not touched."""
    sent: dict[str, list[str]] = {}
    for name, value in said.items():
        if name.endswith(".header"):
            sent[f"{name}.name"] = [header for header, _ in value] + [""]
            sent[f"{name}.value"] = [text for _, text in value] + [""]
        elif name == "enabled":
            sent |= {"enabled": ["yes"]} if value else {}
        else:
            sent[name] = [value]
    return sent


@pytest.mark.parametrize("name", RULES)
def test_a_form_that_was_not_touched_changes_nothing(name: str) -> None:
    rule = RULES[name]
    assert rule_of(sent_as(fields_of(rule)), rule) == rule


@pytest.mark.parametrize("name", RULES)
def test_the_cases_are_rules(name: str) -> None:
    calendars = {"office": {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:00"]}}
    document = {"rules": [RULES[name]], "profiles": {"sales": {}}, "calendars": calendars}
    assert write_document(read_document(document))["rules"] == [RULES[name]]


def test_a_text_where_a_number_belongs_is_left_for_the_reader_to_refuse() -> None:
    rule = rule_of({"id": ["a"], "enabled": ["yes"], "when.share": ["half"], "kind": ["reject"], "status": ["603"]}, {})
    assert rule["when"]["share"] == "half"


@pytest.mark.parametrize(
    ("pointer", "field"),
    [
        ("/id", "id"),
        ("/when/called/0", "when.called"),
        ("/unless/header/x-tier", "unless.header"),
        ("/then/accept", "profile"),
        ("/then/accept/greeting", "greeting"),
        ("/then/reject", "status"),
        ("/then/refer/to/0", "to"),
        ("/then/refer/profile", "refer_profile"),
        ("/then/fallback/reject", "fallback"),
        ("/then", "kind"),
        ("", ""),
    ],
)
def test_a_mistake_stands_at_its_field(pointer: str, field: str) -> None:
    problem = Problem(severity=Severity.ERROR, code="x", pointer=pointer, detail="wrong")
    assert field_of(problem) == field
    assert mistakes_of([problem]) == {field: "wrong"}
