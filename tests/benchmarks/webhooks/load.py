"""The sender of webhooks: as fast as they are answered (closed loop), or at random moments (open loop).

A closed loop finds how much a program can do; an open loop, whose arrivals do not wait for the program, what a caller
waits for at a given load. Both time a call from the moment its webhook is written to the socket until its accept has
arrived at the upstream, by the one clock of this process.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, cast

from tests.benchmarks.webhooks.upstream import Upstream
from tests.benchmarks.webhooks.workload import Delivery

CONNECTIONS: Final = 64

# For the last accept to arrive after the last webhook was sent; B2 has seconds of backlog at 200 a second.
PATIENCE: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What one run showed."""

    calls: int
    seconds: float  # from the first webhook to the last accept's arrival
    latencies: list[float]  # seconds from sending a webhook to its accept's arrival, unordered

    @property
    def rate(self) -> float:
        """Calls done per second."""
        return self.calls / self.seconds


async def closed_loop(port: int, deliveries: Sequence[Delivery], upstream: Upstream) -> Run:
    """Send each delivery as soon as one of 64 connections has had its answer to the one before."""
    async with _Sender(port) as sender:
        waiting = iter(deliveries)

        def next_delivery() -> None:
            if (delivery := next(waiting, None)) is not None:
                sender.send(delivery)

        sender.on_answer = next_delivery
        complete = upstream.expect([delivery.call_id for delivery in deliveries])
        for _ in range(CONNECTIONS):
            next_delivery()
        return await _finish(sender, complete, upstream)


async def open_loop(port: int, deliveries: Sequence[Delivery], upstream: Upstream, *, rate: float, seed: int) -> Run:
    """Send the deliveries as a Poisson process of `rate` per second, whatever has been answered by then."""
    random = Random(seed)
    async with _Sender(port) as sender:
        complete = upstream.expect([delivery.call_id for delivery in deliveries])
        due = time.perf_counter()
        for delivery in deliveries:
            due += random.expovariate(rate)
            await asyncio.sleep(due - time.perf_counter())
            if not sender.idle:
                await sender.connect()
            sender.send(delivery)
        return await _finish(sender, complete, upstream)


async def _finish(sender: "_Sender", complete: asyncio.Future[None], upstream: Upstream) -> Run:
    """Wait for all accepts and answers."""
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(complete, sender.quiet())
    except TimeoutError:
        raise RuntimeError(f"{upstream.missing} of {len(sender.sent)} calls were not accepted in time") from None
    arrivals, sent = upstream.arrivals, sender.sent
    return Run(
        calls=len(sent),
        seconds=max(arrivals.values()) - min(sent.values()),
        latencies=[arrivals[call_id] - moment for call_id, moment in sent.items()],
    )


class _Sender:
    """Connections to one program, and when what was sent over them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._busy: set[_Connection] = set()
        self._failure: str | None = None
        self._quiet = asyncio.Event()
        self.idle: list[_Connection] = []
        self.sent: dict[str, float] = {}  # by call id, `perf_counter`
        self.on_answer: Callable[[], None] = lambda: None

    async def __aenter__(self) -> "_Sender":
        for _ in range(CONNECTIONS):
            await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        connections = [*self.idle, *self._busy]
        self._busy = set()
        for connection in connections:
            connection.transport.abort()

    async def connect(self) -> None:
        """Open one more connection."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
        self.idle.append(connection)

    def send(self, delivery: Delivery) -> None:
        """Send over the connection that was used last, which the server is least likely to be closing."""
        connection = self.idle.pop()
        self._busy.add(connection)
        self._quiet.clear()
        self.sent[delivery.call_id] = time.perf_counter()
        connection.transport.write(delivery.request)

    def answered(self, connection: "_Connection", status: str) -> None:
        """The answer to what `connection` sent is here."""
        self._busy.remove(connection)
        self.idle.append(connection)
        if status == "200":
            self.on_answer()
        else:
            self._fail(f"a webhook was answered with {status}")
        self._rest()

    def lost(self, connection: "_Connection") -> None:
        """The server has closed `connection`."""
        if connection in self.idle:
            self.idle.remove(connection)
        elif connection in self._busy:
            self._busy.remove(connection)
            self._fail("the server closed a connection instead of answering")
            self._rest()

    async def quiet(self) -> None:
        """Wait until everything sent was answered. Raises RuntimeError for any answer but 200."""
        await self._quiet.wait()
        if self._failure is not None:
            raise RuntimeError(self._failure)

    def _rest(self) -> None:
        if not self._busy:
            self._quiet.set()

    def _fail(self, why: str) -> None:
        """Send no more, and say why when all answers are in."""
        self._failure = self._failure or why
        self.on_answer = lambda: None


class _Connection(asyncio.Protocol):
    """One keep-alive connection; the answers have empty bodies."""

    transport: asyncio.Transport

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's classes do not derive from it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if b"\r\n\r\n" in self._buffer:
            status = self._buffer[9:12].decode("ascii")  # after "HTTP/1.1 "
            self._buffer = b""
            self._sender.answered(self, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sender.lost(self)
