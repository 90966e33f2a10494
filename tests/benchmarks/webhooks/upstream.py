"""The upstream of the benchmark: answers 200 to everything after a settable delay, and notes when what arrived.

A bare protocol, so that it costs little and the same for every program. An accept has arrived when its last byte has:
only then could a real upstream act on it.
"""

import asyncio
import re
import time
from typing import Final, cast

_REPLY: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_ACCEPT: Final = re.compile(rb"POST /v1/realtime/calls/([A-Za-z0-9_-]+)/accept HTTP/1\.1\r\n")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


class Upstream:
    """Collects arrivals. `listen` before the programs start; `expect` before each run."""

    def __init__(self) -> None:
        self.delay = 0.0  # seconds until a reply
        self.arrivals: dict[str, float] = {}  # when the first accept of each call was complete, by `perf_counter`
        self._missing: set[str] = set()
        self._complete: asyncio.Future[None] | None = None

    async def listen(self) -> str:
        """Listen on a free port of 127.0.0.1; the base URL to give to the programs."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    def expect(self, calls: list[str]) -> asyncio.Future[None]:
        """Forget what arrived so far; done when an accept of each of these calls has arrived."""
        self.arrivals = {}
        self._missing = set(calls)
        self._complete = asyncio.get_running_loop().create_future()
        return self._complete

    @property
    def missing(self) -> int:
        """How many of the expected calls have not been accepted."""
        return len(self._missing)

    def arrived(self, call_id: str) -> None:
        """An accept is here. A repeated one is the program's own business."""
        self.arrivals.setdefault(call_id, time.perf_counter())
        self._missing.discard(call_id)
        if not self._missing and self._complete is not None and not self._complete.done():
            self._complete.set_result(None)

    def unexpected(self, request: bytes) -> None:
        """A program sent what it should not, so its figures would mean nothing."""
        if self._complete is not None and not self._complete.done():
            self._complete.set_exception(RuntimeError(f"the upstream received {request[:200]!r}"))


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's classes do not derive from it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end + 2)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < size:
            return
        request, self._buffer = self._buffer[:size], self._buffer[size:]
        accept = _ACCEPT.match(request)
        if accept is None or length is None:
            self._upstream.unexpected(request)
        else:
            self._upstream.arrived(accept[1].decode())
        if self._upstream.delay:
            asyncio.get_running_loop().call_later(self._upstream.delay, self._reply)
        else:
            self._reply()

    def _reply(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_REPLY)
