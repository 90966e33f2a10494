"""Calendars: opening hours in their own time zone, with the weeks that they make."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import available_timezones

from gateway.clock import to_datetime
from gateway.console.calendar_form import FULL_NAMES, calendar_of, field_of, fields_of
from gateway.console.door import View
from gateway.console.drafting import Drafted
from gateway.console.forms import Fields, read_fields
from gateway.console.items import ItemPages, MistakenForm, Sent, Told, first
from gateway.console.opening_week import monday_of, next_change, week_of
from gateway.console.visit import Visit
from gateway.reading import YEARS
from gateway.rulebook.holidays import code_mistake
from routing_rules import DocumentError, Problem, read_document
from routing_rules.calendars import DAYS, Calendar
from routing_rules.problem import error as error_at
from routing_rules.writing import write_calendar
from routing_rules.year_ahead import doubtful_calendars, holidays_at_work

_BEGINNING: Final[Mapping[str, Any]] = {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:00"]}

# Days that are shown at once.
SHOWN: Final = 14


class CalendarPages(ItemPages):
    """`/calendars`."""

    section = "calendars"
    noun = "Calendar"
    about = "Opening hours in their own time zone, for the condition “during”."
    template = "calendar.html"

    def summary(self, items: Mapping[str, Any]) -> Mapping[str, Any]:
        """The next seven days of each."""
        return {"weeks": {name: week_of(one, self._today(), 7) for name, one in items.items()}}

    def fields_of(self, item: Any) -> Sent:
        """The texts of the form."""
        return fields_of(_BEGINNING if item is None else write_calendar(item))

    def value_of(self, fields: Sent, item: Any) -> Any:
        """The calendar that the form makes. Raises MistakenForm."""
        calendar, wrong = calendar_of(fields, _BEGINNING if item is None else write_calendar(item))
        if wrong:
            raise MistakenForm(wrong)
        return calendar

    async def show_week(self, visit: Visit) -> View:
        """The form again, with the week that is wanted of what is typed; nothing is saved."""
        drafted, name = await self.wanted(visit)
        return await self.editor(visit, drafted, name, await read_fields(visit))

    async def context(self, visit: Visit, drafted: Drafted, name: str, fields: Sent, told: Told) -> Mapping[str, Any]:
        """The form and its weeks."""
        calendar, problems, mistakes = self._typed(name, fields, self.items(drafted).get(name))
        wrong = {**mistakes, **told.wrong}
        for problem in told.problems or problems:
            if problem.severity == "error":
                wrong.setdefault(field_of(problem, fields), problem.detail)
        begin = self._wanted_week((fields.get("week") or [visit.parameter("week")])[-1])  # a button's comes last
        specials = zip(*(fields.get(f"special.{part}", ()) for part in ("from", "until", "open")), strict=False)
        return {
            "wrong": Fields(wrong),
            "doubts": [problem for problem in problems if problem.severity != "error"],
            "days": [(day, full, first(fields, f"open.{day}")) for day, full in zip(DAYS, FULL_NAMES, strict=True)],
            "closed_on": [day for day in fields.get("closed_on", ()) if day],
            "specials": [special for special in specials if special[0] or special[1]],
            "zones": sorted(available_timezones()),
            "week": () if calendar is None else week_of(calendar, begin, SHOWN),
            "change": None if calendar is None else next_change(calendar, begin + timedelta(days=SHOWN)),
            "begin": begin,
            "before": begin - timedelta(days=7),
            "after": begin + timedelta(days=7),
            "end": begin + timedelta(days=SHOWN - 1),
            "today": self._today(),
        }

    def _typed(self, name: str, fields: Sent, item: Any) -> tuple[Calendar | None, list[Problem], Mapping[str, str]]:
        """The calendar as it is typed, None if it is none, what is doubtful about it, and its fields' mistakes."""
        try:
            value = self.value_of(fields, item)
            calendar = read_document({"calendars": {name: value}}).calendars[name]
        except MistakenForm as form:
            return None, [], form.wrong
        except DocumentError as error:
            return None, [_inside(problem, name) for problem in error.problems], {}
        alone = {name: calendar}
        found = [*doubtful_calendars(alone, self._today()), *holidays_at_work(alone)]
        if calendar.holidays and (mistake := code_mistake(calendar.holidays)):
            found.append(error_at("unknown_holidays", f"/calendars/{name}/holidays", mistake))
            calendar = replace(calendar, holidays=None)
        return calendar, [_inside(problem, name) for problem in found], {}

    def _today(self) -> date:
        return to_datetime(self._clock.now()).date()

    def _wanted_week(self, text: str) -> date:
        try:
            wanted = date.fromisoformat(text)
        except ValueError:
            wanted = self._today()
        return monday_of(wanted if YEARS[0] < wanted.year < YEARS[1] else self._today())


def _inside(problem: Problem, name: str) -> Problem:
    """The problem, its pointer into the calendar."""
    return replace(problem, pointer=problem.pointer.removeprefix(f"/calendars/{name}"))
