"""What the end of an action means for its call."""

import pytest

from gateway.actions.action import Job
from gateway.actions.conclusion import Conclusion, Follow, conclude, conclude_unsent
from gateway.actions.plan import Plan, Step
from gateway.actions.retry import RetryDecision, Then
from gateway.calls.lifecycle import Event, State, advance
from gateway.upstream.wire import Command
from tests.gateway.actions.jobs import a_job

ACCEPT = Plan(
    (
        Step(kind="accept", profile="sales"),
        Step(kind="accept", only_if_refused=True),
        Step(kind="reject", status=503),
    )
)
REFER = Plan((Step(kind="refer", targets=("tel:+1", "tel:+2")), Step(kind="reject", status=503)))
STAYING = Plan((Step(kind="refer", targets=("tel:+1",), profile="sales", stays=True),))

SUCCESS = RetryDecision(then=Then.SETTLE, events=(Event.SUCCEEDED,))
REFUSED = RetryDecision(then=Then.NEXT, refused=True)
TROUBLE = RetryDecision(then=Then.NEXT)


def open_to_all(target: str) -> str | None:
    return None


def closed_to_one(target: str) -> str | None:
    return "it is expensive" if target == "tel:+1" else None


CASES: dict[str, tuple[Job, RetryDecision, Conclusion]] = {
    "an accepted call is done": (a_job(ACCEPT, Command.ACCEPT), SUCCESS, Conclusion(events=(Event.SUCCEEDED,))),
    "a refused profile is followed by the silent session": (
        a_job(ACCEPT, Command.ACCEPT),
        REFUSED,
        Conclusion(events=(Event.FELL_BACK,), follow=Follow(command=Command.ACCEPT, step=1)),
    ),
    "an upstream in trouble is followed by a reject": (
        a_job(ACCEPT, Command.ACCEPT),
        TROUBLE,
        Conclusion(events=(Event.GAVE_WAY,), follow=Follow(command=Command.REJECT, step=2)),
    ),
    "a refused silent session is followed by a reject": (
        a_job(ACCEPT, Command.ACCEPT, step=1),
        REFUSED,
        Conclusion(events=(Event.GAVE_WAY,), follow=Follow(command=Command.REJECT, step=2)),
    ),
    "an answered transfer goes on to its first target": (
        a_job(REFER, Command.ACCEPT),
        SUCCESS,
        Conclusion(events=(Event.SUCCEEDED, Event.REFER_STARTED), follow=Follow(command=Command.REFER, step=0)),
    ),
    "a refused target is followed by the next": (
        a_job(REFER, Command.REFER, state=State.REFERRING),
        REFUSED,
        Conclusion(events=(Event.REFER_STARTED,), follow=Follow(command=Command.REFER, step=0, target=1)),
    ),
    "the last refused target of a silent call is followed by a hangup": (
        a_job(REFER, Command.REFER, state=State.REFERRING, target=1),
        REFUSED,
        Conclusion(events=(Event.HANGUP_STARTED,), follow=Follow(command=Command.HANGUP, step=0)),
    ),
    "the last refused target of a call with a profile lets the caller stay": (
        a_job(STAYING, Command.REFER, state=State.REFERRING),
        REFUSED,
        Conclusion(events=(Event.STAYED,)),
    ),
    "a transfer without a sideband is settled without proof": (
        a_job(REFER, Command.REFER, state=State.REFERRING),
        SUCCESS,
        Conclusion(events=(Event.SUCCEEDED, Event.UNWATCHED)),
    ),
    "a caller who hung up during a transfer is gone": (
        a_job(REFER, Command.REFER, state=State.REFERRING),
        RetryDecision(then=Then.SETTLE, events=(Event.CALLER_GONE,)),
        Conclusion(events=(Event.CALLER_GONE,)),
    ),
    "an accept in doubt is followed by its transfer: the caller may be waiting in silence": (
        a_job(REFER, Command.ACCEPT),
        RetryDecision(then=Then.SETTLE, events=(Event.IN_DOUBT, Event.UNCLEAR), in_doubt=True),
        Conclusion(
            events=(Event.IN_DOUBT, Event.UNCLEAR, Event.REFER_STARTED), follow=Follow(command=Command.REFER, step=0)
        ),
    ),
    "a call that is gone is not transferred": (
        a_job(REFER, Command.ACCEPT),
        RetryDecision(then=Then.SETTLE, events=(Event.CALLER_GONE,)),
        Conclusion(events=(Event.CALLER_GONE,)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_ended_action_is_concluded(name: str) -> None:
    job, decision, expected = CASES[name]
    assert conclude(job, decision, open_to_all, watched=False) == expected


@pytest.mark.parametrize("end", [Event.UNCLEAR, Event.OUT_OF_TIME])
def test_what_is_in_doubt_is_left_to_the_sideband_where_someone_is_on_it(end: Event) -> None:
    doubt = RetryDecision(then=Then.SETTLE, events=(Event.IN_DOUBT, end), in_doubt=True)
    command = Command.ACCEPT if end is Event.UNCLEAR else Command.HANGUP
    assert conclude(a_job(ACCEPT, command), doubt, open_to_all, watched=True) == Conclusion(events=(Event.IN_DOUBT,))


def test_a_target_that_the_guard_has_closed_meanwhile_is_passed_over() -> None:
    conclusion = conclude(a_job(REFER, Command.ACCEPT), SUCCESS, closed_to_one, watched=False)
    assert conclusion.follow == Follow(command=Command.REFER, step=0, target=1)


def test_when_the_guard_lets_no_target_pass_a_silent_caller_is_hung_up() -> None:
    conclusion = conclude(a_job(REFER, Command.ACCEPT), SUCCESS, lambda target: "closed", watched=False)
    assert conclusion.events == (Event.SUCCEEDED, Event.HANGUP_STARTED)
    assert conclusion.follow == Follow(command=Command.HANGUP, step=0)


REJECT = Plan((Step(kind="reject", status=603),))

# `attempts` are the requests that were sent before.
TOO_LATE: dict[str, tuple[Job, tuple[Event, ...], State]] = {
    "never leased": (
        a_job(ACCEPT, Command.ACCEPT, state=State.DECIDED, attempts=0),
        (Event.NEVER_SENT,),
        State.EXPIRED,
    ),
    "stale between its lease and its request": (
        a_job(ACCEPT, Command.ACCEPT, attempts=0),
        (Event.NEVER_SENT,),
        State.EXPIRED,
    ),
    "a reject that went stale likewise": (
        a_job(REJECT, Command.REJECT, state=State.REJECTING, attempts=0),
        (Event.NEVER_SENT,),
        State.EXPIRED,
    ),
    "an accept whose sender died": (
        a_job(ACCEPT, Command.ACCEPT, in_doubt=True),
        (Event.IN_DOUBT, Event.UNCLEAR),
        State.ACCEPTED,
    ),
    "a reject whose sender died": (
        a_job(REJECT, Command.REJECT, state=State.REJECTING, in_doubt=True),
        (Event.OUT_OF_TIME,),
        State.FAILED,
    ),
    "a reject after an accept that was refused": (
        a_job(ACCEPT, Command.REJECT, state=State.REJECTING, step=2, attempts=0),
        (Event.OUT_OF_TIME,),
        State.FAILED,
    ),
    "a reject after an accept that may have been applied": (
        a_job(ACCEPT, Command.REJECT, state=State.REJECTING, step=2, attempts=0, after_server_error=True),
        (Event.IN_DOUBT, Event.UNCLEAR),
        State.ACCEPTED,
    ),
    "a hangup": (
        a_job(REFER, Command.HANGUP, state=State.ENDING, attempts=0),
        (Event.OUT_OF_TIME,),
        State.FAILED,
    ),
    "a hangup whose sender died": (
        a_job(REFER, Command.HANGUP, state=State.ENDING, in_doubt=True),
        (Event.IN_DOUBT, Event.OUT_OF_TIME),
        State.FAILED,
    ),
    "a transfer of a caller who has nobody to stay with": (
        a_job(REFER, Command.REFER, state=State.REFERRING, target=1, attempts=0),
        (Event.HANGUP_STARTED,),
        State.ENDING,
    ),
    "a transfer of a caller who can stay": (
        a_job(STAYING, Command.REFER, state=State.REFERRING, attempts=0),
        (Event.STAYED,),
        State.ACCEPTED,
    ),
}


@pytest.mark.parametrize("name", TOO_LATE)
def test_what_is_found_too_late_is_settled_as_what_it_is_without_a_request(name: str) -> None:
    job, events, state = TOO_LATE[name]
    conclusion = conclude(job, conclude_unsent(job), open_to_all, watched=False)
    assert conclusion.events == events
    assert advance(job.state, *events) is state
