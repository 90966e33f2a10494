"""The life of a call is one table; nothing leads out of its ends."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.lifecycle import BIRTHS, LIVE, TERMINAL, TRANSITIONS, Event, State, advance, draw
from gateway.errors import IllegalTransition

LIVES = {
    "accepted at once": (State.DECIDED, [Event.ACCEPT_STARTED, Event.SUCCEEDED], State.ACCEPTED),
    "accepted after a retry": (
        State.DECIDED,
        [Event.ACCEPT_STARTED, Event.RETRYING, Event.RETRYING, Event.SUCCEEDED],
        State.ACCEPTED,
    ),
    "rejected": (State.DECIDED, [Event.REJECT_STARTED, Event.SUCCEEDED], State.REJECTED),
    "refused, then rejected": (
        State.DECIDED,
        [Event.ACCEPT_STARTED, Event.FELL_BACK, Event.GAVE_WAY, Event.SUCCEEDED],
        State.REJECTED,
    ),
    "transferred without proof": (
        State.DECIDED,
        [Event.ACCEPT_STARTED, Event.SUCCEEDED, Event.REFER_STARTED, Event.SUCCEEDED, Event.UNWATCHED],
        State.REFERRED,
    ),
    "a transfer in doubt keeps the caller": (
        State.REFERRING,
        [Event.IN_DOUBT, Event.UNWATCHED],
        State.ACCEPTED,
    ),
    "an accept in doubt is never a rejection": (
        State.ACCEPTING,
        [Event.IN_DOUBT, Event.RESENDING, Event.IN_DOUBT, Event.UNCLEAR],
        State.ACCEPTED,
    ),
    "seen on the sideband, and over": (
        State.ACCEPTING,
        [Event.SUCCEEDED, Event.CONFIRMED, Event.CLOSED],
        State.ENDED,
    ),
    "in doubt, and seen": (State.ACCEPTING, [Event.IN_DOUBT, Event.CONFIRMED], State.ACCEPTED),
    "accepted, and never there": (State.ACCEPTING, [Event.SUCCEEDED, Event.CALLER_GONE], State.GONE),
    "transferred, which the sideband saw": (
        State.ACCEPTED,
        [Event.REFER_STARTED, Event.CONFIRMED, Event.SUCCEEDED, Event.CONFIRMED, Event.CLOSED],
        State.REFERRED,
    ),
    "a transfer that was swallowed leads to the next target": (
        State.REFER_WAIT,
        [Event.REFER_STARTED, Event.SUCCEEDED, Event.STAYED],
        State.ACCEPTED,
    ),
    "outlived every session": (State.ACCEPTED, [Event.OUT_OF_TIME], State.ENDED),
    "too old to send": (State.DECIDED, [Event.NEVER_SENT], State.EXPIRED),
    "hung up by us": (State.ACCEPTED, [Event.HANGUP_STARTED, Event.RETRYING, Event.SUCCEEDED], State.ENDED),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_call_lives(name: str) -> None:
    start, events, end = LIVES[name]
    assert advance(start, *events) is end


@given(st.sampled_from(sorted(TERMINAL)), st.lists(st.sampled_from(list(Event)), min_size=1))
def test_nothing_leads_out_of_a_terminal_state(state: State, events: list[Event]) -> None:
    with pytest.raises(IllegalTransition):
        advance(state, *events)


@given(st.sampled_from(list(BIRTHS)), st.lists(st.sampled_from(list(Event)), max_size=40))
def test_a_life_only_takes_steps_of_the_table(birth: Event, events: list[Event]) -> None:
    state = BIRTHS[birth]
    for event in events:
        allowed = TRANSITIONS.get(state, {})
        if event in allowed:
            state = advance(state, event)
        else:
            with pytest.raises(IllegalTransition, match=f"{state} has no step for {event}"):
                advance(state, event)


@given(st.lists(st.sampled_from(list(Event)), max_size=30))
def test_after_doubt_about_an_accept_a_call_is_never_rejected(events: list[Event]) -> None:
    state = State.ACCEPT_UNKNOWN
    for event in events:
        if event in TRANSITIONS.get(state, {}) and event not in (Event.GAVE_WAY, Event.FELL_BACK):
            state = advance(state, event)
    assert state not in (State.REJECTING, State.REJECTED)


def test_every_state_can_be_reached_and_every_unsettled_one_can_be_left() -> None:
    reached = set(BIRTHS.values())
    for steps in TRANSITIONS.values():
        reached.update(steps.values())
    assert reached == set(State)
    ends = set(TERMINAL) | {State.ACCEPTED}
    for _ in State:
        ends |= {state for state, steps in TRANSITIONS.items() if ends & set(steps.values())}
    assert ends == set(State)


def test_the_terminal_states_are_those_of_the_contract() -> None:
    assert {state.value for state in TERMINAL} == {
        "expired",
        "ignored",
        "rejected",
        "referred",
        "ended",
        "gone",
        "lost",
        "failed",
    }


def test_being_seen_moves_nothing_but_doubt() -> None:
    for state in LIVE:
        expected = State.ACCEPTED if state is State.ACCEPT_UNKNOWN else state
        assert advance(state, Event.CONFIRMED) is expected


def test_a_transfer_in_doubt_is_never_followed_by_another() -> None:
    assert Event.REFER_STARTED not in TRANSITIONS[State.REFER_UNKNOWN]


def test_the_picture_in_the_documentation_is_the_table() -> None:
    document = Path(__file__).parents[3] / "docs" / "lifecycle.md"
    assert draw() in document.read_text("utf-8"), "run: python -m gateway.calls.lifecycle > docs/lifecycle.md"
