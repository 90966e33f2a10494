"""The suggested order: specific rules before general ones."""

from typing import Any

import pytest
from hypothesis import given, settings

from routing_rules import compile_table, decide, read_document, write_document
from routing_rules.order import Move, suggest_order
from routing_rules.rulebook import Rulebook
from tests.routing_rules.calls import CALENDARS, LISTS, QUESTIONS, documents


def rule(name: str, **when: Any) -> dict[str, Any]:
    return {"id": name, "when": when, "then": {"reject": 603}}


def suggested(*rules: dict[str, Any]) -> list[tuple[str, str | None]]:
    document = {"rules": list(rules), "lists": LISTS, "calendars": CALENDARS}
    return [(move.rule, move.before) for move in suggest_order(read_document(document))]


def applied(rulebook: Rulebook, moves: tuple[Move, ...]) -> Rulebook:
    """The rulebook with the moves made, from the last to the first, so that what each stands before is in place."""
    document = write_document(rulebook)
    rules = {rule["id"]: rule for rule in document["rules"]}
    order = [name for name in rules if name not in {move.rule for move in moves}]
    for move in reversed(moves):
        order.insert(len(order) if move.before is None else order.index(move.before), move.rule)
    return read_document(document | {"rules": [rules[name] for name in order]})


WIDE, MIDDLE, NARROW = {"called": "+1*"}, {"called": "+1555*"}, {"called": "+15551230000"}
OTHER = {"called": "+49*"}

CASES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str | None]]]] = {
    "no rules": ([], []),
    "rules about different calls": ([rule("a", **WIDE), rule("b", **OTHER)], []),
    "the specific first": ([rule("a", **NARROW), rule("b", **WIDE)], []),
    "the general first": (
        [rule("a", **WIDE), rule("x", **OTHER), rule("b", **NARROW)],
        [("b", "a")],
    ),
    "three upside down": (
        [rule("a", **WIDE), rule("b", **MIDDLE), rule("c", **NARROW)],
        [("c", "b"), ("b", "a")],
    ),
    "one between two": (
        [rule("a", **WIDE), rule("c", **NARROW), rule("b", **MIDDLE)],
        [("c", "b"), ("b", "a")],
    ),
    "the same calls twice": ([rule("a", **WIDE), rule("b", **WIDE)], []),
    "more conditions": ([rule("a", **WIDE), rule("b", **WIDE, country="US")], [("b", "a")]),
    "an overlap": ([rule("a", **WIDE), rule("b", country="US")], []),
    "some of the calls": ([rule("a", **WIDE, share=50), rule("b", **NARROW)], []),
    "every call first": ([rule("all"), rule("a", **WIDE), rule("b", **OTHER)], [("all", None)]),
    "every call, and once more": ([rule("all"), rule("a", **WIDE), rule("again")], [("all", "again")]),
    "every call last": ([rule("a", **WIDE), rule("all"), rule("again")], []),
    "a switched-off rule": ([rule("a", **WIDE) | {"enabled": False}, rule("b", **NARROW)], []),
}


@pytest.mark.parametrize(("rules", "expected"), CASES.values(), ids=CASES.keys())
def test_a_rule_hidden_by_a_more_general_one_is_suggested_to_go_before_it(
    rules: list[dict[str, Any]], expected: list[tuple[str, str | None]]
) -> None:
    assert suggested(*rules) == expected


def test_the_reason_names_the_rule_in_the_way() -> None:
    (move,) = suggest_order(read_document({"rules": [rule("wide", **WIDE), rule("vip", **NARROW)]}))
    assert move == Move(rule="vip", before="wide", reason="it never decides, since 'wide' before it is more general")
    (move,) = suggest_order(read_document({"rules": [rule("all"), rule("vip", **NARROW)]}))
    assert move == Move(rule="all", before=None, reason="it matches every call, so no rule after it decides")


@settings(max_examples=50, deadline=None)
@given(documents(), QUESTIONS)
def test_only_the_calls_of_moved_rules_go_elsewhere(document, questions) -> None:
    rulebook = read_document(document)
    moves = suggest_order(rulebook)
    before, after = compile_table(rulebook), compile_table(applied(rulebook, moves))
    moved = {move.rule for move in moves}
    catch_all = {rule.id for rule in rulebook.rules if not rule.when and not rule.unless}
    for asked in questions:
        old, new = decide(before, *asked).rule, decide(after, *asked).rule
        assert old == new or new in moved or old in moved & catch_all
