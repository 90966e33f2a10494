"""The rulebook that a new gateway starts with."""

import tomllib
from datetime import datetime
from importlib.resources import files

import phonenumbers

from routing_rules import Refer, Rulebook, compile_table, decide, find_problems, read_document
from tests.routing_rules.calls import call


def starter() -> Rulebook:
    return read_document(tomllib.loads(files("routing_rules").joinpath("starter.toml").read_text("utf-8")))


def test_it_has_no_problems() -> None:
    assert find_problems(starter()) == ()


def test_it_shows_every_decision_and_an_override() -> None:
    rulebook = starter()
    assert {rule.then.kind for rule in rulebook.rules} == {"accept", "reject", "refer", "ignore"}
    assert rulebook.default.kind == "reject"
    assert any(rule.then.kind == "accept" and rule.then.instructions for rule in rulebook.rules)


def test_its_transfers_go_to_valid_ordinary_numbers() -> None:
    for rule in starter().rules:
        if isinstance(rule.then, Refer):
            for target in rule.then.to:
                number = phonenumbers.parse(target.removeprefix("tel:"))
                assert phonenumbers.is_valid_number(number)
                assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE


def test_its_expectations_hold() -> None:
    rulebook = starter()
    assert rulebook.expect
    for expectation in rulebook.expect:
        assert isinstance(expectation.call.at, datetime)
        facts = call(called=expectation.call.called, caller=expectation.call.caller)
        verdict = decide(compile_table(rulebook), facts, expectation.call.at)
        assert expectation.rule in {None, verdict.rule}
        if isinstance(expectation.then, Refer):
            assert isinstance(verdict.decision, Refer)
            assert verdict.decision.to == expectation.then.to
