"""The callers, and the upstream that they call: a process of its own, so that nobody but the gateway delays a call.

It tells the upstream's address in its first line, is told the address of the webhooks and lets calls ring from then
on. Each call is a line: when it rang, the seconds until its webhook was answered, and the status. It ends with stdin.
"""

import asyncio
import sys
import time
from random import Random

import uvloop

from gateway.emulator.dialer import Dialer
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.server import EmulatorServer
from gateway.emulator.upstream import EmulatedUpstream
from tests.benchmarks.editing.workload import CALLED

INVITE = Invite(caller="+14155550100", called=CALLED, trunk=Trunk.TELNYX)


async def _serve(secret: str, rate: float) -> None:
    upstream = EmulatedUpstream()
    async with EmulatorServer(upstream) as emulator:
        print(emulator.base_url, flush=True)
        url = (await asyncio.to_thread(sys.stdin.readline)).strip()
        async with Dialer(upstream, url=url, secret=secret) as dialer, asyncio.TaskGroup() as calls:
            end = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
            random, started = Random(1), time.monotonic()
            for number in range(10**9):
                # By the clock: a late answer must not thin out the calls behind it.
                await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
                if end.done():
                    return
                calls.create_task(_ring(dialer, new_call_id(random)))


async def _ring(dialer: Dialer, call_id: str) -> None:
    rang = time.monotonic()
    status = (await dialer.ring(call_id, INVITE))[-1]
    print(f"{rang:.6f} {time.monotonic() - rang:.6f} {status or 0}", flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], float(sys.argv[2])))
