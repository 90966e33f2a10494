"""Which rules concern a call: the same that asking every rule would find."""

from hypothesis import given, settings

from routing_rules import compile_table, read_document
from routing_rules.conditions import NumberIs
from tests.routing_rules.calls import QUESTIONS, call, documents, question, table


@settings(max_examples=40, deadline=None)
@given(documents(), QUESTIONS)
def test_rules_concern_a_call_if_a_condition_on_its_numbers_holds(document, questions) -> None:
    compiled = compile_table(read_document(document))
    for facts, now, usage in questions:
        asked = question(compiled, facts, now, usage)
        expected = [
            position
            for position, rule in enumerate(compiled.rulebook.rules)
            if any(isinstance(one, NumberIs) and one.holds(asked, rule.id) for one in rule.when)
        ]
        assert compiled.concerned.by(asked) == expected


def test_a_rule_concerns_a_call_though_it_is_filed_by_another_condition_or_switched_off() -> None:
    compiled = table(
        {"when": {"called": "+1555*", "caller": "+44*"}},
        {"when": {"called": "+15551230000"}, "enabled": False},
        {"when": {"country": "US"}},
        {"unless": {"called": "+15551230000"}},
    )
    assert compiled.concerned.by(question(compiled, call())) == [0, 1]
