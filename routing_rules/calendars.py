"""Calendars: when a business is open, in the local time of a named zone.

A calendar is open at a moment if its first override that covers the moment says so; else if one of its weekly
windows covers the local time and the day on which that window *began* is not closed (`closed_on`, `holidays`).

Theory of operation
-------------------
Windows are half-open ("09:00-17:30" ends just before 17:30:00) and are compared with what the clock on the wall
shows. That settles both daylight-saving days without a special case: a local time that is skipped in spring never
comes, so nothing happens in it; a local time that comes twice in autumn is inside the window both times. A window
over the skipped hour is shorter that day, one over the repeated hour longer, as for the people who work it.

"22:00-06:00" runs into the next day. It belongs to the day on which it begins: closing a day takes away the
windows that begin on it, with their hours after midnight, and leaves alone what began the evening before. A night
shift is staffed or it is not; nobody goes home at midnight because a holiday begins.

Overrides are spans between two local times and expire by themselves. Where the clock shows a bound twice, the span
includes both; where it skips a bound, the span reaches to the far side of the gap. The first that covers decides.

Holidays come from a callable given to `compile_table`, one year at a time when a call first needs that year, since
the process may run for years and a year costs the library tens of milliseconds.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from routing_rules.problem import ReadingError

Holidays = Callable[[str, int], Collection[date]]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MIDNIGHT = 24 * 60

_HOURS = re.compile(r"(\S+) ([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_HOW_TO_WRITE = 'write days and a time span, such as "Mon-Fri 09:00-17:30", "Sat,Sun 10:00-14:00" or "Fri 22:00-06:00"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """One weekly window."""

    days: tuple[int, ...]  # the days on which it begins, Monday is 0; ascending
    start: int  # minutes after local midnight, 0 to 1439
    end: int  # likewise, 1 to 1440 and excluded; not after `start` means the next day

    def __str__(self) -> str:
        """The window as it is written in the document."""
        return f"{_write_days(self.days)} {_write_time(self.start)}-{_write_time(self.end)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """A span in which the calendar is open or closed whatever the week says."""

    start: datetime  # local time, naive
    end: datetime  # local time, naive; excluded
    open: bool  # open or closed in between


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """When a business is open."""

    zone: str  # IANA time zone, such as "Europe/Berlin"
    open: tuple[Hours, ...] = ()  # weekly windows; none means never, save by override
    closed_on: tuple[date, ...] = ()  # local days on which no window begins; ascending
    holidays: str | None = None  # code of a holiday calendar, such as "DE-BE"
    overrides: tuple[Override, ...] = ()  # spans that go before the week; the first that covers decides


def no_holidays(code: str, year: int) -> Collection[date]:
    """No public holidays at all."""
    return ()


def read_hours(text: str) -> Hours:
    """Read one weekly window; raises `ReadingError`."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise ReadingError("malformed_hours", _HOW_TO_WRITE)
    days, *times = match.groups()
    start_hour, start_minute, end_hour, end_minute = map(int, times)
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if start >= MIDNIGHT or end > MIDNIGHT:
        raise ReadingError("malformed_hours", "times run from 00:00 to 23:59; 24:00 may stand as the end")
    if start == end:
        raise ReadingError(
            "malformed_hours", "a window that ends when it begins is empty; the whole day is 00:00-24:00"
        )
    # "22:00-00:00" is "22:00-24:00"; one form keeps documents comparable.
    return Hours(days=_read_days(days), start=start, end=end or MIDNIGHT)


def _read_days(text: str) -> tuple[int, ...]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin, finish = _read_day(first), _read_day(last if dash else first)
        days.update((begin + step) % 7 for step in range((finish - begin) % 7 + 1))
    return tuple(sorted(days))


def _read_day(text: str) -> int:
    name = text.capitalize()
    if name not in DAYS:
        raise ReadingError("malformed_hours", f"{text!r} is no day; days are {', '.join(DAYS)}")
    return DAYS.index(name)


def _write_days(days: tuple[int, ...]) -> str:
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _write_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


class OpeningTimes:
    """A calendar made ready to be asked."""

    __slots__ = ("_closed_on", "_code", "_holidays", "_overrides", "_spill", "_week", "_years", "_zone")

    def __init__(self, calendar: Calendar, holidays: Holidays, years: Iterable[int] = ()) -> None:
        """`years` are those whose holidays are fetched at once; others are when first needed."""
        self._zone = ZoneInfo(calendar.zone)
        self._closed_on = frozenset(calendar.closed_on)
        self._code = calendar.holidays
        self._holidays = holidays
        self._years: dict[int, frozenset[date]] = {}
        self._overrides = [(*_span(override, self._zone), override.open) for override in calendar.overrides]
        self._week: list[list[tuple[int, int]]] = [[] for _ in DAYS]  # by weekday: windows up to midnight
        self._spill = [0] * len(DAYS)  # by weekday: until when the windows of the day before reach into it
        for hours in calendar.open:
            self._add(hours)
        for year in years:
            self._is_holiday(date(year, 1, 1))

    def _add(self, hours: Hours) -> None:
        overnight = hours.end <= hours.start
        for day in hours.days:
            self._week[day].append((hours.start, MIDNIGHT if overnight else hours.end))
            if overnight:
                following = (day + 1) % 7
                self._spill[following] = max(self._spill[following], hours.end)

    def is_open(self, now: datetime) -> bool:
        """Whether the calendar is open at an aware moment."""
        for begins, expires, opened in self._overrides:
            if begins <= now < expires:
                return opened
        local = now.astimezone(self._zone)
        weekday, minute = local.weekday(), local.hour * 60 + local.minute
        for start, end in self._week[weekday]:
            if start <= minute < end and not self._is_closed(local.date()):
                return True
        return minute < self._spill[weekday] and not self._is_closed(local.date() - timedelta(days=1))

    def opens(self, begin: datetime, end: datetime) -> bool:
        """Whether the calendar is open at any moment from `begin` until before `end`, both aware.

        It can only begin to be open where an override begins or ends, or where a window does.
        """
        inner = {bound for override in self._overrides for bound in override[:2] if begin < bound < end}
        bounds = [begin.astimezone(UTC), *sorted(inner), end.astimezone(UTC)]
        return any(
            self.is_open(first) or (not self._overridden(first) and self._opens_by_week(first, last))
            for first, last in pairwise(bounds)
        )

    def _overridden(self, now: datetime) -> bool:
        return any(begins <= now < expires for begins, expires, _ in self._overrides)

    def _opens_by_week(self, begin: datetime, end: datetime) -> bool:
        """Whether a window begins in a span that no override touches."""
        first, last = begin.astimezone(self._zone).date(), end.astimezone(self._zone).date()
        for day in (first + timedelta(days=number) for number in range((last - first).days + 1)):
            for start, _ in self._week[day.weekday()]:
                moment = datetime.combine(day, time(start // 60, start % 60), self._zone).astimezone(UTC)
                if begin <= moment < end and self.is_open(moment):
                    return True
        return False

    def _is_closed(self, day: date) -> bool:
        return day in self._closed_on or self._is_holiday(day)

    def _is_holiday(self, day: date) -> bool:
        if self._code is None:
            return False
        days = self._years.get(day.year)
        if days is None:
            days = self._years[day.year] = frozenset(self._holidays(self._code, day.year))
        return day in days


def _span(override: Override, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The two moments between which the override reigns; each bound taken at its widest reading."""
    starts = [override.start.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    ends = [override.end.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(starts), max(ends)
