"""Problems: names of nothing, refused targets, doubtful calendars and expectations."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from routing_rules import (
    Accept,
    Ignore,
    Refer,
    Reject,
    Rule,
    Rulebook,
    Severity,
    find_notes,
    find_problems,
    find_problems_of,
    read_document,
)
from routing_rules.conditions import NumberIs
from routing_rules.patterns import Kind, Pattern
from routing_rules.problems import MOST_HINTS, MOST_NAMES, missing_names

PROFILES = {"agent": {"model": "gpt-realtime-2.1"}}
OPEN = {"zone": "UTC", "open": "Mon 09:00-10:00"}


def rule(**fields: Any) -> dict[str, Any]:
    return {"profiles": PROFILES, "rules": [{"id": "r", "then": {"accept": "agent"}} | fields]}


def using(calendar: str) -> list[dict[str, Any]]:
    return [{"id": "r", "when": {"during": calendar}, "then": {"reject": 603}}]


def found(document: dict[str, Any], **guards: Any) -> list[tuple[str, str, str]]:
    problems = find_problems(read_document(document), **guards)
    return [(problem.severity, problem.code, problem.pointer) for problem in problems]


CASES = {
    "nothing to say": (rule(then={"accept": "agent"}), []),
    "a missing profile": (
        rule(then={"accept": "agnt"}),
        [("warning", "unused_profile", "/profiles/agent"), ("error", "missing_profile", "/rules/0/then/accept")],
    ),
    "a missing profile to refer with": (
        {"rules": [{"id": "r", "then": {"refer": {"to": "tel:+493023125042", "profile": "x"}}}]},
        [("error", "missing_profile", "/rules/0/then/refer")],
    ),
    "a missing profile in a fallback": (
        {"rules": [{"id": "r", "then": {"reject": 603, "fallback": {"accept": "x"}}}]},
        [("error", "missing_profile", "/rules/0/then/fallback/accept")],
    ),
    "a fallback that leaves the caller ringing": (
        rule(then={"accept": "agent", "fallback": {"ignore": True}}),
        [("error", "ignored_fallback", "/rules/0/then/fallback")],
    ),
    "a missing profile by default": (
        {"default": {"accept": "x"}},
        [("error", "missing_profile", "/default/accept")],
    ),
    "a missing list": (rule(when={"called": ["+1*", "list:x"]}), [("error", "missing_list", "/rules/0/when/called")]),
    "a missing list in an exception": (
        rule(unless={"caller": "list:x"}),
        [("error", "missing_list", "/rules/0/unless/caller")],
    ),
    "a missing calendar": (rule(when={"during": "x"}), [("error", "missing_calendar", "/rules/0/when/during")]),
    "a calendar that is never open": (
        {"calendars": {"c": {"zone": "UTC"}}, "rules": using("c")},
        [("warning", "never_open", "/calendars/c")],
    ),
    "a calendar open by override": (
        {
            "calendars": {
                "c": {
                    "zone": "UTC",
                    "overrides": [{"from": "2026-12-01T00:00", "until": "2026-12-02T00:00", "open": True}],
                }
            },
            "rules": using("c"),
        },
        [],
    ),
    "an empty list": (
        {"lists": {"l": []}, "default": {"reject": 603}},
        [("warning", "empty_list", "/lists/l"), ("warning", "unused_list", "/lists/l")],
    ),
    "an expectation of a missing rule": (
        {"expect": [{"name": "n", "call": {}, "rule": "x"}]},
        [("error", "missing_rule", "/expect/0/rule")],
    ),
    "an expectation without a time beside calendars": (
        {
            "calendars": {"c": OPEN},
            "rules": using("c"),
            "expect": [{"name": "n", "call": {}, "then": {"ignore": True}}],
        },
        [("warning", "no_time", "/expect/0/call")],
    ),
    "an expectation of a missing profile": (
        {"expect": [{"name": "n", "call": {}, "then": {"accept": "x"}}]},
        [("error", "missing_profile", "/expect/0/then/accept")],
    ),
}


@pytest.mark.parametrize(("document", "expected"), CASES.values(), ids=CASES.keys())
def test_a_problem_is_found_at_its_place(document: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert found(document) == expected


def test_the_refer_guard_is_asked_about_every_target_once() -> None:
    asked: list[str] = []

    def guard(target: str) -> str | None:
        asked.append(target)
        return "premium rate" if "900" in target else None

    premium = {"refer": {"to": ["tel:+493023125042", "tel:+19001234567"]}}
    document = {
        "rules": [
            {"id": "a", "when": {"called": "1"}, "then": premium},
            {"id": "b", "then": {"refer": "sip:a@b.example"}},
        ],
        "default": {"reject": 603, "fallback": premium},
    }
    assert found(document, refer_guard=guard) == [
        ("error", "refused_target", "/rules/0/then/refer"),
        ("error", "refused_target", "/default/fallback/refer"),
    ]
    assert sorted(asked) == ["sip:a@b.example", "tel:+19001234567", "tel:+493023125042"]
    assert "premium rate" in find_problems(read_document(document), refer_guard=guard)[0].detail


def test_the_holiday_guard_is_asked_about_codes() -> None:
    calendars = {"c": OPEN | {"holidays": "DE-XX"}, "d": OPEN | {"holidays": "DE"}, "e": OPEN}
    document = {"calendars": calendars, "rules": using("c")}
    document["rules"][0]["when"]["during"] = list(calendars)
    guard = {"DE-XX": "there are no holidays DE-XX", "DE": None}.__getitem__
    assert found(document, holiday_guard=guard) == [("error", "unknown_holidays", "/calendars/c/holidays")]
    assert found(document) == []


def test_a_rulebook_made_by_hand_is_checked_as_a_document_is() -> None:
    rules = (
        Rule(id="a", then=Reject(status=200)),
        Rule(id="a", then=Reject(status=407)),
        Rule(id="b", then=Refer(to=("tel:911",))),
    )
    problems = find_problems(Rulebook(rules=rules))
    assert [(problem.code, problem.pointer) for problem in problems if problem.severity is Severity.ERROR] == [
        ("out_of_range", "/rules/0/then/reject"),
        ("duplicate_rule", "/rules/1/id"),
        ("out_of_range", "/rules/1/then/reject"),
        ("malformed_target", "/rules/2/then/refer"),
    ]


def test_missing_names_are_only_those_that_compiling_needs() -> None:
    rulebook = read_document(rule(when={"called": "list:x"}, then={"accept": "gone"}))
    assert [problem.code for problem in missing_names(rulebook)] == ["missing_list"]


def test_after_a_rule_that_matches_every_call_the_next_enabled_one_is_told() -> None:
    rules = [{"id": f"r{index}", "then": {"reject": 603}} for index in range(5)]
    rules[0]["when"] = {"called": "+1*"}
    rules[2]["enabled"] = False
    problems = find_problems(read_document({"rules": rules}))
    assert [(problem.code, problem.pointer, problem.detail) for problem in problems] == [
        ("unreachable_rule", "/rules/3", "never decides, nor does any rule after it: 'r1' before it matches every call")
    ]


def test_nothing_after_a_rule_that_matches_every_call_is_nothing_to_tell() -> None:
    rules = [{"id": f"r{index}", "then": {"reject": 603}} for index in range(2)]
    assert find_problems(read_document({"rules": rules[:1]})) == ()
    (problem,) = find_problems(read_document({"rules": rules}))
    assert problem.detail == "never decides: 'r0' before it matches every call"


def test_the_name_that_was_meant_is_suggested_as_long_as_that_is_quick() -> None:
    def details(known: int, missing: int) -> list[str]:
        document = {
            "lists": {f"list-{number}": ["1"] for number in range(known)},
            "rules": [
                {"id": f"r{n}", "when": {"caller": "list:lits-0"}, "then": {"reject": 603}} for n in range(missing)
            ],
        }
        return [problem.detail for problem in missing_names(read_document(document))]

    (detail,) = details(known=1, missing=1)
    assert detail == "there is no list 'lits-0'; add it to `lists` or mend the name; did you mean 'list-0'?"
    assert sum("did you mean" in detail for detail in details(known=1, missing=MOST_HINTS + 10)) == MOST_HINTS
    assert "did you mean" not in details(known=MOST_NAMES + 1, missing=1)[0]


def test_a_rule_whose_exception_always_holds_never_decides() -> None:
    rules = [
        {"id": "none", "when": {"called": "+1555*"}, "unless": {"called": "+1*"}, "then": {"reject": 603}},
        {"id": "some", "when": {"called": "+1*"}, "unless": {"called": "+1555*"}, "then": {"reject": 603}},
    ]
    problems = find_problems(read_document({"rules": rules}))
    assert [(problem.code, problem.pointer) for problem in problems] == [("excludes_itself", "/rules/0/unless/called")]


def test_the_date_lets_calendars_be_looked_at_for_a_year() -> None:
    document = {"calendars": {"c": OPEN | {"closed_on": ["2025-12-29"]}}, "rules": using("c")}
    assert found(document) == []
    assert found(document, today=date(2026, 1, 1)) == [("warning", "no_closed_days", "/calendars/c/closed_on")]


def test_notes_tell_each_status_once_where_it_stands_first() -> None:
    document = {
        "rules": [
            {"id": "off", "enabled": False, "when": {"called": "1"}, "then": {"reject": 503}},
            {"id": "a", "when": {"called": "2"}, "then": {"refer": "tel:+493023125042", "fallback": {"reject": 480}}},
            {"id": "b", "when": {"called": "3"}, "then": {"ignore": True}},
            {"id": "c", "when": {"called": "4"}, "then": {"reject": 480, "fallback": {"reject": 403}}},
        ],
        "default": {"reject": 603},
    }
    notes = find_notes(read_document(document))
    assert {note.severity for note in notes} == {Severity.INFO}
    assert [(note.code, note.pointer) for note in notes] == [
        ("reject_consequence", "/rules/1/then/fallback/reject"),
        ("reject_consequence", "/default/reject"),
    ]
    assert notes[0].detail.endswith("(2 decisions reject so)")


def test_a_share_of_what_is_left_is_worth_a_note() -> None:
    rules = [{"id": name, "when": {"share": 50}, "then": {"ignore": True}} for name in "ab"]
    calendars = {"office": {"zone": "UTC", "open": "Mon-Fri 09:00-17:00"}}
    notes = find_notes(read_document({"rules": rules, "calendars": calendars, "default": {"ignore": True}}))
    assert [(note.code, note.pointer) for note in notes] == [
        ("open_on_holidays", "/calendars/office"),
        ("real_share", "/rules/1"),
    ]


# --- the problems of a few rules --------------------------------------------------------------------------------------


def few(*rules: Rule, of: tuple[int, ...], others: bool = False) -> list[tuple[str, str]]:
    return [(problem.code, problem.pointer) for problem in find_problems_of(Rulebook(rules=rules), of, others=others)]


def test_of_a_few_rules_only_their_own_problems_are_told() -> None:
    first, second = (Rule(id=name, then=Accept(profile=name)) for name in "ab")
    assert few(first, second, of=(0,)) == [("missing_profile", "/rules/0/then/accept")]
    both = few(first, second, of=(0,), others=True)
    assert both == [("missing_profile", f"/rules/{index}/then/accept") for index in (0, 1)]


def test_of_a_few_rules_those_that_never_decide_are_told() -> None:
    wide = Rule(id="wide", when=(NumberIs(name="called", patterns=(Pattern(Kind.PREFIX, "+1"),)),), then=Ignore())
    narrow = Rule(id="narrow", when=(NumberIs(name="called", patterns=(Pattern(Kind.EXACT, "+12"),)),), then=Ignore())
    assert few(wide, narrow, of=(0, 1)) == [("shadowed_rule", "/rules/1")]
    assert few(narrow, wide, of=(0, 1)) == []
    assert few(replace(wide, enabled=False), narrow, of=(1,)) == []
    assert few(wide, replace(narrow, enabled=False), of=(1,)) == []
    assert few(replace(narrow, unless=wide.when), of=(0,)) == [("excludes_itself", "/rules/0/unless/called")]
