"""Overrides: rules above the rules, for a while."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from routing_rules import (
    CompiledTable,
    DocumentError,
    Override,
    Reason,
    compile_table,
    decide,
    explain,
    find_override_problems,
    missing_from,
    read_document,
    read_override,
    write_override,
)
from tests.routing_rules.calls import (
    CALENDARS,
    LISTS,
    QUESTIONS,
    TUESDAY,
    FixedUsage,
    call,
    documents,
    table,
)

HOUR = timedelta(hours=1)


def override(name: str = "o", *, hours: tuple[int, int] = (0, 1), **document: Any) -> Override:
    """An override in force from and until so many hours after `TUESDAY`."""
    rule = read_override(name, {"then": {"reject": 480}} | document)
    return Override(rule=rule, start=TUESDAY + hours[0] * HOUR, until=TUESDAY + hours[1] * HOUR)


def decided(compiled: CompiledTable, hours: float = 0, **facts: Any) -> str | None:
    return decide(compiled, call(**facts), TUESDAY + hours * HOUR).rule


RULES = table({"when": {"called": "+1*"}}, calendars=CALENDARS, lists=LISTS, profiles={"agent": {}})


def test_an_override_decides_before_every_rule_and_says_so() -> None:
    verdict = decide(RULES.under([override()]), call(), TUESDAY)
    assert (verdict.rule, verdict.reason) == ("override:o", Reason.OVERRIDE)
    assert verdict.decision == override().rule.then


@pytest.mark.parametrize(
    ("hours", "rule"), [(-0.001, "r0"), (0, "override:o"), (0.999, "override:o"), (1, "r0"), (24, "r0")]
)
def test_the_clock_alone_begins_and_ends_it(hours: float, rule: str) -> None:
    assert decided(RULES.under([override()]), hours) == rule


def test_calls_that_it_does_not_match_go_to_the_rules() -> None:
    compiled = RULES.under([override(when={"called": "+49*"}), override("p", unless={"caller": "+1*"})])
    assert decided(compiled) == "r0"
    assert decided(compiled, called="+4930", caller="+44") == "override:o"
    assert decided(compiled, caller="+44") == "override:p"


def test_of_several_the_first_that_matches_decides() -> None:
    compiled = RULES.under([override("late", when={"called": "+49*"}), override("new"), override("old")])
    assert decided(compiled) == "override:new"


def test_it_stands_above_a_table_without_taking_anything_from_it() -> None:
    compiled = RULES.under([override()])
    assert decided(RULES) == "r0"
    assert compiled.under([]).overlay is None
    assert decided(compiled.under([])) == "r0"


@pytest.mark.parametrize(
    "document",
    [
        {"when": {"caller": "list:few"}},
        {"when": {"called": "re:\\+1555.*"}},
        {"when": {"header": {"X-Tenant": "acme"}}},
        {"when": {"during": "day"}},
        {"when": {"active_below": 2}},
    ],
    ids=str,
)
def test_every_condition_works_though_no_rule_of_the_table_has_it(document: dict[str, Any]) -> None:
    compiled = RULES.under([override(**document)])
    facts = call(caller="+15551230000", headers=(("x-tenant", " acme"),))
    assert decide(compiled, facts, TUESDAY).rule == "override:o"
    busy = FixedUsage(live={"override:o": 2})
    other = call(caller="+44", called="+1444", headers=(("x-tenant", "beta"),))
    evening = TUESDAY + 0.5 * HOUR if "during" not in str(document) else TUESDAY + 10 * HOUR
    assert decide(compiled, other, evening, busy).rule == "r0"


@given(documents(), documents(), QUESTIONS)
@settings(max_examples=60, deadline=None)
def test_overrides_are_rules_put_before_the_others(document: Any, above: Any, questions: Any) -> None:
    rulebook = read_document(document)
    put = [replace(rule, id=f"override:{rule.id}") for rule in read_document(above).rules if rule.enabled]
    live = [Override(rule=rule, start=TUESDAY - HOUR, until=TUESDAY + 1000 * HOUR) for rule in put]
    compiled = compile_table(rulebook).under(live)
    plain = compile_table(replace(rulebook, rules=(*put, *rulebook.rules)))
    for facts, now, usage in questions:
        verdict, expected = decide(compiled, facts, now, usage), decide(plain, facts, now, usage)
        assert (verdict.rule, verdict.decision) == (expected.rule, expected.decision)
        explanation = explain(compiled, facts, now, usage)
        assert explanation.verdict == verdict
        matched = [tried.rule for tried in explanation.tried if tried.matched]
        assert matched == ([verdict.rule] if verdict.rule else [])


def test_an_explanation_lists_the_overrides_in_force_before_the_rules() -> None:
    compiled = RULES.under([override("a", when={"called": "+49*"}), override("past", hours=(-2, -1)), override("b")])
    assert [(tried.rule, tried.failed) for tried in explain(compiled, call(), TUESDAY).tried] == [
        ("override:a", "called"),
        ("override:b", None),
    ]
    assert [tried.rule for tried in explain(compiled, call(), TUESDAY + HOUR).tried] == ["r0"]
    narrow = RULES.under([override("a", when={"called": "+49*"})])
    assert [tried.rule for tried in explain(narrow, call(), TUESDAY).tried] == ["override:a", "r0"]


# ---- reading and checking


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, [""]),
        ({"then": {"reject": 200}}, ["/then/reject"]),
        ({"then": {"reject": 480}, "until": "14:00"}, ["/until"]),
        ({"when": {"caled": "+1*"}, "unless": {"share": 101}, "then": {}}, ["/then", "/unless/share", "/when/caled"]),
        ("closed", [""]),
    ],
    ids=str,
)
def test_mistakes_are_told_with_their_place(document: Any, pointers: list[str]) -> None:
    with pytest.raises(DocumentError) as raised:
        read_override("o", document)
    assert sorted(problem.pointer for problem in raised.value.problems) == pointers


def test_an_override_is_written_as_it_is_read() -> None:
    document = {"when": {"called": "+1*"}, "unless": {"during": "day"}, "then": {"accept": "agent"}}
    assert write_override(read_override("o", document)) == document


def test_what_it_names_must_be_there_and_its_targets_allowed() -> None:
    document = {
        "when": {"caller": ["list:none", "re:1234.*"]},
        "unless": {"during": "weekend"},
        "then": {"accept": "nobody", "fallback": {"refer": "tel:+15557654321"}},
    }
    rulebook = RULES.rulebook
    found = find_override_problems(rulebook, read_override("o", document), refer_guard=lambda target: "not there")
    assert [(problem.severity, problem.code, problem.pointer) for problem in found] == [
        ("error", "missing_list", "/when/caller"),
        ("error", "missing_calendar", "/unless/during"),
        ("error", "missing_profile", "/then/accept"),
        ("error", "refused_target", "/then/fallback/refer"),
        ("warning", "not_e164", "/when/caller"),
    ]
    assert find_override_problems(rulebook, override().rule) == ()


NEEDY = [
    ({"then": {"accept": "gone"}}, "/profiles/gone"),
    ({"then": {"reject": 480, "fallback": {"refer": {"to": "tel:+15557654321", "profile": "gone"}}}}, "/profiles/gone"),
    ({"when": {"caller": ["list:gone", "list:few"]}, "unless": {"called": "list:gone"}}, "/lists/gone"),
    ({"unless": {"during": "gone"}}, "/calendars/gone"),
]


@pytest.mark.parametrize(("document", "pointer"), NEEDY, ids=str)
def test_a_rulebook_that_lacks_what_it_needs_is_told_so_and_goes_without_it(
    document: dict[str, Any], pointer: str
) -> None:
    needy = override(**document)
    (problem,) = missing_from(RULES.rulebook, [override("p").rule, needy.rule])
    assert (problem.code, problem.pointer) == ("needed_by_override", pointer)
    assert "'o'" in problem.detail
    assert decided(RULES.under([needy, override("p")])) == "override:p"
    assert RULES.under([needy]).overlay is None
