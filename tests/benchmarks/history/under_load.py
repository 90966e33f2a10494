"""The webhook path's latency, with and without an export of everything beside it.

Turns of both kinds follow each other closely, in the order A B B A, so that what else the machine does meets both. Each
pair of turns has a ratio; their spread says what the figures are worth.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from tests.benchmarks.webhooks.load import open_loop
from tests.benchmarks.webhooks.servers import GATEWAY, ROOT, publish_rules, running
from tests.benchmarks.webhooks.upstream import Upstream
from tests.benchmarks.webhooks.workload import Callers

RATE: Final = 100  # webhooks per second
CALLS: Final = 400  # per turn
TURNS: Final = 10  # of each kind


@dataclass(kw_only=True)
class Latency:
    """From webhook to accept, ms."""

    p50: float
    p95: float
    p99: float


@dataclass(kw_only=True)
class Effect:
    """What an export does to ringing calls."""

    alone: Latency
    beside: Latency
    ratios: list[float]  # of the medians of each pair of turns, beside to alone, ascending
    exported: int  # bytes


async def measure(directory: Path) -> Effect:
    """Measure it; `directory` holds the gateway's database."""
    upstream, callers = Upstream(), Callers()
    upstream_url = await upstream.listen()
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    exported = 0
    async with running(GATEWAY, directory, upstream_url, None) as server:

        async def turn(seed: int) -> list[float]:
            run = await open_loop(server.port, callers.deliveries(CALLS), upstream, rate=RATE, seed=seed)
            return run.latencies

        await publish_rules(server.port)
        await turn(99)
        for number in range(TURNS):
            if number % 2 == 0:
                alone.append(await turn(number))
            async with _exporting(server.port) as export:
                beside.append(await turn(number))
            exported += export.read
            if number % 2:
                alone.append(await turn(number))
    return Effect(
        alone=_latency(list(chain(*alone))),
        beside=_latency(list(chain(*beside))),
        ratios=sorted(_latency(b).p50 / _latency(a).p50 for a, b in zip(alone, beside, strict=True)),
        exported=exported,
    )


@dataclass
class _Export:
    read: int = 0  # bytes


@asynccontextmanager
async def _exporting(port: int) -> AsyncIterator[_Export]:
    """Read exports of everything while the context lasts, from when the first one flows."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.history.reader", str(port)), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    export, flowing = _Export(), asyncio.Event()
    lines = process.stdout

    async def count() -> None:
        while line := await lines.readline():
            export.read = int(line)
            flowing.set()

    counting = asyncio.create_task(count())
    try:
        await asyncio.wait_for(flowing.wait(), 120)
        yield export
    finally:
        process.terminate()
        await process.wait()
        await counting


def _latency(seconds: list[float]) -> Latency:
    ordered = sorted(seconds)
    at = [ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3 for percent in (50, 95, 99)]
    return Latency(p50=at[0], p95=at[1], p99=at[2])
