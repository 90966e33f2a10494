"""The retry policy, case by case."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.actions.retry import (
    FIRST_PAUSE,
    MOST_ATTEMPTS,
    ROOM,
    Budget,
    Progress,
    RetryDecision,
    Then,
    judge,
)
from gateway.calls.lifecycle import Event
from gateway.upstream.outcome import Outcome, Result, classify
from gateway.upstream.wire import Command

FRESH = Progress(attempts=1, seconds_left=8.0)
DOUBTFUL = Progress(attempts=2, seconds_left=8.0, in_doubt=True)
AFTER_5XX = Progress(attempts=2, seconds_left=8.0, after_server_error=True)
LAST = Progress(attempts=MOST_ATTEMPTS, seconds_left=8.0)
MANY = Progress(attempts=2_000, seconds_left=8.0)
LATE = Progress(attempts=1, seconds_left=0.1)
SHED = Progress(attempts=1, seconds_left=8.0, may_retry=False)


def again(*events: Event, pause: float = FIRST_PAUSE, in_doubt: bool = False) -> RetryDecision:
    return RetryDecision(then=Then.AGAIN, events=events, pause=pause, in_doubt=in_doubt)


def settled(*events: Event, in_doubt: bool = False) -> RetryDecision:
    return RetryDecision(then=Then.SETTLE, events=events, in_doubt=in_doubt)


def following(*, refused: bool) -> RetryDecision:
    return RetryDecision(then=Then.NEXT, refused=refused)


UNCLEAR = settled(Event.IN_DOUBT, Event.UNCLEAR, in_doubt=True)

CASES: list[tuple[Command, Result, Progress, RetryDecision]] = [
    # An accept, told at once.
    (Command.ACCEPT, Result.DONE, FRESH, settled(Event.SUCCEEDED)),
    (Command.ACCEPT, Result.NOT_SENT, FRESH, again(Event.RETRYING)),
    (Command.ACCEPT, Result.SERVER_ERROR, FRESH, again(Event.RETRYING)),
    (Command.ACCEPT, Result.RATE_LIMITED, FRESH, again(Event.RETRYING)),
    (Command.ACCEPT, Result.REFUSED, FRESH, following(refused=True)),
    (Command.ACCEPT, Result.UNAUTHORIZED, FRESH, settled(Event.UNAUTHORIZED)),
    (Command.ACCEPT, Result.GONE, FRESH, settled(Event.CALLER_GONE)),
    (Command.ACCEPT, Result.CONFLICT, FRESH, settled(Event.TAKEN)),
    # An accept whose reply was lost: the same bytes, and never a way back.
    (Command.ACCEPT, Result.AMBIGUOUS, FRESH, again(Event.IN_DOUBT, Event.RESENDING, in_doubt=True)),
    (Command.ACCEPT, Result.AMBIGUOUS, LAST, UNCLEAR),
    (Command.ACCEPT, Result.AMBIGUOUS, LATE, UNCLEAR),
    (Command.ACCEPT, Result.DONE, DOUBTFUL, settled(Event.SUCCEEDED)),
    (Command.ACCEPT, Result.REFUSED, DOUBTFUL, UNCLEAR),
    (Command.ACCEPT, Result.UNAUTHORIZED, DOUBTFUL, UNCLEAR),
    (Command.ACCEPT, Result.GONE, DOUBTFUL, UNCLEAR),
    (Command.ACCEPT, Result.CONFLICT, DOUBTFUL, UNCLEAR),
    (
        Command.ACCEPT,
        Result.SERVER_ERROR,
        DOUBTFUL,
        again(Event.IN_DOUBT, Event.RESENDING, pause=2 * FIRST_PAUSE, in_doubt=True),
    ),
    # An accept that met a 5xx: a conflict is taken for our own.
    (Command.ACCEPT, Result.CONFLICT, AFTER_5XX, UNCLEAR),
    (Command.ACCEPT, Result.GONE, AFTER_5XX, settled(Event.CALLER_GONE)),
    (Command.ACCEPT, Result.REFUSED, AFTER_5XX, following(refused=True)),
    # Out of attempts, of time, of the retry budget.
    (Command.ACCEPT, Result.SERVER_ERROR, LAST, following(refused=False)),
    (Command.ACCEPT, Result.NOT_SENT, LATE, following(refused=False)),
    (Command.ACCEPT, Result.RATE_LIMITED, SHED, following(refused=False)),
    # A reject.
    (Command.REJECT, Result.DONE, FRESH, settled(Event.SUCCEEDED)),
    (Command.REJECT, Result.NOT_SENT, FRESH, again(Event.RETRYING)),
    (Command.REJECT, Result.SERVER_ERROR, FRESH, again(Event.RETRYING, in_doubt=True)),
    (Command.REJECT, Result.AMBIGUOUS, FRESH, again(Event.RETRYING, in_doubt=True)),
    (Command.REJECT, Result.GONE, FRESH, settled(Event.CALLER_GONE)),
    (Command.REJECT, Result.REFUSED, FRESH, settled(Event.CALLER_GONE)),
    (Command.REJECT, Result.GONE, DOUBTFUL, settled(Event.UNCLEAR)),
    (Command.REJECT, Result.CONFLICT, AFTER_5XX, UNCLEAR),
    (Command.REJECT, Result.UNAUTHORIZED, FRESH, settled(Event.UNAUTHORIZED)),
    (Command.REJECT, Result.SERVER_ERROR, LAST, settled(Event.OUT_OF_TIME)),
    (Command.REJECT, Result.NOT_SENT, LATE, settled(Event.OUT_OF_TIME)),
    (Command.REJECT, Result.NOT_SENT, replace(LATE, after_server_error=True), UNCLEAR),
    # A hangup may be repeated; an unknown call is an ended one.
    (Command.HANGUP, Result.DONE, FRESH, settled(Event.SUCCEEDED)),
    (Command.HANGUP, Result.GONE, FRESH, settled(Event.CALLER_GONE)),
    (Command.HANGUP, Result.SERVER_ERROR, FRESH, again(Event.RETRYING)),
    (Command.HANGUP, Result.AMBIGUOUS, FRESH, again(Event.RETRYING, in_doubt=True)),
    (Command.HANGUP, Result.REFUSED, FRESH, settled(Event.REFUSED)),
    (Command.HANGUP, Result.CONFLICT, FRESH, settled(Event.REFUSED)),
    (Command.HANGUP, Result.UNAUTHORIZED, FRESH, settled(Event.UNAUTHORIZED)),
    (Command.HANGUP, Result.SERVER_ERROR, LAST, again(Event.RETRYING, pause=8 * FIRST_PAUSE)),
    (
        Command.HANGUP,
        Result.AMBIGUOUS,
        MANY,
        again(Event.RETRYING, pause=16 * FIRST_PAUSE, in_doubt=True),
    ),
    (Command.HANGUP, Result.SERVER_ERROR, LATE, settled(Event.OUT_OF_TIME)),
    (Command.HANGUP, Result.SERVER_ERROR, SHED, settled(Event.OUT_OF_TIME)),
    (Command.HANGUP, Result.AMBIGUOUS, LATE, settled(Event.IN_DOUBT, Event.OUT_OF_TIME, in_doubt=True)),
    # A refer: one request, whatever comes back.
    (Command.REFER, Result.DONE, FRESH, settled(Event.SUCCEEDED)),
    (Command.REFER, Result.AMBIGUOUS, FRESH, settled(Event.IN_DOUBT, in_doubt=True)),
    (Command.REFER, Result.SERVER_ERROR, FRESH, settled(Event.IN_DOUBT, in_doubt=True)),
    (Command.REFER, Result.GONE, FRESH, settled(Event.CALLER_GONE)),
    (Command.REFER, Result.NOT_SENT, FRESH, following(refused=True)),
    (Command.REFER, Result.REFUSED, FRESH, following(refused=True)),
    (Command.REFER, Result.RATE_LIMITED, FRESH, following(refused=True)),
    (Command.REFER, Result.UNAUTHORIZED, FRESH, following(refused=True)),
    (Command.REFER, Result.CONFLICT, FRESH, following(refused=True)),
]


@pytest.mark.parametrize(("command", "result", "progress", "expected"), CASES)
def test_the_policy_judges(command: Command, result: Result, progress: Progress, expected: RetryDecision) -> None:
    assert judge(command, Outcome(result=result), progress) == expected


@pytest.mark.parametrize(
    ("retry_after", "left", "expected"),
    [
        (1.0, 8.0, 1.0),
        (0.05, 8.0, FIRST_PAUSE),  # never faster than we would
        (7.0, 8.0, 7.0),
        (7.1, 8.0, None),  # would leave no time for the answer
        (8.0, 8.0, None),  # would come too late
        (60.0, 8.0, None),
    ],
)
def test_a_rate_limit_is_waited_for_only_if_it_ends_in_time(
    retry_after: float, left: float, expected: float | None
) -> None:
    outcome = Outcome(result=Result.RATE_LIMITED, status=429, retry_after=retry_after)
    decision = judge(Command.ACCEPT, outcome, Progress(attempts=1, seconds_left=left))
    assert (decision.pause if decision.then is Then.AGAIN else None) == expected


outcomes: Any = st.builds(
    Outcome, result=st.sampled_from(list(Result)), retry_after=st.none() | st.floats(0, 100, allow_nan=False)
)
progresses: Any = st.builds(
    Progress,
    attempts=st.integers(1, 6),
    seconds_left=st.floats(-5, 10),
    in_doubt=st.booleans(),
    after_server_error=st.booleans(),
    may_retry=st.booleans(),
)


@given(outcomes, progresses)
def test_a_refer_is_never_sent_again(outcome: Outcome, progress: Progress) -> None:
    assert judge(Command.REFER, outcome, progress).then is not Then.AGAIN


@given(outcomes, progresses)
def test_an_accept_in_doubt_never_goes_on_to_another_step(outcome: Outcome, progress: Progress) -> None:
    decision = judge(Command.ACCEPT, outcome, progress)
    if progress.in_doubt or outcome.result is Result.AMBIGUOUS:
        assert decision.then is not Then.NEXT


@given(st.sampled_from(list(Command)), outcomes, progresses)
def test_a_repetition_always_fits_into_the_time_left_and_the_attempts(
    command: Command, outcome: Outcome, progress: Progress
) -> None:
    decision = judge(command, outcome, progress)
    if decision.then is Then.AGAIN:
        assert decision.pause + ROOM <= progress.seconds_left
        assert progress.attempts < MOST_ATTEMPTS or command is Command.HANGUP
        assert progress.may_retry


def test_the_budget_lets_a_quiet_gateway_retry_and_a_busy_one_a_tenth() -> None:
    budget = Budget()
    assert sum(budget.take() for _ in range(500)) == Budget.RESERVE
    for _ in range(1_000):
        budget.first_attempt()
    assert sum(budget.take() for _ in range(500)) in (99, 100)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (103, Result.AMBIGUOUS),
        (200, Result.DONE),
        (204, Result.DONE),
        (301, Result.REFUSED),
        (400, Result.REFUSED),
        (401, Result.UNAUTHORIZED),
        (403, Result.REFUSED),
        (404, Result.GONE),
        (408, Result.SERVER_ERROR),
        (409, Result.CONFLICT),
        (413, Result.REFUSED),
        (422, Result.REFUSED),
        (429, Result.RATE_LIMITED),
        (500, Result.SERVER_ERROR),
        (503, Result.SERVER_ERROR),
    ],
)
def test_a_reply_is_classified_by_its_status(status: int, result: Result) -> None:
    assert classify(status) is result
