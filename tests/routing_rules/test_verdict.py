"""What deciding answers."""

from routing_rules import FAILURES, Reason


def test_reasons_are_stable_words_since_every_stored_call_holds_one() -> None:
    assert set(Reason) == {
        "rule_matched",
        "override",
        "no_rules",
        "none_matched",
        "outside_hours",
        "full",
        "rate_exceeded",
    }


def test_failures_are_a_closed_set() -> None:
    assert len(FAILURES) == len(set(FAILURES)) == 2 * 11 + 1
    assert {"called", "unless.during", "disabled"} <= set(FAILURES)
