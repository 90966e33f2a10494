"""Call history: the search, and its export."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import Connection
from starlette.responses import Response

from gateway.answering import Place, read_cursor, write_cursor
from gateway.calls.contract import facets_of
from gateway.calls.export_routes import ExportQuery, ExportRoutes
from gateway.calls.export_run import estimate
from gateway.calls.facets import Facets, find_facets
from gateway.calls.filters import CallsFilter
from gateway.calls.history import RecordedCall, find_calls
from gateway.calls.lifecycle import State
from gateway.calls.reveal import Reveal, check_search, part_of
from gateway.calls.routes import CallsQuery
from gateway.calls.wanted import Position, Wanted
from gateway.console.door import View
from gateway.console.facets import facets_to_choose
from gateway.console.forms import Fields, Filled, fill, moment_text
from gateway.console.rules import caller_of
from gateway.console.saved_search_store import find_searches
from gateway.console.saved_searches import filters_to_keep
from gateway.console.visit import Visit
from gateway.database import Database
from gateway.problem_details import Kind


class Search(CallsQuery):
    """The API's search, with a page that fits a screen."""

    limit: int = Field(50, ge=1, le=200)
    """How many calls."""


class CallPages:
    """`/calls` and its export."""

    def __init__(self, *, database: Database, reveal: Reveal, exports: ExportRoutes) -> None:
        self._exports = exports
        self._database = database
        self._reveal = reveal

    async def list_calls(self, visit: Visit) -> View | Response:
        """Search calls; the search is the address."""
        filled = read_search(visit)
        found: list[RecordedCall] = []
        following: Position | None = None
        if (search := filled.form) is not None:
            check_search(visit.request, caller=part_of(search.caller), q=search.q, header=search.header)
            names = [name for name, value in filled.said.items() if value and name not in ("cursor", "reveal")]
            mask = await self._reveal.mask(visit.request, reveal=search.reveal or False, of="calls", filters=names)
            position = read_cursor(search.cursor, tuple[Literal["calls"], Place, Place])
            after = Position(*position[1:]) if position else None
            wanted = search.wanted()
            found, following = await self._database.read(
                lambda connection: find_calls(connection, wanted, limit=search.limit, after=after)
            )
            found = [mask(call) for call in found]
        filters = filters_of(filled)
        saved = await self._database.read(find_searches, caller_of(visit).key_id)
        context = {
            "saved": saved,
            "keeps": filters_to_keep(filters),
            "filled": filled,
            "filters": filters,
            "calls": found,
            "older": write_cursor(("calls", *following)) if following else None,
            "states": list(State),
            "command": command_of(filters, visit.zone),
        }
        return View("calls.html", context, 200 if filled.form else 422)

    async def show_facets(self, visit: Visit) -> View:
        """How the calls of a search divide, and how many an export would have."""
        filled = read_search(visit)
        if (search := filled.form) is None:
            told = "; ".join(f"{name} {detail}" for name, detail in filled.mistakes.items())
            raise Kind.INVALID.error(f"The search cannot be read: {told}.")
        check_search(visit.request, caller=part_of(search.caller), q=search.q, header=search.header)
        counted, rows = await self._database.read(_count, search.wanted())
        filters = filters_of(filled)
        facets = None if counted is None else facets_to_choose(facets_of(counted), filters)
        context = {
            "filters": filters,
            "facets": facets,
            "counted": counted.calls if counted else None,
            "more": counted is not None and counted.more,
            "rows": rows,
            "formats": ("csv", "jsonl", *(("parquet",) if find_spec("pyarrow") else ())),
        }
        return View("facets.html", context)

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


def filters_of(filled: Filled[Search]) -> dict[str, str]:
    """What a search says, but for its place."""
    return {name: value for name, value in filled.said.items() if value and name != "cursor"}


def _count(connection: Connection, wanted: Wanted) -> tuple[Facets | None, int | None]:
    """How a search divides, and its rows, where those can be had for little."""
    if wanted.header is not None:
        return None, None
    facets = find_facets(connection, wanted)
    return facets, estimate(connection, wanted) if facets.more else facets.calls


def read_search(visit: Visit) -> Filled[Search]:
    """The search that the address holds; times without an offset are the viewer's."""
    said = {name: value.strip() for name, value in visit.request.query_params.items()}
    typed = {
        name: moment_text(value, visit.zone) if name in ("since", "until") else value for name, value in said.items()
    }
    filled = fill(Search, typed)
    return Filled(said=Fields(said), form=filled.form, mistakes=filled.mistakes)


def command_of(filters: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    """The same search on the command line; its times have an offset, since the viewer's zone is not known there."""
    words = ["gateway", "calls", "list"]
    for name, value in filters.items():
        if name in CallsFilter.model_fields:
            words += ["-q" if name == "q" else f"--{name}", moment_text(value, zone) if name in _MOMENTS else value]
    return words


_MOMENTS: Final = frozenset({"since", "until"})
