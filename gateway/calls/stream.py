"""`GET /calls/stream`: the live feed as server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

import structlog
from pydantic import Field, JsonValue, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.answering import Answer, Time
from gateway.calls.changes import Change, concerns
from gateway.calls.contract import Call, call_of, event_of
from gateway.calls.feed import Feed, Gap
from gateway.calls.filters import CallsFilter
from gateway.calls.lifecycle import State
from gateway.calls.masking import mask_call, mask_detail
from gateway.calls.reveal import Mask, Reveal, RevealQuery, check_search, part_of
from gateway.calls.wanted import Wanted
from gateway.clock import Clock
from gateway.errors import DatabaseUnavailable
from gateway.problem_details import Kind

EVENT_STREAM: Final = "text/event-stream"

# Seconds of silence before a comment is sent: proxies close what is silent for a minute, some for half of one.
HEARTBEAT: Final = 15.0

# Seconds that a stream lasts: a key that is revoked meanwhile is refused when the client comes back.
LONGEST: Final = 3_600.0

# Milliseconds that a client waits before it comes back.
RETRY: Final = 2_000

_Id: Final = TypeAdapter(Annotated[int, Field(ge=0, lt=2**63)])

log = structlog.get_logger(__name__)


class StreamQuery(CallsFilter, RevealQuery):
    """Which calls are followed, and how they are told."""


class CallChange(Answer):
    """The data of an event `call`: one line of a timeline, and the call as it stands now."""

    at: Time
    """When it happened."""

    kind: str
    """What happened; see a timeline's lines."""

    state: State
    """The state that it led to."""

    detail: JsonValue
    """What else is known of it."""

    call: Call
    """The call, which may have moved on since."""


class StreamRoutes:
    """`/calls/stream`."""

    def __init__(self, *, feed: Feed, clock: Clock, reveal: Reveal, heartbeat: float = HEARTBEAT) -> None:
        self._feed = feed
        self._clock = clock
        self._reveal = reveal
        self._heartbeat = heartbeat

    async def stream_calls(self, request: Request, query: StreamQuery) -> Response:
        """Follow what happens to calls, as server-sent events, on whatever node it happens.

        `start` comes first, then `call` for each change, its data a `CallChange`. They have one order, which their ids
        tell, and a client that comes back with the last one as `Last-Event-ID` misses nothing. `gap` tells that changes
        were left out, because the client was behind by more than ten thousand: read anew what you keep. The filter
        `state` is about the state that a change led to. A stream ends after an hour, when the gateway stops, and when
        the client does not read for half a minute; come back with `Last-Event-ID`.
        """
        after = _last_event_id(request)
        check_search(request, caller=part_of(query.caller), q=query.q, header=query.header)
        filters = query.model_dump(exclude={"reveal"}, exclude_none=True)
        mask = await self._reveal.mask(request, reveal=query.reveal, of="calls", filters=filters)
        stream = self._stream(query.wanted(), after, mask if mask is mask_call else None)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream, headers=headers, media_type=EVENT_STREAM)

    async def _stream(self, wanted: Wanted, after: int | None, mask: Mask | None) -> AsyncIterator[bytes]:
        ends = self._clock.monotonic() + LONGEST
        try:
            async with self._feed.follow(after) as follower:
                yield b"retry: %d\nid: %d\nevent: start\ndata: {}\n\n" % (RETRY, follower.place)
                while not self._feed.closed and self._clock.monotonic() < ends:
                    found = await follower.next(self._heartbeat)
                    if isinstance(found, Gap):
                        yield b"id: %d\nevent: gap\ndata: {}\n\n" % found.upto
                    else:
                        told = b"".join(_event(change, mask) for change in found if concerns(change, wanted))
                        yield told + b"id: %d\n\n" % follower.place  # also where a filter left all of them out
                        await asyncio.sleep(0)  # many changes at once must not hold up a ringing call
        except DatabaseUnavailable as error:
            log.warning("a stream ends, since the database failed", error=str(error))


def change_of(change: Change, mask: Mask | None = None) -> CallChange:
    """A change in the contract's words, its caller masked by `mask`."""
    line, call = event_of(change.event), change.call
    detail = line.detail if mask is None else mask_detail(line.detail, spare=call.called)
    told = call_of(call if mask is None else mask(call))
    return CallChange(at=line.at, kind=line.kind, state=line.state, detail=detail, call=told)


def _event(change: Change, mask: Mask | None) -> bytes:
    return b"id: %d\nevent: call\ndata: %s\n\n" % (change.event.id, change_of(change, mask).model_dump_json().encode())


def _last_event_id(request: Request) -> int | None:
    """The change that the client heard of last. Raises RequestError (400)."""
    given = request.headers.get("last-event-id")
    if not given:
        return None
    try:
        return _Id.validate_python(given)
    except ValidationError:
        raise Kind.MALFORMED.error("Last-Event-ID is not the id of an event of this stream") from None
