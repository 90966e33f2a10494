"""The sideband by `websockets`: one WebSocket to one live call, opened once and never by itself again.

The library's own reconnecting is not used: a closed sideband mostly means that the caller has hung up, and whether it
does is for `gateway.monitor` to find out.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from gateway.endpoint import Endpoint
from gateway.upstream.sideband_wire import sideband_path
from gateway.upstream.transport import tls_context

# To connect, with TLS and the handshake. A call that is being watched for the first time waits for it.
OPEN_TIMEOUT: Final = 3.0

# A connection that died without a word is noticed within 20 + 10 s.
PING_INTERVAL: Final = 20.0
PING_TIMEOUT: Final = 10.0

# One event of the conversation's; the largest hold a whole session with its tools.
LARGEST_EVENT: Final = 1024 * 1024

# How long a farewell may take.
CLOSE_TIMEOUT: Final = 1.0


class SidebandError(Exception):
    """The sideband could not be opened; the call may well be alive. Its text is for people and holds no secrets."""


class CallAbsent(Exception):
    """The upstream knows no such call (404): it is over, or not attachable yet."""


class Line:
    """An open sideband. Iterating yields the upstream's events, as they were sent, until the connection ends."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        try:
            while True:
                yield await self._connection.recv()
        except ConnectionClosed:
            return

    async def send(self, event: bytes) -> bool:
        """Send one event; False if the connection has ended."""
        try:
            await self._connection.send(event, text=True)
        except ConnectionClosed:
            return False
        return True

    @property
    def farewell(self) -> str:
        """How the connection ended, for people: "1000 (OK)", or that there was no close frame."""
        code = self._connection.close_code
        if code is None or code == _NO_FRAME:
            return "no close frame"
        return f"{code} {self._connection.close_reason or ''}".strip()[:100]

    async def close(self) -> None:
        """Leave; the call goes on without us."""
        await self._connection.close()


_NO_FRAME: Final = 1006  # RFC 6455 section 7.1.5: not sent by anyone


class _Connect(connect):
    """Opens a connection where it was asked to, and nowhere else: it carries our key, and a redirect may lead away."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Sidebands:
    """Opens sidebands of all endpoints' calls."""

    def __init__(self, endpoints: Mapping[str, Endpoint], authorization: Callable[[str], Mapping[str, str]]) -> None:
        """`authorization` gives the header that is in use for an endpoint now."""
        self._base = {name: _websocket(endpoint.base_url.rstrip("/")) for name, endpoint in endpoints.items()}
        self._surfaces = {name: endpoint.surface for name, endpoint in endpoints.items()}
        self._authorization = authorization
        self._tls: ssl.SSLContext | None = None

    async def attach(self, endpoint: str, call_id: str) -> Line:
        """Open the sideband of a call.

        Raises CallAbsent when the upstream knows no such call, SidebandError when it cannot be asked, InvalidCallId.
        """
        if endpoint not in self._base:  # the call has outlived it
            raise SidebandError(f"the endpoint {endpoint} is not configured any more")
        url = self._base[endpoint] + sideband_path(call_id, self._surfaces[endpoint])
        try:
            connection = await _Connect(
                url,
                ssl=self._context() if url.startswith("wss:") else None,
                additional_headers=self._authorization(endpoint),
                user_agent_header="sip-call-gateway",
                compression=None,  # a compressor has a quarter of a megabyte of its own, and events are few
                proxy=None,  # as for the commands
                open_timeout=OPEN_TIMEOUT,
                ping_interval=PING_INTERVAL,
                ping_timeout=PING_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                max_size=LARGEST_EVENT,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status == _NOT_FOUND:
                raise CallAbsent from None
            raise SidebandError(f"HTTP {status}") from None
        except (OSError, TimeoutError, UnicodeError, WebSocketException) as error:
            raise SidebandError(f"{type(error).__name__}: {error}"[:200]) from error
        return Line(connection)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context()
        return self._tls


_NOT_FOUND: Final = 404


def _websocket(url: str) -> str:
    return url.replace("http", "ws", 1)
