"""The API's operations on call history."""

from collections.abc import Awaitable, Callable
from typing import Literal

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import Place, answer, read_cursor, write_cursor
from gateway.calls.contract import CallPage, Timeline, Transcript, Utterance, call_of, detail_of, event_of, facets_of
from gateway.calls.facets import find_facets
from gateway.calls.filters import CallsFilter
from gateway.calls.history import (
    RecordedCall,
    RecordedEvent,
    find_call,
    find_calls,
    find_events,
    find_plan_of,
)
from gateway.calls.masking import HIDDEN, mask_call, mask_detail, mask_explanation, mask_plan
from gateway.calls.reveal import Reveal, RevealQuery, check_search, part_of
from gateway.calls.store import own_plan_key
from gateway.calls.transcripts import find_lines
from gateway.calls.wanted import Position
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import PageQuery
from routing_rules import Explanation

Explain = Callable[[RecordedCall], Awaitable[Explanation | None]]


class CallsQuery(CallsFilter, RevealQuery, PageQuery):
    """Which calls are wanted, and which part of their list."""


class EventsQuery(RevealQuery, PageQuery):
    """Which part of a timeline is wanted, and how."""


class TranscriptQuery(RevealQuery, PageQuery):
    """Which part of a transcript is wanted, and how."""


class CallRoutes:
    """`/calls`. `explain` tries the rules of a call's revision again; None where they cannot be had."""

    def __init__(self, *, database: Database, explain: Explain, reveal: Reveal) -> None:
        self._database = database
        self._explain = explain
        self._reveal = reveal

    async def list_calls(self, request: Request, query: CallsQuery) -> Response:
        """List calls, the newest first.

        A page may be short, even empty, and still have a `next`: a search that finds little stops after looking at
        some thousand calls and goes on from there.
        """
        position = read_cursor(query.cursor, tuple[Literal["calls"], Place, Place])
        check_search(request, caller=part_of(query.caller), q=query.q, header=query.header)
        filters = query.model_dump(exclude={"limit", "cursor", "reveal"}, exclude_none=True)
        mask = await self._reveal.mask(request, reveal=query.reveal, of="calls", filters=filters)
        wanted = query.wanted()
        after = Position(*position[1:]) if position else None
        found, following = await self._database.read(
            lambda connection: find_calls(connection, wanted, limit=query.limit, after=after)
        )
        return answer(
            CallPage(
                items=[call_of(mask(call)) for call in found],
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
        check_search(request, caller=part_of(query.caller), q=query.q)
        facets = await self._database.read(lambda connection: find_facets(connection, query.wanted()))
        return answer(facets_of(facets))

    async def show_call(self, request: Request, query: RevealQuery) -> Response:
        """Show one call, with how its decision came about and what was planned."""
        call_id = request.path_params["call_id"]
        call, plan = await self._database.read(_call_with_plan, call_id)
        mask = await self._reveal.mask(request, reveal=query.reveal, of=f"call:{call_id}")
        explanation = await self._explain(call)
        if explanation is not None and mask is mask_call:
            explanation = mask_explanation(explanation, call)
        if mask is mask_call and call.plan == own_plan_key(call_id):
            plan = mask_plan(plan, call)
        return answer(detail_of(mask(call), explanation, plan))

    async def list_call_events(self, request: Request, query: EventsQuery) -> Response:
        """List what happened to a call, the oldest first."""
        call_id = request.path_params["call_id"]
        position = read_cursor(query.cursor, tuple[Literal["events"], Place])
        call, events = await self._database.read(
            lambda connection: _call_with_events(
                connection, call_id, limit=query.limit + 1, after=position[1] if position else 0
            )
        )
        mask = await self._reveal.mask(request, reveal=query.reveal, of=f"call:{call_id}")
        shown = [event_of(event) for event in events[: query.limit]]
        if mask is mask_call:
            shown = [e.model_copy(update={"detail": mask_detail(e.detail, spare=call.called)}) for e in shown]
        following = write_cursor(("events", events[query.limit - 1].id)) if len(events) > len(shown) else None
        return answer(Timeline(items=shown, next=following))

    async def show_transcript(self, request: Request, query: TranscriptQuery) -> Response:
        """Show what was said in a call, in order; empty where its profile keeps no transcript."""
        call_id = request.path_params["call_id"]
        position = read_cursor(query.cursor, tuple[Literal["transcript"], Place])
        lines = await self._database.read(
            lambda connection: find_lines(
                connection,
                _call(connection, call_id).id,
                limit=query.limit + 1,
                after=position[1] if position else 0,
            )
        )
        mask = await self._reveal.mask(request, reveal=query.reveal, of=f"call:{call_id}")
        shown = [Utterance.model_validate(line) for line in lines[: query.limit]]
        if mask is mask_call:
            shown = [one.model_copy(update={"text": HIDDEN}) for one in shown]
        following = write_cursor(("transcript", lines[query.limit - 1].id)) if len(lines) > len(shown) else None
        return answer(Transcript(items=shown, next=following))


def _call_with_events(
    connection: Connection, call_id: str, *, limit: int, after: int
) -> tuple[RecordedCall, list[RecordedEvent]]:
    call = _call(connection, call_id)
    return call, find_events(connection, call.id, limit=limit, after=after)


def _call_with_plan(connection: Connection, call_id: str) -> tuple[RecordedCall, bytes]:
    call = _call(connection, call_id)
    return call, find_plan_of(connection, call.id)


def _call(connection: Connection, call_id: str) -> RecordedCall:
    """The call with this id. Raises RequestError (404)."""
    call = find_call(connection, call_id)
    if call is None:
        raise Kind.NOT_FOUND.error(f"there is no call {call_id!r}; it may have been erased")
    return call
