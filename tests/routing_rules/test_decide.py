"""Deciding and explaining: order, reasons, and that the index changes nothing."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from routing_rules import (
    FAILURES,
    Accept,
    Reason,
    Reject,
    Verdict,
    compile_table,
    decide,
    explain,
    read_document,
    try_rules,
)
from tests.routing_rules.calls import (
    CALENDARS,
    DECISIONS,
    QUESTIONS,
    TUESDAY,
    FixedUsage,
    call,
    documents,
    matches,
    question,
    table,
)

NIGHT = TUESDAY + timedelta(hours=12)


def test_the_first_rule_that_matches_decides() -> None:
    rules = table(
        {"when": {"called": "+44*"}, "then": {"reject": 404}},
        {"when": {"called": "+1555*"}, "then": {"accept": "first"}},
        {"when": {"called": "+15551230000"}, "then": {"accept": "second"}},
    )
    assert decide(rules, call(), TUESDAY) == Verdict(
        decision=Accept(profile="first"), rule="r1", reason=Reason.RULE_MATCHED
    )


def test_the_first_rule_decides_whichever_way_the_index_finds_it() -> None:
    conditions = [{"called": "+1*"}, {"caller": "+1*"}, {"header": {"X-A": "1"}}, {"country": "US"}, {"share": 100}]
    facts = call(headers=(("X-A", "1"),), country="US")
    for first in range(len(conditions)):
        turned = conditions[first:] + conditions[:first]
        assert decide(table(*({"when": when} for when in turned)), facts, TUESDAY).rule == "r0"


def test_a_rule_without_conditions_matches_every_call() -> None:
    assert decide(table({}), call(called="", caller=""), TUESDAY).rule == "r0"


def test_one_exception_that_holds_is_enough_to_pass_a_rule_by() -> None:
    rules = table({"unless": {"caller": "+44*", "header": {"X-A": "present"}}})
    assert decide(rules, call(), TUESDAY).rule == "r0"
    assert decide(rules, call(headers=(("x-a", "1"),)), TUESDAY).rule is None


def test_a_disabled_rule_never_matches() -> None:
    rules = table({"enabled": False}, {})
    assert decide(rules, call(), TUESDAY).rule == "r1"


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        decide(table(), call(), datetime(2026, 12, 1))


DEFAULTS = {
    "no rule at all": ([], Reason.NO_RULES),
    "only disabled rules": ([{"enabled": False}], Reason.NO_RULES),
    "no rule for this called": ([{"when": {"called": "+44*"}}], Reason.NONE_MATCHED),
    "a rule for this called and other hours": (
        [{"when": {"called": "+1*", "during": "night"}}],
        Reason.OUTSIDE_HOURS,
    ),
    "a rule for this called when closed": (
        [{"when": {"called": "+1*"}, "unless": {"during": "day"}}],
        Reason.OUTSIDE_HOURS,
    ),
    "a full rule": ([{"when": {"called": "+1*", "active_below": 1}}], Reason.FULL),
    "a full rule outside its hours": (
        [{"when": {"called": "+1*", "during": "night", "active_below": 1}}],
        Reason.OUTSIDE_HOURS,
    ),
    "a caller over the rate": (
        [{"when": {"rate_below": {"per": "caller", "calls": 1, "seconds": 60}}}],
        Reason.RATE_EXCEEDED,
    ),
    "other hours and another called": ([{"when": {"called": "+44*", "during": "night"}}], Reason.NONE_MATCHED),
    "other hours and an exception": (
        [{"when": {"during": "night"}, "unless": {"called": "+1*"}}],
        Reason.NONE_MATCHED,
    ),
    "other hours and not in the share": ([{"when": {"during": "night", "share": 0}}], Reason.NONE_MATCHED),
    "two rules meant for it, the first gives the reason": (
        [{"when": {"called": "+15551230000", "active_below": 1}}, {"when": {"during": "night"}}],
        Reason.FULL,
    ),
}


@pytest.mark.parametrize(("rules", "reason"), DEFAULTS.values(), ids=DEFAULTS.keys())
def test_the_default_says_what_kept_the_rule_that_was_meant_for_the_call(rules: list, reason: Reason) -> None:
    usage = FixedUsage(live={"r0": 1}, decided={("r0", "caller", "+14155550100"): 1})
    compiled = table(*rules, calendars=CALENDARS, default={"reject": 404})
    assert decide(compiled, call(), TUESDAY, usage) == Verdict(decision=Reject(status=404), rule=None, reason=reason)


def test_the_call_after_the_last_free_place_goes_to_the_next_rule() -> None:
    rules = table({"when": {"active_below": 2}}, {})
    ways = [decide(rules, call(), TUESDAY, FixedUsage(live={"r0": live})).rule for live in (0, 1, 2, 3)]
    assert ways == ["r0", "r0", "r1", "r1"]


@settings(max_examples=80, deadline=None)
@given(documents(), QUESTIONS)
def test_the_index_decides_as_asking_every_rule_in_turn_does(document, questions) -> None:
    compiled = compile_table(read_document(document))
    for facts, now, usage in questions:
        asked = question(compiled, facts, now, usage)
        expected = next((rule for rule in compiled.rulebook.rules if matches(rule, asked)), None)
        verdict = decide(compiled, facts, now, usage)
        if expected is None:
            assert (verdict.rule, verdict.decision) == (None, compiled.rulebook.default)
        else:
            assert verdict == Verdict(decision=expected.then, rule=expected.id, reason=Reason.RULE_MATCHED)


CIRCUMSTANCES = {"during": "outside_hours", "active_below": "full", "rate_below": "rate_exceeded"}


@settings(max_examples=50, deadline=None)
@given(documents(), QUESTIONS)
def test_the_reason_is_what_a_look_at_every_rule_gives(document, questions) -> None:
    compiled = compile_table(read_document(document))
    enabled = [rule for rule in compiled.rulebook.rules if rule.enabled]
    for facts, now, usage in questions:
        verdict = decide(compiled, facts, now, usage)
        asked = question(compiled, facts, now, usage)
        expected = "none_matched" if enabled else "no_rules"
        for rule in enabled:
            failed = [condition.name for condition in rule.when if not condition.holds(asked, rule.id)]
            failed += [condition.name for condition in rule.unless if condition.holds(asked, rule.id)]
            if not failed:
                expected = "rule_matched"
                break
            if all(name in CIRCUMSTANCES for name in failed) and expected == "none_matched":
                expected = CIRCUMSTANCES[failed[0]]
        assert verdict.reason == expected


@settings(max_examples=40, deadline=None)
@given(documents(), QUESTIONS)
def test_an_explanation_agrees_with_the_decision(document, questions) -> None:
    compiled = compile_table(read_document(document))
    for facts, now, usage in questions:
        explanation = explain(compiled, facts, now, usage)
        assert explanation.verdict == decide(compiled, facts, now, usage)
        before = explanation.tried
        if explanation.verdict.rule is not None:
            *before, last = explanation.tried
            assert (last.rule, last.matched, last.failed) == (explanation.verdict.rule, True, None)
        listed = [tried.rule for tried in explanation.tried]
        assert listed == [rule.id for rule in compiled.rulebook.rules[: len(listed)]]
        assert all(not tried.matched and tried.failed in FAILURES and tried.detail for tried in before)
        assert explanation.untried == 0


def test_an_explanation_names_the_first_failing_condition_of_each_rule() -> None:
    rules = table(
        {"enabled": False},
        {"when": {"during": "night", "called": "+44*"}},
        {"when": {"called": "+1*"}, "unless": {"during": "day"}},
        {"when": {"called": "+1*"}},
        {"when": {"called": "+1*"}},
        calendars=CALENDARS,
    )
    tried = [(each.rule, each.failed, each.detail) for each in explain(rules, call(), TUESDAY).tried]
    assert tried == [
        ("r0", "disabled", "the rule is switched off"),
        ("r1", "called", "called is +15551230000, not +44*"),
        ("r2", "unless.during", "day is open at 2026-12-01T09:00:00+00:00"),
        ("r3", None, None),
    ]


class BusyUsage:
    """Every question finds one call more."""

    def __init__(self) -> None:
        self.calls = 0

    def active(self, rule: str) -> int:
        self.calls += 1
        return self.calls

    def recent(self, rule: str, per: str, key: str, seconds: int) -> int:
        return self.active(rule)


def test_an_explanation_keeps_to_its_verdict_though_calls_come_and_go_meanwhile() -> None:
    rules = table({"when": {"active_below": 1}}, {"when": {"active_below": 3}}, {"when": {"called": "+1*"}})
    explanation = explain(rules, call(), TUESDAY, BusyUsage())
    assert explanation.verdict.rule == "r1"
    assert [(tried.failed, tried.detail) for tried in explanation.tried] == [
        ("active_below", "1 calls of this rule are live, not fewer than 1"),
        (None, None),
    ]


def test_of_a_huge_table_only_rules_about_the_called_or_caller_are_listed_and_the_rest_counted() -> None:
    others = [{"when": {"called": f"+4930{number}"}} for number in range(200)]
    about = {"when": {"called": "+1555*", "during": "night"}}
    caller = {"when": {"caller": "+1415*", "country": "DE"}}
    rules = table(*others, about, caller, {"when": {"called": "+15551230000"}}, calendars=CALENDARS)
    explanation = explain(rules, call(), TUESDAY)
    assert [tried.rule for tried in explanation.tried] == ["r200", "r201", "r202"]
    assert explanation.untried == 200
    assert explain(rules, call(), TUESDAY) == explanation
    part = try_rules(rules, call(), TUESDAY, begin=199, count=3)
    assert [(tried.rule, tried.failed) for tried in part] == [
        ("r199", "called"),
        ("r200", "during"),
        ("r201", "country"),
    ]
    assert try_rules(rules, call(), TUESDAY, begin=203, count=3) == ()


def test_an_explanation_never_lists_more_than_a_hundred_rules_before_the_deciding_one() -> None:
    rules = table(*[{"when": {"called": "+1555*", "during": "night"}}] * 300, calendars=CALENDARS)
    explanation = explain(rules, call(), TUESDAY)
    assert (len(explanation.tried), explanation.untried) == (100, 200)
    assert explanation.verdict.reason is Reason.OUTSIDE_HOURS


@given(DECISIONS)
def test_a_verdict_carries_the_decision_of_its_rule(then) -> None:
    rules = table({"then": then})
    assert decide(rules, call(), TUESDAY).decision == rules.rulebook.rules[0].then
