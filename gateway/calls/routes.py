"""The API's operations on call history."""

from collections.abc import Awaitable, Callable
from typing import Literal

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import Place, answer, read_cursor, write_cursor
from gateway.calls.contract import CallPage, Timeline, call_of, detail_of, event_of, facets_of
from gateway.calls.facets import find_facets
from gateway.calls.filters import CallsFilter
from gateway.calls.history import (
    RecordedCall,
    find_call,
    find_calls,
    find_events,
    find_plan_of,
)
from gateway.calls.wanted import Position
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import PageQuery
from routing_rules import Explanation

Explain = Callable[[RecordedCall], Awaitable[Explanation | None]]


class CallsQuery(CallsFilter, PageQuery):
    """Which calls are wanted, and which part of their list."""


class CallRoutes:
    """`/calls`. `explain` tries the rules of a call's revision again; None where they cannot be had."""

    def __init__(self, *, database: Database, explain: Explain) -> None:
        self._database = database
        self._explain = explain

    async def list_calls(self, request: Request, query: CallsQuery) -> Response:
        """List calls, the newest first.

        A page may be short, even empty, and still have a `next`: a search that finds little stops after looking at
        some thousand calls and goes on from there.
        """
        position = read_cursor(query.cursor, tuple[Literal["calls"], Place, Place])
        wanted = query.wanted()
        after = Position(*position[1:]) if position else None
        found, following = await self._database.read(
            lambda connection: find_calls(connection, wanted, limit=query.limit, after=after)
        )
        return answer(
            CallPage(
                items=[call_of(call) for call in found],
                next=write_cursor(("calls", *following)) if following else None,
            )
        )

    async def show_facets(self, request: Request, query: CallsFilter) -> Response:
        """Count how the calls of a search divide by state, decision, rule and country.

        The newest ten thousand are counted, so the answer costs the same whatever is asked for. `header` is no filter
        here.
        """
        if query.header is not None:
            detail = "cannot be counted by; leave it out"
            raise Kind.INVALID.error(
                f"header {detail}", errors=[{"pointer": "/header", "detail": detail, "in": "query"}]
            )
        facets = await self._database.read(lambda connection: find_facets(connection, query.wanted()))
        return answer(facets_of(facets))

    async def show_call(self, request: Request) -> Response:
        """Show one call, with how its decision came about and what was planned."""
        call_id = request.path_params["call_id"]
        call, plan = await self._database.read(_call_with_plan, call_id)
        return answer(detail_of(call, await self._explain(call), plan))

    async def list_call_events(self, request: Request, query: PageQuery) -> Response:
        """List what happened to a call, the oldest first."""
        position = read_cursor(query.cursor, tuple[Literal["events"], Place])
        events = await self._database.read(
            lambda connection: find_events(
                connection,
                _call(connection, request.path_params["call_id"]).id,
                limit=query.limit + 1,
                after=position[1] if position else 0,
            )
        )
        shown = events[: query.limit]
        following = write_cursor(("events", shown[-1].id)) if len(events) > len(shown) else None
        return answer(Timeline(items=[event_of(event) for event in shown], next=following))


def _call_with_plan(connection: Connection, call_id: str) -> tuple[RecordedCall, bytes]:
    call = _call(connection, call_id)
    return call, find_plan_of(connection, call.id)


def _call(connection: Connection, call_id: str) -> RecordedCall:
    """The call with this id. Raises RequestError (404)."""
    call = find_call(connection, call_id)
    if call is None:
        raise Kind.NOT_FOUND.error(f"there is no call {call_id!r}; it may have been erased")
    return call
