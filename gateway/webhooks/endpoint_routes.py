"""`/endpoints`: the sources of webhooks, how far each is set up, and which of its secrets are in use."""

from collections.abc import Mapping
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import Answer, Page, Time, answer
from gateway.database import Database
from gateway.endpoint import Endpoint, Surface, missing_of
from gateway.upstream.client import Upstream
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.secret_uses import find_uses


class ShownSecret(Answer):
    """A signing secret, without itself."""

    fingerprint: str
    """Eight hex digits by which two secrets are told apart."""

    last_used_at: Time | None
    """When it last proved a delivery; to the minute where another node has seen it. Null: never yet."""


class ShownEndpoint(Answer):
    """One source of webhooks, and the upstream that controls its calls."""

    name: str
    """As in its webhook's address."""

    webhook: str
    """The address of its webhook, below this server's."""

    base_url: str
    """Where its commands go."""

    surface: Surface
    """Whose announcements are decided: realtime or live."""

    auth: Literal["bearer", "api-key"]
    """How the API key travels."""

    api_key: str | None
    """The API key's fingerprint; null where there is none."""

    secrets: list[ShownSecret]
    """The signing secrets, all of them valid."""

    upstream_timeout: float | None
    """Seconds for one attempt; null for the gateway's."""

    max_in_flight: int | None
    """Requests to the upstream at the same time; null for no limit of its own."""

    in_flight: int
    """Requests of this process to the upstream that are under way."""

    missing: list[str]
    """What keeps it from taking real calls, in sentences."""


class EndpointPage(Page[ShownEndpoint]):
    """All endpoints, as configured; there is one page."""


class EndpointRoutes:
    """`/endpoints`."""

    def __init__(
        self, *, endpoints: Mapping[str, Endpoint], keyring: Keyring, upstream: Upstream, database: Database
    ) -> None:
        self._endpoints = endpoints
        self._keyring = keyring
        self._upstream = upstream
        self._database = database

    async def list_endpoints(self, request: Request) -> Response:
        """List the endpoints, with their secrets' fingerprints and latest uses.

        While a secret is rotated both are listed. The old one can be taken away once it is no longer used.
        """
        return answer(EndpointPage(items=await self.shown()))

    async def shown(self) -> list[ShownEndpoint]:
        """All endpoints as they stand now."""
        stored = await self._database.read(find_uses)
        secrets: dict[str, list[ShownSecret]] = {}
        for use in self._keyring.uses():
            latest = max(use.at, stored.get((use.endpoint, use.fingerprint), 0))
            secrets.setdefault(use.endpoint, []).append(
                ShownSecret(fingerprint=use.fingerprint, last_used_at=latest or None)
            )
        return [self._show(one, secrets) for one in self._endpoints.values()]

    def _show(self, endpoint: Endpoint, secrets: Mapping[str, list[ShownSecret]]) -> ShownEndpoint:
        name = endpoint.name
        return ShownEndpoint(
            name=name,
            webhook=f"/webhooks/{name}",
            base_url=endpoint.base_url,
            surface=endpoint.surface,
            auth=endpoint.auth,
            api_key=self._upstream.key_fingerprint(name),
            secrets=secrets.get(name, []),
            upstream_timeout=endpoint.upstream_timeout,
            max_in_flight=endpoint.max_in_flight,
            in_flight=self._upstream.in_flight(name),
            missing=missing_of(endpoint),
        )
