"""One HTTP/1.1 connection that a slow or hostile client cannot keep.

Theory
------
uvicorn 0.54 waits for ever for a client that drips its headers, drips its body, or says nothing at all, and its parser
takes a header of any size. `GuardedProtocol` gives every connection a *deadline*, moved by the parser's callbacks:

    connected             head_seconds for the whole head, whatever arrives meanwhile
    head complete         body_seconds, and one second more for each `body_rate` bytes that arrive: a large upload on a
                          slow line may go on, a drip may not
    body complete         none: the time is the application's (an event stream stays open for hours)
    response complete     idle_seconds until the next request begins, then head_seconds again
    closing               linger_seconds to read the answer where input is left unread, else stalled_seconds for the
                          answer to flow out

There is no timer per request. One sweep per server looks at all connections, so a request costs a few assignments
(and saves the timer that uvicorn starts after each response). A deadline that falls before the next sweep is due in
this one: nobody is waited for longer than promised.

An application with a deadline of its own answers first: the webhook route gives up after 10 s with a 408 in its own
words, and `body_seconds` is the wall behind it for routes that have none. When the wall is hit, the client gets 408
from here and the application an `http.disconnect`.

What the parser may be holding in memory is counted: bytes since the last piece it delivered. More than `head_bytes` of
them is a head, a chunk extension or a trailer that we do not want to see the end of.

Message framing is what request smuggling is made of (RFC 9112 section 11.2), so it is strict. llhttp refuses
Content-Length beside Transfer-Encoding, repeated or odd lengths, bare CR or LF, folded lines. We refuse the rest:
transfer codings other than `chunked`, chunked HTTP/1.0, trailers, and a body under an `Upgrade` header, which llhttp
would silently take for the upgraded protocol's data.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a client may take of the server. Times in seconds, sizes in bytes."""

    head_seconds: float = 10.0  # from the connection, or the request's first byte, to the end of its head
    body_seconds: float = 15.0  # from there to the end of the body; more than any route's own deadline (10 s)
    body_rate: int = 16 * 1024  # so many bytes of body earn one second more; the slowest DSL uplinks do 8 KiB/s
    idle_seconds: float = 75.0  # between requests; longer than load balancers keep theirs (60 s), so they close first
    stalled_seconds: float = 30.0  # without reading a byte of a response that waits to be sent
    linger_seconds: float = 5.0  # to read an answer that came before the end of the request
    head_bytes: int = 16 * 1024  # a request's line and headers; Apache, nginx and Node allow 8 to 32 KiB
    connections: int = 4096  # at once; the ones that have waited longest give way to newcomers
    sweep_seconds: float = 0.25  # between two looks at all deadlines


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of our own, and the reason to count it under."""

    status: HTTPStatus
    reason: str


class _Stop(Exception):
    """Ends the parser's work from inside one of its callbacks."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Watch:
    """All connections of one server, their deadlines and their number.

    `on_cut(reason)` hears of every connection that did not end well; the reasons are `silent`, `slow_head`,
    `slow_body`, `slow_reader`, `large_head`, `malformed` and `crowded`.
    """

    def __init__(self, limits: Limits, on_cut: Callable[[str], None]) -> None:
        self.limits = limits
        self.on_cut = on_cut
        self.connections: set[GuardedProtocol] = set()
        # Those that owe us a request's head, the longest-waiting first: a dict is an ordered set.
        self.waiting: dict[GuardedProtocol, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to sweep. Must be called inside the server's event loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.limits.sweep_seconds, self._sweep, loop)

    def stop(self) -> None:
        """Stop sweeping."""
        if self._timer is not None:
            self._timer.cancel()

    def admit(self, connection: "GuardedProtocol") -> None:
        """Count a new connection in; one that has waited longest gives way if there are too many."""
        self.connections.add(connection)
        self.waiting[connection] = None
        if len(self.connections) > self.limits.connections:
            next(iter(self.waiting)).give_way(newcomer=connection)

    def forget(self, connection: "GuardedProtocol") -> None:
        """Count a connection out."""
        self.connections.discard(connection)
        self.waiting.pop(connection, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        # First of all the next sweep: nothing that happens in this one may stop the watch.
        self._timer = loop.call_later(self.limits.sweep_seconds, self._sweep, loop)
        now = loop.time()
        horizon = now + self.limits.sweep_seconds
        for connection in [one for one in self.connections if one.deadline < horizon]:
            connection.be_overdue(now)
        for connection in [one for one in self.connections if one.write_deadline < horizon]:
            connection.cut("slow_reader")


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's httptools connection with deadlines, a cap on what is held, and strict framing."""

    def __init__(self, *, watch: Watch, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._watch = watch
        self._limits = watch.limits
        self.deadline = math.inf  # for what we wait for now, on the loop's clock
        self.write_deadline = math.inf  # for the client to read on; set while the send buffer is full
        self._held = 0  # bytes since the parser last delivered something
        self._received = 0  # bytes of the piece being parsed
        self._in_head = False  # a head has begun and is not complete
        self._in_body = False  # a head was complete and its body is not
        self._head_lines = 0  # headers of the current request; more of them later are trailers
        self._ended = False  # nothing more is read; only the answer has to flow out

    # The transport's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._way_out = _WayOut(transport, self._close)
        self.deadline = self.loop.time() + self._limits.head_seconds
        self._watch.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.deadline = self.write_deadline = math.inf
        self._watch.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._received = len(data)
        self._held += self._received
        try:
            self.parser.feed_data(data)
            if self._held > self._limits.head_bytes:
                self.refuse(_TOO_LARGE)
        except httptools.HttpParserUpgrade:
            # RFC 9110 section 7.8 lets us ignore the wish. llhttp parses nothing after it, so the connection ends.
            self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            cause = error.__context__  # what a callback raised
            self.refuse(cause.refusal if isinstance(cause, _Stop) else _MALFORMED)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.write_deadline = self.loop.time() + self._limits.stalled_seconds

    def resume_writing(self) -> None:
        super().resume_writing()
        self.write_deadline = math.inf

    # The parser's side

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self.cycle is not None:  # the first head's deadline runs from the connection
            self.deadline = self.loop.time() + self._limits.head_seconds

    def on_headers_complete(self) -> None:
        self._check_head()
        super().on_headers_complete()
        self.cycle.transport = self._way_out  # type: ignore[assignment]
        self._watch.waiting.pop(self, None)
        self._held = 0
        self._head_lines = len(self.headers)
        self._in_head, self._in_body = False, True
        self.deadline = self.loop.time() + self._limits.body_seconds

    def on_body(self, body: bytes) -> None:
        self._held = 0
        if not self.cycle.response_complete:
            self.deadline += len(body) / self._limits.body_rate
        super().on_body(body)

    def on_chunk_header(self) -> None:
        # Checked here and not with the head, because hardly any request is chunked.
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings != [b"chunked"]:
            raise _Stop(_CODING)
        if self.scope["http_version"] == "1.0":
            raise _Stop(_MALFORMED)

    def on_message_complete(self) -> None:
        if len(self.headers) != self._head_lines:
            raise _Stop(_TRAILERS)
        self._held = 0
        self._in_body = False
        self.deadline = math.inf
        if self.cycle.response_complete:  # answered before the end of the body
            self._await_request()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._ended:
            return
        if self.transport.is_closing():
            self.deadline = self.loop.time() + self._limits.stalled_seconds
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._in_body:
            self._await_request()

    def _await_request(self) -> None:
        self._watch.waiting[self] = None
        if not self._in_head:
            self.deadline = self.loop.time() + self._limits.idle_seconds

    def _check_head(self) -> None:
        # Only a long piece can hide a long head, so that most heads need no adding up.
        if max(self._held, self._received) > self._limits.head_bytes and self._head_size() > self._limits.head_bytes:
            raise _Stop(_TOO_LARGE)
        if self.parser.should_upgrade() and any(name in _FRAMING for name, _ in self.headers):
            raise _Stop(_UPGRADE)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    # The end of it

    def be_overdue(self, now: float) -> None:
        """The deadline has passed: refuse, close or cut, whichever suits what the client owed."""
        if self._ended or self.transport.is_closing():
            self.transport.abort()
        elif self.flow.read_paused:  # it is the application that does not read
            self.deadline = now + self._limits.body_seconds
        elif self._in_body:
            self.refuse(_SLOW_BODY)
        elif self._in_head:
            self.refuse(_SLOW_HEAD)
        elif self.cycle is None:
            self.cut("silent")
        else:  # idle between two requests, which is nobody's fault
            self.deadline = now + self._limits.linger_seconds
            self.transport.close()

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error of our own, if an answer can still be understood, and end the connection."""
        self._watch.waiting.pop(self, None)
        if not self._may_answer():
            self.cut(refusal.reason)
            return
        self._watch.on_cut(refusal.reason)
        if self._in_body:  # the application was reading this request; its answer would come too late
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(_answer(refusal.status))
        self._linger()

    def _close(self) -> None:
        """The response is complete, and it was the last one."""
        if self._in_body and not self.transport.is_closing():
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        # Closing with input unread would reset the connection, and destroy the answer before the client has read it.
        self._ended = True
        self.deadline = self.loop.time() + self._limits.linger_seconds
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _may_answer(self) -> bool:
        if self.transport.is_closing():
            return False
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr]
            return not self._in_body
        return self._in_body and not self.cycle.response_started and not self.pipeline

    def cut(self, reason: str) -> None:
        """End the connection at once, whatever is under way."""
        self._watch.on_cut(reason)
        self._watch.forget(self)
        self.transport.abort()

    def give_way(self, *, newcomer: "GuardedProtocol") -> None:
        """There are too many connections and this one has waited longest."""
        if self is newcomer:  # all the others are at work
            self.refuse(_CROWDED)
        else:
            self.cut("crowded")


class _WayOut:
    """The transport as a response sees it: closing it waits for a client that is still sending."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})

_TOO_LARGE: Final = Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "large_head")
_MALFORMED: Final = Refusal(HTTPStatus.BAD_REQUEST, "malformed")
_TRAILERS: Final = Refusal(HTTPStatus.BAD_REQUEST, "malformed")
_UPGRADE: Final = Refusal(HTTPStatus.BAD_REQUEST, "malformed")
_CODING: Final = Refusal(HTTPStatus.NOT_IMPLEMENTED, "malformed")
_SLOW_HEAD: Final = Refusal(HTTPStatus.REQUEST_TIMEOUT, "slow_head")
_SLOW_BODY: Final = Refusal(HTTPStatus.REQUEST_TIMEOUT, "slow_body")
_CROWDED: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "crowded")


def _answer(status: HTTPStatus) -> bytes:
    text = f"{status.phrase}: {status.description}" if status.description else status.phrase
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}"
    ).encode("ascii")
