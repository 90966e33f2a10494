"""The HTTP server: uvicorn, with connections that cannot be held hostage and an exit that long streams hear of.

`run_server` is for `gateway serve`: it blocks, obeys SIGTERM and Ctrl-C and raises what the application raised at its
start. `running` is for everything that shares an event loop, as `gateway demo` and the tests do.

An exit goes like this: the signal sets `should_exit` and calls `on_stopping`, upon which event streams end; uvicorn
stops listening, closes idle connections, waits up to `GRACE` seconds for requests under way, and ends the
application's lifespan. Without `on_stopping` one open event stream would use up the whole grace. A second Ctrl-C leaves
at once.
"""

import asyncio
import errno
import functools
import resource
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import ConfigurationError, GatewayError
from gateway.http_connection import GuardedProtocol, Limits, Watch
from gateway.memory import share_one_heap

# Seconds for requests under way when the server stops. systemd and Kubernetes allow 90 and 30 before they kill.
GRACE: Final = 5

# Connections the kernel holds for us while the loop is busy; capped by net.core.somaxconn.
BACKLOG: Final = 2048

# Descriptors for everything that is not a client: 256 upstream connections, sidebands, databases, files.
OTHER_FILES: Final = 512


def _nothing(*_: object) -> None:
    """The listener for those who do not care."""


def origin(host: str, port: int) -> str:
    """Where a server is found, as the beginning of a URL; an IPv6 address stands in brackets (RFC 3986)."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class GatewayServer(uvicorn.Server):
    """uvicorn's server as this program needs it.

    `on_started(port)` is called when the application is up and clients are served, `on_stopping()` once, in the event
    loop, when the server begins to stop, and `on_cut(reason)` for every connection that is cut or refused before the
    application can answer (see `gateway.http_connection.Watch`).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits | None = None,
        on_started: Callable[[int], None] = _nothing,
        on_stopping: Callable[[], None] = _nothing,
        on_cut: Callable[[str], None] = _nothing,
    ) -> None:
        self._application = _Application(app)
        self._watch = Watch(limits or Limits(), on_cut)
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(
            uvicorn.Config(
                self._application,
                http=functools.partial(GuardedProtocol, watch=self._watch),  # type: ignore[arg-type]
                ws="none",
                interface="asgi3",
                lifespan="on",
                workers=1,
                backlog=BACKLOG,
                proxy_headers=False,
                server_header=False,
                access_log=False,  # halves the throughput; the application logs one line per delivery
                log_config=None,  # gateway.logs
                timeout_graceful_shutdown=GRACE,
            )
        )

    def stop(self) -> None:
        """Begin to stop, as a signal would. May be called from any thread, and more than once."""
        first, self.should_exit = not self.should_exit, True
        if first and self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_stopping)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop on a signal; leave at once on a second Ctrl-C.

        uvicorn raises the signal again when it is done, which would kill the process before its own clean-up.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen. Raises what the application raised."""
        self._loop = asyncio.get_running_loop()
        self._watch.limits = _within_open_files(self._watch.limits)
        self._watch.start()
        try:
            await super().startup(sockets)
        except SystemExit:
            self._watch.stop()
            raise self._application.failure or GatewayError("the application did not start") from None
        if sockets:
            self._on_started(sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let requests finish, end the application. Raises what the application raised."""
        try:
            await super().shutdown(sockets)
        finally:
            self._watch.stop()
        if self._application.failure is not None:
            raise self._application.failure

    async def serve_without_signals(self, listener: socket.socket) -> None:
        """Serve until `stop`, leaving the process's signal handlers alone."""
        await self._serve([listener])


def run_server(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    on_started: Callable[[int], None] = _nothing,
    on_stopping: Callable[[], None] = _nothing,
    on_cut: Callable[[str], None] = _nothing,
    limits: Limits | None = None,
) -> None:
    """Serve `app` until a signal comes; port 0 takes any free one. See `GatewayServer` for the callbacks.

    Raises ConfigurationError when the address cannot be had, and what the application's lifespan raised.
    """
    share_one_heap()
    server = GatewayServer(app, limits=limits, on_started=on_started, on_stopping=on_stopping, on_cut=on_cut)
    with listen(host, port) as listener:
        server.run([listener])


@asynccontextmanager
async def running(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_stopping: Callable[[], None] = _nothing,
    on_cut: Callable[[str], None] = _nothing,
    limits: Limits | None = None,
) -> AsyncIterator[int]:
    """Serve `app` in this event loop for as long as the context lasts; gives the port. Leaves signals alone."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = GatewayServer(app, limits=limits, on_started=started.set_result, on_stopping=on_stopping, on_cut=on_cut)
    with listen(host, port) as listener:
        task = asyncio.create_task(server.serve_without_signals(listener))
        try:
            await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
            if not started.done():
                await task
            yield started.result()
        finally:
            server.stop()
            await task


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not yet listening. Raises ConfigurationError with the remedy."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"GATEWAY_HOST: {host!r} is not an address of this machine ({error})") from error
    try:
        # Connections of the last run may linger for a minute; they must not keep us from starting.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # `::` means IPv4 too
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_why_not(error, host, port)) from error
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"GATEWAY_PORT: another program listens on port {port} of {host}. "
            "Stop it, or choose another port with GATEWAY_PORT or --port."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"GATEWAY_PORT: this user may not listen on port {port}. Choose one above 1023 behind a reverse proxy, "
            "or grant CAP_NET_BIND_SERVICE."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"GATEWAY_HOST: {host} is not an address of this machine. "
            "Use 127.0.0.1 behind a reverse proxy, or 0.0.0.0 for every interface."
        )
    return f"GATEWAY_HOST, GATEWAY_PORT: cannot listen on {host} port {port} ({error.strerror})"


def _within_open_files(limits: Limits) -> Limits:
    """Raise this process's soft limit of open files to the hard one, and keep the connections below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    return replace(limits, connections=max(soft - OTHER_FILES, soft // 2))


class _Application:
    """The application, with what it raised in its lifespan kept for the person who started it.

    uvicorn would log a traceback and leave with a status of its own; a taken database or a wrong setting deserves one
    sentence instead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure: BaseException | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        return self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_traceback(message: Message) -> None:
            await send({"type": message["type"]})

        try:
            await self._app(scope, receive, send_without_traceback)
        except BaseException as error:
            self.failure = error
            raise
