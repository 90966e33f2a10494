"""What is written of an ended request."""

import json
from typing import Any

import pytest

from gateway.actions.account import change_of, timeline_of
from gateway.actions.conclusion import Conclusion
from gateway.actions.plan import Plan, Step
from gateway.calls.call import unchanged
from gateway.calls.lifecycle import Event, IllegalTransition, State
from gateway.upstream.outcome import Outcome, Result
from gateway.upstream.wire import Command
from tests.gateway.actions.jobs import a_job

PLAN = Plan((Step(kind="accept", profile="sales"), Step(kind="reject", status=503)))
TRANSFER = Plan((Step(kind="refer", targets=("tel:+1", "tel:+2")),))
DONE = Outcome(result=Result.DONE, status=200, seconds=0.0123)
REFUSED = Outcome(result=Result.REFUSED, status=400, detail="bad voice", seconds=0.05)
NOW = 1_790_000_000_000_000


def test_each_event_is_a_line_and_the_first_tells_of_the_request() -> None:
    job = a_job(PLAN, Command.ACCEPT, attempts=2)
    outcome = Outcome(result=Result.AMBIGUOUS, detail="ReadError: gone", seconds=0.5)
    state, lines = timeline_of(job, (Event.IN_DOUBT, Event.UNCLEAR), outcome, NOW)
    assert state is State.ACCEPTED
    assert [(line["kind"], line["state"]) for line in lines] == [
        (Event.IN_DOUBT, State.ACCEPT_UNKNOWN),
        (Event.UNCLEAR, State.ACCEPTED),
    ]
    assert json.loads(lines[0]["detail"] or "") == {
        "command": "accept",
        "attempt": 2,
        "result": "ambiguous",
        "ms": 500.0,
        "detail": "ReadError: gone",
    }
    assert lines[1]["detail"] is None


def test_the_line_of_a_transfer_names_its_target() -> None:
    job = a_job(TRANSFER, Command.REFER, state=State.REFERRING, target=1)
    _, (line,) = timeline_of(job, (Event.SUCCEEDED,), DONE, NOW)
    assert json.loads(line["detail"] or "")["target"] == "tel:+2"


def test_an_event_that_the_state_does_not_know_is_an_error_and_not_a_line() -> None:
    with pytest.raises(IllegalTransition):
        timeline_of(a_job(PLAN, Command.ACCEPT, state=State.REJECTED), (Event.SUCCEEDED,), DONE, NOW)


CHANGES: dict[str, tuple[dict[str, Any], tuple[Event, ...], Outcome, State, dict[str, Any]]] = {
    "an accept that succeeded": ({}, (Event.SUCCEEDED,), DONE, State.ACCEPTED, {"new_answered_at": NOW}),
    "an accept of a caller who has gone": (
        {"attempts": 3},
        (Event.CALLER_GONE,),
        Outcome(result=Result.GONE, status=404, detail="call_id_not_found"),
        State.GONE,
        {"new_ended_at": NOW, "more_attempts": 3, "new_error": "gone (HTTP 404): call_id_not_found"},
    ),
    "a fallback that took effect": (
        {"command": Command.REJECT, "step": 1, "state": State.REJECTING},
        (Event.SUCCEEDED,),
        DONE,
        State.REJECTED,
        {"new_ended_at": NOW, "new_status": 503},
    ),
    "a transfer to the second target": (
        {"plan": TRANSFER, "command": Command.REFER, "target": 1, "state": State.REFERRING},
        (Event.SUCCEEDED,),
        DONE,
        State.REFER_WAIT,
        {"new_target": "tel:+2"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_calls_row_takes_from_an_ended_action_what_it_changes_and_nothing_else(name: str) -> None:
    fields, events, outcome, state, expected = CHANGES[name]
    job = a_job(**({"plan": PLAN, "command": Command.ACCEPT} | fields))
    change = change_of(job, Conclusion(events=events), state, outcome, NOW)
    assert change == {**unchanged(job.call, state), "more_attempts": 1, **expected}
