"""HTTP/1.1 to the upstream: an `httpx.AsyncBaseTransport` over asyncio and llhttp (httptools).

A ringing call waits for this request, and httpx's own engine and the bridge to aiohttp's spend several times as long on
it as the rest of the gateway on the whole call (`tests/benchmarks/webhooks`). What makes this one small is what it
leaves out: proxies, HTTP/2, streaming, redirects, cookies, and any limit on connections, since its callers bound what
is in flight.

What it never does is send a request twice. A connection that was idle may be closed by the other side at the moment
when we use it; other clients then repeat the request quietly, and a repeated refer is a second phone call. Here the
error says that the request may have been seen, and the policy decides.

Connections are reused newest first, so that a quiet hour lets the old ones expire. The exceptions are httpx's:
`ConnectError` and `ConnectTimeout` before anything was sent, `ReadTimeout`, `ReadError`, `RemoteProtocolError` after.
"""

import asyncio
import ssl
from typing import Final

import httptools
import httpx
from aiohappyeyeballs import start_connection

from gateway.upstream.resolver import Resolver

# Below the idle time-outs of the usual load balancers (60 s and more), so that we close first.
KEEP_ALIVE: Final = 15.0

# With its headers, an upstream's reply has some hundred bytes, an error page some thousand.
LARGEST_REPLY: Final = 1024 * 1024

# An address that has not answered for so long gets a rival: RFC 8305 section 8 says 250 ms.
NEXT_ADDRESS: Final = 0.25

Origin = tuple[bytes, str, int]  # scheme, host, port


def tls_context() -> ssl.SSLContext:
    """Whom we trust to be the upstream: httpx's choice. Holds some hundred certificates; make one for all."""
    return httpx.create_ssl_context()


class Transport(httpx.AsyncBaseTransport):
    """Sends requests, each on a connection of its own while it lasts. `aclose` cuts all connections.

    Of a request's `timeout` extension, `connect` bounds making the connection with its TLS, and `read` everything to
    the last byte of the reply, so that a reply that drips is cut too. Both in seconds.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._idle: dict[Origin, list[_Connection]] = {}
        self._open: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None
        self._resolver = resolver or Resolver()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read its whole reply. Raises httpx.TransportError; never repeats anything."""
        limits = request.extensions["timeout"]
        origin = request.extensions.get("origin") or origin_of(request.url)
        connection, left = self._reuse(origin), limits["read"]
        if connection is None:
            started = asyncio.get_running_loop().time()
            connection = await self._connect(origin, limits["connect"])
            left = max(0.0, left - (asyncio.get_running_loop().time() - started))
        try:
            reply = await connection.exchange(_serialize(request), left)
        except BaseException:
            connection.cut()
            raise
        if connection.is_reusable:
            connection.expires = asyncio.get_running_loop().time() + KEEP_ALIVE
            self._idle.setdefault(origin, []).append(connection)
        else:
            connection.cut()
        return reply

    async def aclose(self) -> None:
        """Cut every connection."""
        for connection in list(self._open):
            connection.cut()
        self._idle.clear()
        self._resolver.close()

    def _reuse(self, origin: Origin) -> "_Connection | None":
        """The idle connection used last, if any is still good; those that are too old are closed."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        now = asyncio.get_running_loop().time()
        while idle and (idle[0].expires < now or not idle[0].is_reusable):
            idle.pop(0).cut()
        while idle:
            connection = idle.pop()
            if connection.is_reusable:
                return connection
        return None

    async def _connect(self, origin: Origin, seconds: float) -> "_Connection":
        scheme, host, port = origin
        secure = scheme == b"https"
        if secure and self._tls is None:
            self._tls = tls_context()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolver.resolve(host, port)
                reached = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS, interleave=1)
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop, self._open),
                    sock=reached,
                    ssl=self._tls if secure else None,
                    server_hostname=host if secure else None,
                )
        except TimeoutError as error:
            self._resolver.doubt(host, port)
            raise httpx.ConnectTimeout(f"no connection within {seconds:g} s") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that DNS cannot carry
            self._resolver.doubt(host, port)
            raise httpx.ConnectError(str(error) or type(error).__name__) from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, registry: "set[_Connection]") -> None:
        self._loop = loop
        self._registry = registry
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reply: asyncio.Future[httpx.Response] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._until_closed = False  # the reply has no length of its own
        self.is_reusable = True
        self.expires = 0.0  # on the loop's clock, while idle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._registry.add(self)

    async def exchange(self, request: bytes, seconds: float) -> httpx.Response:
        """Send the bytes of one request and wait for its reply, for so many seconds in all."""
        if self._transport is None:
            raise AssertionError("a connection is used when it is made")
        self._headers, self._body, self._size, self._until_closed = [], [], 0, False
        self._reply = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._give_up, seconds)
        self._transport.write(request)
        try:
            return await self._reply
        finally:
            timer.cancel()
            self._reply = None

    def cut(self) -> None:
        """Close at once, whatever is under way."""
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._reply is None or self._reply.done():
            self.cut()  # a reply that nobody asked for
            return
        self._size += len(data)
        if self._size > LARGEST_REPLY:
            self._fail(httpx.RemoteProtocolError(f"a reply of more than {LARGEST_REPLY} bytes"))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(httpx.RemoteProtocolError(f"not HTTP: {error}"))

    def eof_received(self) -> None:
        self.is_reusable = False  # what is written from now on would be lost
        if self._until_closed:
            self._complete(reusable=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.discard(self)
        self.is_reusable = False
        self._fail(httpx.ReadError(f"the connection was lost: {exc or 'closed by the upstream'}"))

    def _give_up(self, seconds: float) -> None:
        self._fail(httpx.ReadTimeout(f"no reply within {seconds:g} s"))

    def _fail(self, error: httpx.TransportError) -> None:
        self.is_reusable = False
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)

    def _complete(self, *, reusable: bool) -> None:
        self.is_reusable = self.is_reusable and reusable
        if self._reply is not None and not self._reply.done():
            status = self._parser.get_status_code()
            body = httpx.ByteStream(b"".join(self._body))
            self._reply.set_result(httpx.Response(status, headers=self._headers, stream=body))

    # --- what llhttp calls --------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._reply is not None and self._reply.done():
            self.is_reusable = False  # another reply behind the one that was asked for: whose would the next be?

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        names = {name.lower() for name, _ in self._headers}
        is_last = self._parser.get_status_code() >= 200
        self._until_closed = is_last and not names & {b"content-length", b"transfer-encoding"}

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # an interim reply, RFC 9110 section 15.2; the real one follows
            self._headers, self._body = [], []
        else:
            self._complete(reusable=self._parser.should_keep_alive())


def origin_of(url: httpx.URL) -> Origin:
    """Where the requests of a URL go."""
    return url.raw_scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def head_of(headers: httpx.Headers) -> bytes:
    """The headers as they are sent."""
    return b"".join([b"%b: %b\r\n" % field for field in headers.raw])


def _serialize(request: httpx.Request) -> bytes:
    """The bytes of a request whose body is at hand; one that was made ready before brings them, as its `message`."""
    if (message := request.extensions.get("message")) is not None:
        return bytes(message)
    target = request.extensions.get("target") or request.url.raw_path
    method = request.method.encode("ascii")
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, target, head_of(request.headers), request.read())
