"""What a rule may read of a call."""

from routing_rules import NO_USAGE, CallFacts


def test_what_is_not_known_of_a_call_is_absent() -> None:
    facts = CallFacts(call_id="rtc_1", called="+15551230000", caller="")
    assert (facts.called_uri, facts.country, facts.headers, facts.media) == ("", None, (), None)
    assert (facts.anonymous, facts.attestation) == (False, "none")


def test_without_usage_nothing_is_in_use() -> None:
    assert NO_USAGE.active("r") == 0
    assert NO_USAGE.recent("r", "caller", "+15551230000", 60) == 0
