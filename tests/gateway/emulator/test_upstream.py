"""The emulated upstream without a network."""

import json

import pytest

from gateway.emulator.answers import Answer
from gateway.emulator.calls import State
from gateway.emulator.faults import Chaos, Line, dropped, empty_promise, error, slow
from gateway.emulator.record import Arrival
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.upstream import EmulatedUpstream

SESSION = b'{"type":"realtime"}'


def ask(upstream: EmulatedUpstream, call_id: str, command: str, body: bytes = b"") -> tuple[Answer, Arrival]:
    arrival = upstream.record.arrived(call_id, command, body)
    return upstream.answer(arrival), arrival


def code(answer: Answer) -> str | None:
    value: str | None = json.loads(answer.body)["error"]["code"]
    return value


def test_a_call_that_was_never_placed_is_not_found() -> None:
    answer, arrival = ask(EmulatedUpstream(), "rtc_1", "accept", SESSION)
    assert (answer.status, code(answer), arrival.applied) == (404, "call_id_not_found", False)


def test_an_unknown_call_can_be_taken_for_a_ringing_one() -> None:
    upstream = EmulatedUpstream(adopt_unknown=True)
    answer, arrival = ask(upstream, "rtc_1", "accept", SESSION)
    assert (answer.status, answer.body, arrival.applied) == (200, b"", True)
    assert upstream.calls["rtc_1"].state is State.ACTIVE


def test_placing_a_call_again_changes_nothing() -> None:
    upstream = EmulatedUpstream()
    call = upstream.place("rtc_1", CATALOGUE["accept-500"])
    assert upstream.place("rtc_1") is call
    assert call.scenario.name == "accept-500"


def test_a_refused_body_does_not_decide_the_call() -> None:
    upstream = EmulatedUpstream()
    upstream.place("rtc_1")
    answer, arrival = ask(upstream, "rtc_1", "accept", b"{}")
    assert (answer.status, code(answer), arrival.applied) == (400, "missing_required_parameter", False)
    assert upstream.calls["rtc_1"].state is State.RINGING


def test_a_lenient_upstream_promises_a_session_that_dies() -> None:
    upstream = EmulatedUpstream(lenient=True)
    upstream.place("rtc_1")
    answer, _ = ask(upstream, "rtc_1", "accept", b"{}")
    assert answer.status == 200
    later, _ = ask(upstream, "rtc_1", "refer", b'{"target_uri":"tel:+14155550123"}')
    assert (later.status, code(later)) == (404, "call_id_not_found")


def test_a_lenient_upstream_still_refuses_other_bad_bodies() -> None:
    upstream = EmulatedUpstream(lenient=True)
    upstream.place("rtc_1")
    assert ask(upstream, "rtc_1", "reject", b'{"status_code":1}')[0].status == 400


def test_a_repeated_decision_conflicts_even_with_the_same_bytes() -> None:
    upstream = EmulatedUpstream()
    upstream.place("rtc_1")
    ask(upstream, "rtc_1", "accept", SESSION)
    answer, arrival = ask(upstream, "rtc_1", "accept", SESSION)
    assert (answer.status, code(answer), arrival.applied) == (409, "decision_already_made", False)


def test_a_transfer_of_a_call_that_still_rings_is_refused() -> None:
    upstream = EmulatedUpstream()
    upstream.place("rtc_1")
    answer, _ = ask(upstream, "rtc_1", "refer", b'{"target_uri":"tel:+14155550123"}')
    assert (answer.status, code(answer)) == (400, "call_not_active")


@pytest.mark.parametrize(
    ("scenario", "status", "line", "applied"),
    [
        ("accept-slow", 200, Line.ANSWERED, True),
        ("accept-500", 500, Line.ANSWERED, False),
        ("accept-500-applied", 500, Line.ANSWERED, True),
        ("accept-429", 429, Line.ANSWERED, False),
        ("accept-refused", 400, Line.ANSWERED, False),
        ("accept-reply-lost", 200, Line.CLOSED, True),
        ("accept-reply-reset", 200, Line.RESET, True),
        ("accept-reply-cut", 200, Line.CUT, True),
        ("accept-reply-silent", 200, Line.SILENT, True),
        ("accept-reset", 200, Line.RESET, False),
        ("accept-silent", 200, Line.SILENT, False),
        ("gone", 404, Line.ANSWERED, False),
        ("late", 404, Line.ANSWERED, False),
    ],
)
def test_a_scenario_meets_the_first_accept(scenario: str, status: int, line: Line, applied: bool) -> None:
    upstream = EmulatedUpstream()
    call = upstream.place("rtc_1", CATALOGUE[scenario])
    answer, arrival = ask(upstream, "rtc_1", "accept", SESSION)
    assert (answer.status, answer.line, arrival.applied) == (status, line, applied)
    assert (call.state is State.ACTIVE) is applied


def test_the_fault_is_noted_with_the_request() -> None:
    upstream = EmulatedUpstream()
    upstream.place("rtc_1", CATALOGUE["accept-500-applied"])
    _, arrival = ask(upstream, "rtc_1", "accept", SESSION)
    assert arrival.fault == "500 although applied"


def test_an_empty_promise_is_a_success_without_an_effect() -> None:
    upstream = EmulatedUpstream(chaos=Chaos(rate=1.0, faults=(empty_promise(),)))
    upstream.place("rtc_1")
    answer, arrival = ask(upstream, "rtc_1", "accept", SESSION)
    assert (answer.status, arrival.applied) == (200, False)
    assert upstream.calls["rtc_1"].state is State.RINGING


def test_a_scripted_fault_comes_before_chaos() -> None:
    upstream = EmulatedUpstream(chaos=Chaos(rate=1.0, faults=(dropped(),)))
    upstream.place("rtc_1", CATALOGUE["accept-500"])
    assert ask(upstream, "rtc_1", "accept", SESSION)[0].status == 500
    assert ask(upstream, "rtc_1", "accept", SESSION)[0].line is Line.RESET


def test_a_slow_refusal_is_slow_too() -> None:
    upstream = EmulatedUpstream(chaos=Chaos(rate=1.0, faults=(slow(2.0),)))
    upstream.place("rtc_1")
    answer, _ = ask(upstream, "rtc_1", "accept", b"{}")
    assert (answer.status, answer.delay) == (400, 2.0)


@pytest.mark.parametrize("status", [401, 404, 408, 409, 418, 429, 500, 502, 503, 504])
def test_every_error_reply_has_the_published_shape(status: int) -> None:
    upstream = EmulatedUpstream(chaos=Chaos(rate=1.0, faults=(error(status, retry_after="5"),)))
    upstream.place("rtc_1")
    answer, _ = ask(upstream, "rtc_1", "accept", SESSION)
    assert (answer.status, answer.retry_after) == (status, "5")
    assert set(json.loads(answer.body)["error"]) == {"message", "type", "param", "code"}


def test_the_oldest_calls_are_forgotten() -> None:
    upstream = EmulatedUpstream(adopt_unknown=True, keep=2)
    for number in range(4):
        ask(upstream, f"rtc_{number}", "accept", SESSION)
    assert list(upstream.calls) == ["rtc_2", "rtc_3"]
    assert [arrival.call_id for arrival in upstream.record] == ["rtc_2", "rtc_3"]


def test_a_reset_forgets_everything() -> None:
    upstream = EmulatedUpstream(adopt_unknown=True)
    ask(upstream, "rtc_1", "accept", SESSION)
    upstream.reset()
    assert upstream.calls == {}
    assert len(upstream.record) == 0
