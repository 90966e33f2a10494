"""The emulator on a real socket of this machine, inside the running event loop.

uvicorn's protocol without uvicorn's server: no signals, no polling loop, no lifespan, so that it starts and stops at
once, as often as tests like.
"""

import asyncio
from typing import Any, Final, Self

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.emulator.app import create_emulator
from gateway.emulator.calls import EmulatedCall
from gateway.emulator.dialer import Dialer
from gateway.emulator.line import TRANSPORT
from gateway.emulator.record import Record
from gateway.emulator.sideband import Sideband
from gateway.emulator.upstream import EmulatedUpstream
from gateway.server import origin

# Above the idle time of any client, so that no request is lost to a connection that we are closing.
_KEEP_ALIVE: Final = 75

# A thousand clients may connect at the same moment.
_BACKLOG: Final = 2_048


class _Protocol(HttpToolsProtocol):
    """One connection, which hands its transport to the application."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {TRANSPORT: transport}
        super().connection_made(transport)


class LoopbackServer:
    """`async with LoopbackServer(app) as server:` serves an ASGI application at `server.origin`. No lifespan is run.

    Port 0 takes any free one.
    """

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port, once started: `http://127.0.0.1:40123`."""
        return origin(self._host, self._port)

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        config = Config(
            self._app,
            log_config=None,
            lifespan="off",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        config.load()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Protocol(config, self._state, {}, loop), self._host, self._port, backlog=_BACKLOG
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection, also those that are held open for a silent or slow reply."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()


class EmulatorServer(LoopbackServer):
    """`async with EmulatorServer() as emulator:` is an upstream at `emulator.base_url`.

    `api_key` None lets every key pass; else others are answered 401. With a `dialer`, calls can be placed over the
    control surface too.
    """

    def __init__(
        self,
        upstream: EmulatedUpstream | None = None,
        *,
        api_key: str | None = None,
        dialer: Dialer | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.upstream = upstream or EmulatedUpstream()
        self.sideband = Sideband(self.upstream)
        app = create_emulator(self.upstream, api_key=api_key, dialer=dialer, sideband=self.sideband)
        super().__init__(app, host=host, port=port)

    async def stop(self) -> None:
        """Stop listening, cut every connection, end every script."""
        await super().stop()
        await self.sideband.close()

    @property
    def base_url(self) -> str:
        """The base URL of the API, as `OPENAI_BASE_URL` takes it."""
        return f"{self.origin}/v1"

    @property
    def record(self) -> Record:
        """What reached the upstream."""
        return self.upstream.record

    @property
    def calls(self) -> dict[str, EmulatedCall]:
        """The calls by their ids."""
        return self.upstream.calls
