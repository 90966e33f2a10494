"""`/client-secrets`: ephemeral keys of the upstream for browsers and apps."""

import math
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from pydantic import Field, JsonValue
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.audit import Action, Author, Entry, record
from gateway.access.guard import author_of
from gateway.answering import Answer, Time, answer
from gateway.clock import Clock, to_rfc3339
from gateway.errors import RequestError, UpstreamFailed
from gateway.journal import Journal
from gateway.problem_details import Kind
from gateway.reading import Form, Line
from gateway.rulebook.current import Current
from gateway.upstream.client import Upstream
from gateway.upstream.client_secrets import LONGEST, SHORTEST, Allowance, mint


class ExpiresAfter(Form):
    """When a key expires."""

    anchor: Literal["created_at"] = "created_at"
    """From when on the seconds count."""

    seconds: int = Field(600, ge=SHORTEST, le=LONGEST)
    """How long it is valid. A session that it opened may last longer."""


class NewClientSecret(Form):
    """An ephemeral key to be made."""

    profile: Line = Field(min_length=1, max_length=200)
    """The profile of the published rulebook that it opens sessions of."""

    endpoint: Line | None = Field(None, max_length=63)
    """At which endpoint's upstream; the first one unless told."""

    expires_after: ExpiresAfter = ExpiresAfter(seconds=600)
    """When it expires; after ten minutes unless told."""


class CreatedClientSecret(Answer):
    """An ephemeral key: the only time that it is told."""

    value: str
    """The key, `ek_…`, that a browser sends to the upstream."""

    expires_at: Time
    """Until when it opens sessions."""

    session: dict[str, JsonValue]
    """What it opens, as the upstream tells it."""


class Minted(NamedTuple):
    """What the audit log is to say of an ephemeral key."""

    at: int  # µs
    by: Author
    profile: str
    endpoint: str
    expires_at: int  # µs


def record_minted(connection: Connection, keys: Sequence[Minted]) -> list[None]:
    """Write down who was given ephemeral keys; never the keys."""
    record(
        connection,
        *[
            Entry(
                at=key.at,
                author=key.by,
                action=Action.CREATE_CLIENT_SECRET,
                object=f"profile:{key.profile}",
                after={"endpoint": key.endpoint, "expires_at": to_rfc3339(key.expires_at)},
            )
            for key in keys
        ],
    )
    return [None] * len(keys)


class ClientSecretRoutes:
    """`/client-secrets`."""

    def __init__(
        self,
        *,
        endpoints: Collection[str],
        upstream: Upstream,
        current: Current,
        journal: Journal,
        clock: Clock,
        per_minute: int,
    ) -> None:
        self._endpoints = list(endpoints)
        self._upstream = upstream
        self._current = current
        self._journal = journal
        self._clock = clock
        self._allowance = Allowance(per_minute, clock)

    async def create_client_secret(self, request: Request, body: NewClientSecret) -> Response:
        """Make an ephemeral key, with which a browser talks to the agent of a profile.

        The upstream makes it; it is neither stored nor logged. Each API key may ask for so many a minute
        (`GATEWAY_CLIENT_SECRETS_PER_MINUTE`, per process), and the audit log says who was given one.
        """
        compiled = self._current.compiled
        endpoint = body.endpoint or self._endpoints[0]
        by = author_of(request)
        self._check(body.profile, compiled.rulebook.profiles, "profile")
        self._check(endpoint, self._endpoints, "endpoint")
        if wait := self._allowance.take(by.id):
            raise Kind.TOO_MANY.error(
                f"this key was given as many as it may have in a minute; again in {math.ceil(wait)} s",
                headers={"retry-after": str(math.ceil(wait))},
            )
        now = self._clock.now()
        try:
            made = await mint(
                self._upstream,
                compiled,
                endpoint=endpoint,
                profile=body.profile,
                seconds=body.expires_after.seconds,
                now=now,
            )
        except UpstreamFailed as error:
            raise _problem(error) from error
        expires_at = made.expires_at * 1_000_000
        # Before it is told: nobody has a key that the log does not know of.
        await self._journal.write(record_minted, Minted(now, by, body.profile, endpoint, expires_at))
        return answer(CreatedClientSecret(value=made.value, expires_at=expires_at, session=made.session), 201)

    def _check(self, name: str, known: Collection[str], what: str) -> None:
        if name not in known:
            detail = f"there is no {what} {name!r}; there are {', '.join(sorted(known)) or 'none'}"
            raise Kind.INVALID.error(detail, errors=[{"pointer": f"/{what}", "detail": detail}])


def _problem(error: UpstreamFailed) -> RequestError:
    kind = {503: Kind.UPSTREAM_BUSY, 504: Kind.UPSTREAM_SILENT}.get(error.status, Kind.UPSTREAM_FAILED)
    pause = None if error.retry_after is None else str(math.ceil(error.retry_after))
    return kind.error(str(error), headers={"retry-after": pause} if pause else {})
