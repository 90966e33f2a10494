"""Calendars in the year ahead."""

from datetime import date, timedelta
from typing import Any

import pytest

from routing_rules import read_document
from routing_rules.year_ahead import MOST_OVERRIDES, doubtful_calendars, holidays_at_work

TODAY = date(2026, 12, 1)  # a Tuesday
WEEK = {"zone": "Europe/Berlin", "open": "Mon-Fri 09:00-17:00"}
SUNDAYS = [str(date(2026, 12, 6) + timedelta(weeks=week)) for week in range(53)]


def span(start: str, end: str, *, is_open: bool) -> dict[str, Any]:
    return {"from": start, "until": end, "open": is_open}


def doubts(calendar: dict[str, Any], today: date | None = TODAY) -> list[tuple[str, str]]:
    calendars = read_document({"calendars": {"c": calendar}}).calendars
    return [(problem.code, problem.pointer) for problem in doubtful_calendars(calendars, today)]


NEVER = [("never_open", "/calendars/c")]

CASES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "a week": (WEEK, []),
    "no hours": ({"zone": "UTC"}, NEVER),
    "no hours, and closed besides": (
        {"zone": "UTC", "overrides": [span("2026-12-01T00:00", "2026-12-02T00:00", is_open=False)]},
        NEVER,
    ),
    "open by an override to come": (
        {"zone": "UTC", "overrides": [span("2027-01-01T00:00", "2027-01-02T00:00", is_open=True)]},
        [],
    ),
    "open by an override that is over": (
        {"zone": "UTC", "overrides": [span("2025-01-01T00:00", "2025-01-02T00:00", is_open=True)]},
        NEVER,
    ),
    "open by an override after the year": (
        {"zone": "UTC", "overrides": [span("2028-01-01T00:00", "2028-01-02T00:00", is_open=True)]},
        NEVER,
    ),
    "closed by an override for good": (
        WEEK | {"overrides": [span("2026-01-01T00:00", "2099-01-01T00:00", is_open=False)]},
        NEVER,
    ),
    "closed until its last week": (
        WEEK | {"overrides": [span("2026-01-01T00:00", "2027-11-25T00:00", is_open=False)]},
        [],
    ),
    "an opening that a closing before it covers": (
        {
            "zone": "UTC",
            "overrides": [
                span("2026-01-01T00:00", "2099-01-01T00:00", is_open=False),
                span("2027-01-01T00:00", "2027-01-02T00:00", is_open=True),
            ],
        },
        NEVER,
    ),
    "every Sunday closed": ({"zone": "UTC", "open": "Sun 10:00-12:00", "closed_on": SUNDAYS}, NEVER),
    "all Sundays but one": ({"zone": "UTC", "open": "Sun 10:00-12:00", "closed_on": SUNDAYS[:-2]}, []),
    "closed days to come": (WEEK | {"closed_on": ["2026-01-01", "2026-12-24"]}, []),
    "closed days that are over": (
        WEEK | {"closed_on": ["2025-12-24", "2025-12-31"]},
        [("no_closed_days", "/calendars/c/closed_on")],
    ),
    "closed days that are over, but holidays": (WEEK | {"closed_on": ["2025-12-24"], "holidays": "DE"}, []),
}


@pytest.mark.parametrize(("calendar", "expected"), CASES.values(), ids=CASES.keys())
def test_a_doubtful_calendar_is_told(calendar: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert doubts(calendar) == expected


def test_without_a_date_only_what_never_opens_at_all_is_told() -> None:
    assert doubts({"zone": "UTC"}, today=None) == NEVER
    assert doubts(WEEK | {"closed_on": ["1999-12-24"]}, today=None) == []


def test_calendars_with_more_overrides_than_people_write_are_taken_to_open() -> None:
    days = [span(f"2027-01-01T00:{n % 60:02}", f"2099-01-01T00:{n // 60:02}", is_open=False) for n in range(120)]
    forever = span("2026-01-01T00:00", "2099-01-01T00:00", is_open=False)
    assert doubts(WEEK | {"overrides": [forever, *days[: MOST_OVERRIDES - 1]]}) == NEVER
    assert doubts(WEEK | {"overrides": [forever, *days[:MOST_OVERRIDES]]}) == []


NOTES = {
    "a working week": (WEEK, 1),
    "with closed days": (WEEK | {"closed_on": ["2026-12-24"]}, 0),
    "with holidays": (WEEK | {"holidays": "DE"}, 0),
    "around the clock": ({"zone": "UTC", "open": "Mon-Sun 00:00-24:00"}, 0),
    "by override only": (
        {"zone": "UTC", "overrides": [span("2027-01-01T00:00", "2027-01-02T00:00", is_open=True)]},
        0,
    ),
}


@pytest.mark.parametrize(("calendar", "count"), NOTES.values(), ids=NOTES.keys())
def test_hours_that_are_kept_on_holidays_are_worth_a_note(calendar: dict[str, Any], count: int) -> None:
    calendars = read_document({"calendars": {"c": calendar}}).calendars
    assert [note.code for note in holidays_at_work(calendars)] == ["open_on_holidays"] * count
