"""A calendar as a form: its hours day by day, closed days, and special days, and what they make of it.

Hours are typed as people write them (`9-12, 13-17:30`). What is typed comes out as the rulebook writes it, and as it
was written before if it says the same.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from routing_rules import Problem
from routing_rules.calendars import DAYS, Hours, read_hours
from routing_rules.problem import ReadingError

Sent = Mapping[str, Sequence[str]]
Texts = dict[str, list[str]]

FULL_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_SPAN: Final = re.compile(r"(\d{1,2})(?:[:.](\d\d))?\s*(?:-|–|—|to|bis)\s*(\d{1,2})(?:[:.](\d\d))?")
_WHOLE_DAY: Final = frozenset({"24h", "24 h", "all day", "always"})
_NOT_AT_ALL: Final = frozenset({"", "-", "–", "closed"})


def fields_of(calendar: Mapping[str, Any]) -> Texts:
    """What the form's fields hold for a calendar as in a document."""
    texts = {"zone": [calendar.get("zone", "")], "holidays": [calendar.get("holidays") or ""]}
    for day, spans in _by_day(calendar.get("open", ())).items():
        texts[f"open.{day}"] = [", ".join(spans)]
    texts["closed_on"] = list(calendar.get("closed_on", ()))
    specials = calendar.get("overrides", ())
    for end in ("from", "until"):
        texts[f"special.{end}"] = [one[end].removesuffix(":00") for one in specials]
    texts["special.open"] = ["open" if one["open"] else "closed" for one in specials]
    return texts


def calendar_of(sent: Sent, kept: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The calendar that the form's fields make, and the mistakes by field; `kept` is what there is."""
    wrong: dict[str, str] = {}
    week: dict[str, list[str]] = {}
    for day in DAYS:
        try:
            week[day] = spans_of(_one(sent, f"open.{day}"), day)
        except ReadingError as mistake:
            wrong[f"open.{day}"] = str(mistake)
    hours = kept.get("open", [])
    calendar = {
        "zone": _one(sent, "zone"),
        "open": hours if wrong or week == _by_day(hours) else _together(week),
        "closed_on": list(dict.fromkeys(day.strip() for day in sent.get("closed_on", ()) if day.strip())),
        "holidays": _one(sent, "holidays"),
        "overrides": [special for _, special in _specials(sent)],
    }
    return {name: value for name, value in calendar.items() if value or name == "zone"}, wrong


def spans_of(text: str, day: str) -> list[str]:
    """The hours of one day, each as the rulebook writes it. Raises ReadingError."""
    told = text.strip().lower()
    if told in _NOT_AT_ALL:
        return []
    if told in _WHOLE_DAY:
        return ["00:00-24:00"]
    spans = []
    for part in re.split(r"[,;+&]|\band\b|\bund\b", told):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ReadingError("malformed_hours", "write times such as 09:00-12:00, 13:00-17:30; empty is closed")
        begin, begin_minute, end, end_minute = match.groups()
        written = f"{int(begin):02}:{begin_minute or '00'}-{int(end):02}:{end_minute or '00'}"
        spans.append(_span(read_hours(f"{day} {written}")))
    return sorted(set(spans))


def field_of(problem: Problem, sent: Sent) -> str:
    """The field that a problem of the calendar is about; empty for the calendar as a whole."""
    name, _, rest = problem.pointer.removeprefix("/").partition("/")
    if name == "overrides":
        index = rest.partition("/")[0]
        rows = [row for row, _ in _specials(sent)]
        return f"special.{rows[int(index)]}" if index.isdecimal() and int(index) < len(rows) else "special"
    return name if name in ("zone", "holidays", "closed_on", "open") else ""


def _specials(sent: Sent) -> list[tuple[int, dict[str, Any]]]:
    """The rows that say something, each by its number."""
    rows = zip(sent.get("special.from", ()), sent.get("special.until", ()), sent.get("special.open", ()), strict=False)
    return [
        (number, {"from": begin.strip(), "until": end.strip(), "open": state == "open"})
        for number, (begin, end, state) in enumerate(rows)
        if begin.strip() or end.strip()
    ]


def _by_day(written: Sequence[str]) -> dict[str, list[str]]:
    """Windows by the day on which they begin."""
    week: dict[str, set[str]] = {day: set() for day in DAYS}
    for text in written:
        hours = read_hours(text)
        for day in hours.days:
            week[DAYS[day]].add(_span(hours))
    return {day: sorted(spans) for day, spans in week.items()}


def _together(week: Mapping[str, Sequence[str]]) -> list[str]:
    """Windows, days with the same ones together, in the order of the week."""
    days: dict[str, list[str]] = {}
    for day in DAYS:
        for span in week[day]:
            days.setdefault(span, []).append(day)
    hours = [read_hours(f"{','.join(on)} {span}") for span, on in days.items()]
    return [str(one) for one in sorted(hours, key=lambda one: (one.days[0], one.start, one.days))]


def _span(hours: Hours) -> str:
    return str(hours).rpartition(" ")[2]


def _one(sent: Sent, name: str) -> str:
    return next(iter(sent.get(name, ())), "").strip()
