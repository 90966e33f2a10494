"""Profiles, calendars and lists: what rules refer to by name. Every edit goes into the draft, as those of rules do."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import available_timezones

import msgspec
from starlette.responses import Response

from gateway.clock import Clock, to_datetime
from gateway.console.door import View
from gateway.console.drafting import Drafted, Drafting
from gateway.console.forms import Fields, read_fields
from gateway.console.opening_week import week_of
from gateway.console.rendering import pretty_json
from gateway.console.rules import caller_of
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.errors import RequestError
from gateway.problem_details import Kind
from gateway.reading import LARGEST_DOCUMENT, parse_json
from gateway.rulebook.item_store import find_edited
from gateway.rulebook.items import SECTIONS
from routing_rules import DocumentError
from routing_rules.writing import write_calendar

NEW: Final = "new"

# What one of each is called, and what it is for.
ABOUT: Final = {
    "profiles": ("Profile", "The session that answers a call: model, voice, instructions, tools."),
    "calendars": ("Calendar", "Opening hours in their own time zone, for the condition “during”."),
    "lists": ("List", "Numbers, prefixes and addresses, for conditions such as “caller is on the list blocked”."),
}

# Entries that the page shows in its field; a longer list is changed by what is put in and taken out.
SHOWN: Final = 5_000

_BEGINNINGS: Final[Mapping[str, Any]] = {
    "profiles": {"model": "gpt-realtime-2.1", "instructions": "", "audio": {"output": {"voice": "marin"}}},
    "calendars": {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:00"]},
    "lists": [],
}


class ItemPages:
    """`/profiles`, `/calendars` and `/lists`, each by its section."""

    def __init__(self, section: str, *, database: Database, drafting: Drafting, clock: Clock) -> None:
        self._section = section
        self._database = database
        self._drafting = drafting
        self._clock = clock

    async def list_items(self, visit: Visit) -> View:
        """All of them, with the draft on top."""
        drafted = await self._drafting.read(caller_of(visit))
        items = self._items(drafted)
        today = to_datetime(self._clock.now()).date()
        context = {
            "section": self._section,
            "about": ABOUT[self._section],
            "drafted": drafted,
            "items": items,
            "weeks": {name: week_of(one, today, 7) for name, one in items.items()} if self._has_weeks else {},
            "changed": {name for kind, name in drafted.draft.items() if kind is SECTIONS[self._section]},
        }
        return View("items.html", context)

    async def show_item(self, visit: Visit) -> View:
        """The editor of one."""
        drafted = await self._drafting.read(caller_of(visit))
        name = visit.request.path_params.get("name", NEW)
        items = self._items(drafted)
        if name != NEW and name not in items:
            raise Kind.NOT_FOUND.error(f"There is no {ABOUT[self._section][0].lower()} {name!r}.")
        value = _BEGINNINGS[self._section] if name == NEW else self._written(items[name])
        return self._editor(drafted, name, self._fields(name, value), Fields())

    async def save_item(self, visit: Visit) -> View | Response:
        """Take it into the draft, or out of the rulebook."""
        caller = caller_of(visit)
        drafted = await self._drafting.read(caller)
        address = visit.request.path_params.get("name", NEW)
        fields = await read_fields(visit, LARGEST_DOCUMENT)
        said = Fields({key: values[0] for key, values in fields.items()})
        name = said["name"].strip() if address == NEW else address
        taken = name in self._items(drafted)
        if address == NEW and (taken or not name or "/" in name):
            wrong = Fields(name="is taken; choose another" if taken else "must be a name, without a slash")
            return self._editor(drafted, address, said, wrong, 422)
        try:
            change = await self._change(drafted, name, said)
            await self._drafting.add(caller, change)
        except DocumentError as error:
            told = [f"{one.pointer.removeprefix('/')} {one.detail}".strip() for one in error.problems[:5]]
            return self._editor(drafted, address, said, Fields(value="; ".join(told)), 422)
        except RequestError as error:
            return self._editor(drafted, address, said, Fields(value=error.detail), 422)
        verb = "is gone from" if change["op"] == "delete" else "is in"
        return go_to(f"/{self._section}", f"{ABOUT[self._section][0]} {name} {verb} your draft.")

    async def _change(self, drafted: Drafted, name: str, said: Fields) -> dict[str, Any]:
        """The edit that the form wants. Raises RequestError for a profile that is no JSON."""
        items = self._items(drafted)
        path = f"/{self._section}/{name}"
        kept = self._written(items[name]) if name in items else None
        if kept is None:
            return {"op": "create", "path": path, "value": self._value(said, kept)}
        seen = await self._database.read(find_edited, drafted.current.number, SECTIONS[self._section], [name])
        if said["delete"]:
            return {"op": "delete", "path": path, "edited": seen.get(name)}
        return {"op": "put", "path": path, "value": self._value(said, kept), "edited": seen.get(name)}

    @property
    def _has_weeks(self) -> bool:
        return self._section == "calendars"

    def _items(self, drafted: Drafted) -> Mapping[str, Any]:
        items: Mapping[str, Any] = getattr(drafted.rulebook, self._section)
        return items

    def _written(self, item: Any) -> Any:
        """An item as in a document."""
        if self._has_weeks:
            return write_calendar(item)
        return list(item) if self._section == "lists" else msgspec.to_builtins(item)

    def _fields(self, name: str, value: Any) -> Fields:
        """What the form's fields hold."""
        said = Fields(name="" if name == NEW else name)
        if self._section == "lists":
            said["value"] = "\n".join(value) if len(value) <= SHOWN else ""
        elif self._has_weeks:
            for key in ("open", "closed_on"):
                said[key] = "\n".join(value.get(key, ()))
            said |= {"zone": value.get("zone", ""), "holidays": value.get("holidays") or ""}
        else:
            said["value"] = pretty_json(value)
        return said

    def _value(self, said: Fields, kept: Any) -> Any:
        """The item that the form's fields make. Raises RequestError for a profile that is no JSON."""
        if self._section == "profiles":
            return parse_json(said["value"].encode())
        if self._section == "lists":
            entries = _lines(said["value"])
            if kept is None or len(kept) <= SHOWN:
                return entries
            gone = set(_lines(said["without"]))
            return [one for one in kept if one not in gone] + [one for one in entries if one not in set(kept)]
        calendar = {key: value for key, value in (kept or {}).items() if key == "overrides"}
        calendar |= {"zone": said["zone"].strip(), "open": _lines(said["open"]), "closed_on": _lines(said["closed_on"])}
        return calendar | ({"holidays": said["holidays"].strip()} if said["holidays"].strip() else {})

    def _editor(self, drafted: Drafted, name: str, said: Fields, wrong: Fields, status: int = 200) -> View:
        items = self._items(drafted)
        item = items.get(name)
        today = to_datetime(self._clock.now()).date()
        context = {
            "section": self._section,
            "about": ABOUT[self._section],
            "name": name,
            "said": said,
            "wrong": wrong,
            "week": week_of(item, today) if self._has_weeks and item is not None else (),
            "count": len(item) if self._section == "lists" and item is not None else 0,
            "shown": SHOWN,
            "zones": sorted(available_timezones()) if self._has_weeks else (),
            "used_by": [rule.id for rule in drafted.rulebook.rules if name in _names(rule)][:20] if name != NEW else [],
        }
        return View("item.html", context, status)


def _names(rule: Any) -> set[str]:
    """What a rule refers to by name: profiles, calendars and lists."""
    found = {name for condition in (*rule.when, *rule.unless) for _, name in condition.names()}
    decision = rule.then
    while decision is not None:
        if profile := getattr(decision, "profile", None):
            found.add(profile)
        decision = getattr(decision, "fallback", None)
    return found


def _lines(text: str) -> list[str]:
    """Lines that say something, each once."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
