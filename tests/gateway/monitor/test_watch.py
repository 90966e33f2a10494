"""What the time has come for, as a table."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.actions.action import Orders
from gateway.actions.jobs import LiveCall
from gateway.actions.plan import Plan, Step
from gateway.calls.lifecycle import State
from gateway.calls.remark import EndReason
from gateway.monitor.activity import Activity
from gateway.monitor.watch import GOODBYE, Due, Order, Patience, Watch
from gateway.profiles.profile import Conduct, Silence
from gateway.upstream.sideband_wire import CallerSpeaks, ModelSpeaks


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
    watch.unasked_since = None if attached else 90.0
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
        (State.ENDING, True, 39.0, None),
        (State.ENDING, True, 40.0, Due.HANGUP_FAILED),
        (State.ENDING, False, 39.0, None),
        (State.ENDING, False, 40.0, Due.HANGUP_FAILED),
    ],
)
def test_what_is_due(state: State, attached: bool, waited: float, due: Due | None) -> None:
    assert a_watch(state, attached=attached).due(100.0 + waited, Patience()) is due


def test_an_upstream_that_answers_decides_and_not_the_clock() -> None:
    watch = a_watch(State.ACCEPT_UNKNOWN)
    watch.unasked_since = None
    assert watch.due(110.0, Patience()) is None
    assert watch.is_certainly_over(110.0, Patience())


def test_time_in_which_nobody_asked_proves_nothing() -> None:
    """As after a restart: the call has stood there for long, and the first to ask is under way."""
    for state in (State.ACCEPT_UNKNOWN, State.REFER_WAIT, State.REFER_UNKNOWN, State.ENDING):
        watch = a_watch(state)
        watch.unasked_since = None
        assert watch.due(400.0, Patience()) is None
        watch.unasked_since = 400.0
        assert watch.due(402.9, Patience()) is None
        assert watch.due(440.0, Patience()) is not None


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


SILENCE = Silence(seconds=20, say="Still there?", times=2)


def conducted(conduct: Conduct, **changes: Any) -> Watch:
    """A call that is talked in since second 100."""
    watch = a_watch(State.ACCEPTED, attached=True, confirmed=True)
    plan = Plan((Step(kind="accept", body=b"{}", profile="sales", conduct=conduct),))
    watch.live = replace(watch.live, plan=plan)
    watch.attached_at = 100.0
    for name, value in changes.items():
        setattr(watch, name, value)
    return watch


def test_the_longest_duration_is_counted_from_the_answer() -> None:
    watch = conducted(Conduct(max_seconds=60))
    assert (watch.due(159.9, Patience()), watch.due(160.0, Patience())) == (None, Due.TOO_LONG)


def test_silence_is_due_when_nobody_speaks_for_its_seconds() -> None:
    watch = conducted(Conduct(silence=SILENCE))
    assert (watch.due(119.9, Patience()), watch.due(120.0, Patience())) == (None, Due.SILENT)
    watch.activity.take(CallerSpeaks(begins=True), 119.0, 0)
    assert watch.due(200.0, Patience()) is None
    watch.activity.take(CallerSpeaks(begins=False), 201.0, 0)
    assert (watch.due(220.9, Patience()), watch.due(221.0, Patience())) == (None, Due.SILENT)
    watch.urged_at = 221.0
    assert (watch.due(240.0, Patience()), watch.due(241.0, Patience())) == (None, Due.SILENT)
    watch.line = None
    assert watch.due(300.0, Patience()) is None


@pytest.mark.parametrize(("patient", "at_once"), [(True, None), (False, Due.ORDERED)])
def test_a_model_may_finish_its_sentence_and_a_key_waits_for_nobody(patient: bool, at_once: Due | None) -> None:
    order = Order(orders=Orders(by="x"), since=110.0, patient=patient)
    watch = conducted(Conduct(), order=order)
    watch.activity.take(ModelSpeaks(begins=True), 109.0, 0)
    assert watch.due(110.0, Patience()) is at_once
    assert watch.due(110.0 + GOODBYE, Patience()) is Due.ORDERED
    watch.activity.take(ModelSpeaks(begins=False), 111.0, 0)
    assert watch.due(111.0, Patience()) is Due.ORDERED
