"""The upstream by httpx: one request in, one `Outcome` out, never an exception of the network.

Requests and replies are httpx's, on a transport of our own and without httpx's client between them, which would follow
redirects, keep cookies and cost as much as the rest (docs/decisions.md). Nothing here decides whether to try again:
that is `gateway.actions.retry`.
"""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from gateway.errors import ConfigurationError
from gateway.settings import Endpoint
from gateway.upstream import wire
from gateway.upstream.outcome import Outcome, Result, classify
from gateway.upstream.transport import Transport
from gateway.upstream.wire import Command

CONNECT_TIMEOUT: Final = 1.0

# Raised before any byte of the request has left. Every other httpx.TransportError may have been raised after the
# upstream had read the request.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout)


class Upstream:
    """Sends commands to the upstreams of all endpoints. `close` belongs to the application's lifespan."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._base = {name: endpoint.base_url.rstrip("/") for name, endpoint in endpoints.items()}
        self._headers = {name: httpx.Headers(_headers(endpoint)) for name, endpoint in endpoints.items()}
        self._transport = Transport()

    async def send(self, endpoint: str, call_id: str, command: Command, body: bytes, *, timeout: float) -> Outcome:
        """Send one command and say what became of it, within `timeout` seconds.

        Raises InvalidCallId for an id that must not be put into a path; nothing else.
        """
        url = self._base[endpoint] + wire.path(command, call_id)
        request = httpx.Request(
            "POST",
            url,
            headers=self._headers[endpoint],
            content=body,
            extensions={"timeout": {"connect": min(CONNECT_TIMEOUT, timeout), "read": timeout}},
        )
        started = time.monotonic()
        try:
            reply = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            result = Result.NOT_SENT if isinstance(error, _NOT_SENT) else Result.AMBIGUOUS
            status, detail, retry_after = None, f"{type(error).__name__}: {error}", None
        else:
            result, status = classify(reply.status_code), reply.status_code
            detail = "" if result is Result.DONE else wire.read_error(reply.content)
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


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return {"content-type": "application/json", "user-agent": "sip-call-gateway", **authorization(endpoint)}


def authorization(endpoint: Endpoint) -> dict[str, str]:
    """The header with the endpoint's API key, if it has one. Raises ConfigurationError for an impossible key."""
    if endpoint.api_key is None:
        return {}
    key = endpoint.api_key.get_secret_value()
    if not key.isascii() or not key.isprintable():
        raise ConfigurationError(f"the API key of the endpoint {endpoint.name!r} holds characters no header may hold")
    return {"api-key": key} if endpoint.auth == "api-key" else {"authorization": f"Bearer {key}"}


def _retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait, from either form of RFC 9110 section 10.2.3; None where there is none or it is not readable."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None
