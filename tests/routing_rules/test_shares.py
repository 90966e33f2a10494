"""Shares: what they come to where several rules split the same calls."""

from typing import Any

import pytest

from routing_rules import Problem, compile_table, decide, read_document
from routing_rules.shares import doubtful_shares, real_shares
from tests.routing_rules.calls import TUESDAY, call

Conditions = dict[str, Any]


def rule(name: str, share: float | None = None, unless: Conditions | None = None, **when: Any) -> dict[str, Any]:
    conditions = when if share is None else when | {"share": share}
    return {"id": name, "when": conditions, "unless": unless or {}, "then": {"reject": 603}}


def doubts(*rules: dict[str, Any]) -> list[tuple[str, str]]:
    found = doubtful_shares(read_document({"rules": list(rules)}).rules)
    return [(problem.code, problem.pointer) for problem in found]


def notes(*rules: dict[str, Any]) -> list[Problem]:
    return list(real_shares(read_document({"rules": list(rules)}).rules))


NUMBER = {"called": "+15551230000"}

DOUBTS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]]]] = {
    "nothing shared": ([rule("a"), rule("b")], []),
    "a canary": ([rule("a", 10, **NUMBER), rule("b", **NUMBER)], []),
    "a share of nobody": ([rule("a", 0)], [("share_of_nobody", "/rules/0")]),
    "an exception for all": ([rule("a", unless={"share": 100})], [("share_of_nobody", "/rules/0")]),
    "an exception larger than the share": ([rule("a", 20, unless={"share": 30})], [("share_of_nobody", "/rules/0")]),
    "a switched-off share of nobody": ([rule("a", 0) | {"enabled": False}], []),
    "parts of a whole": ([rule("a", 10), rule("b", 90)], [("share_of_the_rest", "/rules/1")]),
    "thirds": ([rule("a", 33.3), rule("b", 33.3), rule("c", 33.3)], [("share_of_the_rest", "/rules/2")]),
    "a share and its opposite": ([rule("a", 10), rule("b", unless={"share": 10})], [("share_of_the_rest", "/rules/1")]),
    "parts with a rule for the rest": ([rule("a", 50), rule("b", 50), rule("c")], []),
    "parts behind a rule for all": ([rule("z", 1), rule("a"), rule("b", 99)], []),
    "parts that leave some": ([rule("a", 10), rule("b", 50)], []),
    "a split written well": ([rule("a", 25), rule("b", 33.33), rule("c", 50), rule("d")], []),
    "parts of different calls": ([rule("a", 10, **NUMBER), rule("b", 90, called="+15551230001")], []),
    "parts with other exceptions": ([rule("a", 10, unless={"country": "US"}), rule("b", 90)], []),
    "parts while there is room": ([rule("a", 10, active_below=1), rule("b", 90, active_below=1)], []),
    "all of them": ([rule("a", 100)], []),
}


@pytest.mark.parametrize(("rules", "expected"), DOUBTS.values(), ids=DOUBTS.keys())
def test_a_doubtful_share_is_told(rules: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert doubts(*rules) == expected


def test_the_warning_tells_who_is_left_over_and_what_to_do() -> None:
    (problem,) = doubtful_shares(read_document({"rules": [rule("new", 10), rule("old", 90)]}).rules)
    assert "so 9 % of these callers pass all of the rules; leave the share off 'old'" in problem.detail


def test_a_note_tells_the_share_of_all_callers() -> None:
    first, second = notes(rule("a", 50), rule("x", **NUMBER), rule("b", 50), rule("c", 40), rule("d"))
    assert (first.code, first.pointer) == ("real_share", "/rules/2")
    assert first.detail == "gets 25 % of these callers: 50 % of those that 'a' leaves, since each rule draws anew"
    assert second.detail.startswith("gets 10 % of these callers: 40 % of those that 'a', 'b' leave")


def test_of_many_rules_the_first_are_named() -> None:
    last = notes(*[rule(f"r{n}", 10) for n in range(8)])[-1]
    assert "of those that 'r0', 'r1', 'r2', 'r3' and 3 more leave" in last.detail


def test_the_percentages_told_are_those_that_deciding_comes_to() -> None:
    rules = [rule("a", 50), rule("b", 50, unless={"share": 20})]
    compiled = compile_table(read_document({"rules": rules}))
    deciding = [decide(compiled, call(caller=f"+1415555{n:04}"), TUESDAY).rule for n in range(4000)]
    (note,) = notes(*rules)
    assert note.detail.startswith("gets 15 % of these callers")
    assert deciding.count("b") / len(deciding) == pytest.approx(0.15, abs=0.02)
