"""What the time has come for, as a table."""

import pytest

from gateway.actions.jobs import LiveCall
from gateway.actions.plan import Plan, Step
from gateway.calls.lifecycle import LIVE, TERMINAL, State, advance
from gateway.calls.remark import EndReason
from gateway.monitor import sighting
from gateway.monitor.activity import Activity
from gateway.monitor.watch import Due, Patience, Watch


class Attached:
    async def send(self, event: bytes) -> bool:
        return True


def a_watch(state: State, *, attached: bool = False, confirmed: bool = False) -> Watch:
    plan = Plan((Step(kind="accept", body=b"{}", profile="sales"),))
    live = LiveCall(call=1, call_id="rtc_1", endpoint="openai", rule="it", plan=plan, step=0)
    watch = Watch(
        live=live, epoch=1, state=state, since=100.0, answered=100.0, confirmed=confirmed, activity=Activity()
    )
    watch.line = Attached() if attached else None
    return watch


@pytest.mark.parametrize(
    ("state", "attached", "waited", "due"),
    [
        (State.ACCEPT_UNKNOWN, False, 2.9, None),
        (State.ACCEPT_UNKNOWN, False, 3.0, Due.PROBE_IS_OVER),
        (State.ACCEPT_UNKNOWN, True, 3.0, None),
        (State.ACCEPTED, False, 60.0, None),
        (State.ACCEPTED, True, 3_600.0, None),
        (State.ACCEPTED, False, 3_900.0, Due.OUTLIVED),
        (State.REFERRING, True, 60.0, None),
        (State.REFER_WAIT, True, 9.9, None),
        (State.REFER_WAIT, True, 10.0, Due.TRANSFER_FAILED),
        (State.REFER_WAIT, False, 39.0, None),
        (State.REFER_WAIT, False, 40.0, Due.TRANSFER_UNPROVEN),
        (State.REFER_UNKNOWN, True, 10.0, Due.TRANSFER_FAILED),
        (State.REFER_UNKNOWN, False, 40.0, Due.TRANSFER_UNPROVEN),
        (State.ENDING, True, 60.0, None),
    ],
)
def test_what_is_due(state: State, attached: bool, waited: float, due: Due | None) -> None:
    assert a_watch(state, attached=attached).due(100.0 + waited, Patience()) is due


def test_waiting_begins_when_the_state_does() -> None:
    watch = a_watch(State.REFERRING, attached=True)
    watch.enter(State.REFER_WAIT, 150.0)
    watch.enter(State.REFER_WAIT, 155.0)
    assert watch.due(159.9, Patience()) is None
    assert watch.due(160.0, Patience()) is Due.TRANSFER_FAILED


def test_a_young_call_that_is_not_found_may_only_be_young() -> None:
    assert not a_watch(State.ACCEPTED).is_certainly_over(102.9, Patience())
    assert a_watch(State.ACCEPTED).is_certainly_over(103.0, Patience())
    assert a_watch(State.ACCEPTED, confirmed=True).is_certainly_over(100.1, Patience())


def test_why_it_ended() -> None:
    watch = a_watch(State.ACCEPTED)
    assert watch.end_reason() is EndReason.UNSEEN
    watch.closed_at = 1
    assert watch.end_reason() is EndReason.HUNG_UP
    watch.expired = True
    assert watch.end_reason() is EndReason.SESSION_EXPIRED


@pytest.mark.parametrize("steps", [sighting.SEEN, sighting.OVER, sighting.NEVER_THERE, sighting.UNPROVEN])
def test_every_sighting_leads_only_where_the_lifecycle_has_a_step(steps: sighting.Steps) -> None:
    for state, events in steps.items():
        advance(state, *events)


def test_what_is_over_leaves_no_call_live_that_nobody_works_on() -> None:
    for steps in (sighting.OVER, sighting.NEVER_THERE):
        for state in LIVE - {State.REFERRING, State.ENDING}:
            assert advance(state, *steps[state]) in TERMINAL
