"""Rules that never decide because of one before them."""

from typing import Any

import pytest
from hypothesis import given, settings

from routing_rules import compile_table, decide, find_problems, read_document
from routing_rules.lists import ListIndex
from routing_rules.rule import Rule
from routing_rules.shadows import MOST_COMPARED, Shadows
from tests.routing_rules.calls import CALENDARS, LISTS, QUESTIONS, documents

Conditions = dict[str, Any]

# when of the earlier rule, when of the later
SHADOWED: dict[str, tuple[Conditions, Conditions]] = {
    "the same number": ({"called": "+15551230000"}, {"called": "+15551230000"}),
    "a number of a block": ({"called": "+1555*"}, {"called": "+15551230000"}),
    "a block of a block": ({"called": "+1*"}, {"called": "+1555*"}),
    "the same block": ({"called": "+1555*"}, {"called": "+1555*"}),
    "a number on a list": ({"caller": "list:few"}, {"caller": "+15551230000"}),
    "a number of a list's block": ({"caller": "list:many"}, {"caller": "+15559"}),
    "an address on a list": ({"caller": "list:many"}, {"caller": "sales@example.com"}),
    "the same list": ({"caller": "list:few"}, {"caller": "list:few"}),
    "an address of a user": ({"called": "sales@*"}, {"called": "sales@example.com"}),
    "an address at a host": ({"called": "*@example.com"}, {"called": "sales@example.com"}),
    "the same regex": ({"called": "re:.*0"}, {"called": "re:.*0"}),
    "anonymous": ({"caller": "anonymous"}, {"caller": "anonymous"}),
    "fewer values": ({"called": ["+1*", "+44*"]}, {"called": ["+441", "+1555*"]}),
    "more conditions": ({"called": "+1*"}, {"called": "+1*", "country": "US", "share": 10}),
    "other kinds of conditions beside": (
        {"called": "+1*", "country": ["US", "DE"]},
        {"called": "+1555*", "country": "DE", "active_below": 2},
    ),
    "facts": ({"media": ["rtp", "srtp"]}, {"media": "srtp"}),
    "a share of everybody": ({"called": "+1*", "share": 100}, {"called": "+1555*"}),
    "hours": ({"during": ["day", "night"]}, {"during": "day"}),
    "a header's value": ({"header": {"X-A": "1*"}}, {"header": {"X-A": ["1", "12*"]}}),
    "a header that is there": ({"header": {"X-A": "present"}}, {"header": {"X-A": "1"}}),
    "a header that is not": (
        {"called": "+1*", "header": {"X-A": "absent"}},
        {"called": "+1*", "header": {"X-A": "absent"}},
    ),
}
NOT_SHADOWED: dict[str, tuple[Conditions, Conditions]] = {
    "a block of a number": ({"called": "+15551230000"}, {"called": "+1555*"}),
    "another number": ({"called": "+15551230000"}, {"called": "+15551230001"}),
    "the other side": ({"called": "+1*"}, {"caller": "+1*"}),
    "a text like a prefix": ({"called": "+1*"}, {"called": "1"}),
    "one value more": ({"called": ["+1*", "+44*"]}, {"called": ["+1*", "+49*"]}),
    "a number that is not on the list": ({"caller": "list:few"}, {"caller": "+15551230001"}),
    "a block on a list": ({"caller": "list:few"}, {"caller": "+1555*"}),
    "another user": ({"called": "sales@*"}, {"called": "other@example.com"}),
    "a condition less": ({"called": "+1*", "country": "US"}, {"called": "+1*"}),
    "another header": ({"header": {"X-A": "1"}}, {"header": {"X-B": "1"}}),
    "a header that is not there": ({"header": {"X-A": "present"}}, {"header": {"X-A": ["absent", "1"]}}),
    "a share": ({"called": "+1*", "share": 50}, {"called": "+1*", "share": 50}),
    "live calls": ({"called": "+1*", "active_below": 2}, {"called": "+1*"}),
    "a rate": ({"called": "+1*", "rate_below": {"per": "rule", "calls": 1, "seconds": 1}}, {"called": "+1*"}),
    "other hours": ({"during": "day"}, {"during": "night"}),
    "more facts": ({"country": "US"}, {"country": ["US", "DE"]}),
    "a header that can only be asked": ({"header": {"X-A": "absent"}}, {"header": {"X-A": "absent"}}),
}


def rule(name: str, when: Conditions, unless: Conditions | None = None) -> dict[str, Any]:
    return {"id": name, "when": when, "unless": unless or {}, "then": {"reject": 603}}


def shadowed(*rules: dict[str, Any]) -> list[str]:
    document = {"rules": list(rules), "lists": LISTS, "calendars": CALENDARS}
    problems = find_problems(read_document(document))
    return [problem.pointer for problem in problems if problem.code == "shadowed_rule"]


@pytest.mark.parametrize(("earlier", "later"), SHADOWED.values(), ids=SHADOWED.keys())
def test_a_rule_is_shadowed_by_one_that_matches_all_of_its_calls(earlier: Conditions, later: Conditions) -> None:
    assert shadowed(rule("a", earlier), rule("b", later)) == ["/rules/1"]


@pytest.mark.parametrize(("earlier", "later"), NOT_SHADOWED.values(), ids=NOT_SHADOWED.keys())
def test_a_rule_that_has_calls_of_its_own_is_not_shadowed(earlier: Conditions, later: Conditions) -> None:
    assert shadowed(rule("a", earlier), rule("b", later)) == []


def test_an_exception_leaves_calls_to_the_next_rule_unless_that_makes_it_too() -> None:
    night, us = {"during": "night"}, {"country": "US"}
    number = {"called": "+1*"}
    assert shadowed(rule("a", number, night), rule("b", number)) == []
    assert shadowed(rule("a", number, night), rule("b", number, night)) == ["/rules/1"]
    assert shadowed(rule("a", number, night), rule("b", number, night | us)) == ["/rules/1"]
    assert shadowed(rule("a", number, night | us), rule("b", number, night)) == []
    assert shadowed(rule("a", number, {"caller": "+4420*"}), rule("b", number, {"caller": "+44*"})) == ["/rules/1"]
    # Each rule draws its own share.
    assert shadowed(rule("a", number, {"share": 50}), rule("b", number, {"share": 50})) == []


def test_disabled_rules_neither_shadow_nor_are_shadowed() -> None:
    off = rule("a", {"called": "+1*"}) | {"enabled": False}
    assert shadowed(off, rule("b", {"called": "+1*"}), off | {"id": "c"}) == []


def test_the_rule_that_shadows_is_named() -> None:
    document = {"rules": [rule("wide", {"called": "+1*"}), rule("narrow", {"called": "+15551230000"})]}
    (problem,) = find_problems(read_document(document))
    assert problem.detail == ("never decides: 'wide' before it matches all of its calls; move it up or remove it")


def test_tables_that_cross_many_numbers_with_many_callers_are_searched_whole() -> None:
    grid = [
        rule(f"r{column}-{row}", {"called": f"+1555123{column:04}", "caller": f"+1415555{row:04}"})
        for column in range(22)
        for row in range(22)
    ]
    assert shadowed(*grid, rule("again", {"called": "+15551230021", "caller": "+14155550021"})) == ["/rules/484"]


def test_a_rule_of_many_values_by_many_values_shadows_as_well() -> None:
    many = {"called": [f"+1555{n}" for n in range(50)], "caller": [f"+1415{n}" for n in range(50)]}
    assert shadowed(rule("a", many), rule("b", {"called": "+155549", "caller": "+141549"})) == ["/rules/1"]


def test_where_too_many_rules_share_their_keys_only_the_first_are_compared() -> None:
    crowd = [
        rule(f"r{n}", {"called": "+15551230000", "caller": "+14155550100", "header": {f"X-{n}": "absent"}})
        for n in range(MOST_COMPARED + 1)
    ]
    again = {name: rule("again", crowd[n]["when"]) for name, n in {"first": 0, "last": MOST_COMPARED}.items()}
    assert shadowed(*crowd, again["first"]) == [f"/rules/{len(crowd)}"]
    assert shadowed(*crowd, again["last"]) == []


def test_when_all_comparisons_are_made_each_rule_is_still_compared_with_a_few() -> None:
    crowd = [
        rule(f"r{n}", {"called": "+15551230000", "caller": "+14155550100", "header": {f"X-{n}": "absent"}})
        for n in range(MOST_COMPARED)
    ]
    rules = read_document({"rules": crowd}).rules

    def found(rule: Rule, comparisons: int) -> list[Rule]:
        shadows = Shadows(ListIndex({}), comparisons=comparisons)
        for known in rules:
            shadows.file(known)
        return list(shadows.shadowing(rule))

    assert found(rules[50], comparisons=1) == [rules[50]]
    assert found(rules[50], comparisons=0) == []
    assert found(rules[0], comparisons=0) == [rules[0]]


@settings(max_examples=50, deadline=None)
@given(documents(), QUESTIONS)
def test_a_shadowed_rule_never_decides(document, questions) -> None:
    rulebook = read_document(document)
    never = {
        rulebook.rules[int(problem.pointer.split("/")[2])].id
        for problem in find_problems(rulebook)
        if problem.code in {"shadowed_rule", "unreachable_rule"}
    }
    compiled = compile_table(rulebook)
    assert not never & {decide(compiled, *asked).rule for asked in questions}
