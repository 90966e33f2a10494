"""Kill the gateway under load, again and again, and prove that nothing was lost, doubled or contradicted.

    python -m tests.flows.crash --kills 200 --rate 200
    python -m tests.flows.crash --kills 100 --rate 50 --live         with calls that talk, transfer and hang up
    python -m tests.flows.crash --kills 100 --rate 50 --live --nodes 2 --database postgresql
    python -m tests.flows.crash --kills 5 --rate 20 --live --nodes 2 --pause 20 --database postgresql
    python -m tests.flows.crash --kills 5 --rate 40 --down 25        each start comes 25 s after the kill

One process plays the upstream and the callers; the gateway is a process of its own that is killed with SIGKILL at
random moments. What must hold (RELIABILITY section 4, E1): every acknowledged delivery is in the database, no call is
decided in two ways, no refer is sent twice, and every call settles within 30 s of the last restart, *truthfully*: as
what the upstream knows that it is (`tests.flows.truth`). Each call that came to nothing is told with its timeline.

With `--live` callers also talk and hang up, models transfer them, and transfers are swallowed. With `--nodes` two
gateways share a PostgreSQL database and are killed in turn (E2), or with `--pause` stopped for so many seconds, so that
the other takes over, and let go on (E9).
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
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import httpx

from gateway.calls.lifecycle import TERMINAL, State
from gateway.database import Database
from gateway.emulator.callers import BILLING, DEMO_RULEBOOK, MUNICH, RECEPTION, SALES, SUPPORT, UNASSIGNED
from gateway.emulator.dialer import Dialer
from gateway.emulator.faults import Chaos, Command, Trouble, empty_promise
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.scenarios import CATALOGUE, PLAIN
from gateway.emulator.server import EmulatorServer
from gateway.emulator.upstream import EmulatedUpstream
from tests.encrypted_run import ENVIRONMENT, IS_ON, encrypt_by_default
from tests.flows.given_up import read_told, tell_given_up
from tests.flows.truth import Told, lie
from tests.postgresql import start_postgresql

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgY3Jhc2ggdGVzdA=="
LONGEST_START = 120.0  # seconds; a machine with much else to do takes its time
UNHEARD = 0.2  # seconds for which new calls ring at a gateway that is not there
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
    lies: list[str] = field(default_factory=list)  # settled as what the upstream knows that they are not
    settled_after: float = 0.0  # seconds after the last restart
    slowest_start: float = 0.0  # seconds from exec to ready
    states: Counter[str] = field(default_factory=Counter)
    given_up: list[str] = field(default_factory=list)  # calls that came to nothing, with their timelines
    requests: int = 0

    @property
    def faults(self) -> list[str]:
        return [
            *(f"lost: {call}" for call in self.lost),
            *(f"forbidden: {violation}" for violation in self.violations),
            *(f"not settled: {call}" for call in self.unsettled),
            *(f"not true: {call}" for call in self.lies),
        ]

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return (
            f"{self.kills} kills, {self.acknowledged} calls acknowledged, {len(self.lost)} lost, "
            f"{len(self.violations)} forbidden requests of {self.requests}, {len(self.unsettled)} unsettled, "
            f"{len(self.lies)} untrue; "
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
            **ENVIRONMENT,
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
        while time.monotonic() < started + LONGEST_START and self._process.returncode is None:
            if await self._is_ready(client):
                return time.monotonic() - started
            await asyncio.sleep(0.02)
        raise RuntimeError(f"the gateway did not become ready; its log:\n{self._log.read_text()[-3000:]}")

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/readyz")).status_code == 200
        except httpx.TransportError:  # it does not listen yet; one that has died is seen by its return code
            return False

    async def pause(self, seconds: float) -> None:
        """Let it stand still, as a virtual machine that is being moved, and go on."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(self.pid, signal.SIGCONT)

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


async def crash_loop(
    database_url: str,
    directory: Path,
    *,
    kills: int,
    rate: float,
    seed: int = 1,
    live: bool = False,
    nodes: int = 1,
    pause: float | None = None,
    down: float = 0.0,
) -> Report:
    """Kill gateways `kills` times in turn, or let them stand still, while `rate` calls a second ring."""
    random = Random(seed)
    report = Report(kills=kills)
    upstream = EmulatedUpstream(chaos=Chaos(rate=0.1, seed=seed))
    acknowledged: set[str] = set()
    async with EmulatorServer(upstream) as emulator, httpx.AsyncClient(trust_env=False) as client:
        victims = [Victim(database_url, emulator.base_url, directory) for _ in range(nodes)]
        try:
            for victim in victims:
                report.slowest_start = max(report.slowest_start, await victim.start(client))
            await publish(client, victims[0])
            async with AsyncExitStack() as stack:
                dialers = [
                    await stack.enter_async_context(
                        Dialer(upstream, url=f"{victim.url}/webhooks/openai", secret=SECRET)
                    )
                    for victim in victims
                ]
                calling = asyncio.Event()
                calling.set()
                ringing = asyncio.create_task(_ring(dialers, random, rate, calling, live=live))
                for turn in range(kills):
                    victim = victims[turn % nodes]
                    await asyncio.sleep(random.uniform(0.1, 0.6))  # the moment of the kill is what varies
                    if pause is not None:
                        await victim.pause(pause)
                        continue
                    await victim.kill()
                    if nodes == 1:  # some find nobody; on a slow machine it would be most
                        await asyncio.sleep(UNHEARD)
                        calling.clear()
                    await asyncio.sleep(down)
                    report.slowest_start = max(report.slowest_start, await victim.start(client))
                    calling.set()
                last_start = time.monotonic()
                ringing.cancel()
                acknowledged = await ringing
                report.acknowledged = len(acknowledged)
                told, report.given_up = await _until_settled(database_url, last_start + 30, upstream)
                report.settled_after = time.monotonic() - last_start
        finally:
            await asyncio.gather(*(victim.stop() for victim in victims))
    report.lost = sorted(acknowledged - told.keys())
    report.unsettled = sorted(f"{call} is {one.state}" for call, one in told.items() if one.state not in SETTLED)
    report.lies = _lies(upstream, told)
    report.states = Counter(one.state for one in told.values())
    report.violations = upstream.record.violations()
    report.requests = len(upstream.record)
    return report


# What live callers go through, by the line that they ring; those of the other lines only stay on the line.
_SWALLOWED = replace(PLAIN, name="swallowed", troubles=(Trouble(command=Command.REFER, fault=empty_promise()),))
_SCENARIOS = {
    SALES: (
        PLAIN,
        CATALOGUE["talk"],
        CATALOGUE["transfer-by-model"],
        CATALOGUE["tool-unheard"],
        CATALOGUE["presses-0"],
        CATALOGUE["abandoned"],
        CATALOGUE["sideband-drops"],
    ),
    RECEPTION: (PLAIN, _SWALLOWED),
}


def _lies(upstream: EmulatedUpstream, told: Mapping[str, Told]) -> list[str]:
    return sorted(
        f"{call_id}: {why}"
        for call_id, one in told.items()
        if call_id in upstream.calls and (why := lie(upstream.calls[call_id], one))
    )


async def _ring(
    dialers: Sequence[Dialer], random: Random, rate: float, calling: asyncio.Event, *, live: bool
) -> set[str]:
    """Let calls ring while `calling`, until cancelled, then wait for the last; the ids of the acknowledged ones."""
    acknowledged: set[str] = set()

    async def one(call_id: str, invite: Invite) -> None:
        scenario = random.choice(_SCENARIOS.get(invite.called, (PLAIN,))) if live else PLAIN
        if 200 in await random.choice(dialers).ring(call_id, invite, scenario):
            acknowledged.add(call_id)

    async with asyncio.TaskGroup() as group:
        due = time.monotonic()
        try:
            while True:
                if not calling.is_set():
                    await calling.wait()
                    due = time.monotonic()
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


async def publish(client: httpx.AsyncClient, victim: Victim) -> None:
    answer = await client.put(
        f"{victim.url}/api/v1/rulebook",
        content=DEMO_RULEBOOK.read_bytes(),
        headers={
            "content-type": "application/toml",
            "authorization": f"Bearer {victim.key}",
            "if-match": '"0"',
        },
        timeout=LONGEST_START,
    )
    assert answer.status_code == 200, answer.text


async def _until_settled(
    database_url: str, deadline: float, upstream: EmulatedUpstream
) -> tuple[dict[str, Told], list[str]]:
    """What is said of all calls, and why some came to nothing: when none owes work and all is true, or at the deadline.

    A call that ends takes a moment to be noticed.
    """
    database = Database(database_url)
    try:
        while True:
            told = await database.read(read_told)
            settled = {one.state for one in told.values()} <= SETTLED and not _lies(upstream, told)
            if settled or time.monotonic() > deadline:
                return told, await database.read(tell_given_up, upstream)
            await asyncio.sleep(0.2)
    finally:
        database.close()


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
    parser.add_argument("--live", action="store_true", help="calls talk, are transferred, hang up")
    parser.add_argument("--nodes", type=int, default=1, help="gateways on one PostgreSQL database, killed in turn")
    parser.add_argument("--pause", type=float, help="do not kill: let the gateway stand still for so many seconds")
    parser.add_argument("--down", type=float, default=0.0, help="seconds between a kill and the next start")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="which is made for it")
    arguments = parser.parse_args()
    if arguments.nodes > 1 and arguments.database == "sqlite":
        parser.error("one process owns a SQLite file; add --database postgresql")
    if IS_ON:
        encrypt_by_default()
    with ExitStack() as made:
        folder = made.enter_context(tempfile.TemporaryDirectory(prefix="gateway-crash-"))
        url = f"sqlite:///{folder}/gateway.db"
        if arguments.database == "postgresql":
            url = made.enter_context(made.enter_context(start_postgresql()).database())
        report = asyncio.run(
            crash_loop(
                url,
                Path(folder),
                kills=arguments.kills,
                rate=arguments.rate,
                seed=arguments.seed,
                live=arguments.live,
                nodes=arguments.nodes,
                pause=arguments.pause,
                down=arguments.down,
            )
        )
    print(report)
    for paragraph in report.given_up:
        print(paragraph)
    for fault in report.faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()
