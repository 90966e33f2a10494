"""Calendars: windows, closed days, overrides, and both days on which the clocks change."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.calendars import Calendar, Hours, OpeningTimes, Override, no_holidays, read_hours
from routing_rules.problem import ReadingError

BERLIN = ZoneInfo("Europe/Berlin")


def opening(*hours: str, zone: str = "Europe/Berlin", **fields: Any) -> OpeningTimes:
    return OpeningTimes(Calendar(zone=zone, open=tuple(map(read_hours, hours)), **fields), no_holidays)


def berlin(text: str, fold: int = 0) -> datetime:
    """A time as a clock in Berlin shows it; fold=1 is the second time in autumn."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


WRITTEN = {
    "Mon-Fri 09:00-17:30": ((0, 1, 2, 3, 4), 540, 1050),
    "Sat 10:00-14:00": ((5,), 600, 840),
    "Mon,Wed 00:00-24:00": ((0, 2), 0, 1440),
    "Mon,Fri-Sun 22:00-06:00": ((0, 4, 5, 6), 1320, 360),
    "Mon-Sun 18:00-24:00": ((0, 1, 2, 3, 4, 5, 6), 1080, 1440),
}


@pytest.mark.parametrize(("text", "expected"), WRITTEN.items(), ids=WRITTEN.keys())
def test_hours_are_read_and_written(text: str, expected: tuple[tuple[int, ...], int, int]) -> None:
    days, start, end = expected
    assert read_hours(text) == Hours(days=days, start=start, end=end)
    assert str(read_hours(text)) == text


SAME = {
    "Fri-Mon 22:00-06:00": "Mon,Fri-Sun 22:00-06:00",
    "mon-FRI 09:00-17:30": "Mon-Fri 09:00-17:30",
    " Sun,Sat 10:00-14:00 ": "Sat-Sun 10:00-14:00",
    "Mon 18:00-00:00": "Mon 18:00-24:00",
    "Mon-Mon 09:00-10:00": "Mon 09:00-10:00",
}


@pytest.mark.parametrize(("text", "canonical"), SAME.items(), ids=SAME.keys())
def test_hours_have_one_canonical_form(text: str, canonical: str) -> None:
    assert str(read_hours(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mon",
        "9-17",
        "Mon 9:00-17:00",
        "Mo 09:00-17:00",
        "Mon- 09:00-17:00",
        "Mon-Fri 09:00 - 17:00",
        "Mon 09:60-17:00",
        "Mon 24:00-06:00",
        "Mon 09:00-24:30",
        "Mon 09:00-29:00",
        "Mon 09:00-09:00",
        "Mon 00:00-00:00",
        "Mon ٠9:00-17:00",
    ],
)
def test_malformed_hours_are_refused(text: str) -> None:
    with pytest.raises(ReadingError) as raised:
        read_hours(text)
    assert raised.value.code == "malformed_hours"


HALF_OPEN = {
    "2026-12-01T08:59:59": False,
    "2026-12-01T09:00:00": True,
    "2026-12-01T17:29:59.999999": True,
    "2026-12-01T17:30:00": False,
    "2026-12-05T10:00:00": False,
}


@pytest.mark.parametrize(("at", "is_open"), HALF_OPEN.items(), ids=HALF_OPEN.keys())
def test_a_window_holds_its_begin_and_not_its_end(at: str, is_open: bool) -> None:
    assert opening("Mon-Fri 09:00-17:30").is_open(berlin(at)) is is_open


def test_the_moment_may_be_given_in_any_zone() -> None:
    office = opening("Tue 09:00-10:00")
    assert office.is_open(datetime(2026, 12, 1, 8, 0, tzinfo=UTC))
    assert not office.is_open(datetime(2026, 12, 1, 9, 0, tzinfo=UTC))


def test_a_calendar_without_hours_is_never_open() -> None:
    assert not opening().is_open(berlin("2026-12-01T12:00"))


NIGHT = {
    "2026-12-04T21:59": False,  # Friday
    "2026-12-04T22:00": True,
    "2026-12-05T05:59": True,
    "2026-12-05T06:00": False,
    "2026-12-05T22:00": False,  # Saturday has no window of its own
    "2026-12-04T03:00": False,  # Thursday neither
}


@pytest.mark.parametrize(("at", "is_open"), NIGHT.items(), ids=NIGHT.keys())
def test_a_window_over_midnight_reaches_into_the_next_day(at: str, is_open: bool) -> None:
    assert opening("Fri 22:00-06:00").is_open(berlin(at)) is is_open


def test_a_window_over_midnight_reaches_from_sunday_into_monday() -> None:
    assert opening("Sun 22:00-02:00").is_open(berlin("2026-12-07T01:00"))


def test_of_two_windows_over_midnight_the_longer_decides_when_the_night_ends() -> None:
    night = opening("Fri 22:00-02:00", "Fri 23:00-05:00", "Fri 20:00-01:00")
    assert night.is_open(berlin("2026-12-05T04:59"))
    assert not night.is_open(berlin("2026-12-05T05:00"))


CLOSED = {
    "the whole closed day": ("2026-12-24T12:00", False),
    "the tail of the evening before": ("2026-12-24T05:00", True),
    "the night that begins on the closed day": ("2026-12-24T23:00", False),
    "its tail on the day after": ("2026-12-25T05:00", False),
    "the day after": ("2026-12-25T12:00", True),
}


@pytest.mark.parametrize(("at", "is_open"), CLOSED.values(), ids=CLOSED.keys())
def test_a_closed_day_takes_the_windows_that_begin_on_it(at: str, is_open: bool) -> None:
    shop = opening("Mon-Sun 09:00-18:00", "Mon-Sun 22:00-06:00", closed_on=(date(2026, 12, 24),))
    assert shop.is_open(berlin(at)) is is_open


# Berlin, 29 March 2026: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00 again. Both are Sundays.
CLOCK_CHANGES = {
    "spring: before the gap": ("Sun 01:30-02:30", berlin("2026-03-29T01:59"), True),
    "spring: the window ends with the gap": ("Sun 01:30-02:30", berlin("2026-03-29T03:00"), False),
    "spring: a window within the gap never opens": ("Sun 02:00-03:00", berlin("2026-03-29T03:00"), False),
    "spring: a window out of the gap opens at its far side": ("Sun 02:30-04:00", berlin("2026-03-29T03:00"), True),
    "spring: the night is an hour shorter": ("Sat 22:00-06:00", berlin("2026-03-29T05:59"), True),
    "spring: and ends by the clock": ("Sat 22:00-06:00", berlin("2026-03-29T06:00"), False),
    "autumn: the first time round": ("Sun 02:00-02:30", berlin("2026-10-25T02:15"), True),
    "autumn: between the two": ("Sun 02:00-02:30", berlin("2026-10-25T02:45"), False),
    "autumn: the second time round": ("Sun 02:00-02:30", berlin("2026-10-25T02:15", fold=1), True),
    "autumn: after both": ("Sun 02:00-02:30", berlin("2026-10-25T02:30", fold=1), False),
    "autumn: the night is an hour longer": ("Sat 22:00-06:00", berlin("2026-10-25T05:59"), True),
    "autumn: and ends by the clock": ("Sat 22:00-06:00", berlin("2026-10-25T06:00"), False),
}


@pytest.mark.parametrize(("hours", "at", "is_open"), CLOCK_CHANGES.values(), ids=CLOCK_CHANGES.keys())
def test_windows_follow_the_clock_on_the_wall_when_it_changes(hours: str, at: datetime, is_open: bool) -> None:
    assert opening(hours).is_open(at.astimezone(UTC)) is is_open


HOURS_ON_CLOCK_CHANGES = {"2026-03-29": 23, "2026-10-25": 25, "2026-12-01": 24}


@pytest.mark.parametrize(("day", "hours"), HOURS_ON_CLOCK_CHANGES.items(), ids=HOURS_ON_CLOCK_CHANGES.keys())
def test_a_whole_day_is_as_long_as_the_day(day: str, hours: int) -> None:
    always = opening("Mon-Sun 00:00-24:00", closed_on=(date.fromisoformat(day),))
    noon = berlin(f"{day}T12:00").astimezone(UTC)
    closed = [minute for minute in range(-24 * 60, 24 * 60) if not always.is_open(noon + timedelta(minutes=minute))]
    assert len(closed) == hours * 60


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(list(WRITTEN)),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu"]),
)
def test_open_is_what_reading_the_wall_clock_says(now: datetime, text: str, zone: str) -> None:
    hours, local = read_hours(text), now.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    if hours.start < hours.end:
        expected = local.weekday() in hours.days and hours.start <= minute < hours.end
    else:
        evening = local.weekday() in hours.days and minute >= hours.start
        morning = (local.weekday() - 1) % 7 in hours.days and minute < hours.end
        expected = evening or morning
    assert opening(text, zone=zone).is_open(now) is expected


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_an_override_reigns_from_its_begin_until_it_expires() -> None:
    closed = Override(start=local("2026-12-01T12:00"), end=local("2026-12-01T14:00"), open=False)
    office = opening("Mon-Fri 09:00-17:30", overrides=(closed,))
    times = ["2026-12-01T11:59:59", "2026-12-01T12:00", "2026-12-01T13:59:59", "2026-12-01T14:00"]
    assert [office.is_open(berlin(at)) for at in times] == [True, False, False, True]


def test_an_override_opens_a_closed_day_and_the_first_that_covers_decides() -> None:
    day = {"start": local("2026-12-24T00:00"), "end": local("2026-12-25T00:00")}
    lunch = {"start": local("2026-12-24T12:00"), "end": local("2026-12-24T13:00")}
    office = opening(
        closed_on=(date(2026, 12, 24),), overrides=(Override(**lunch, open=False), Override(**day, open=True))
    )
    assert office.is_open(berlin("2026-12-24T11:00"))
    assert not office.is_open(berlin("2026-12-24T12:30"))


OVERRIDES_ON_CLOCK_CHANGES = {
    "begins at the first of two equal times": (
        "2026-10-25T02:30",
        "2026-10-25T04:00",
        berlin("2026-10-25T02:30"),
        True,
    ),
    "not before": ("2026-10-25T02:30", "2026-10-25T04:00", berlin("2026-10-25T02:29"), False),
    "ends at the last of two equal times": (
        "2026-10-25T01:00",
        "2026-10-25T02:30",
        berlin("2026-10-25T02:29", fold=1),
        True,
    ),
    "and not after": ("2026-10-25T01:00", "2026-10-25T02:30", berlin("2026-10-25T02:30", fold=1), False),
    "a skipped begin is before the gap": ("2026-03-29T02:30", "2026-03-29T05:00", berlin("2026-03-29T01:30"), True),
    "a skipped end is after the gap": ("2026-03-29T01:00", "2026-03-29T02:30", berlin("2026-03-29T03:29"), True),
    "and expires then": ("2026-03-29T01:00", "2026-03-29T02:30", berlin("2026-03-29T03:30"), False),
}


@pytest.mark.parametrize(
    ("start", "end", "at", "is_open"), OVERRIDES_ON_CLOCK_CHANGES.values(), ids=OVERRIDES_ON_CLOCK_CHANGES.keys()
)
def test_an_override_covers_all_that_its_bounds_may_mean(start: str, end: str, at: datetime, is_open: bool) -> None:
    office = opening(overrides=(Override(start=local(start), end=local(end), open=True),))
    assert office.is_open(at.astimezone(UTC)) is is_open


def test_holidays_close_and_are_fetched_once_a_year_when_first_needed() -> None:
    asked: list[tuple[str, int]] = []

    def holidays(code: str, year: int) -> list[date]:
        asked.append((code, year))
        return [date(year, 12, 25)]

    calendar = Calendar(zone="Europe/Berlin", open=(read_hours("Mon-Sun 09:00-17:00"),), holidays="DE-BE")
    office = OpeningTimes(calendar, holidays, years=[2026])
    assert asked == [("DE-BE", 2026)]
    assert [office.is_open(berlin(f"{year}-12-25T10:00")) for year in (2026, 2027, 2027)] == [False] * 3
    assert office.is_open(berlin("2027-12-27T10:00"))
    assert not office.is_open(berlin("2030-01-01T20:00"))
    assert asked == [("DE-BE", 2026), ("DE-BE", 2027)]


def test_without_a_source_of_holidays_there_are_none() -> None:
    assert opening("Mon-Sun 00:00-24:00", holidays="DE-BE").is_open(berlin("2026-12-25T12:00"))
