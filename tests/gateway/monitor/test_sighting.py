"""What a sighting means: every step is one that the lifecycle has."""

import pytest

from gateway.calls.lifecycle import LIVE, TERMINAL, State, advance
from gateway.monitor import sighting


@pytest.mark.parametrize("steps", [sighting.SEEN, sighting.OVER, sighting.NEVER_THERE, sighting.UNPROVEN])
def test_every_sighting_leads_only_where_the_lifecycle_has_a_step(steps: sighting.Steps) -> None:
    for state, events in steps.items():
        advance(state, *events)


def test_what_is_over_leaves_no_call_live_that_nobody_works_on() -> None:
    for steps in (sighting.OVER, sighting.NEVER_THERE):
        for state in LIVE - {State.REFERRING}:
            assert advance(state, *steps[state]) in TERMINAL


def test_who_never_was_there_is_gone_and_who_was_has_ended() -> None:
    assert advance(State.ACCEPTED, *sighting.NEVER_THERE[State.ACCEPTED]) is State.GONE
    assert advance(State.ACCEPTED, *sighting.OVER[State.ACCEPTED]) is State.ENDED


def test_a_hangup_is_believed_when_the_caller_has_left() -> None:
    assert advance(State.ENDING, *sighting.OVER[State.ENDING]) is State.ENDED
    assert advance(State.ENDING, *sighting.NOT_HUNG_UP[State.ENDING]) is State.FAILED


def test_without_proof_a_transfer_is_believed_and_one_in_doubt_is_not() -> None:
    assert advance(State.REFER_WAIT, *sighting.UNPROVEN[State.REFER_WAIT]) is State.REFERRED
    assert advance(State.REFER_UNKNOWN, *sighting.UNPROVEN[State.REFER_UNKNOWN]) is State.ACCEPTED
