"""Profiles, calendars and lists: what rules refer to by name. Every edit goes into the draft, as those of rules do.

What they have in common is here; the form of each is in the module of its name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from starlette.responses import Response

from gateway.access.guard import Caller
from gateway.clock import Clock
from gateway.console.door import View
from gateway.console.drafting import Drafted, Drafting
from gateway.console.forms import Fields, read_fields, row_number
from gateway.console.rules import caller_of
from gateway.console.used_by import UsedBy
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import LARGEST_DOCUMENT
from gateway.rulebook.item_store import find_edited
from gateway.rulebook.items import SECTIONS
from routing_rules import DocumentError, Problem

NEW: Final = "new"

Sent = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What is said of a form that was sent."""

    wrong: Mapping[str, str] = field(default_factory=dict)  # mistakes by field; "" is the form as a whole
    problems: tuple[Problem, ...] = ()  # their pointers into the item


class MistakenForm(Exception):
    """A form that makes no item; holds the mistakes by field."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {told}" for name, told in wrong.items()))
        self.wrong = wrong


class ItemPages(ABC):
    """The pages of one section: its table, and the editor of one item."""

    section: ClassVar[str]  # "profiles"
    noun: ClassVar[str]  # "Profile"
    about: ClassVar[str]  # what it is for
    template: ClassVar[str]  # of the editor

    def __init__(self, *, database: Database, drafting: Drafting, used_by: UsedBy, clock: Clock) -> None:
        self._database = database
        self._drafting = drafting
        self._used_by = used_by
        self._clock = clock

    # ---- what each section says for itself

    def summary(self, items: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the table shows beside the items."""
        return {}

    @abstractmethod
    def fields_of(self, item: Any) -> Sent:
        """What the form's fields hold for an item; for a new one, if it is None."""

    @abstractmethod
    def value_of(self, fields: Sent, item: Any) -> Any:
        """The item that the form's fields make; `item` is what there is. Raises MistakenForm."""

    @abstractmethod
    async def context(self, visit: Visit, drafted: Drafted, name: str, fields: Sent, told: Told) -> Mapping[str, Any]:
        """What the editor's template wants to know beside what all want."""

    # ---- what all have in common

    async def list_items(self, visit: Visit) -> View:
        """All of them, with the draft on top."""
        drafted = await self.drafted(visit)
        items = self.items(drafted)
        context = {
            "section": self.section,
            "about": (self.noun, self.about),
            "drafted": drafted,
            "items": items,
            "changed": {name for kind, name in drafted.draft.items() if kind is SECTIONS[self.section]},
            **self.summary(items),
        }
        return View("items.html", context)

    async def show_item(self, visit: Visit) -> View:
        """The editor of one."""
        drafted, name = await self.wanted(visit)
        item = self.items(drafted).get(name)
        fields = dict(self.fields_of(item))
        if item is not None:
            fields["edited"] = [str(await self.edited(drafted, name) or "")]
        return await self.editor(visit, drafted, name, fields)

    async def save_item(self, visit: Visit) -> View | Response:
        """Take it into the draft, or out of the rulebook."""
        drafted, address = await self.wanted(visit)
        fields = await read_fields(visit, LARGEST_DOCUMENT)
        name = first(fields, "name").strip() if address == NEW else address
        items = self.items(drafted)
        if address == NEW and (wrong := _wrong_name(name, items)):
            return await self.editor(visit, drafted, address, fields, Told(wrong={"name": wrong}), 422)
        try:
            if first(fields, "delete"):
                await self.delete(caller_of(visit), drafted, name, fields)
                return go_to(f"/{self.section}", f"{self.noun} {name} is gone from your draft.")
            await self.put(caller_of(visit), drafted, name, self.value_of(fields, items.get(name)), fields)
        except MistakenForm as mistake:
            return await self.editor(visit, drafted, address, fields, Told(wrong=mistake.wrong), 422)
        except DocumentError as error:
            return await self.editor(visit, drafted, address, fields, Told(problems=tuple(error.problems)), 422)
        return go_to(f"/{self.section}", f"{self.noun} {name} is in your draft.")

    async def put(self, caller: Caller, drafted: Drafted, name: str, value: Any, fields: Sent) -> None:
        """Take a value into the draft, as an edit of what its author saw. Raises DocumentError."""
        path = f"/{self.section}/{name}"
        if name not in self.items(drafted):
            await self._drafting.add(caller, {"op": "create", "path": path, "value": value})
            return
        seen = row_number(first(fields, "edited")) or await self.edited(drafted, name)
        await self._drafting.add(caller, {"op": "put", "path": path, "value": value, "edited": seen})

    async def delete(self, caller: Caller, drafted: Drafted, name: str, fields: Sent) -> None:
        """Take an item out of the draft's rulebook. Raises DocumentError."""
        seen = row_number(first(fields, "edited")) or await self.edited(drafted, name)
        await self._drafting.add(caller, {"op": "delete", "path": f"/{self.section}/{name}", "edited": seen})

    async def wanted(self, visit: Visit) -> tuple[Drafted, str]:
        """The draft, and the name in the address. Raises RequestError (404)."""
        drafted = await self.drafted(visit)
        name: str = visit.request.path_params.get("name", NEW)
        if name != NEW and name not in self.items(drafted):
            raise Kind.NOT_FOUND.error(f"There is no {self.noun.lower()} {name!r}.")
        return drafted, name

    async def drafted(self, visit: Visit) -> Drafted:
        """The rulebook with the draft of whoever asks on top."""
        return await self._drafting.read(caller_of(visit))

    def items(self, drafted: Drafted) -> Mapping[str, Any]:
        """The section's items, with the draft on top."""
        items: Mapping[str, Any] = getattr(drafted.rulebook, self.section)
        return items

    async def edited(self, drafted: Drafted, name: str) -> int | None:
        """The revision that last changed an item; None if it is not in force."""
        found = await self._database.read(find_edited, drafted.current.number, SECTIONS[self.section], [name])
        return found.get(name)

    async def editor(
        self, visit: Visit, drafted: Drafted, name: str, fields: Sent, told: Told | None = None, status: int = 200
    ) -> View:
        """The form, as it is filled in."""
        told = told or Told()
        context = {
            "section": self.section,
            "about": (self.noun, self.about),
            "name": name,
            "said": Fields({key: values[0] for key, values in fields.items() if values}),
            "wrong": Fields(told.wrong),
            "used_by": None if name == NEW else await self._used_by.find(drafted, SECTIONS[self.section], name),
            **await self.context(visit, drafted, name, fields, told),
        }
        return View(self.template, context, status)


def _wrong_name(name: str, items: Mapping[str, Any]) -> str | None:
    """Why nothing new can have this name."""
    if not name:
        return "needs a name, by which rules speak of it"
    if "/" in name:
        return "must have no slash"
    return "is taken; choose another" if name in items else None


def first(fields: Sent, name: str) -> str:
    """What a field says; the empty text, if it says nothing."""
    return next(iter(fields.get(name, ())), "")


def told_together(problems: Sequence[Problem]) -> str:
    """The first problems in one sentence, each with its place."""
    return "; ".join(f"{one.pointer.removeprefix('/')} {one.detail}".strip() for one in problems[:5])
