"""Profiles: the sessions that answer calls, as a form or as JSON. Both are saved in the same way."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.clock import to_datetime
from gateway.console.door import View
from gateway.console.drafting import Drafted
from gateway.console.forms import read_fields
from gateway.console.items import ItemPages, MistakenForm, Sent, Told, first
from gateway.console.profile_form import edited, form_of, mistakes_by_field, profile_of, root, texts_of
from gateway.console.schema_controls import Note
from gateway.console.schema_fields import write_json
from gateway.console.visit import Visit
from gateway.errors import RequestError
from gateway.profiles.problems import find_problems_of
from gateway.reading import LARGEST_DOCUMENT, parse_json
from routing_rules import Problem

# The field of a profile that is written as JSON.
JSON: Final = "value"

_BEGINNING: Final[Mapping[str, Any]] = {"model": "gpt-realtime-2.1", "audio": {"output": {"voice": "marin"}}}


class ProfilePages(ItemPages):
    """`/profiles`."""

    section = "profiles"
    noun = "Profile"
    about = "The session that answers a call: model, voice, instructions, tools."
    template = "profile.html"

    async def show_item(self, visit: Visit) -> View:
        """The editor of one; with `?as=json` its JSON."""
        await asyncio.to_thread(root)  # the schema takes a third of a second, once
        return await super().show_item(visit)

    async def change_form(self, visit: Visit) -> View:
        """The form again, with a row more or less, in its other shape, or checked; nothing is saved."""
        drafted, name = await self.wanted(visit)
        fields = await read_fields(visit, LARGEST_DOCUMENT)
        act = first(fields, "act")
        kept = self.items(drafted).get(name)
        aside = {key: values for key, values in fields.items() if key in ("name", "edited")}
        try:
            if act == "json":
                return await self.editor(visit, drafted, name, {**aside, JSON: [write_json(_value(fields, kept))]})
            if act == "form":
                return await self.editor(visit, drafted, name, {**aside, **texts_of(_value(fields, kept))})
        except MistakenForm as mistake:
            return await self.editor(visit, drafted, name, fields, Told(wrong=mistake.wrong), 422)
        return await self.editor(visit, drafted, name, edited(fields, act))

    def fields_of(self, item: Any) -> Sent:
        """The texts of the form."""
        return texts_of(_BEGINNING if item is None else msgspec.to_builtins(item))

    def value_of(self, fields: Sent, item: Any) -> Any:
        """The profile that the form or the JSON makes. Raises MistakenForm."""
        return _value(fields, item)

    async def context(self, visit: Visit, drafted: Drafted, name: str, fields: Sent, told: Told) -> Mapping[str, Any]:
        """The form, or the JSON, with what is wrong or doubtful at its place."""
        as_json = JSON in fields or (visit.request.method == "GET" and visit.parameter("as") == "json")
        item = self.items(drafted).get(name)
        if as_json and JSON not in fields:
            fields = {**fields, JSON: [write_json(_BEGINNING if item is None else msgspec.to_builtins(item))]}
        problems = told.problems or self._problems(drafted, name, fields, item)
        if as_json:
            notes = [_placed_note(one) for one in problems]
            return {"form": None, "json": first(fields, JSON), "notes": notes, "lists": ()}
        notes_by_field = mistakes_by_field(fields, problems)
        for field, text in told.wrong.items():
            notes_by_field.setdefault(field, []).append(Note("bad", text))
        form = form_of(fields, notes_by_field, drafted.rulebook.profiles, name)
        return {"form": form, "json": "", "notes": form.notes, "lists": list(drafted.rulebook.lists)}

    def _problems(self, drafted: Drafted, name: str, fields: Sent, item: Any) -> tuple[Problem, ...]:
        """What is wrong or doubtful about the profile as it is typed."""
        try:
            value = _value(fields, item)
        except MistakenForm:
            return ()
        today = to_datetime(self._clock.now()).date()
        profiles = {**drafted.rulebook.profiles, name: value}
        return tuple(find_problems_of(profiles, name, drafted.rulebook.lists, today))


def _value(fields: Sent, item: Any) -> dict[str, Any]:
    """The profile that the form or the JSON makes. Raises MistakenForm."""
    if JSON in fields:
        try:
            value = parse_json(first(fields, JSON).encode())
        except RequestError as error:
            raise MistakenForm({JSON: error.detail.replace("the body", "this")}) from None
        if not isinstance(value, dict):
            raise MistakenForm({JSON: "must be a table: { … }"})
        return value
    profile, mistakes = profile_of(fields, item)
    if mistakes:
        raise MistakenForm(mistakes)
    return profile


def _placed_note(problem: Problem) -> Note:
    tone = "bad" if problem.severity == "error" else "doubt"
    return Note(tone, f"{problem.pointer.removeprefix('/')} {problem.detail}".strip())
