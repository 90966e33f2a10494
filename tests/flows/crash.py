"""Kill the gateway under load, again and again, and prove that nothing was lost, doubled or contradicted.

    python -m tests.flows.crash --kills 200 --rate 200

One process plays the upstream and the callers; the gateway is a process of its own that is killed with SIGKILL at
random moments. What must hold (RELIABILITY section 4, E1): every acknowledged delivery is in the database, no call is
decided in two ways, no refer is sent twice, and every call settles within 30 s of the last restart.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
from sqlalchemy import Connection, select

from gateway.calls.lifecycle import TERMINAL, State
from gateway.database import Database
from gateway.emulator.callers import BILLING, DEMO_RULEBOOK, MUNICH, RECEPTION, SALES, SUPPORT, UNASSIGNED
from gateway.emulator.dialer import Dialer
from gateway.emulator.faults import Chaos
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.server import EmulatorServer
from gateway.emulator.upstream import EmulatedUpstream
from gateway.tables import calls

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgY3Jhc2ggdGVzdA=="
SETTLED = frozenset(TERMINAL) | {State.ACCEPTED}
LINES = (SALES, SALES, SUPPORT, RECEPTION, RECEPTION, BILLING, MUNICH, UNASSIGNED)


@dataclass
class Report:
    """What a run showed; `faults` is empty when every promise held."""

    kills: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)  # acknowledged, but not in the database
    violations: tuple[str, ...] = ()  # requests that should not have been made
    unsettled: list[str] = field(default_factory=list)
    settled_after: float = 0.0  # seconds after the last restart
    slowest_start: float = 0.0  # seconds from exec to ready
    states: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    @property
    def faults(self) -> list[str]:
        return [
            *(f"lost: {call}" for call in self.lost),
            *(f"forbidden: {violation}" for violation in self.violations),
            *(f"not settled: {call}" for call in self.unsettled),
        ]

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return (
            f"{self.kills} kills, {self.acknowledged} calls acknowledged, {len(self.lost)} lost, "
            f"{len(self.violations)} forbidden requests of {self.requests}, {len(self.unsettled)} unsettled; "
            f"all settled {self.settled_after:.1f} s after the last restart, "
            f"slowest restart {self.slowest_start:.2f} s\n{states}"
        )


class Victim:
    """The gateway process."""

    def __init__(self, database_url: str, upstream_url: str, directory: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = "an-admin-key-for-the-crash-test"
        self._log = directory / "gateway.log"
        self._environment = {
            **os.environ,
            "GATEWAY_DATABASE_URL": database_url,
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_ADMIN_KEY": self.key,
            "OPENAI_API_KEY": "sk-crash-test",
            "OPENAI_WEBHOOK_SECRET": SECRET,
            "OPENAI_BASE_URL": upstream_url,
            "GATEWAY_LOG_FORMAT": "json",
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    async def start(self, client: httpx.AsyncClient) -> float:
        """Start, and wait until it is ready; the seconds that took."""
        started = time.monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "serve", env=self._environment, stdout=log, stderr=log
            )
        while time.monotonic() < started + 30:
            try:
                if (await client.get(f"{self.url}/readyz")).status_code == 200:
                    return time.monotonic() - started
            except httpx.TransportError:
                pass
            if self._process.returncode is not None:
                break
            await asyncio.sleep(0.02)
        raise RuntimeError(f"the gateway did not become ready; its log:\n{self._log.read_text()[-3000:]}")

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), 15)
            except TimeoutError:
                await self.kill()
                raise


async def crash_loop(database_url: str, directory: Path, *, kills: int, rate: float, seed: int = 1) -> Report:
    """Kill a gateway `kills` times while `rate` calls a second ring."""
    random = Random(seed)
    report = Report(kills=kills)
    upstream = EmulatedUpstream(chaos=Chaos(rate=0.1, seed=seed))
    async with EmulatorServer(upstream) as emulator, httpx.AsyncClient(trust_env=False) as client:
        victim = Victim(database_url, emulator.base_url, directory)
        try:
            report.slowest_start = await victim.start(client)
            await _publish(client, victim)
            async with Dialer(upstream, url=f"{victim.url}/webhooks/openai", secret=SECRET) as dialer:
                ringing = asyncio.create_task(_ring(dialer, random, rate))
                for _ in range(kills):
                    await asyncio.sleep(random.uniform(0.1, 0.6))  # the moment of the kill is what varies
                    await victim.kill()
                    report.slowest_start = max(report.slowest_start, await victim.start(client))
                last_start = time.monotonic()
                ringing.cancel()
                acknowledged = await ringing
                report.acknowledged = len(acknowledged)
                states = await _until_settled(database_url, last_start + 30)
                report.settled_after = time.monotonic() - last_start
        finally:
            await victim.stop()
    report.lost = sorted(acknowledged - states.keys())
    report.unsettled = sorted(f"{call} is {state}" for call, state in states.items() if state not in SETTLED)
    report.states = Counter(states.values())
    report.violations = upstream.record.violations()
    report.requests = len(upstream.record)
    return report


async def _ring(dialer: Dialer, random: Random, rate: float) -> set[str]:
    """Let calls ring until cancelled, then wait for the last; the ids of those that were acknowledged."""
    acknowledged: set[str] = set()

    async def one(call_id: str, invite: Invite) -> None:
        if 200 in await dialer.ring(call_id, invite):
            acknowledged.add(call_id)

    async with asyncio.TaskGroup() as group:
        due = time.monotonic()
        try:
            while True:
                invite = Invite(
                    trunk=random.choice(tuple(Trunk)),
                    called=random.choice(LINES),
                    caller=f"+4930231253{random.randrange(100):02d}",
                )
                group.create_task(one(new_call_id(random), invite))
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
    return acknowledged


async def _publish(client: httpx.AsyncClient, victim: Victim) -> None:
    answer = await client.put(
        f"{victim.url}/api/v1/rulebook",
        content=DEMO_RULEBOOK.read_bytes(),
        headers={
            "content-type": "application/toml",
            "authorization": f"Bearer {victim.key}",
            "if-match": '"0"',
        },
    )
    assert answer.status_code == 200, answer.text


async def _until_settled(database_url: str, deadline: float) -> dict[str, str]:
    """The states of all calls, when none owes work any more or the deadline has passed."""
    database = Database(database_url)
    try:
        while True:
            states = await database.read(_states)
            if set(states.values()) <= SETTLED or time.monotonic() > deadline:
                return states
            await asyncio.sleep(0.1)
    finally:
        database.close()


def _states(connection: Connection) -> dict[str, str]:
    return {row.call_id: row.state for row in connection.execute(select(calls.c.call_id, calls.c.state))}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rate", type=float, default=200.0, help="calls per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="an empty PostgreSQL database; SQLite in a temporary folder without it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-crash-") as folder:
        url = arguments.database or f"sqlite:///{folder}/gateway.db"
        report = asyncio.run(
            crash_loop(url, Path(folder), kills=arguments.kills, rate=arguments.rate, seed=arguments.seed)
        )
    print(report)
    for fault in report.faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()
