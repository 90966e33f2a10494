from zoneinfo import ZoneInfo

from gateway.calls.lifecycle import State
from gateway.calls.tally import HOUR
from gateway.console.today import OUTCOMES, count_outcomes, day_of


def test_every_state_is_counted_once() -> None:
    states = [state for outcome in OUTCOMES for state in outcome.states]
    assert sorted(states) == sorted(State)


def test_calls_are_counted_by_outcome() -> None:
    counts = count_outcomes({State.ACCEPTED: 2, State.ENDED: 3, State.FAILED: 1})
    assert (counts["answered"], counts["trouble"], counts["rejected"]) == (5, 1, 0)


def test_a_day_begins_at_the_viewers_midnight_and_ends_at_the_next() -> None:
    noon = 1_790_000_000_000_000
    span = day_of(noon, ZoneInfo("Asia/Tokyo"))
    assert span.since % HOUR == 0
    assert (span.until - span.since) // HOUR == 24
    assert span.since <= noon < span.until


def test_the_day_on_which_summer_time_ends_has_25_hours() -> None:
    span = day_of(1_792_940_400_000_000, ZoneInfo("Europe/Berlin"))  # 25 October 2026
    assert (span.until - span.since) // HOUR == 25
