"""Names that nothing uses."""

from typing import Any

import pytest

from routing_rules import read_document
from routing_rules.unused import unused_names

NAMED = {
    "profiles": {"p": {}},
    "calendars": {"c": {"zone": "UTC", "open": "Mon 09:00-10:00"}},
    "lists": {"l": ["1"]},
}
ALL = ["unused_profile", "unused_calendar", "unused_list"]

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no rules": ({}, ALL),
    "all named": (
        {"rules": [{"id": "r", "when": {"caller": "list:l"}, "unless": {"during": "c"}, "then": {"accept": "p"}}]},
        [],
    ),
    "a disabled rule names them": (
        {
            "rules": [
                {"id": "r", "enabled": False, "when": {"caller": "list:l", "during": "c"}, "then": {"accept": "p"}}
            ]
        },
        [],
    ),
    "the default answers with it": ({"default": {"accept": "p"}}, ALL[1:]),
    "a transfer answers with it": ({"default": {"refer": {"to": "tel:+493023125042", "profile": "p"}}}, ALL[1:]),
    "a transfer answers with none": ({"default": {"refer": "tel:+493023125042"}}, ALL),
    "a fallback answers with it": ({"default": {"reject": 603, "fallback": {"accept": "p"}}}, ALL[1:]),
    "an ignored call needs none": ({"default": {"ignore": True}}, ALL),
    "an expectation only looks": ({"expect": [{"name": "n", "call": {}, "then": {"accept": "p"}}]}, ALL),
}


@pytest.mark.parametrize(("document", "expected"), CASES.values(), ids=CASES.keys())
def test_what_no_rule_and_no_default_names_is_told(document: dict[str, Any], expected: list[str]) -> None:
    assert [problem.code for problem in unused_names(read_document(NAMED | document))] == expected


def test_the_place_is_that_of_the_name() -> None:
    assert [problem.pointer for problem in unused_names(read_document(NAMED))] == [
        "/profiles/p",
        "/calendars/c",
        "/lists/l",
    ]
