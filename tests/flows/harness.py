"""A whole gateway and an emulated upstream in one event loop, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gateway.app import Gateway, create_app
from gateway.clock import SystemClock
from gateway.emulator.dialer import Dialer
from gateway.emulator.server import EmulatorServer
from gateway.emulator.upstream import EmulatedUpstream
from gateway.monitor.watch import Patience
from gateway.server import running
from gateway.settings import Settings, load_settings
from tests.encrypted_run import ENVIRONMENT
from tests.new_databases import provide_tables

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgZmxvd3M="
ADMIN_KEY = "an-admin-key-for-the-flows"
STILL_WORKING = frozenset(
    {"decided", "accepting", "accept_unknown", "rejecting", "referring", "refer_wait", "refer_unknown", "ending"}
)


@dataclass(kw_only=True)
class Running:
    """A running gateway, as its clients and its tests see it."""

    gateway: Gateway
    url: str
    upstream: EmulatedUpstream
    dialer: Dialer
    client: httpx.AsyncClient  # of the API, with the admin's key

    async def publish(self, document: Mapping[str, Any]) -> None:
        """Put a rulebook in force."""
        current = await self.client.get("/rulebook")
        answer = await self.client.put("/rulebook", json=document, headers={"if-match": current.headers["etag"]})
        assert answer.status_code == 200, answer.text

    async def call(self, call_id: str) -> dict[str, Any] | None:
        """A call as the API shows it."""
        answer = await self.client.get(f"/calls/{call_id}")
        if answer.status_code == 404:
            return None
        call: dict[str, Any] = answer.raise_for_status().json()
        return call

    async def timeline(self, call_id: str) -> list[str]:
        """The kinds of a call's events, in order."""
        answer = await self.client.get(f"/calls/{call_id}/events")
        return [event["kind"] for event in answer.raise_for_status().json()["items"]]

    async def settled(self, call_id: str, *, within: float = 15.0, ended: bool = False) -> dict[str, Any]:
        """A call once it owes no work; with `ended`, once it is over."""
        clock = SystemClock()
        deadline = clock.monotonic() + within
        while True:
            call = await self.call(call_id)
            if call is not None and call["state"] not in STILL_WORKING | ({"accepted"} if ended else set()):
                return call
            assert clock.monotonic() < deadline, f"{call_id} is not settled: {call}"
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running_gateway(
    database_url: str,
    directory: Path,
    *,
    upstream: EmulatedUpstream | None = None,
    emulator: EmulatorServer | None = None,
    patience: Patience | None = None,
    reloads: bool = False,
    **settings: str,
) -> AsyncIterator[Running]:
    """Run a gateway on `database_url` and an emulated upstream.

    `settings` are variables that differ, an empty text standing for none; with `reloads` the gateway reads its
    configuration anew, as `serve` does. A running `emulator` that is given is used, and goes on running.
    """
    provide_tables(database_url)
    async with nullcontext(emulator) if emulator else EmulatorServer(upstream) as emulator:
        environment = {
            "OPENAI_API_KEY": "sk-flows",
            "OPENAI_WEBHOOK_SECRET": SECRET,
            "OPENAI_BASE_URL": emulator.base_url,
            "GATEWAY_DATABASE_URL": database_url,
            "GATEWAY_ADMIN_KEY": ADMIN_KEY,
            "GATEWAY_UPSTREAM_TIMEOUT": "0.5",
            **ENVIRONMENT,
            **settings,
        }
        deaths: list[str] = []

        def load() -> Settings:
            return load_settings({}, environment, directory)

        gateway = Gateway(
            load(),
            clock=SystemClock(),
            on_death=lambda: deaths.append("the journal's writer"),
            patience=patience,
            load=load if reloads else None,
        )
        async with running(create_app(gateway), on_stopping=gateway.begin_stop) as port:
            url = f"http://127.0.0.1:{port}"
            client = httpx.AsyncClient(
                base_url=f"{url}/api/v1", headers={"authorization": f"Bearer {ADMIN_KEY}"}, trust_env=False
            )
            dialer = Dialer(emulator.upstream, url=f"{url}/webhooks/openai", secret=SECRET)
            async with client, dialer:
                yield Running(gateway=gateway, url=url, upstream=emulator.upstream, dialer=dialer, client=client)
        assert not deaths
