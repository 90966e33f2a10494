"""Changing secrets without a restart, and without refusing a delivery.

Endpoints' signing secrets and API keys that stand in files (`*_FILE`, a directory of secrets) are read again every ten
seconds, and at once upon SIGHUP. What is new is taken from the next delivery on; a file that cannot be read or holds no
secret leaves what is in force in force, and says so. Other settings, and other secrets, wait for a restart.

The uses of secrets are written down once a minute, so that every node can tell which ones are idle.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import structlog

from gateway.bell import Bell
from gateway.clock import Clock
from gateway.endpoint import Endpoint
from gateway.errors import ConfigurationError, DatabaseUnavailable
from gateway.journal import Journal
from gateway.settings import Settings
from gateway.upstream.client import Upstream
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.secret_uses import note_uses

# Seconds between two looks at the files; the sender overlaps its secrets for hours.
LOOK: Final = 10.0

# Seconds between two notes of uses: one row for each secret that was used.
NOTE: Final = 60.0

log = structlog.get_logger(__name__)


class Rotation:
    """Keeps the secrets in force at those configured. `load` reads the configuration anew; None: it never changes."""

    def __init__(
        self,
        *,
        settings: Settings,
        load: Callable[[], Settings] | None,
        keyring: Keyring,
        upstream: Upstream,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._endpoints = dict(settings.endpoints)
        self._load = load
        self._keyring = keyring
        self._upstream = upstream
        self._journal = journal
        self._clock = clock
        self._called = Bell()
        self._complaint = ""  # what was wrong at the last look, said once

    def call(self) -> None:
        """Look at once, as SIGHUP asks. To be called in the event loop."""
        self._called.ring()

    async def run(self) -> None:
        """Look and note for ever; ends by being cancelled."""
        noted = self._clock.monotonic()
        while True:
            await self._called.wait(LOOK)
            try:
                await self.look()
                if self._clock.monotonic() - noted >= NOTE:
                    noted = self._clock.monotonic()
                    await self.note()
            except Exception:
                log.exception("looking after the secrets failed")  # and is tried again: a rotation must come through

    async def look(self) -> None:
        """Read the configuration, and take what secrets are new."""
        if self._load is None:
            return
        try:
            settings = await asyncio.to_thread(self._load)
        except ConfigurationError as error:
            self._complain(f"the configuration cannot be used, and the one in force stays: {error}")
            return
        fresh = {name: settings.endpoints.get(name, endpoint) for name, endpoint in self._endpoints.items()}
        if _differ(settings, self._settings):
            self._complain("settings other than endpoints' secrets have changed; they wait for a restart")
        else:
            self._complaint = ""
        self._take({name: _with_secrets_of(fresh[name], endpoint) for name, endpoint in self._endpoints.items()})

    def _take(self, endpoints: Mapping[str, Endpoint]) -> None:
        if endpoints == self._endpoints:
            return
        self._upstream.use_keys(endpoints)
        self._keyring.replace(endpoints)
        changed = [name for name, endpoint in endpoints.items() if endpoint != self._endpoints[name]]
        self._endpoints = dict(endpoints)
        marks = [f"{use.endpoint}:{use.fingerprint}" for use in self._keyring.uses()]
        log.info("secrets replaced", endpoints=changed, fingerprints=marks)

    async def note(self) -> None:
        """Write down the uses that are new."""
        if not (uses := self._keyring.news()):
            return
        try:
            await self._journal.write(note_uses, uses)
        except DatabaseUnavailable as error:
            log.warning("the uses of secrets were not noted", error=str(error))

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            log.error(complaint)


def _with_secrets_of(fresh: Endpoint, endpoint: Endpoint) -> Endpoint:
    """The endpoint with the fresh one's secrets, where that has any: an endpoint is not locked out by a slip."""
    return replace(
        endpoint,
        api_key=fresh.api_key or endpoint.api_key,
        webhook_secrets=fresh.webhook_secrets or endpoint.webhook_secrets,
    )


def _differ(settings: Settings, other: Settings) -> bool:
    """Whether the two differ in more than what can be taken without a restart."""
    return _without_endpoints_secrets(settings) != _without_endpoints_secrets(other)


def _without_endpoints_secrets(settings: Settings) -> Settings:
    endpoints = {
        name: replace(endpoint, api_key=None, webhook_secrets=()) for name, endpoint in settings.endpoints.items()
    }
    return replace(settings, endpoints=endpoints, sources={}, warnings=())
