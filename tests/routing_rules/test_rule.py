"""Rules and decisions as values."""

import dataclasses

import pytest

from routing_rules import Accept, Ignore, Refer, Reject, Rule

KINDS = {
    "accept": Accept(profile="a"),
    "reject": Reject(),
    "refer": Refer(to=("tel:+493023125042",)),
    "ignore": Ignore(),
}


@pytest.mark.parametrize(("kind", "decision"), KINDS.items(), ids=KINDS.keys())
def test_a_decision_tells_its_kind(kind: str, decision: Accept | Reject | Refer | Ignore) -> None:
    assert decision.kind == kind


def test_a_call_is_rejected_with_603_unless_said_otherwise() -> None:
    assert Reject().status == 603


def test_a_rule_is_enabled_and_cannot_be_changed() -> None:
    rule = Rule(id="r", then=Ignore())
    assert rule.enabled
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.enabled = False  # type: ignore[misc]
