"""The door for deliveries: `POST /webhooks/{endpoint}`.

A bare ASGI application, because a framework's request object would cost more than verifying, deciding and storing
together. The order of its checks is that of RELIABILITY 2.1: what is cheap and needs no body comes first, nothing is
believed before the signature has been verified over the raw bytes.

The answers are chosen for the sender, which repeats a delivery for three days unless it hears 2xx: a duplicate, an
ignored event and a body that cannot be used are 200, since repeating them cannot help; 503 with Retry-After asks for a
repetition. 3xx, 410, 429, 502 and 504 are never sent: they count as failures, disable the endpoint or throttle it.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from gateway.clock import Clock
from gateway.errors import DatabaseUnavailable, SignatureError
from gateway.webhooks.inbox import Verdict
from gateway.webhooks.intake import Intake
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.refusals import Refusals, refusal_of

# What the path of every delivery begins with; the endpoint's name follows.
WEBHOOKS: Final = "/webhooks/"

# A call's event has some 2 kB; 256 KiB is what the published test vectors go up to.
LARGEST_BODY: Final = 256 * 1024

BODY_DEADLINE: Final = 10.0

# The sender waits "a few seconds". Past this its repetition will find the delivery, if it was stored after all.
STORE_DEADLINE: Final = 3.0

# Seconds by which this clock and the sender's may differ before it is told, and seconds between two tellings.
# An attempt arrives within seconds of its timestamp; beyond five minutes every delivery is refused.
SKEW_TOLD: Final = 60
SKEW_TOLD_EVERY: Final = 60.0

log = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """This request is answered with `status`; nothing is stored."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class WebhookDoor:
    """The ASGI application for one webhook path, of all endpoints."""

    def __init__(
        self,
        *,
        intake: Intake,
        keyring: Keyring,
        clock: Clock,
        on_answer: Callable[[str, str, int, float], None],
        refusals: Refusals,
        body_deadline: float = BODY_DEADLINE,
    ) -> None:
        self._intake = intake
        self._keyring = keyring
        self._clock = clock
        self._on_answer = on_answer
        self._refusals = refusals
        self._body_deadline = body_deadline
        self._skew_told = -math.inf  # when, on the monotonic clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._clock.monotonic()
        endpoint: str = scope["path"].removeprefix(WEBHOOKS)
        try:
            verdict: str = await self._receive(endpoint, scope, receive)
            status = 200
        except _RefusedError as refused:
            verdict, status = refused.why, refused.status
        except SignatureError as error:
            verdict, status = error.code, error.status
        except (DatabaseUnavailable, TimeoutError) as error:
            log.error("a delivery could not be stored", endpoint=endpoint, error=str(error))
            verdict, status = "unavailable", 503
        except Exception:
            # Whatever it is, the sender shall come again; 500 would count as our failure all the same.
            log.exception("a delivery failed unexpectedly", endpoint=endpoint)
            verdict, status = "unexpected", 503
        if status >= 400:
            log.warning("delivery refused", endpoint=endpoint if status != 404 else None, status=status, why=verdict)
            self._note(scope, endpoint, status, verdict)
        await _answer(send, status)
        self._on_answer(endpoint, verdict, status, self._clock.monotonic() - started)

    def _note(self, scope: Scope, endpoint: str, status: int, why: str) -> None:
        """Remember a refusal, for those who wonder where their deliveries are."""
        peer = scope.get("client")
        refusal = refusal_of(
            at=self._clock.now(),
            endpoint=endpoint,
            status=status,
            why=why,
            headers=scope["headers"],
            address=peer[0] if peer else None,
        )
        self._refusals.note(refusal)

    async def _receive(self, endpoint: str, scope: Scope, receive: Receive) -> Verdict:
        ring = self._keyring.find(endpoint)
        if ring is None:
            raise _RefusedError(404, "unknown_endpoint")
        if scope["method"] != "POST":
            raise _RefusedError(405, "method")
        verifier = ring.verifier
        if verifier is None:
            raise _RefusedError(503, "no_webhook_secret")
        headers = _read_headers(scope["headers"])
        _check_form(headers)
        now = self._clock.now()
        claim = verifier.read(headers, now / 1e6)
        body: bytes | None = None
        try:
            async with asyncio.timeout(self._body_deadline) as limit:
                body = await _read_body(receive)
                delivery = verifier.prove(claim, body)
                ring.used[delivery.secret] = now
                if abs(now / 1e6 - delivery.timestamp) > SKEW_TOLD:
                    self._tell_skew(endpoint, now / 1e6 - delivery.timestamp)
                limit.reschedule(asyncio.get_running_loop().time() + STORE_DEADLINE)
                return await self._intake.receive(endpoint, delivery, body)
        except TimeoutError:
            if body is None:
                raise _RefusedError(408, "slow_body") from None
            raise

    def _tell_skew(self, endpoint: str, seconds: float) -> None:
        """Warn of a clock that goes wrong, while deliveries are still taken."""
        moment = self._clock.monotonic()
        if moment - self._skew_told >= SKEW_TOLD_EVERY:
            self._skew_told = moment
            advice = "set this machine's clock (NTP): beyond 300 s every delivery is refused"
            log.warning("this clock and the sender's differ", endpoint=endpoint, seconds=round(seconds), advice=advice)


async def _read_body(receive: Receive) -> bytes:
    """The whole body, of at most LARGEST_BODY bytes."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _RefusedError(400, "disconnected")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _RefusedError(413, "too_large")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by lower-case name. One that proves the delivery must not be there twice: which one was signed?"""
    headers: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1")
        if key in headers and key.startswith("webhook-"):
            raise _RefusedError(400, "header_repeated")
        headers[key] = value.decode("latin-1")
    return headers


def _check_form(headers: Mapping[str, str]) -> None:
    """Refuse, by its headers alone, a request that cannot be a delivery."""
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise _RefusedError(400, "content_length")
    if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
        raise _RefusedError(413, "too_large")
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" or headers.get("content-encoding", "identity").lower() != "identity":
        raise _RefusedError(415, "content_type")


_HEADERS: Final = {
    200: [(b"content-length", b"0")],
    405: [(b"content-length", b"0"), (b"allow", b"POST")],
    503: [(b"content-length", b"0"), (b"retry-after", b"2")],
}
# After these the rest of the body may still be on its way; the connection cannot be used again.
_CLOSING: Final = [(b"content-length", b"0"), (b"connection", b"close")]


async def _answer(send: Send, status: int) -> None:
    headers = _HEADERS.get(status, _CLOSING)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
