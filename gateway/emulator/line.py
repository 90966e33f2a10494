"""Replies that never come through: real effects on the TCP connection that carries the request.

ASGI has no word for a broken connection, so `server` leaves the connection's transport in the request's scope and these
responses take it from there.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.emulator.faults import Line

# The key in the scope's `state` under which `server` leaves the asyncio.Transport.
TRANSPORT: Final = "emulator.transport"

# SO_LINGER on with a time of zero: closing discards what is queued and sends RST (Linux tcp(7), socket(7)).
NO_LINGER: Final = struct.pack("ii", 1, 0)

# A status line, a header that promises more than follows, and a body that stops in a word.
_HALF_A_REPLY: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 64\r\n\r\n" + b'{"object": "realtime.ca'
)


async def hung_up(receive: Receive) -> None:
    """Wait until the client has closed its connection, or we have."""
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass


class BrokenLine(Response):
    """Instead of a reply: what `line` says, then the end of the connection. Raises KeyError under another server."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._break = _BREAKS[line]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._break(scope["state"][TRANSPORT])
        await hung_up(receive)


def _reset(transport: asyncio.Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


def _close(transport: asyncio.Transport) -> None:
    transport.close()


def _cut(transport: asyncio.Transport) -> None:
    transport.write(_HALF_A_REPLY)
    transport.close()


def _keep_silent(transport: asyncio.Transport) -> None:
    """Leave the connection to the client's patience."""


_BREAKS: Final[Mapping[Line, Callable[[asyncio.Transport], None]]] = {
    Line.RESET: _reset,
    Line.CLOSED: _close,
    Line.CUT: _cut,
    Line.SILENT: _keep_silent,
}
