"""What it costs to watch live calls.

    python -m tests.benchmarks.live                 two minutes
    python -m tests.benchmarks.live --calls 100 --seconds 20

A gateway on SQLite answers `--calls` calls, which then stay on the line; the emulated upstream is another process.
Printed are memory and CPU of the gateway per idle call: what it has more than before the first of them, and what it
uses more than it did while no call was live. Targets (issue "calls", point 4): under 150 KB, and under 0.2 % of a core.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx

from gateway.emulator.callers import SALES
from gateway.emulator.dialer import Dialer
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.server import EmulatorServer
from tests.benchmarks.webhooks.machine import process_seconds, resident_mb
from tests.flows.crash import SECRET, Victim, publish

CALL = Invite(trunk=Trunk.TWILIO, called=SALES, caller="+493023125901")

# Calls that come and go before anything is measured: imports, plans and pools are paid for once.
WARM_UP = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What was measured."""

    calls: int
    resident_before: float  # MB
    resident: float  # MB, all calls live
    idle: float  # share of a core while no call is live
    busy: float  # … while all calls are

    def __str__(self) -> str:
        memory = (self.resident - self.resident_before) * 1_000 / self.calls
        cpu = (self.busy - self.idle) * 100 / self.calls
        return (
            f"{self.calls} live calls: {memory:.0f} KB each (target < 150), {cpu:.4f} % of a core each (target < 0.2)\n"
            f"the process: {self.resident_before:.0f} → {self.resident:.0f} MB, "
            f"{100 * self.idle:.1f} → {100 * self.busy:.1f} % of a core"
        )


async def measure(calls: int, seconds: float, folder: Path) -> Figures:
    """Run everything once."""
    random = Random(1)
    async with EmulatorServer() as emulator, httpx.AsyncClient(trust_env=False) as client:
        victim = Victim(f"sqlite:///{folder}/gateway.db", emulator.base_url, folder)
        await victim.start(client)
        try:
            await publish(client, victim)
            async with Dialer(emulator.upstream, url=f"{victim.url}/webhooks/openai", secret=SECRET) as dialer:
                for call_id in await _ring(dialer, random, emulator, WARM_UP):
                    await _hang_up(client, victim, call_id)
                await asyncio.sleep(5)
                resident_before = resident_mb(victim.pid)
                idle = await _share(victim.pid, seconds / 3)
                await _ring(dialer, random, emulator, calls)
                await asyncio.sleep(5)
                busy = await _share(victim.pid, seconds)
                return Figures(
                    calls=calls,
                    resident_before=resident_before,
                    resident=resident_mb(victim.pid),
                    idle=idle,
                    busy=busy,
                )
        finally:
            await victim.stop()


async def _ring(dialer: Dialer, random: Random, emulator: EmulatorServer, calls: int) -> list[str]:
    """Let calls ring, and wait until the gateway is on the sideband of each."""
    ids = [new_call_id(random) for _ in range(calls)]
    for start in range(0, calls, 50):
        await asyncio.gather(*(dialer.ring(call_id, CALL) for call_id in ids[start : start + 50]))
    async with asyncio.timeout(60):
        while not all(  # noqa: ASYNC110  the other process signals nothing
            emulator.calls[call_id].listeners for call_id in ids
        ):
            await asyncio.sleep(0.1)
    return ids


async def _hang_up(client: httpx.AsyncClient, victim: Victim, call_id: str) -> None:
    answer = await client.post(
        f"{victim.url}/api/v1/calls/{call_id}/hangup", headers={"authorization": f"Bearer {victim.key}"}
    )
    answer.raise_for_status()


async def _share(pid: int, seconds: float) -> float:
    """The share of a core that a process uses."""
    before, started = process_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return (process_seconds(pid) - before) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they are watched")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-live-") as folder:
        print(asyncio.run(measure(arguments.calls, arguments.seconds, Path(folder))))


if __name__ == "__main__":
    main()
