"""What a line of a timeline means to subscribers."""

import pytest

from gateway.calls.lifecycle import BIRTHS, TERMINAL, TRANSITIONS, State
from gateway.subscriber import EVENTS
from gateway.subscribers.notice import PAUSES, TELLING, events_of, message_id, pause_after

MEANINGS = [
    ("arrived", "decided", ["call.decided"]),
    ("arrived_late", "expired", ["call.decided", "call.ended"]),
    ("left_alone", "ignored", ["call.decided", "call.ended"]),
    ("accept_started", "accepting", []),
    ("succeeded", "accepted", ["call.answered"]),
    ("unclear", "accepted", ["call.answered"]),
    ("succeeded", "rejected", ["call.ended"]),
    ("unwatched", "referred", ["call.transferred", "call.ended"]),
    ("closed", "ended", ["call.ended"]),
    ("caller_gone", "gone", ["call.ended"]),
]


@pytest.mark.parametrize(("kind", "state", "events"), MEANINGS)
def test_a_line_means_what_it_leads_to(kind: str, state: str, events: list[str]) -> None:
    assert list(events_of(kind, state)) == events
    assert set(events) <= set(EVENTS)


def test_every_line_that_means_something_is_looked_for() -> None:
    lines = [(event, state) for steps in TRANSITIONS.values() for event, state in steps.items()]
    for event, state in [*lines, *BIRTHS.items()]:
        if list(events_of(event, state)):
            assert event in BIRTHS or state in TELLING
    assert set(TERMINAL) | {State.ACCEPTED} == set(TELLING)


def test_a_message_has_one_id_for_ever() -> None:
    assert message_id("crm", "rtc_1", "call.ended") == message_id("crm", "rtc_1", "call.ended")
    ids = {message_id(who, call, what) for who in "ab" for call in "cd" for what in EVENTS}
    assert len(ids) == 2 * 2 * len(EVENTS)


def test_a_notice_is_tried_for_a_day_and_then_given_up() -> None:
    assert [pause_after(rounds) for rounds in range(1, len(PAUSES) + 1)] == list(PAUSES)
    assert pause_after(len(PAUSES) + 1) is None
    assert 20 <= sum(PAUSES) / 3600 <= 28
