"""Signing in: an API key is exchanged for a session cookie; and out again.

Behind TLS the cookie is `__Host-…`: Secure, for this host only, whatever its neighbours set. Guesses are slowed down by
address, which protects a bootstrap key that somebody made up; keys of ours cannot be guessed at any speed.
"""

from secrets import token_bytes
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.guard import Caller, Guard
from gateway.access.keys import digest_of
from gateway.access.sessions import ENTROPY, LIFETIME, end_sessions, find_session, insert_sessions, make_session
from gateway.clock import Clock
from gateway.console.visit import is_secure
from gateway.database import Database
from gateway.errors import RequestError
from gateway.journal import Journal
from gateway.problem_details import Kind

COOKIE: Final = "gateway-session"
SECURE_COOKIE: Final = "__Host-gateway-session"

# Wrong keys that an address may show at once, and seconds until it may show another one.
PATIENCE: Final = 10
PAUSE: Final = 6.0

# Addresses remembered; a flood from many of them must not fill the memory.
REMEMBERED: Final = 10_000

_PROXIES: Final = ("127.0.0.1", "::1")

log = structlog.get_logger(__name__)


class SignIn:
    """Opens sessions, knows whose they are, and ends them."""

    def __init__(self, *, database: Database, journal: Journal, guard: Guard, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._guard = guard
        self._clock = clock
        self._wrong: dict[str, tuple[float, float]] = {}  # by address: tokens left in its bucket, and when

    async def who(self, request: Request) -> Caller | None:
        """Whose session the request brings; None without one that is still good."""
        secret = request.cookies.get(_cookie(request))
        if secret is None:
            return None
        session = await self._database.read(find_session, digest_of(secret.encode()), self._clock.now())
        return None if session is None else await self._recognise(session.key_digest)

    async def open(self, request: Request, response: Response, token: str) -> Caller:
        """Exchange a key for a session, whose cookie `response` will set. Raises RequestError: 401 or 429."""
        address = address_of(request)
        self._slow_down(address)
        key_digest = digest_of(token.encode())
        caller = await self._recognise(key_digest)
        if caller is None:
            left, _ = self._wrong[address]
            self._wrong[address] = (left - 1, self._clock.monotonic())
            log.warning("somebody failed to sign in", address=address)
            raise Kind.UNAUTHENTICATED.error(
                "This key is unknown or revoked. Copy it whole; `gateway keys create` makes a new one."
            )
        session, secret = make_session(token_bytes(ENTROPY), key_digest=key_digest, now=self._clock.now())
        await self._journal.write(insert_sessions, session)
        response.set_cookie(
            _cookie(request), secret, max_age=LIFETIME, secure=is_secure(request), httponly=True, samesite="strict"
        )
        log.info("somebody signed in", key=caller.key_id, address=address)
        return caller

    async def close(self, request: Request, response: Response) -> None:
        """End the session that the request brings, here and in the browser."""
        name = _cookie(request)
        if (secret := request.cookies.get(name)) is not None:
            await self._journal.write(end_sessions, digest_of(secret.encode()))
        response.delete_cookie(name, secure=is_secure(request), httponly=True, samesite="strict")

    async def _recognise(self, key_digest: bytes) -> Caller | None:
        try:
            return await self._guard.recognise(key_digest)
        except RequestError:
            return None

    def _slow_down(self, address: str) -> None:
        """Refuse an address that has shown too many wrong keys. Raises RequestError (429)."""
        if len(self._wrong) >= REMEMBERED:
            self._wrong.clear()
        now = self._clock.monotonic()
        left, then = self._wrong.get(address, (float(PATIENCE), now))
        left = min(PATIENCE, left + (now - then) / PAUSE)
        self._wrong[address] = (left, now)
        if left < 1:
            raise RequestError(
                429,
                "too many wrong keys",
                f"Too many wrong keys came from your address. Wait {PAUSE:.0f} seconds, and try again.",
                headers={"retry-after": f"{PAUSE:.0f}"},
            )


def address_of(request: Request) -> str:
    """Where the request comes from; behind a proxy on this machine, where that says it comes from."""
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return forwarded if forwarded and peer in _PROXIES else peer


def brings_session(request: Request) -> bool:
    """Whether the request brings a session, be it one that has ended."""
    return _cookie(request) in request.cookies


def _cookie(request: Request) -> str:
    return SECURE_COOKIE if is_secure(request) else COOKIE
