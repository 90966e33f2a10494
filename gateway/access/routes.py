"""The API's operations on its own keys."""

from dataclasses import asdict
from secrets import token_bytes
from typing import Literal

import structlog
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.guard import Guard, author_of
from gateway.access.keys import ENTROPY, make_key
from gateway.access.roles import Role
from gateway.access.store import Creation, Revocation, create_keys, list_keys, revoke_keys
from gateway.answering import Answer, Page, Place, Time, answer, read_cursor, write_cursor
from gateway.clock import Clock
from gateway.database import Database
from gateway.journal import Journal
from gateway.problem_details import Kind
from gateway.reading import Form, Line, PageQuery

log = structlog.get_logger(__name__)


class NewKey(Form):
    """A key to be made."""

    name: Line = Field(min_length=1, max_length=100)
    """Who or what will use it, for people."""

    role: Role = Field(strict=False)
    """What it may do."""


class ShownKey(Answer):
    """A key, without its token."""

    id: str
    """Names the key in addresses and logs."""

    name: str
    """Who or what uses it."""

    role: Role
    """What it may do."""

    prefix: str
    """The first characters of the token, to recognise it by."""

    created_at: Time
    """When it was made."""

    last_used_at: Time | None
    """When it was last used, to the minute."""

    revoked_at: Time | None
    """When it was revoked; from then on it is refused."""


class CreatedKey(ShownKey):
    """A new key, with its token: the only time that it is told."""

    token: str
    """What to send as `Authorization: Bearer …`. It is not stored."""


class KeyPage(Page[ShownKey]):
    """Keys, the newest first, revoked ones included."""


class KeyRoutes:
    """`/keys`."""

    def __init__(self, *, database: Database, journal: Journal, guard: Guard, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._guard = guard
        self._clock = clock

    async def list_keys(self, request: Request, query: PageQuery) -> Response:
        """List the keys, the newest first."""
        position = read_cursor(query.cursor, tuple[Literal["keys"], Place, str])
        keys = await self._database.read(lambda c: list_keys(c, limit=query.limit + 1, after=position and position[1:]))
        shown, more = keys[: query.limit], keys[query.limit :]
        following = write_cursor(("keys", shown[-1].created_at, shown[-1].id)) if more else None
        return answer(KeyPage(items=[ShownKey.model_validate(key) for key in shown], next=following))

    async def create_key(self, request: Request, body: NewKey) -> Response:
        """Make a key.

        Its token is in this answer and nowhere else.
        """
        key, token = make_key(token_bytes(ENTROPY), name=body.name, role=body.role, now=self._clock.now())
        by = author_of(request)
        await self._journal.write(create_keys, Creation(key, by))
        log.info("key created", key=key.id, role=key.role, by=by.id)
        return answer(CreatedKey.model_validate({**asdict(key), "token": token}), 201)

    async def revoke_key(self, request: Request) -> Response:
        """Revoke a key, for ever; other processes refuse it within a second.

        Nobody's edit can be lost by that, and it must not wait for a second look, so it takes no `If-Match`. To
        revoke a revoked key changes nothing.
        """
        key_id = request.path_params["key_id"]
        by = author_of(request)
        key = await self._journal.write(revoke_keys, Revocation(key_id, self._clock.now(), by))
        if key is None:
            raise Kind.NOT_FOUND.error(f"there is no key {key_id!r}")
        self._guard.forget(key)
        log.info("key revoked", key=key.id, by=by.id)
        return Response(status_code=204)
