"""Overrides: "close the line until…", a decision above every rule that ends by itself."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.clock import to_datetime
from gateway.console.door import View
from gateway.console.forms import Fields, moment_text, read_fields
from gateway.console.rule_form import mistakes_of, rule_of
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import Moment, to_micros
from gateway.rulebook.current import Current
from gateway.rulebook.override_contract import shown_of
from gateway.rulebook.overrides import list_overrides
from gateway.rulebook.overriding import OverrideRefused, Overriding
from routing_rules import DocumentError

# Minutes that are one click away.
SPANS: Final = (("30", "30 minutes"), ("60", "1 hour"), ("120", "2 hours"), ("240", "4 hours"), ("1440", "a day"))

# Overrides that are over, as far as the page looks back.
PAST: Final = 30

_MOMENT: Final = TypeAdapter[Any](Moment)


class OverridePages:
    """`/overrides`."""

    def __init__(self, *, database: Database, current: Current, overriding: Overriding) -> None:
        self._database = database
        self._current = current
        self._overriding = overriding

    async def list_overrides(self, visit: Visit) -> View:
        """Those in force, those that are over, and a form for a new one."""
        return await self._show(visit, Fields(kind="reject", status="480", minutes="120"), Fields())

    async def add_override(self, visit: Visit) -> View | Response:
        """Put an override above the rules, at once."""
        fields = await read_fields(visit)
        said = Fields({name: values[0].strip() for name, values in fields.items()})
        rule = rule_of(fields, {})
        document: dict[str, Any] = {name: rule[name] for name in ("when", "then") if name in rule}
        wrong = Fields({} if said["reason"] else {"reason": "say why, for everybody who meets it"})
        until = self._until(said, visit, wrong)
        if until is not None and not wrong:
            try:
                await self._overriding.add(
                    override_id=None,
                    document=document,
                    until=until,
                    reason=said["reason"],
                    by=author_of(visit.request),
                )
            except DocumentError as error:
                wrong.update(mistakes_of(error.problems))
            except OverrideRefused as error:
                wrong[error.pointer.removeprefix("/")] = str(error)
            else:
                return go_to("/overrides", "The override is in force. It ends by itself.")
        return await self._show(visit, said, wrong, 422)

    async def end_override(self, visit: Visit) -> Response:
        """End an override before its time."""
        name = visit.request.path_params["id"]
        if await self._overriding.end(name, by=author_of(visit.request)) is None:
            raise Kind.NOT_FOUND.error(f"There is no override {name!r}.")
        return go_to("/overrides", "The override is over; the rules decide again.")

    def _until(self, said: Mapping[str, str], visit: Visit, wrong: Fields) -> int | None:
        """When it ends: so many minutes from now, or at the time that was typed."""
        if said["until"]:
            try:
                return to_micros(_MOMENT.validate_python(moment_text(said["until"], visit.zone)))
            except ValidationError:
                wrong["until"] = "write a date and a time"
                return None
        minutes = said["minutes"]
        if minutes.isascii() and minutes.isdecimal() and len(minutes) < 7:
            return to_micros(to_datetime(self._overriding.now()) + timedelta(minutes=int(minutes)))
        wrong["until"] = "say how long"
        return None

    async def _show(self, visit: Visit, said: Fields, wrong: Fields, status: int = 200) -> View:
        now, rulebook = self._overriding.now(), self._current.revision.rulebook
        found = await self._database.read(lambda c: list_overrides(c, limit=100, before=None, live_at=now))
        past = await self._database.read(lambda c: list_overrides(c, limit=PAST, before=None, live_at=None))
        live: Sequence[Any] = [shown_of(one, rulebook, now) for one in found]
        names = {one.id for one in live}
        context = {
            "said": said,
            "wrong": wrong,
            "live": live,
            "past": [shown_of(one, rulebook, now) for one in past if one.id not in names],
            "spans": SPANS,
            "profiles": [(name, name) for name in rulebook.profiles],
        }
        return View("overrides.html", context, status)
