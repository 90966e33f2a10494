"""Call history: the search, and the page of one call."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from pydantic import Field
from sqlalchemy import Connection
from starlette.responses import Response

from gateway.actions.plan import Step, decode_plan
from gateway.answering import Place, read_cursor, write_cursor
from gateway.calls.export_routes import ExportQuery, ExportRoutes
from gateway.calls.history import (
    RecordedCall,
    RecordedEvent,
    find_call,
    find_calls,
    find_events,
    find_plan_of,
)
from gateway.calls.lifecycle import State
from gateway.calls.masking import mask_detail, mask_explanation
from gateway.calls.reveal import Reveal, check_search
from gateway.calls.routes import CallsQuery
from gateway.calls.wanted import Position
from gateway.clock import to_datetime
from gateway.console.door import View
from gateway.console.forms import Fields, Filled, fill, moment_text
from gateway.console.visit import Visit
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.rulebook.current import Current
from gateway.rulebook.hindsight import Hindsight
from routing_rules import Explanation, explain

# Lines of a timeline on the page; a call has about ten.
LONGEST_TIMELINE: Final = 200


# The search's fields that `gateway calls list` has; its times are in UTC, and those of a page are the viewer's.
ON_THE_COMMAND_LINE: Final = ("q", "state", "decision", "rule", "called", "caller")


class Search(CallsQuery):
    """The API's search, with a page that fits a screen."""

    limit: int = Field(50, ge=1, le=200)
    """How many calls."""


class CallPages:
    """`/calls`."""

    def __init__(
        self, *, database: Database, current: Current, hindsight: Hindsight, reveal: Reveal, exports: ExportRoutes
    ) -> None:
        self._exports = exports
        self._database = database
        self._current = current
        self._hindsight = hindsight
        self._reveal = reveal

    async def list_calls(self, visit: Visit) -> View | Response:
        """Search calls; the search is the address."""
        filled = read_search(visit)
        found: list[RecordedCall] = []
        following: Position | None = None
        if (search := filled.form) is not None:
            part = search.caller if search.caller and "*" in search.caller else None
            check_search(visit.request, caller=part, q=search.q, header=search.header)
            names = [name for name, value in filled.said.items() if value and name not in ("cursor", "reveal")]
            mask = await self._reveal.mask(visit.request, reveal=search.reveal or False, of="calls", filters=names)
            position = read_cursor(search.cursor, tuple[Literal["calls"], Place, Place])
            after = Position(*position[1:]) if position else None
            wanted = search.wanted()
            found, following = await self._database.read(
                lambda connection: find_calls(connection, wanted, limit=search.limit, after=after)
            )
            found = [mask(call) for call in found]
        filters = {name: value for name, value in filled.said.items() if value and name != "cursor"}
        context = {
            "filled": filled,
            "filters": filters,
            "calls": found,
            "older": write_cursor(("calls", *following)) if following else None,
            "states": list(State),
            "command": command_of(filters),
        }
        return View("calls.html", context, 200 if filled.form else 422)

    async def export_calls(self, visit: Visit) -> Response:
        """Every call that the search finds, as a file; what the API exports, for the same query."""
        said = {name: value.strip() for name, value in visit.request.query_params.items()}
        for name in {"since", "until"} & said.keys():
            said[name] = moment_text(said[name], visit.zone)
        wanted = {name: value for name, value in said.items() if name in ExportQuery.model_fields}
        filled = fill(ExportQuery, wanted)
        if filled.form is None:
            told = "; ".join(f"{name} {detail}" for name, detail in filled.mistakes.items())
            raise Kind.INVALID.error(f"The search cannot be exported: {told}.")
        return await self._exports.export_calls(visit.request, filled.form)

    async def show_call(self, visit: Visit) -> View:
        """Everything about one call."""
        call_id = visit.request.path_params["call_id"]
        call, events, plan = await self._database.read(_read_call, call_id)
        again: Explanation | None = None
        compiled = self._current.compiled
        if visit.parameter("again"):
            again = await asyncio.to_thread(explain, compiled.table, call.facts_as_read(), to_datetime(call.decided_at))
        revealed = visit.parameter("reveal") == "true"
        mask = await self._reveal.mask(visit.request, reveal=revealed, of=f"call:{call_id}")
        explanation = await self._hindsight.explain(call)
        timeline = [(event, _detail(event)) for event in events]
        if not revealed:
            explanation = explanation and mask_explanation(explanation, call)
            again = again and mask_explanation(again, call)
            timeline = [(event, mask_detail(detail, spare=call.called)) for event, detail in timeline]
        context = {
            "call": mask(call),
            "revealed": revealed,
            "timeline": timeline,
            "plan": plan,
            "explanation": explanation,
            "again": again,
            "current": compiled.number,
        }
        return View("call.html", context)


def read_search(visit: Visit) -> Filled[Search]:
    """The search that the address holds; times without an offset are the viewer's."""
    said = {name: value.strip() for name, value in visit.request.query_params.items()}
    typed = {
        name: moment_text(value, visit.zone) if name in ("since", "until") else value for name, value in said.items()
    }
    filled = fill(Search, typed)
    return Filled(said=Fields(said), form=filled.form, mistakes=filled.mistakes)


def command_of(filters: Mapping[str, str]) -> list[str]:
    """The same search on the command line, which knows the filters of `ON_THE_COMMAND_LINE`."""
    words = ["gateway", "calls", "list"]
    for name, value in filters.items():
        if name in ON_THE_COMMAND_LINE:
            words += ["-q" if name == "q" else f"--{name}", value]
    return words


def _read_call(connection: Connection, call_id: str) -> tuple[RecordedCall, list[RecordedEvent], tuple[Step, ...]]:
    call = find_call(connection, call_id)
    if call is None:
        raise Kind.NOT_FOUND.error(f"There is no call {call_id!r}; it may have been erased.")
    events = find_events(connection, call.id, limit=LONGEST_TIMELINE)
    return call, events, decode_plan(find_plan_of(connection, call.id)).steps


def _detail(event: RecordedEvent) -> Any:
    return msgspec.json.decode(event.detail) if event.detail is not None else None
