"""Rates and percentiles as the API tells them."""

from gateway.calls.statistics import Group, Span
from gateway.calls.stats_contract import stats_of
from gateway.calls.tally import HOUR, NOT_ANSWERED, Sums, answer_class

SPAN = Span(since=0, until=24 * HOUR)


def a_group(calls: int) -> Group:
    return Group(
        states={"ended": calls - 1, "gone": 1},
        answers={answer_class(2_000_000): calls - 1, NOT_ANSWERED: 1},
        sums=Sums(calls, 2_000_000 * (calls - 1), calls - 1, 60_000_000 * (calls - 1), 10, 4),
    )


def test_rates_are_of_all_calls_and_times_are_in_seconds() -> None:
    told = stats_of("rule", SPAN, {"sales": a_group(5)}).total
    assert (told.calls, told.answered, told.answer_rate) == (5, 4, 0.8)
    assert (told.abandoned, told.abandonment_rate, told.under_way) == (1, 0.2, 0)
    assert told.time_to_answer.mean == 2.0
    assert told.time_to_answer.p50 is not None
    assert 1.4 <= told.time_to_answer.p50 <= 2.9
    assert (told.duration.calls, told.duration.mean, told.duration.total) == (4, 60.0, 240.0)
    assert (told.tokens.input, told.tokens.output) == (10, 4)


def test_without_calls_there_are_no_rates() -> None:
    told = stats_of("hour", SPAN, {})
    assert (told.total.calls, told.total.answer_rate, told.total.time_to_answer.p99) == (0, None, None)
    assert told.items == []


def test_times_come_in_their_order_and_names_the_largest_first() -> None:
    hours = stats_of("hour", SPAN, {HOUR: a_group(9), 0: a_group(3)})
    assert [item.key for item in hours.items] == ["1970-01-01T00:00:00.000Z", "1970-01-01T01:00:00.000Z"]
    rules = stats_of("rule", SPAN, {"a": a_group(3), "": a_group(9), "b": a_group(9)})
    assert [item.key for item in rules.items] == [None, "b", "a"]


def test_groups_beyond_the_largest_are_counted_but_not_told() -> None:
    told = stats_of("rule", SPAN, {f"r{n}": a_group(n + 1) for n in range(5)}, most=2)
    assert ([item.key for item in told.items], told.omitted, told.total.calls) == (["r4", "r3"], 3, 15)
