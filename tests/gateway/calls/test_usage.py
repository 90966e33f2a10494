"""What capacity and rate conditions count."""

from gateway.calls.usage import LONGEST_SESSION, Known, LiveUsage
from gateway.clock import to_datetime
from routing_rules import CallFacts, compile_table, decide, read_document
from tests.conftest import SettableClock


def decided(usage: LiveUsage, call_id: str, *, caller: str = "+1", called: str = "+2", rule: str = "it") -> None:
    usage.decided(call_id, rule, caller=caller, called=called)


def test_live_calls_are_counted_until_they_close(clock: SettableClock) -> None:
    usage = LiveUsage(clock)
    assert usage.active("it") == 0
    decided(usage, "a")
    decided(usage, "b")
    decided(usage, "c", rule="other")
    assert usage.active("it") == 2
    usage.closed("a", "it")
    usage.closed("unknown", "it")
    usage.closed("a", "never heard of")
    assert usage.active("it") == 1


def test_a_call_that_nobody_ends_counts_for_the_longest_session(clock: SettableClock) -> None:
    usage = LiveUsage(clock)
    usage.active("it")
    decided(usage, "a")
    clock.pass_(LONGEST_SESSION - 1)
    decided(usage, "b")
    assert usage.active("it") == 2
    clock.pass_(2)
    assert usage.active("it") == 1


def test_rules_that_ask_for_nothing_cost_no_memory(clock: SettableClock) -> None:
    usage = LiveUsage(clock)
    for number in range(100):
        decided(usage, f"call {number}")
    assert usage.active("it") == 0
    assert usage.recent("it", "rule", "", 60) == 0


def test_rates_are_counted_by_caller_called_number_and_rule(clock: SettableClock) -> None:
    usage = LiveUsage(clock)
    for per in ("caller", "called", "rule"):
        assert usage.recent("it", per, "", 60) == 0
    decided(usage, "a", caller="+1", called="+2")
    decided(usage, "b", caller="+1", called="+3")
    assert usage.recent("it", "caller", "+1", 60) == 2
    assert usage.recent("it", "called", "+3", 60) == 1
    assert usage.recent("it", "rule", "", 60) == 2
    assert usage.recent("other", "caller", "+1", 60) == 0


def test_a_repetition_does_not_make_its_call_count_again(clock: SettableClock) -> None:
    usage = LiveUsage(clock)
    usage.recent("it", "caller", "+1", 60)
    decided(usage, "a")
    clock.pass_(1)
    usage.undo(usage.decided("a", "it", caller="+1", called="+2"))
    usage.learn_decided([Known("a", "it", "+1", "+2", 1.0)])
    assert usage.recent("it", "caller", "+1", 60) == 1


def test_a_rate_forgets_what_is_older_than_its_seconds(clock: SettableClock) -> None:
    usage = LiveUsage(clock)
    usage.recent("it", "caller", "+1", 60)
    decided(usage, "a")
    clock.pass_(59)
    decided(usage, "b")
    assert usage.recent("it", "caller", "+1", 60) == 2
    clock.pass_(1)
    assert usage.recent("it", "caller", "+1", 60) == 1
    clock.pass_(60)
    assert usage.recent("it", "caller", "+1", 60) == 0


def test_a_full_rule_gives_way_to_the_next_from_the_first_call_on(clock: SettableClock) -> None:
    document = {
        "profiles": {"p": {}},
        "rules": [
            {"id": "few", "when": {"active_below": 2}, "then": {"accept": "p"}},
            {"id": "rest", "then": {"reject": 486}},
        ],
    }
    table, usage = compile_table(read_document(document)), LiveUsage(clock)
    rules = []
    for number in range(4):
        facts = CallFacts(call_id=f"rtc_{number}", called="+2", caller="+1")
        verdict = decide(table, facts, to_datetime(clock.now()), usage)
        assert verdict.rule is not None
        usage.decided(facts.call_id, verdict.rule, caller=facts.caller, called=facts.called)
        rules.append(verdict.rule)
    assert rules == ["few", "few", "rest", "rest"]
