"""The webhook path's latency, with and without an export of everything beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.benchmarks.webhooks.load import open_loop
from tests.benchmarks.webhooks.servers import ADMIN_KEY, GATEWAY, publish_rules, running
from tests.benchmarks.webhooks.upstream import Upstream
from tests.benchmarks.webhooks.workload import Callers

RATE: Final = 100  # webhooks per second
CALLS: Final = 600  # per turn
TURNS: Final = 4  # of each kind, by turns


@dataclass(kw_only=True)
class Latency:
    """From webhook to accept, ms."""

    p50: float
    p95: float
    p99: float


async def measure(directory: Path) -> tuple[Latency, Latency, int]:
    """Without and with an export, and how many bytes were exported; `directory` holds the gateway's database."""
    upstream, callers = Upstream(), Callers()
    upstream_url = await upstream.listen()
    alone: list[float] = []
    beside: list[float] = []
    exported = [0]
    async with running(GATEWAY, directory, upstream_url, None) as server:
        await publish_rules(server.port)
        await open_loop(server.port, callers.deliveries(300), upstream, rate=RATE, seed=99)
        for turn in range(TURNS):
            run = await open_loop(server.port, callers.deliveries(CALLS), upstream, rate=RATE, seed=turn)
            alone += run.latencies
            async with _exporting(server.port, exported):
                run = await open_loop(server.port, callers.deliveries(CALLS), upstream, rate=RATE, seed=turn)
            beside += run.latencies
    return _latency(alone), _latency(beside), exported[0]


@asynccontextmanager
async def _exporting(port: int, exported: list[int]) -> AsyncIterator[None]:
    """Read exports of everything, one after the other, while the context lasts."""
    flowing = asyncio.Event()

    async def read() -> None:
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as client:
            while True:
                url = f"http://127.0.0.1:{port}/api/v1/calls/export?format=csv"
                async with client.stream("GET", url) as response:
                    async for chunk in response.aiter_raw():
                        exported[0] += len(chunk)
                        flowing.set()

    task = asyncio.create_task(read())
    try:
        await flowing.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _latency(seconds: list[float]) -> Latency:
    ordered = sorted(seconds)
    at = [ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3 for percent in (50, 95, 99)]
    return Latency(p50=at[0], p95=at[1], p99=at[2])
