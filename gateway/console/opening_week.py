"""A calendar as a week that can be looked at: when it is open, on which days not and why, where the clocks change."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.rulebook.holidays import holiday_name, holidays_of, known_code
from routing_rules.calendars import Calendar, OpeningTimes

# Minutes between two looks; opening hours are seldom told more finely.
STEP: Final = 15
_STEPS: Final = 24 * 60 // STEP

# Days in which the next change of the clocks is looked for: zones that change do so twice a year.
_AHEAD: Final = 370


class Bar(NamedTuple):
    """A time of one day in which the calendar is open, in hours from midnight."""

    begin: float
    end: float


class Day(NamedTuple):
    """One day."""

    day: date
    bars: tuple[Bar, ...]
    clocks: str  # "the clocks go forward", or back; empty on other days
    why: str = ""  # why it is not as in other weeks; empty if it is

    @property
    def label(self) -> str:
        """For people: Mon 21 Sep."""
        return f"{self.day:%a %-d %b}"


def week_of(calendar: Calendar, first: date, days: int = 14) -> list[Day]:
    """The days from `first` on, in the calendar's own zone."""
    zone = ZoneInfo(calendar.zone)
    times = OpeningTimes(calendar, holidays_of)
    return [
        Day(day, tuple(_bars(times, day, zone)), _clocks(day, zone), _why(calendar, day))
        for day in (first + timedelta(days=offset) for offset in range(days))
    ]


def next_change(calendar: Calendar, first: date) -> Day | None:
    """The next day from `first` on whose clocks change; None where they never do."""
    zone = ZoneInfo(calendar.zone)
    for offset in range(_AHEAD):
        day = first + timedelta(days=offset)
        if clocks := _clocks(day, zone):
            return Day(day, (), clocks)
    return None


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _why(calendar: Calendar, day: date) -> str:
    begin = datetime.combine(day, time())
    for override in calendar.overrides:
        if override.start < begin + timedelta(days=1) and override.end > begin:
            return "special hours"
    if day in calendar.closed_on:
        return "one of its closed days"
    code = calendar.holidays
    name = holiday_name(code, day) if code and known_code(code) else None
    return f"{name} ({code})" if name else ""


def _bars(times: OpeningTimes, day: date, zone: ZoneInfo) -> Iterator[Bar]:
    begin: int | None = None
    for step in range(_STEPS + 1):
        is_open = step < _STEPS and times.is_open(_at(day, step, zone))
        if is_open and begin is None:
            begin = step
        elif not is_open and begin is not None:
            yield Bar(begin * STEP / 60, step * STEP / 60)
            begin = None


def _at(day: date, step: int, zone: ZoneInfo) -> datetime:
    hours, minutes = divmod(step * STEP, 60)
    return datetime.combine(day, time(hours, minutes), zone)


def _clocks(day: date, zone: ZoneInfo) -> str:
    before = datetime.combine(day, time(), zone).utcoffset()
    after = datetime.combine(day + timedelta(days=1), time(), zone).utcoffset()
    if before is None or after is None or before == after:
        return ""
    return "the clocks go forward" if after > before else "the clocks go back"
