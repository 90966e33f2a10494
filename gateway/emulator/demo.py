"""The demo: a whole gateway, an emulated upstream and callers, in one event loop, over real HTTP on loopback.

Nothing in the gateway knows that it is a demo: it is configured, started and called as any other.
"""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from secrets import token_urlsafe
from typing import Any, Final, Self

import httpx

from gateway.app import Gateway, create_app
from gateway.calls.lifecycle import TERMINAL, State
from gateway.clock import SystemClock
from gateway.emulator.callers import DEMO_RULEBOOK, Caller, callers
from gateway.emulator.dialer import Dialer
from gateway.emulator.server import EmulatorServer
from gateway.errors import GatewayError
from gateway.server import running
from gateway.settings import load_settings

# A second, and not the usual three, so that a lost reply does not hold up the show.
UPSTREAM_TIMEOUT: Final = "1"

# A call that is not settled by then has failed: the decision's deadline, twice, and some patience.
SETTLED_WITHIN: Final = 30.0

# Every caller who is accepted hangs up soon, so an accepted call is not at its end either.
_STILL_WORKING: Final = frozenset(State) - TERMINAL


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """One call of the demo and how it ended."""

    caller: Caller
    call: dict[str, Any] | None  # as the API shows it; None: the gateway does not know it
    commands: tuple[str, ...]  # what took effect upstream
    requests: int  # what reached the upstream
    failure: str | None  # what is not as expected


class Demo:
    """`async with Demo(directory) as demo:` runs everything; `play` places one call and waits for its end."""

    def __init__(self, directory: Path, *, port: int = 0, seed: int | None = None) -> None:
        self._directory = directory
        self._port = port
        self.callers: Iterator[Caller] = callers(Random(seed))  # noqa: S311  a cast of characters, not a secret
        self.admin_key = token_urlsafe(24)
        self.address = ""
        self.died = asyncio.Event()  # set when the gateway cannot go on: its journal's writer died
        self._emulator = EmulatorServer()
        self._stack = AsyncExitStack()
        self._dialer: Dialer
        self._api: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._emulator)
            secret = token_urlsafe(24)
            port = await stack.enter_async_context(self._gateway(secret))
            self.address = f"http://127.0.0.1:{port}"
            self._dialer = await stack.enter_async_context(
                Dialer(self._emulator.upstream, url=f"{self.address}/webhooks/openai", secret=secret)
            )
            self._api = await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"{self.address}/api/v1",
                    headers={"authorization": f"Bearer {self.admin_key}"},
                    trust_env=False,
                )
            )
            await self._publish()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def _gateway(self, secret: str) -> AsyncIterator[int]:
        settings = load_settings(
            {},
            {
                "OPENAI_API_KEY": token_urlsafe(24),
                "OPENAI_WEBHOOK_SECRET": secret,
                "OPENAI_BASE_URL": self._emulator.base_url,
                "GATEWAY_DATABASE_URL": f"sqlite:///{self._directory}/gateway.db",
                "GATEWAY_ADMIN_KEY": self.admin_key,
                "GATEWAY_UPSTREAM_TIMEOUT": UPSTREAM_TIMEOUT,
            },
            self._directory,
        )
        gateway = Gateway(settings, clock=SystemClock(), on_death=self.died.set)
        async with running(create_app(gateway), port=self._port, on_stopping=gateway.begin_stop) as port:
            yield port

    async def _publish(self) -> None:
        document = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
        answer = await self._api.put(
            "/rulebook", json=document, params={"comment": "the demo's rules"}, headers={"if-match": '"0"'}
        )
        if answer.status_code != 200:
            raise GatewayError(f"the demo's rulebook was refused: {answer.text}")

    async def play(self, caller: Caller) -> Played:
        """Place one call and wait until it is settled."""
        await self._dialer.ring(caller.call_id, caller.invite, caller.scenario)
        call = await self._settled(caller.call_id)
        arrivals = self._emulator.record.of(caller.call_id)
        failure = caller.expected.failure(
            state=call["state"] if call else None,
            decision=call["decision"]["kind"] if call else None,
            arrivals=arrivals,
        )
        return Played(
            caller=caller,
            call=call,
            commands=self._emulator.record.applied(caller.call_id),
            requests=len(arrivals),
            failure=failure,
        )

    def violations(self) -> tuple[str, ...]:
        """Every request that reached the upstream and should not have been made."""
        return self._emulator.record.violations()

    async def _settled(self, call_id: str) -> dict[str, Any] | None:
        """The call once it owes no work; None where the gateway does not know it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLED_WITHIN
        while True:
            answer = await self._api.get(f"/calls/{call_id}")
            if answer.status_code == 404:
                return None
            call: dict[str, Any] = answer.raise_for_status().json()
            if call["state"] not in _STILL_WORKING or loop.time() > deadline:
                return call
            await asyncio.sleep(0.05)
