"""Today's numbers, ready to be looked at: outcomes that people know, hour by hour of the viewer's day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.calls.lifecycle import State
from gateway.calls.statistics import Span
from gateway.calls.stats_contract import Stats
from gateway.calls.stats_routes import whole_hours
from gateway.calls.tally import HOUR
from gateway.clock import to_datetime, to_rfc3339
from gateway.reading import to_micros


class Outcome(NamedTuple):
    """What calls came to, as people count them."""

    name: str
    label: str
    tone: str  # see gateway.console.wording
    states: tuple[State, ...]


OUTCOMES: Final = (
    Outcome("answered", "Answered", "good", (State.ACCEPTED, State.ENDED)),
    Outcome(
        "transferred",
        "Transferred",
        "moved",
        (State.REFERRED, State.REFERRING, State.REFER_WAIT, State.REFER_UNKNOWN),
    ),
    Outcome("rejected", "Turned away", "bad", (State.REJECTED, State.REJECTING)),
    Outcome("left", "Left or ignored", "quiet", (State.GONE, State.IGNORED)),
    Outcome("trouble", "In trouble", "doubt", (State.FAILED, State.EXPIRED, State.LOST, State.ACCEPT_UNKNOWN)),
    Outcome("open", "Under way", "busy", (State.DECIDED, State.ACCEPTING, State.ENDING)),
)


NOBODY: Final = dict.fromkeys((outcome.name for outcome in OUTCOMES), 0)


class Hour(NamedTuple):
    """One hour of the day."""

    begin: int  # µs
    label: str  # "09"
    counts: Mapping[str, int]  # by the name of the outcome

    @property
    def total(self) -> int:
        """All calls of the hour."""
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Today:
    """The numbers of one day."""

    counts: Mapping[str, int]  # by the name of the outcome
    total: int
    answer_p50: float | None  # s
    answer_p95: float | None  # s
    hours: tuple[Hour, ...]


def day_of(now: int, zone: ZoneInfo) -> Span:
    """The viewer's day, in whole hours of UTC; of 23 or 25 hours when the clocks change."""
    midnight = _midnight(now, zone)
    tomorrow = datetime.combine(midnight.date() + timedelta(days=1), midnight.time(), zone)
    return whole_hours(to_micros(midnight) or 0, to_micros(tomorrow) or 0)


def today_of(stats: Stats, span: Span, zone: ZoneInfo) -> Today:
    """The statistics of a day, by the hour, as people count them."""
    by_hour = {item.key: count_outcomes(item.states) for item in stats.items}
    return Today(
        counts=count_outcomes(stats.total.states),
        total=stats.total.calls,
        answer_p50=stats.total.time_to_answer.p50,
        answer_p95=stats.total.time_to_answer.p95,
        hours=tuple(
            Hour(begin, f"{to_datetime(begin).astimezone(zone):%H}", by_hour.get(to_rfc3339(begin), NOBODY))
            for begin in range(span.since, span.until, HOUR)
        ),
    )


def count_outcomes(states: Mapping[State, int]) -> dict[str, int]:
    """Calls by outcome, of calls by state."""
    return {outcome.name: sum(states.get(state, 0) for state in outcome.states) for outcome in OUTCOMES}


def _midnight(now: int, zone: ZoneInfo) -> datetime:
    return to_datetime(now).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
