"""Where workers work in tests: a real database, and a real upstream that answers when it is let."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from gateway.actions import outbox
from gateway.actions.action import Job, NewAction
from gateway.actions.leases import LEASE, LeaseClock
from gateway.actions.plan import Plan
from gateway.actions.worker import Worker
from gateway.calls.lifecycle import State
from gateway.calls.watches import NewWatch
from gateway.clock import Clock, SystemClock
from gateway.database import Database
from gateway.endpoint import Endpoint
from gateway.journal import Journal
from gateway.upstream.client import Upstream
from gateway.upstream.outcome import Outcome
from gateway.upstream.wire import Command
from tests.gateway.actions.jobs import a_job
from tests.gateway.api_fixtures import PLAN, a_call, given_calls

CLOCK = SystemClock()


class Told:
    """Hears what workers do."""

    def __init__(self) -> None:
        self.settled_calls: list[tuple[str, State]] = []

    def attempted(self, job: Job, outcome: Outcome) -> None:
        """Not of interest."""

    def settled(self, job: Job, state: State, watch: NewWatch | None) -> None:
        self.settled_calls.append((job.call_id, state))


@dataclass(kw_only=True)
class Place:
    """A database and an upstream that answers when it is let: 200, after what it is told; workers come and go."""

    database: Database
    journal: Journal
    upstream: Upstream
    requests: list[str]
    answering: asyncio.Event
    statuses: list[int]
    told: Told = field(default_factory=Told)

    def worker(self, node: str = "a", *, clock: Clock = CLOCK) -> Worker:
        leases = LeaseClock(CLOCK)
        leases.set(CLOCK.now())
        return Worker(
            node=node,
            journal=self.journal,
            upstream=self.upstream,
            refer_guard=lambda _: None,
            attempt_timeout=5.0,
            decision_deadline=8.0,
            watched=(),
            leases=leases,
            clock=clock,
            observer=self.told,
        )

    def ringing(self, call_id: str, *, state: str = "accepting", plan: Plan = PLAN, **changes: Any) -> Job:
        """A call that was stored a moment ago, with its first action; the job for whoever carries it out."""
        now = CLOCK.now()
        row = given_calls(self.database, a_call(call_id, state=state, received_at=now))[call_id]
        action: NewAction = {
            "call": row,
            "command": "accept",
            "step": 0,
            "target": 0,
            "opened_at": now,
            "useless_after": now + 20_000_000,
            "attempts": 1,
            "in_doubt": False,
            "after_server_error": False,
            "node": "a",
            "epoch": 1,
            "lease_until": now + LEASE,
            "orders": None,
        }
        action.update(changes)  # type: ignore[typeddict-item]
        with self.database.transaction() as connection:
            opened = outbox.open_actions(connection, [action])
        at = CLOCK.monotonic()
        about = {"action": opened[row], "call": row, "call_id": call_id, "received": at}
        return a_job(plan, Command.ACCEPT, useless_at=at + 20, deadline=at + 8, **about)

    def rows(self, table: Any) -> list[Any]:
        with self.database.transaction() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key.columns)))

    async def asked(self, count: int) -> None:
        """The upstream has read so many requests."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:  # noqa: ASYNC110  the other end of a socket
                await asyncio.sleep(0.01)

    async def settled(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.told.settled_calls) < count:  # noqa: ASYNC110  nothing announces it
                await asyncio.sleep(0.01)


async def idle(worker: Worker) -> None:
    async with asyncio.timeout(10):
        while worker.in_hand:  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def place_on(database: Database) -> AsyncIterator[Place]:
    requests: list[str] = []
    answering = asyncio.Event()
    answering.set()
    statuses: list[int] = []
    connections: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                (length,) = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-len")]
                await reader.readexactly(length)
                requests.append(head.split(b" ", 2)[1].decode())
                await answering.wait()
                status = statuses.pop(0) if statuses else 200
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    journal = database.journal(on_death=lambda: None)
    journal.start()
    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        upstream = Upstream({"openai": Endpoint(name="openai", base_url=url)})
        try:
            yield Place(
                database=database,
                journal=journal,
                upstream=upstream,
                requests=requests,
                answering=answering,
                statuses=statuses,
            )
        finally:
            answering.set()
            await upstream.close()
            await journal.stop()
            await asyncio.gather(*filter(None, connections))
