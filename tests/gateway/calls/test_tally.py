"""What a call adds to the statistics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.lifecycle import State
from gateway.calls.tally import (
    BOUNDS,
    HOUR,
    NOT_ANSWERED,
    RESTING,
    UNDER_WAY,
    Bucket,
    Counted,
    Sums,
    answer_class,
    differences,
    percentile,
    share_of,
)

NOW = 500_000 * HOUR + 123_456


def a_call(**changes: object) -> Counted:
    call = Counted(
        id=1,
        received_at=NOW,
        endpoint="openai",
        kind="accept",
        state="accepted",
        rule="sales",
        profile="front",
        answered_at=NOW + 250_000,
        ended_at=None,
        usage=None,
    )
    return call._replace(**changes)  # type: ignore[arg-type]


def test_every_state_is_at_rest_or_under_way() -> None:
    assert frozenset(State) == RESTING | UNDER_WAY
    assert not RESTING & UNDER_WAY


def test_an_accepted_call_adds_its_time_to_answer_to_the_hour_it_was_received_in() -> None:
    bucket = Bucket(500_000 * HOUR, "openai", "accept", "accepted", answer_class(250_000), "sales", "front")
    assert share_of(a_call()) == (bucket, Sums(1, 250_000, 0, 0, 0, 0))


def test_a_call_that_is_over_adds_how_long_it_lasted_and_what_it_used_up() -> None:
    share = share_of(a_call(state="ended", ended_at=NOW + 60_250_000, usage='{"input_tokens":7,"output_tokens":5}'))
    assert share is not None
    assert share[1] == Sums(1, 250_000, 1, 60_000_000, 7, 5)


def test_a_call_that_nobody_answered_has_no_time_to_answer() -> None:
    share = share_of(a_call(state="rejected", kind="reject", rule=None, profile=None, answered_at=None, ended_at=NOW))
    assert share is not None
    assert share == (
        Bucket(500_000 * HOUR, "openai", "reject", "rejected", NOT_ANSWERED, "", ""),
        Sums(1, 0, 0, 0, 0, 0),
    )


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_a_call_under_way_adds_nothing(state: str) -> None:
    assert share_of(a_call(state=state)) is None


def test_a_call_that_moves_leaves_one_bucket_for_another() -> None:
    ended = a_call(state="ended", ended_at=NOW + 250_001)
    added = differences([a_call()], [ended])
    assert {bucket.state: sums.calls for bucket, sums in added.items()} == {"accepted": -1, "ended": 1}
    assert differences([ended], [ended]) == {}


@given(st.lists(st.integers(0, 120_000_000), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_in_the_class_of_the_exact_one(times: list[int], share: float) -> None:
    answers: dict[int, int] = {}
    for micros in times:
        answers[answer_class(micros)] = answers.get(answer_class(micros), 0) + 1
    found = percentile(answers, share)
    exact = sorted(times)[max(0, -int(-share * len(times) // 1) - 1)]
    number = answer_class(exact)
    lower = BOUNDS[number - 1] if number else 0
    upper = BOUNDS[number] if number < len(BOUNDS) else BOUNDS[-1]
    assert found is not None
    assert lower <= found <= upper


def test_nobody_answered_means_no_percentile() -> None:
    assert percentile({}, 0.5) is None
