"""Other programs hear what becomes of calls: signed, once for each event, and in the end although they were away."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.clock import SystemClock
from gateway.emulator.invite import new_call_id
from gateway.emulator.scenarios import CATALOGUE
from gateway.emulator.server import LoopbackServer
from gateway.webhooks.signature import Verifier
from tests.flows.harness import Running, running_gateway
from tests.flows.test_calls import DEMO, RECEPTION_CALL, SALES_CALL

SECRET = "whsec_c3Vic2NyaWJlciBvZiB0aGUgZmxvd3M="
CALLER = SALES_CALL.caller


@dataclass
class Listener:
    """A subscriber's server, which verifies everything it is told."""

    statuses: list[int] = field(default_factory=list)  # what to answer at first; then 204
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # message ids and bodies
    attempts: Counter[str] = field(default_factory=Counter)  # by message id
    url: str = ""

    async def hear(self, request: Request) -> Response:
        body = await request.body()
        proven = Verifier([SECRET]).verify(dict(request.headers), body, SystemClock().now() / 1e6)
        self.attempts[proven.webhook_id] += 1
        if self.statuses:
            return Response(status_code=self.statuses.pop(0))
        self.heard.append((proven.webhook_id, json.loads(body)))
        return Response(status_code=204)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(15):
            while len(self.heard) < count:  # noqa: ASYNC110  what is heard signals nobody
                await asyncio.sleep(0.02)

    def events_of(self, call_id: str) -> list[str]:
        return sorted(body["type"] for _, body in self.heard if body["data"]["call_id"] == call_id)


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[Listener]:
    app = Starlette(routes=[Route("/calls", listener.hear, methods=["POST"])])
    async with LoopbackServer(app) as server:
        listener.url = f"{server.origin}/calls"
        yield listener


def subscribe(directory: Path, listener: Listener, **more: str) -> None:
    lines = {"name": "crm", "url": listener.url, "secret_env": "CRM_SECRET", **more}
    text = "\n".join(f"{key} = {value if value.startswith('[') else json.dumps(value)}" for key, value in lines.items())
    (directory / "gateway.toml").write_text(f"[[subscribers]]\n{text}\n")


async def settled_log(running: Running) -> list[dict[str, Any]]:
    """The delivery log, once nothing waits any more."""
    clock = SystemClock()
    deadline = clock.monotonic() + 10
    while True:
        log: list[dict[str, Any]] = (await running.client.get("/subscribers/notices")).json()["items"]
        if all(one["settled_at"] for one in log):
            return log
        assert clock.monotonic() < deadline, log
        await asyncio.sleep(0.02)


async def ring(running: Running, scenario: str = "plain", invite: Any = SALES_CALL) -> str:
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, invite, CATALOGUE[scenario])
    await running.settled(call_id)
    return call_id


async def test_each_event_of_a_call_is_told_once(database_url: str, tmp_path: Path) -> None:
    async with listening(Listener()) as listener:
        subscribe(tmp_path, listener)
        async with running_gateway(database_url, tmp_path, CRM_SECRET=SECRET) as running:
            await running.publish(DEMO)
            await running.gateway.feed.look()
            sales, gone, moved = [
                await ring(running),
                await ring(running, "gone"),
                await ring(running, "duplicate", RECEPTION_CALL),
            ]
            await listener.until(2 + 2 + 4)
            await running.gateway.feed.look()
            assert listener.events_of(sales) == ["call.answered", "call.decided"]
            assert listener.events_of(gone) == ["call.decided", "call.ended"]
            assert listener.events_of(moved) == ["call.answered", "call.decided", "call.ended", "call.transferred"]
            assert set(listener.attempts.values()) == {1}
            decided = next(body for _, body in listener.heard if body["type"] == "call.decided")
            assert set(decided) == {"type", "timestamp", "data"}
            assert CALLER not in json.dumps([body for _, body in listener.heard])
            log = await settled_log(running)
            assert len(log) == 8
            assert {(one["taken"], one["status"], one["rounds"]) for one in log} == {(True, 204, 1)}


async def test_a_subscriber_that_was_away_hears_it_later_under_the_same_id(tmp_path: Path) -> None:
    async with listening(Listener(statuses=[500, 503, 302])) as listener:
        subscribe(tmp_path, listener, events='["call.decided"]', callers="clear")
        url = f"sqlite:///{tmp_path}/gateway.db"
        async with running_gateway(url, tmp_path, CRM_SECRET=SECRET) as running:
            await running.publish(DEMO)
            await running.gateway.feed.look()
            call_id = await ring(running)
            await listener.until(1)  # after three failures of the first round, and the pause of five seconds
            ((message, body),) = listener.heard
            assert listener.attempts == {message: 4}
            assert body["data"]["call_id"] == call_id
            assert body["data"]["caller"] == CALLER


async def test_a_restart_loses_nothing_and_a_subscriber_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    async with listening(Listener(statuses=[410])) as listener:
        subscribe(tmp_path, listener, events='["call.decided"]')
        url = f"sqlite:///{tmp_path}/gateway.db"
        async with running_gateway(url, tmp_path, CRM_SECRET=SECRET) as running:
            await running.publish(DEMO)
            await running.gateway.feed.look()
            await ring(running)
            async with asyncio.timeout(10):
                while not listener.attempts:  # noqa: ASYNC110  what is heard signals nobody
                    await asyncio.sleep(0.02)
            late = await ring(running)  # and the gateway stops before or after it has told of this one
        async with running_gateway(url, tmp_path, CRM_SECRET=SECRET):
            await listener.until(1)
        assert listener.events_of(late) == ["call.decided"]
        assert sum(listener.attempts.values()) == 2


async def test_nobody_is_told_of_what_happened_before_it_subscribed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with running_gateway(url, tmp_path) as running:
        await running.publish(DEMO)
        await ring(running, "gone")  # and over with it: nothing of it is still to come
        assert (await running.client.get("/subscribers/notices")).json()["items"] == []
    async with listening(Listener()) as listener:
        subscribe(tmp_path, listener)
        async with running_gateway(url, tmp_path, CRM_SECRET=SECRET) as running:
            await running.gateway.feed.look()
            later = await ring(running)
            await listener.until(2)
            assert {body["data"]["call_id"] for _, body in listener.heard} == {later}
