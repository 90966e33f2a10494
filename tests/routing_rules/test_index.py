"""The index: where it files rules, and that it asks only few."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_rules import CallFacts, CompiledTable, Reject, Rule, Rulebook, compile_table, decide, read_document
from routing_rules.table import FEW
from tests.routing_rules.calls import QUESTIONS, TUESDAY, call, documents, matches, question, table


def led_to(compiled: CompiledTable, facts: CallFacts) -> set[int]:
    """The positions of the rules that the index finds worth asking."""
    return set().union(*compiled.index.postings(question(compiled, facts)))


def test_a_rule_is_filed_under_its_rarest_condition() -> None:
    crowd = [{"when": {"called": "+15551230000", "caller": f"+1415555{number:04}"}} for number in range(100)]
    compiled = table(*crowd)
    assert len(led_to(compiled, call(caller="+14155550042"))) <= 2


def test_a_rule_is_found_by_each_of_the_values_it_is_filed_under() -> None:
    compiled = table({"when": {"called": ["+15551230000", "+49*", "sales@*", "re:10.*"]}})
    ways = [{}, {"called": "+4930"}, {"called": "", "called_uri": "sales@example.com"}, {"called": "1001"}]
    assert [led_to(compiled, call(**facts)) for facts in ways] == [{0}] * 4
    assert led_to(compiled, call(called="+44")) == set()


INDEXABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "called": ({"called": "+15551230000"}, {"called": "+44"}),
    "caller": ({"caller": "+1415*"}, {"caller": "+44"}),
    "a list": ({"caller": "list:callers"}, {"caller": "+44"}),
    "anonymous": ({"caller": "anonymous"}, {"anonymous": False}),
    "an address": ({"caller": "a@example.com"}, {"caller_uri": "b@example.com"}),
    "a user": ({"caller": "a@*"}, {"caller_uri": "b@example.com"}),
    "a host": ({"caller": "*@example.com"}, {"caller_uri": "a@example.net"}),
    "a regex": ({"called": "re:.*5551230000"}, {"called": "+44"}),
    "country": ({"country": "US"}, {"country": "DE"}),
    "endpoint": ({"endpoint": "openai"}, {"endpoint": "eu"}),
    "media": ({"media": "srtp"}, {"media": None}),
    "attestation": ({"attestation": "A"}, {"attestation": "none"}),
    "a header": ({"header": {"X-A": "1"}}, {"headers": (("X-A", "2"),)}),
    "a header's beginning": ({"header": {"X-A": "1*"}}, {"headers": (("X-A", "2"),)}),
    "a header that is there": ({"header": {"X-A": "present"}}, {"headers": (("X-B", "1"),)}),
}
EVERYTHING = {
    "anonymous": True,
    "caller_uri": "a@example.com",
    "country": "US",
    "media": "srtp",
    "attestation": "A",
    "headers": (("x-a", "1"),),
}


@pytest.mark.parametrize(("conditions", "other"), INDEXABLE.values(), ids=INDEXABLE.keys())
def test_a_call_is_led_only_to_rules_filed_under_what_it_carries(conditions, other) -> None:
    compiled = table({"when": conditions}, lists={"callers": ["+14155550100"]})
    assert led_to(compiled, call(**EVERYTHING)) == {0}
    assert led_to(compiled, call(**(EVERYTHING | other))) == set()


def test_a_header_that_no_rule_is_filed_under_leads_nowhere() -> None:
    compiled = table(
        {"when": {"called": "+1*"}, "unless": {"header": {"X-A": "1"}}}, {"when": {"header": {"X-B": "1"}}}
    )
    assert led_to(compiled, call(called="", headers=(("X-A", "1"), ("X-B", "1")))) == {1}


def test_what_is_not_known_of_a_call_leads_nowhere() -> None:
    compiled = table({"when": {"country": "US"}}, {"when": {"media": "srtp"}})
    assert led_to(compiled, call(country=None, media=None)) == set()


NOT_INDEXABLE: dict[str, dict[str, Any]] = {
    "hours": {"when": {"during": "never"}},
    "a share": {"when": {"share": 0}},
    "live calls": {"when": {"active_below": 1}},
    "a header that is not there": {"when": {"header": {"X-A": ["absent", "1"]}}},
    "only exceptions": {"unless": {"called": "+1*"}},
    "nothing": {},
}


@pytest.mark.parametrize("rule", NOT_INDEXABLE.values(), ids=NOT_INDEXABLE.keys())
def test_every_call_is_led_to_a_rule_that_cannot_be_filed(rule: dict[str, Any]) -> None:
    assert led_to(table(rule, calendars={"never": {"zone": "UTC"}}), call(called="", caller="")) == {0}


def test_no_call_is_led_to_a_disabled_rule() -> None:
    assert led_to(table({"enabled": False}, {"enabled": False, "when": {"called": "+1*"}}), call()) == set()


def test_what_led_to_a_rule_is_not_asked_again() -> None:
    compiled = table({"when": {"called": "+1*"}}, {"when": {"called": "re:\\+1555.*"}})
    settled, by_beginning = compiled.index.residues
    assert settled == ()
    assert by_beginning == ((compiled.rulebook.rules[1].when[0], True),)


def test_a_regex_leads_only_to_rules_that_are_filed_under_it() -> None:
    compiled = table({"when": {"called": "re:.*0"}}, {"when": {"called": "re:.*00", "caller": "+1415*"}})
    assert led_to(compiled, call(caller="+44")) == {0}
    assert led_to(compiled, call()) == {0, 1}


# --- an index with other rules ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(documents(), documents(), QUESTIONS, st.randoms(use_true_random=False))
def test_an_index_with_other_rules_decides_as_asking_every_rule_in_turn_does(one, other, questions, random) -> None:
    before, strangers = read_document(one), read_document(other)
    rules = list(before.rules)
    random.shuffle(rules)
    for position, stranger in enumerate(strangers.rules[: len(rules)]):
        if random.random() < 0.5:
            rules[position] = replace(stranger, id=f"new-{position}")
    edited = replace(before, rules=tuple(rules))
    compiled = compile_table(edited, like=compile_table(before))
    for facts, now, usage in questions:
        asked = question(compiled, facts, now, usage)
        expected = next((rule.id for rule in rules if matches(rule, asked)), None)
        assert decide(compiled, facts, now, usage).rule == expected


def test_an_index_with_other_rules_leaves_the_one_it_came_from_as_it_was() -> None:
    compiled = table({"when": {"called": "+15551230000"}}, {"when": {"called": "re:.*7"}})
    moved = replace(compiled.rulebook.rules[0], id="new")
    index = compiled.index.with_rules({0: replace(moved, enabled=False), 1: replace(moved, id="r1")})
    assert led_to(compiled, call()) == {0}
    asked = question(compiled, call())
    assert index.postings(asked) == [[1]]
    assert not index.postings(question(compiled, call(called="+7")))


def test_many_other_rules_make_a_new_index() -> None:
    rules = tuple(Rule(id=f"r{number}", then=Reject()) for number in range(FEW + 1))
    before = Rulebook(rules=rules)
    edited = replace(before, rules=tuple(replace(rule, enabled=False) for rule in rules))
    assert decide(compile_table(edited, like=compile_table(before)), call(), TUESDAY).reason == "no_rules"
