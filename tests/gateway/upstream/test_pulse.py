import pytest

from gateway.upstream.outcome import Result
from gateway.upstream.pulse import FAILURES, REMEMBERED, SPAN, Health, Pulse
from tests.conftest import SettableClock


def test_an_endpoint_that_was_not_asked_has_nothing_to_tell(clock: SettableClock) -> None:
    assert Pulse(["openai"], clock).health() == [Health(endpoint="openai", requests=0, failed=0, p50=None, p95=None)]


def test_the_latest_requests_are_told_by_endpoint(clock: SettableClock) -> None:
    pulse = Pulse(["openai", "berlin"], clock)
    for number in range(100):
        pulse.note("openai", Result.DONE, number / 100)
    pulse.note("openai", Result.AMBIGUOUS, 3.0)
    pulse.note("removed", Result.NOT_SENT, 0.0)  # a call has outlived its endpoint
    openai, berlin = pulse.health()
    assert openai == Health(endpoint="openai", requests=101, failed=1, p50=0.5, p95=0.95)
    assert berlin.requests == 0


def test_what_is_long_ago_is_forgotten(clock: SettableClock) -> None:
    pulse = Pulse(["openai"], clock)
    pulse.note("openai", Result.SERVER_ERROR, 0.1)
    clock.pass_(SPAN + 1)
    pulse.note("openai", Result.DONE, 0.1)
    assert [(one.requests, one.failed) for one in pulse.health()] == [(1, 0)]


def test_a_busy_upstream_fills_no_memory(clock: SettableClock) -> None:
    pulse = Pulse(["openai"], clock)
    for _ in range(REMEMBERED + 5):
        pulse.note("openai", Result.DONE, 0.1)
    assert pulse.health()[0].requests == REMEMBERED


@pytest.mark.parametrize("result", [Result.DONE, Result.REFUSED, Result.GONE, Result.CONFLICT])
def test_an_answer_about_the_call_is_no_failure_of_the_upstream(result: Result) -> None:
    assert result not in FAILURES
