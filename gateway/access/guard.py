"""The guard of the API: from a request's bearer token to the caller, or a refusal.

What the database says of a token is believed for a second. So a busy client costs one read a second, and a key that
any process revokes is refused a second later everywhere, and at once where it was revoked.
"""

from asyncio import Future
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

import structlog
from starlette.requests import Request

from gateway.access.audit import Author
from gateway.access.keys import Key, digest_of
from gateway.access.roles import LEAST_ROLE, Permission, Role, may
from gateway.access.store import Moment, find_by_digest, touch_keys
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import DatabaseUnavailable
from gateway.journal import Journal
from gateway.problem_details import Kind

# Seconds for which a token's key is believed.
BELIEVED: Final = 1.0

# Tokens remembered. More than there are clients in any second; a flood of guesses must not fill the memory.
REMEMBERED: Final = 1_000

# Microseconds between two notes of a key's use: precise enough to see that a key is idle, rare enough to cost nothing.
NOTED_EACH: Final = 60_000_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who makes a request."""

    key_id: str  # of the key, for the log and for authorship
    name: str  # of the key, for people
    role: Role  # what the caller may do


class Guard:
    """Admits requests. `admin_key` is the bootstrap key of GATEWAY_ADMIN_KEY, which is in no database."""

    def __init__(
        self,
        *,
        database: Database,
        journal: Journal,
        clock: Clock,
        admin_key: str | None,
        remembered: int = REMEMBERED,
    ) -> None:
        self._remembered = remembered
        self._database = database
        self._journal = journal
        self._clock = clock
        self._admin = digest_of(admin_key.encode()) if admin_key else None
        self._known: dict[bytes, tuple[float, Key | None]] = {}  # by digest: when it was read, and what
        self._forgotten = 0  # how often a key was changed here
        self._noted: dict[str, int] = {}  # by key id: the last use that was written down

    async def admit(self, request: Request, permission: Permission) -> Caller:
        """The caller of a request that demands `permission`. Raises RequestError: 401 or 403."""
        caller = await self.recognise(digest_of(_token(request)))
        let_in(request, caller, permission)
        return caller

    def forget(self, key: Key) -> None:
        """Believe nothing about a key any longer, since it was changed here."""
        self._known.pop(key.digest, None)
        self._forgotten += 1

    async def recognise(self, digest: bytes) -> Caller:
        """The caller whose token has this digest. Raises RequestError (401)."""
        # The bootstrap key was chosen by a person, so its comparison must not tell how much of a guess is right.
        if self._admin is not None and compare_digest(digest, self._admin):
            return Caller(key_id="bootstrap", name="GATEWAY_ADMIN_KEY", role=Role.ADMIN)
        key = await self._find(digest)
        if key is None or key.revoked_at is not None:
            raise Kind.UNAUTHENTICATED.error(
                "this key is unknown or revoked", headers={"www-authenticate": 'Bearer error="invalid_token"'}
            )
        self._note_use(key)
        return Caller(key_id=key.id, name=key.name, role=key.role)

    async def _find(self, digest: bytes) -> Key | None:
        now = self._clock.monotonic()
        read_at, key = self._known.get(digest, (float("-inf"), None))
        if now - read_at < BELIEVED:
            return key
        forgotten = self._forgotten
        key = await self._database.read(find_by_digest, digest)
        if forgotten != self._forgotten:  # it may have been read before the change
            return key
        if len(self._known) >= self._remembered:
            self._known.clear()
        self._known[digest] = (now, key)
        return key

    def _note_use(self, key: Key) -> None:
        """Write down that a key is used; a request does not wait for that, nor fail with it."""
        now = self._clock.now()
        last = max(self._noted.get(key.id, 0), key.last_used_at or 0)
        if now - last < NOTED_EACH:
            return
        self._noted[key.id] = now
        try:
            written = self._journal.write(touch_keys, Moment(key.id, now))
        except DatabaseUnavailable as error:
            log.warning("the use of a key was not noted", key=key.id, error=str(error))
        else:
            written.add_done_callback(_tell_failure)


def _tell_failure(written: Future[None]) -> None:
    if not written.cancelled() and (error := written.exception()) is not None:
        log.warning("the use of a key was not noted", error=str(error))


def let_in(request: Request, caller: Caller, permission: Permission) -> None:
    """Let the caller make this request, if the role permits it. Raises RequestError (403)."""
    if not may(caller.role, permission):
        raise Kind.FORBIDDEN.error(
            f"this needs the permission {permission}, which the role {LEAST_ROLE[permission]} has; the key "
            f"{caller.name!r} has the role {caller.role}. Whoever hands out keys can make you another",
            headers={"www-authenticate": f'Bearer error="insufficient_scope", scope="{permission}"'},
            permission=permission,
        )
    request.state.caller = caller


def caller_of(request: Request) -> Caller:
    """Who makes this request, once the guard has admitted it."""
    caller: Caller = request.state.caller
    return caller


def author_of(request: Request) -> Author:
    """The same as the audit log tells it."""
    caller = caller_of(request)
    return Author(id=caller.key_id, name=caller.name, address=request.client.host if request.client else None)


def _token(request: Request) -> bytes:
    """The bearer token (RFC 6750 section 2.1). Raises RequestError (401)."""
    lines = request.headers.getlist("authorization")
    scheme, _, token = lines[0].partition(" ") if len(lines) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Kind.UNAUTHENTICATED.error(
            "send one header Authorization: Bearer KEY; `gateway keys create` makes a key",
            headers={"www-authenticate": "Bearer"},
        )
    return token.strip().encode("latin-1")  # as Starlette decoded it
