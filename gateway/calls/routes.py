"""The API's operations on call history."""

from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import Place, answer, read_cursor, write_cursor
from gateway.calls.contract import CallPage, Timeline, call_of, detail_of, event_of
from gateway.calls.history import (
    Position,
    RecordedCall,
    Wanted,
    find_call,
    find_calls,
    find_events,
    find_plan_of,
)
from gateway.calls.lifecycle import State
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import Line, PageQuery, QueryMoment, QueryNumber, to_micros
from routing_rules import Explanation

Explain = Callable[[RecordedCall], Awaitable[Explanation | None]]


class CallsQuery(PageQuery):
    """Which calls are wanted."""

    state: State | None = None
    """The state in which they stand."""

    decision: Literal["accept", "reject", "refer", "ignore"] | None = None
    """What was decided."""

    rule: Line | None = Field(None, max_length=200)
    """The id of the rule that decided."""

    profile: Line | None = Field(None, max_length=200)
    """The profile that answered or was to answer."""

    endpoint: Line | None = Field(None, max_length=200)
    """The endpoint that delivered them."""

    called: QueryNumber | None = Field(None, max_length=200)
    """The called number or user part; or its beginning, followed by `*`: `+1555*`."""

    caller: QueryNumber | None = Field(None, max_length=200)
    """The caller, likewise."""

    since: QueryMoment | None = None
    """Received then or later."""

    until: QueryMoment | None = None
    """Received before then."""

    q: Line | None = Field(None, min_length=1, max_length=100)
    """The beginning of a call id, or any part of called, caller or caller_name."""


class CallRoutes:
    """`/calls`. `explain` tries the rules of a call's revision again; None where they cannot be had."""

    def __init__(self, *, database: Database, explain: Explain) -> None:
        self._database = database
        self._explain = explain

    async def list_calls(self, request: Request, query: CallsQuery) -> Response:
        """List calls, the newest first.

        A page may be short, even empty, and still have a `next`: a search that finds little stops after looking at
        some ten thousand calls and goes on from there.
        """
        position = read_cursor(query.cursor, tuple[Literal["calls"], Place, Place])
        wanted = Wanted(
            **query.model_dump(exclude={"limit", "cursor", "since", "until"}),
            since=to_micros(query.since),
            until=to_micros(query.until),
        )
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
