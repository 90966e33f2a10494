"""What a question works out, and the draw of a share."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from routing_rules import CallFacts
from tests.routing_rules.calls import CALENDARS, call, question, table


def draw(facts: CallFacts, rule: str = "canary") -> float:
    return question(table(), facts).draw(rule)


@given(st.text(), st.text(), st.text())
def test_a_draw_is_from_0_to_below_100(rule: str, caller: str, call_id: str) -> None:
    assert 0 <= draw(call(caller=caller, call_id=call_id), rule) < 100


@given(st.text(min_size=1), st.text(), st.text())
def test_a_caller_keeps_the_same_draw_on_every_call(caller: str, first: str, second: str) -> None:
    assert draw(call(caller=caller, call_id=first)) == draw(call(caller=caller, call_id=second, called="+49"))


def test_the_draw_is_pinned_since_a_change_would_move_every_caller() -> None:
    assert round(draw(call()), 6) == 82.990130
    assert round(draw(call(caller="", call_id="rtc_1")), 6) == 80.755182


def test_callers_without_a_number_draw_by_the_call() -> None:
    for facts in ({"caller": ""}, {"anonymous": True}):
        draws = {draw(call(call_id=f"rtc_{number}", **facts)) for number in range(50)}
        assert len(draws) == 50


def test_a_share_is_that_share_of_many_callers() -> None:
    draws = [draw(call(caller=f"+1415{number:07}")) for number in range(5_000)]
    for percent in (1, 10, 50, 90):
        # Four standard deviations of a fair draw.
        allowed = 4 * (5_000 * percent / 100 * (1 - percent / 100)) ** 0.5
        assert abs(sum(each < percent for each in draws) - 5_000 * percent / 100) < allowed


def test_the_shares_of_two_rules_are_independent() -> None:
    sides = Counter(
        tuple(draw(call(caller=f"+1415{number:07}"), rule) < 50 for rule in ("one", "two")) for number in range(4_000)
    )
    assert all(abs(count - 1_000) < 4 * (4_000 * 0.25 * 0.75) ** 0.5 for count in sides.values())


def test_only_headers_that_a_rule_reads_are_looked_at() -> None:
    compiled = table({"when": {"header": {"X-A": "present"}}}, {"unless": {"header": {"x-b": "present"}}})
    headers = (("x-a", " 1 "), ("X-C", "2"), ("X-A", "3"), ("X-B", ""))
    assert question(compiled, call(headers=headers)).headers() == {"x-a": ["1", "3"], "x-b": [""]}


def test_a_calendar_is_asked_once_in_a_question() -> None:
    asked = question(table(calendars=CALENDARS), call())
    assert [asked.is_open("day"), asked.is_open("night"), asked.is_open("day")] == [True, False, True]
    del asked.resources.calendars["day"]
    assert asked.is_open("day")


def test_the_lists_of_a_side_are_looked_up_once_in_a_question() -> None:
    asked = question(table(lists={"a": ["+1555*"], "b": ["+1415*"]}), call())
    assert (asked.lists("called"), asked.lists("caller")) == (("a",), ("b",))
    assert asked.lists("called") is asked.lists("called")


def test_a_text_is_matched_with_the_regexes_of_a_subject_once_in_a_question() -> None:
    compiled = table({"when": {"called": "re:.*0", "caller": "re:.*1"}})
    asked = question(compiled, call())
    assert list(asked.matching("called", "+10")) == [".*0"]
    assert asked.matching("called", "+10") is asked.matching("called", "+10")
    assert list(asked.matching("caller", "+10")) == []
