"""Calendars: opening hours in their own time zone."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import available_timezones

from gateway.clock import to_datetime
from gateway.console.drafting import Drafted
from gateway.console.items import ItemPages, Sent, Told, first, told_together
from gateway.console.opening_week import week_of
from gateway.console.visit import Visit
from routing_rules.writing import write_calendar

_BEGINNING: Final[Mapping[str, Any]] = {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:00"]}


class CalendarPages(ItemPages):
    """`/calendars`."""

    section = "calendars"
    noun = "Calendar"
    about = "Opening hours in their own time zone, for the condition “during”."
    template = "item.html"

    def summary(self, items: Mapping[str, Any]) -> Mapping[str, Any]:
        """The next seven days of each."""
        today = to_datetime(self._clock.now()).date()
        return {"weeks": {name: week_of(one, today, 7) for name, one in items.items()}}

    def fields_of(self, item: Any) -> Sent:
        """The texts of the form."""
        value: Mapping[str, Any] = _BEGINNING if item is None else write_calendar(item)
        lines = {key: ["\n".join(value.get(key, ()))] for key in ("open", "closed_on")}
        return lines | {"zone": [value.get("zone", "")], "holidays": [value.get("holidays") or ""]}

    def value_of(self, fields: Sent, item: Any) -> Any:
        """The calendar that the form makes."""
        kept = {} if item is None else write_calendar(item)
        calendar = {key: value for key, value in kept.items() if key == "overrides"}
        calendar |= {"zone": first(fields, "zone").strip()}
        calendar |= {key: lines_of(first(fields, key)) for key in ("open", "closed_on")}
        holidays = first(fields, "holidays").strip()
        return calendar | ({"holidays": holidays} if holidays else {})

    async def context(self, visit: Visit, drafted: Drafted, name: str, fields: Sent, told: Told) -> Mapping[str, Any]:
        """The week, and the zones that there are."""
        item = self.items(drafted).get(name)
        today = to_datetime(self._clock.now()).date()
        return {
            "banner": told_together(told.problems),
            "week": () if item is None else week_of(item, today),
            "zones": sorted(available_timezones()),
            "count": 0,
            "shown": 0,
        }


def lines_of(text: str) -> list[str]:
    """Lines that say something, each once."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
