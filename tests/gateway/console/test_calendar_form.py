from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.calendar_form import calendar_of, field_of, fields_of, spans_of
from routing_rules import DocumentError, read_document
from routing_rules.calendars import DAYS
from routing_rules.problem import ReadingError
from routing_rules.writing import write_calendar

times = st.integers(0, 24 * 4 - 1).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
hours = st.tuples(st.sets(st.sampled_from(DAYS), min_size=1), times, times).filter(lambda one: one[1] != one[2])
weeks = st.lists(hours.map(lambda one: f"{','.join(sorted(one[0]))} {one[1]}-{one[2]}"), max_size=4)


def written(document: dict[str, Any]) -> dict[str, Any]:
    return write_calendar(read_document({"calendars": {"c": document}}).calendars["c"])


@given(weeks)
def test_a_calendar_comes_out_of_its_form_as_it_was(week: list[str]) -> None:
    calendar = written({"zone": "Europe/Berlin", **({"open": week} if week else {})})
    kept, wrong = calendar_of(fields_of(calendar), calendar)
    assert (written(kept), wrong) == (calendar, {})


@given(weeks)
def test_hours_that_are_typed_anew_are_the_same_hours(week: list[str]) -> None:
    calendar = written({"zone": "Europe/Berlin", **({"open": week} if week else {})})
    made, _ = calendar_of(fields_of(calendar), {})
    assert fields_of(written(made)) == fields_of(calendar)


@pytest.mark.parametrize(
    ("typed", "spans"),
    [
        ("9-17", ["09:00-17:00"]),
        ("13:00–17:30 and 8.30 - 12", ["08:30-12:00", "13:00-17:30"]),
        ("22-6", ["22:00-06:00"]),
        ("closed", []),
        ("All day", ["00:00-24:00"]),
    ],
)
def test_hours_are_typed_as_people_write_them(typed: str, spans: list[str]) -> None:
    assert spans_of(typed, "Mon") == spans


@pytest.mark.parametrize("typed", ["nine to five", "9", "25-26", "9-9", "9-17 18-19"])
def test_what_are_no_hours_is_told(typed: str) -> None:
    with pytest.raises(ReadingError):
        spans_of(typed, "Mon")


def test_a_mistake_in_special_hours_is_told_at_its_row() -> None:
    sent = {
        "special.from": ["", "2026-12-24T10:00"],
        "special.until": ["", "2026-12-24T09:00"],
        "special.open": ["open"] * 2,
    }
    value, _ = calendar_of({"zone": ["UTC"], **sent}, {})
    with pytest.raises(DocumentError) as refusal:
        read_document({"calendars": {"c": value}})
    (problem,) = refusal.value.problems
    inside = replace(problem, pointer=problem.pointer.removeprefix("/calendars/c"))
    assert field_of(inside, sent) == "special.1"
