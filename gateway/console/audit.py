"""The audit log: who changed or revealed what, and how it was before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from gateway.access.audit import Action, Entry, Recorded, Wanted, find_entries
from gateway.console.door import View
from gateway.console.forms import Fields, Filled, fill, moment_text
from gateway.console.visit import Visit
from gateway.database import Database
from gateway.reading import Form, Line, QueryMoment, to_micros

# Entries on one page.
SHOWN: Final = 50

# Fields of one entry; the rest is told by number.
MOST_FIELDS: Final = 30


class AuditSearch(Form):
    """Which entries are wanted."""

    author: Line | None = Field(None, max_length=200)
    """The id or name of a key; `bootstrap`, `cli` and `gateway` are no keys."""

    action: Action | None = Field(None, strict=False)
    """What was done."""

    object: Line | None = Field(None, max_length=500)
    """What it was done to."""

    since: QueryMoment | None = None
    """Done then or later."""

    until: QueryMoment | None = None
    """Done before then."""

    before: int | None = Field(None, ge=1, lt=2**63)
    """Where the page begins: behind this one."""

    def wanted(self) -> Wanted:
        """The same for the log."""
        said = self.model_dump(exclude={"since", "until", "before"})
        return Wanted(**said, since=to_micros(self.since), until=to_micros(self.until))


class Difference(NamedTuple):
    """One field of what was done."""

    name: str
    was: Any  # None: it was not there
    now: Any  # None: it is not there any more


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditPages:
    """`/audit`."""

    database: Database

    async def list_audit(self, visit: Visit) -> View:
        """Search the log; the search is the address."""
        filled = _read_search(visit)
        found: list[Recorded] = []
        if (search := filled.form) is not None:
            found = await self.database.read(
                lambda c: find_entries(c, search.wanted(), limit=SHOWN + 1, before=search.before)
            )
        filters = {name: value for name, value in filled.said.items() if value and name != "before"}
        context = {
            "filled": filled,
            "filters": filters,
            "command": command_of(filters, visit.zone),
            "entries": [(one, differences(one.entry)) for one in found[:SHOWN]],
            "older": found[SHOWN - 1].id if len(found) > SHOWN else None,
            "actions": list(Action),
            "most": MOST_FIELDS,
        }
        return View("audit.html", context, 200 if filled.form else 422)


def command_of(filters: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    """The same search on the command line."""
    words = ["gateway", "audit", "list"]
    for name, value in filters.items():
        if name in AuditSearch.model_fields:
            words += [f"--{name}", moment_text(value, zone) if name in ("since", "until") else value]
    return words


def differences(entry: Entry) -> list[Difference]:
    """What an entry changed, field by field; what stayed as it was is left out unless nothing changed."""
    before, after = _flat(entry.before), _flat(entry.after)
    names = list(dict.fromkeys([*before, *after]))
    told = [Difference(name, before.get(name), after.get(name)) for name in names]
    return [one for one in told if one.was != one.now] or told


def _flat(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A state with the fields of its objects beside its own: `rule.then.reject`."""
    fields: dict[str, Any] = {}
    for name, value in (state or {}).items():
        if isinstance(value, dict) and value:
            fields |= {f"{name}.{inner}": one for inner, one in _flat(value).items()}
        else:
            fields[name] = value
    return fields


def _read_search(visit: Visit) -> Filled[AuditSearch]:
    """The search that the address holds; times without an offset are the viewer's."""
    said = {name: value.strip() for name, value in visit.request.query_params.items()}
    typed = {
        name: moment_text(value, visit.zone) if name in ("since", "until") else value for name, value in said.items()
    }
    filled = fill(AuditSearch, typed)
    return Filled(said=Fields(said), form=filled.form, mistakes=filled.mistakes)
