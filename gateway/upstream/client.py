"""The upstream by httpx: one request in, one `Outcome` out, never an exception of the network.

Requests and replies are httpx's, on a transport of our own and without httpx's client between them, which would follow
redirects, keep cookies and cost as much as the rest (docs/decisions.md). Nothing here decides whether to try again:
that is `gateway.actions.retry`.
"""

import asyncio
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final

import httpx
import msgspec

from gateway.endpoint import Endpoint
from gateway.errors import ConfigurationError
from gateway.upstream import wire
from gateway.upstream.outcome import Outcome, Result, classify
from gateway.upstream.transport import Transport, head_of, origin_of
from gateway.upstream.wire import Command

CONNECT_TIMEOUT: Final = 1.0

# A browser waits for an ephemeral key, and no caller rings meanwhile.
MINTING_TIMEOUT: Final = 10.0

# What a request has left, in seconds, when it got its place at the last moment.
SHORTEST: Final = 0.05

# Seconds; no pause that an upstream asks for is taken to be longer.
LONGEST_RETRY_AFTER: Final = 86_400.0

# Raised before any byte of the request has left. Every other httpx.TransportError may have been raised after the
# upstream had read the request.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout)


class Prepared(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A command ready to be sent."""

    endpoint: str
    line: "_Line | None"  # None where the endpoint is not configured
    request: httpx.Request | None  # likewise


class Upstream:
    """Sends commands to the upstreams of all endpoints. `close` belongs to the application's lifespan."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._lines = {name: _Line(endpoint) for name, endpoint in endpoints.items()}
        self._transport = Transport()

    def prepare(self, endpoint: str, call_id: str, command: Command, body: bytes) -> "Prepared":
        """A command made ready to be sent, as often as need be.

        Raises InvalidCallId for an id that must not be put into a path; nothing else.
        """
        line = self._lines.get(endpoint)
        if line is None:  # a call may outlive it
            return Prepared(endpoint=endpoint, line=None, request=None)
        path = wire.path(command, call_id, line.surface)
        return Prepared(endpoint=endpoint, line=line, request=line.request(path, body))

    async def send(self, prepared: "Prepared", *, timeout: float) -> Outcome:
        """Send a command and say what became of it, within `timeout` seconds. Raises nothing."""
        if prepared.line is None or prepared.request is None:
            detail = f"the endpoint {prepared.endpoint} is not configured any more"
            return Outcome(result=Result.NOT_SENT, detail=detail)
        outcome, _ = await self._post(prepared.line, prepared.request, timeout)
        return outcome

    async def make_client_secret(self, endpoint: str, body: bytes) -> tuple[Outcome, bytes]:
        """Ask for an ephemeral key, once; the reply's body is as the upstream wrote it, and holds the key."""
        timeout = self.timeout(endpoint, MINTING_TIMEOUT)
        line = self._lines[endpoint]
        outcome, reply = await self._post(line, line.request(wire.CLIENT_SECRETS, body), timeout)
        return outcome, b"" if reply is None else _body(reply)

    def timeout(self, endpoint: str, usual: float) -> float:
        """Seconds for one attempt: the endpoint's own, or else the usual."""
        line = self._lines.get(endpoint)
        return (line and line.timeout) or usual

    def authorization(self, endpoint: str) -> Mapping[str, str]:
        """The header that shows the endpoint's upstream who we are; empty where it has no key."""
        return self._lines[endpoint].authorization

    def in_flight(self, endpoint: str) -> int:
        """Requests to the endpoint's upstream that are under way."""
        return self._lines[endpoint].in_flight

    def use_keys(self, endpoints: Mapping[str, Endpoint]) -> None:
        """From the next request on, send the keys that these endpoints have; they must be the same endpoints."""
        for name, line in self._lines.items():
            line.use_key(endpoints[name])

    def key_fingerprint(self, endpoint: str) -> str | None:
        """Eight hex digits by which people tell the endpoint's API key from another; None where it has none."""
        return self._lines[endpoint].fingerprint

    async def _post(
        self, line: "_Line", request: httpx.Request, timeout: float
    ) -> tuple[Outcome, httpx.Response | None]:
        """Send one request and say what became of it; and the reply, unread, if it was no error."""
        started = time.monotonic()
        if not await line.enter(timeout):
            detail = f"{line.in_flight} requests to this endpoint are in flight, its max_in_flight"
            return Outcome(result=Result.NOT_SENT, detail=detail, seconds=time.monotonic() - started), None
        try:
            left = max(SHORTEST, timeout - (time.monotonic() - started)) if line.is_limited else timeout
            request.extensions["timeout"] = {"connect": min(CONNECT_TIMEOUT, left / 2), "read": left}
            return await self._exchange(request, started)
        finally:
            line.leave()

    async def _exchange(self, request: httpx.Request, started: float) -> tuple[Outcome, httpx.Response | None]:
        try:
            reply = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            result = Result.NOT_SENT if isinstance(error, _NOT_SENT) else Result.AMBIGUOUS
            detail = f"{type(error).__name__}: {error}"
            return Outcome(result=result, detail=detail, seconds=time.monotonic() - started), None
        result = classify(reply.status_code)
        if result is Result.DONE:
            return Outcome(result=result, status=reply.status_code, seconds=time.monotonic() - started), reply
        detail = wire.read_error(_body(reply))
        if result is Result.REFUSED and wire.is_decided(detail):  # by which status that is told is documented nowhere
            result = Result.CONFLICT
        outcome = Outcome(
            result=result,
            status=reply.status_code,
            detail=detail,
            retry_after=_retry_after(reply.headers.get("retry-after"), time.time()),
            seconds=time.monotonic() - started,
        )
        return outcome, None

    async def close(self) -> None:
        await self._transport.aclose()


class _Line:
    """One endpoint's upstream: where it is, how we show who we are, and how much at once it may be asked."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.url = httpx.URL(endpoint.base_url)
        self.path = self.url.raw_path.rstrip(b"/")
        self.origin = origin_of(self.url)
        self.use_key(endpoint)
        self.surface = endpoint.surface
        self.timeout = endpoint.upstream_timeout
        self.in_flight = 0
        self.is_limited = endpoint.max_in_flight is not None
        self._free = asyncio.Semaphore(endpoint.max_in_flight or 1)

    def use_key(self, endpoint: Endpoint) -> None:
        """Send this endpoint's key from now on."""
        self.authorization = _authorization(endpoint)
        self._headers: dict[int, tuple[httpx.Headers, bytes]] = {}
        key = endpoint.api_key.get_secret_value() if endpoint.api_key else None
        self.fingerprint = None if key is None else sha256(key.encode()).hexdigest()[:8]

    def headers(self, size: int) -> tuple[httpx.Headers, bytes]:
        """All headers of a request with so many bytes, also as sent; kept, since plans' bodies come again and again."""
        known = self._headers.get(size)
        if known is None:
            own = {"host": self.url.netloc.decode("ascii"), "content-length": str(size)}
            headers = httpx.Headers({**own, **_HEADERS, **self.authorization})
            known = self._headers[size] = headers, head_of(headers)
        return known

    def request(self, path: str, body: bytes) -> httpx.Request:
        """A request for a path below the base URL; whoever sends it says how long that may take."""
        headers, head = self.headers(len(body))
        target = self.path + path.encode("ascii")  # to parse a URL for each request takes 20 µs
        return httpx.Request(
            "POST",
            self.url,
            headers=headers,
            stream=httpx.ByteStream(body),  # given as `content`, httpx would work out all headers anew
            extensions={
                "target": target,
                "origin": self.origin,
                "message": b"POST %b HTTP/1.1\r\n%b\r\n%b" % (target, head, body),
            },
        )

    async def enter(self, timeout: float) -> bool:
        """Wait for a place among the requests in flight; False if there is none within `timeout` seconds."""
        if self.is_limited:
            try:
                async with asyncio.timeout(timeout):
                    await self._free.acquire()
            except TimeoutError:
                return False
        self.in_flight += 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        if self.is_limited:
            self._free.release()


_HEADERS: Final = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "sip-call-gateway",
}


def _authorization(endpoint: Endpoint) -> dict[str, str]:
    """The header with the endpoint's API key, if it has one. Raises ConfigurationError for an impossible key."""
    if endpoint.api_key is None:
        return {}
    key = endpoint.api_key.get_secret_value()
    if not key.isascii() or not key.isprintable():
        raise ConfigurationError(f"the API key of the endpoint {endpoint.name!r} holds characters no header may hold")
    return {"api-key": key} if endpoint.auth == "api-key" else {"authorization": f"Bearer {key}"}


def _body(reply: httpx.Response) -> bytes:
    """What a reply says; nothing where it is packed, since we asked for none: a megabyte may unpack to a thousand."""
    return reply.read() if reply.headers.get("content-encoding", "identity") == "identity" else b""


def _retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait, from either form of RFC 9110 section 10.2.3; None where there is none or it is not readable."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        return min(max(0.0, parsedate_to_datetime(value).timestamp() - now), LONGEST_RETRY_AFTER)
    except (ValueError, OverflowError):
        return None
