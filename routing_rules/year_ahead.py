"""Calendars in the year ahead: whether they ever open, and whether anybody thought of the holidays in it.

A list of closed days is right in the year in which it is written. The year after, everybody is expected at work on
Christmas Day, and nobody notices before. So these questions have a date in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from routing_rules.calendars import DAYS, Calendar, OpeningTimes, no_holidays
from routing_rules.problem import Problem, info, pointer_to, warning

YEAR = timedelta(days=366)
# Every override is asked about the bounds of every other; a calendar with more of them was not made by hand.
MOST_OVERRIDES = 100


def doubtful_calendars(calendars: Mapping[str, Calendar], today: date | None) -> Iterator[Problem]:
    """Warnings: calendars that never open, and closed days that are all over. Without a date only what never may."""
    for name, calendar in calendars.items():
        here = pointer_to("calendars", name)
        if not calendar.open and not any(override.open for override in calendar.overrides):
            yield warning("never_open", here, f"calendar {name!r} is never open: give it hours in `open`")
        elif today is not None and not _opens(calendar, today):
            detail = f"calendar {name!r} does not open in the year from {today}: look at its overrides and closed days"
            yield warning("never_open", here, detail)
        elif today is not None and calendar.closed_on and _forgotten(calendar, today):
            detail = (
                f"the last closed day of calendar {name!r} was {calendar.closed_on[-1]}: add those of the year to come"
            )
            yield warning("no_closed_days", f"{here}/closed_on", detail)


def holidays_at_work(calendars: Mapping[str, Calendar]) -> Iterator[Problem]:
    """Notes: calendars with free days in the week, which yet keep their hours on every public holiday."""
    for name, calendar in calendars.items():
        working = {day for hours in calendar.open for day in hours.days}
        if working and len(working) < len(DAYS) and not calendar.closed_on and calendar.holidays is None:
            detail = f"calendar {name!r} keeps its hours on public holidays too: set `holidays` or `closed_on` if not"
            yield info("open_on_holidays", pointer_to("calendars", name), detail)


def _forgotten(calendar: Calendar, today: date) -> bool:
    """Whether no day from today on is closed."""
    return calendar.holidays is None and calendar.closed_on[-1] < today


def _opens(calendar: Calendar, today: date) -> bool:
    """Whether the calendar is open at any moment of the year from today on, were there no public holidays."""
    begin = datetime.combine(today, time())
    soon = [override for override in calendar.overrides if override.end > begin and override.start < begin + YEAR]
    if len(soon) > MOST_OVERRIDES:
        return True
    zone = ZoneInfo(calendar.zone)
    times = OpeningTimes(replace(calendar, overrides=tuple(soon)), no_holidays)
    return times.opens(begin.replace(tzinfo=zone), (begin + YEAR).replace(tzinfo=zone))
