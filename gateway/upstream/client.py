"""The upstream by httpx: one request in, one `Outcome` out, never an exception of the network.

One transport serves all endpoints: httpx's requests and replies over aiohttp's engine, without httpx's client between
them, which would follow redirects, keep cookies and cost as much as the rest (docs/decisions.md). Nothing here decides
whether to try again; that is `gateway.actions.retry`.
"""

import asyncio
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from gateway.errors import ConfigurationError
from gateway.settings import Endpoint
from gateway.upstream import wire
from gateway.upstream.outcome import Outcome, Result, classify
from gateway.upstream.wire import Command

# As many as may be in flight (`gateway.actions.worker`), so that no request waits for a connection.
CONNECTIONS: Final = 256

# Below the idle time-outs of the usual load balancers (60 s and more), so that we close first: a request sent on a
# connection that the other side is closing is lost, and a lost refer is never repeated.
KEEP_ALIVE: Final = 15.0

CONNECT_TIMEOUT: Final = 1.0

# What the engine raises before any byte of the request has left: no address, no connection, no TLS, no free
# connection. Everything else may have been raised after the upstream had read the request. httpx's own classes cannot
# be asked: the bridge reports a connection that was reset in the middle of a request as a ConnectTimeout.
_NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class Upstream:
    """Sends commands to the upstreams of all endpoints. `close` belongs to the application's lifespan."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._base = {name: httpx.URL(endpoint.base_url.rstrip("/")) for name, endpoint in endpoints.items()}
        self._headers = {name: httpx.Headers(_headers(endpoint)) for name, endpoint in endpoints.items()}
        self._transport = AiohttpTransport(client=_engine, trust_env=False)

    async def send(self, endpoint: str, call_id: str, command: Command, body: bytes, *, timeout: float) -> Outcome:
        """Send one command and say what became of it, within `timeout` seconds.

        Raises InvalidCallId for an id that must not be put into a path; nothing else.
        """
        base = self._base[endpoint]
        url = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + wire.path(command, call_id).encode())
        connect = min(CONNECT_TIMEOUT, timeout)
        limits = {"connect": connect, "pool": connect, "read": timeout, "write": timeout}
        request = httpx.Request(
            "POST", url, headers=self._headers[endpoint], content=body, extensions={"timeout": limits}
        )
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                reply = await self._transport.handle_async_request(request)
                try:
                    content = await reply.aread()
                finally:
                    await reply.aclose()
        except (httpx.TransportError, aiohttp.ClientError, TimeoutError) as error:
            cause = error.__cause__ if isinstance(error, httpx.TransportError) else error
            result = Result.NOT_SENT if isinstance(cause, _NOT_SENT) else Result.AMBIGUOUS
            status, detail, retry_after = None, _describe(cause or error), None
        else:
            result, status = classify(reply.status_code), reply.status_code
            detail = "" if result is Result.DONE else wire.read_error(content)
            retry_after = _retry_after(reply.headers.get("retry-after"), time.time())
        return Outcome(
            result=result,
            status=status,
            detail=detail,
            retry_after=retry_after,
            seconds=time.monotonic() - started,
        )

    async def close(self) -> None:
        await self._transport.aclose()


def _engine() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
    )


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"content-type": "application/json", "user-agent": "sip-call-gateway"}
    if endpoint.api_key is None:
        return headers
    key = endpoint.api_key.get_secret_value()
    if not key.isascii() or not key.isprintable():
        raise ConfigurationError(f"the API key of the endpoint {endpoint.name!r} holds characters no header may hold")
    if endpoint.auth == "api-key":
        return {**headers, "api-key": key}
    return {**headers, "authorization": f"Bearer {key}"}


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait, from either form of RFC 9110 section 10.2.3; None where there is none or it is not readable."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
