"""The console over a real database and journal, without a server or a browser: requests go in by ASGI."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.access.roles import Role
from gateway.api.routes import publisher_of, read_ringing
from gateway.console.context import ConsoleContext
from gateway.console.replays import Replays
from gateway.console.routes import console_routes
from gateway.rulebook.replay import Replay
from gateway.upstream.pulse import Pulse
from gateway.webhooks.refusals import Refusals
from tests.gateway.api_fixtures import ADMIN_KEY, Api, store_key

HOST = "http://gateway"


@dataclass(frozen=True, kw_only=True)
class Console:
    """A running console, and the API on the same database."""

    api: Api
    context: ConsoleContext
    client: httpx.AsyncClient  # signed in, once `sign_in` was called

    async def sign_in(self, key: str = ADMIN_KEY, **headers: str) -> httpx.Response:
        """Show a key at the door."""
        return await self.send("/sign-in", {"key": key}, **headers)

    async def sign_in_as(self, role: Role, name: str = "somebody") -> None:
        """Sign in with a new key of this role."""
        _, token = store_key(self.api.database, role, name)
        assert (await self.sign_in(token)).status_code == 303

    async def see(self, path: str, status: int = 200) -> str:
        """The text of a page, without its tags."""
        answer = await self.client.get(path)
        assert answer.status_code == status, f"{answer.status_code} {answer.headers} {answer.text}"
        return text_of(answer.text)

    async def send(self, path: str, fields: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Send a form, as a page of the console does."""
        return await self.client.post(path, data=fields, headers={"origin": HOST, **headers})


def text_of(html: str) -> str:
    """What a reader sees of a page, roughly."""
    body = re.sub(r"(?s)<(head|script|style)\b.*?</\1>", " ", html)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()


async def _no_troubles() -> dict[str, str]:
    return {}


def console_context(api: Api) -> ConsoleContext:
    """What a console on the database of this API needs."""
    shared = api.context
    replay = Replay(database=shared.database, current=shared.current, refer_guard=shared.refer_guard)
    return ConsoleContext(
        settings=shared.settings,
        database=shared.database,
        journal=shared.journal,
        guard=shared.guard,
        current=shared.current,
        publisher=publisher_of(shared),
        replays=Replays(database=shared.database, replay=replay),
        refer_guard=shared.refer_guard,
        usage=shared.usage,
        control=shared.control,
        clock=shared.clock,
        troubles=_no_troubles,
        read_event=read_ringing,
        upstream=shared.upstream,
        keyring=shared.keyring,
        refusals=Refusals(),
        node="here:1",
        feed=shared.feed,
        pulse=Pulse(shared.settings.endpoints, shared.clock),
    )


@asynccontextmanager
async def running_console(api: Api) -> AsyncIterator[Console]:
    """The console on the database of this API; nobody is signed in."""
    context = console_context(api)
    app = Starlette(routes=console_routes(context))
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOST) as client:
            yield Console(api=api, context=context, client=client)
    finally:
        await context.replays.stop()


@pytest.fixture
async def console(api: Api) -> AsyncIterator[Console]:
    """The console on SQLite; nobody is signed in."""
    async with running_console(api) as console:
        yield console
