"""Posting to subscribers, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.clock import SystemClock
from gateway.database import Database
from gateway.emulator.server import LoopbackServer
from gateway.endpoint import SecretStr
from gateway.subscriber import Subscriber
from gateway.subscribers.courier import SLOTS, Courier
from gateway.subscribers.store import NewNotice, Opening, list_notices, open_notices
from tests.gateway.api_fixtures import a_call, given_calls

MANY = 3 * SLOTS


@asynccontextmanager
async def server(heard: list[str], *, silent: asyncio.Event | None = None) -> AsyncIterator[str]:
    """The address of a subscriber that notes what it hears, and answers only when `silent` is set, if that is given."""

    async def hear(request: Request) -> Response:
        heard.append(request.headers["webhook-id"])
        if silent is not None:
            await silent.wait()
        return Response(status_code=204)

    async with LoopbackServer(Starlette(routes=[Route("/", hear, methods=["POST"])])) as running:
        yield running.origin


def given_notices(database: Database, *subscribers: str) -> None:
    """Many notices for each of them, those of the first the oldest."""
    ids = given_calls(database, *(a_call(f"rtc_{number}") for number in range(MANY)))
    now = SystemClock().now() - 1_000
    with database.transaction() as connection:
        for later, name in enumerate(subscribers):
            notices = [NewNotice(name, call, "call.decided", f"msg_{name}_{call}", b"{}") for call in ids.values()]
            open_notices(connection, [Opening(now=now + later, watermark=0, notices=notices)])


def waiting(database: Database) -> list[str]:
    """The subscribers for which notices are not settled."""
    with database.reader.connect() as connection:
        rows = list_notices(connection, subscriber=None, pending=True, limit=500, before=None)
    return sorted({row.subscriber for row in rows})


async def until_only_waiting(database: Database, *names: str) -> None:
    async with asyncio.timeout(30):
        while waiting(database) != [*names]:  # noqa: ASYNC110  what is settled signals nobody
            await asyncio.sleep(0.05)


async def test_a_subscriber_that_does_not_answer_holds_up_no_other(database: Database) -> None:
    given_notices(database, "forgotten", "slow", "crm")
    slow: list[str] = []
    crm: list[str] = []
    answer = asyncio.Event()
    journal = database.journal(on_death=lambda: None)
    journal.start()
    async with server(slow, silent=answer) as slow_url, server(crm) as crm_url:
        secret = SecretStr("whsec_c3Vic2NyaWJlciBvZiB0aGUgdGVzdHM=")
        subscribers = {
            name: Subscriber(name=name, url=url, secret=secret) for name, url in (("slow", slow_url), ("crm", crm_url))
        }
        courier = Courier(subscribers=subscribers, journal=journal, clock=SystemClock())
        running = asyncio.create_task(courier.run())
        await until_only_waiting(database, "slow")
        assert len(set(crm)) == MANY
        assert len(set(slow)) <= SLOTS
        answer.set()
        await until_only_waiting(database)
        running.cancel()
        await courier.close()
    await journal.stop()
    with database.reader.connect() as connection:
        rows = list_notices(connection, subscriber="forgotten", pending=False, limit=1, before=None)
    assert [row.error for row in rows] == ["it is not configured any more"]
