"""The measurement: every program through every case, several rounds, all in one run.

The programs run side by side and are loaded one at a time, case by case, so that whatever else this machine does
strikes all of them alike. Each gets the same number of calls, arriving at the same moments.
"""

import asyncio
import gc
import statistics
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.benchmarks.webhooks.load import Run, closed_loop, open_loop
from tests.benchmarks.webhooks.machine import Machine, Meter, cores, pin, resident_mb, this_machine
from tests.benchmarks.webhooks.servers import GATEWAY, PROGRAMS, Server, publish_rules, running
from tests.benchmarks.webhooks.upstream import Upstream
from tests.benchmarks.webhooks.workload import Callers


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One way to load a program."""

    name: str
    rate: float | None = None  # webhooks per second; None: as fast as they are answered, over 64 connections
    upstream_seconds: float = 0.0  # what the upstream takes for its reply


SATURATION: Final = Case(name="saturation")
AT_50: Final = Case(name="50/s", rate=50)
AT_200: Final = Case(name="200/s", rate=200)
AT_200_SLOW: Final = Case(name="200/s, upstream 150 ms", rate=200, upstream_seconds=0.150)
CASES: Final = (SATURATION, AT_50, AT_200, AT_200_SLOW)


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    warm_up: int  # calls per program before anything is measured
    calls: dict[str, int]  # per round, by case


FULL: Final = Effort(
    rounds=3,
    warm_up=500,
    calls={SATURATION.name: 2000, AT_50.name: 200, AT_200.name: 600, AT_200_SLOW.name: 600},
)
QUICK: Final = Effort(
    rounds=1,
    warm_up=200,
    calls={SATURATION.name: 800, AT_50.name: 100, AT_200.name: 300, AT_200_SLOW.name: 300},
)


@dataclass(kw_only=True, slots=True)
class Figures:
    """What one program showed in one case, over all rounds."""

    rates: list[float] = field(default_factory=list)  # calls per second, one per round
    latencies: list[float] = field(default_factory=list)  # seconds, of all rounds together
    cpu_ms: list[float] = field(default_factory=list)  # per call, one per round
    others: list[float] = field(default_factory=list)  # share of the program's core that others took, one per round

    @property
    def rate(self) -> float:
        """The median round's calls per second."""
        return statistics.median(self.rates)

    @property
    def cpu_per_call(self) -> float:
        """The median round's processor time per call, in ms."""
        return statistics.median(self.cpu_ms)

    @property
    def disturbance(self) -> float:
        """The worst round's share of the core that others took: above some 0.05 the other figures are doubtful."""
        return max(self.others)

    def percentile(self, percent: int) -> float:
        """A percentile of the latencies, in ms."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3

    def add(self, run: Run, meter: Meter) -> None:
        """Take in one round."""
        self.rates.append(run.rate)
        self.latencies += run.latencies
        self.cpu_ms.append(meter.used / run.calls * 1e3)
        self.others.append(meter.others)


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Resident memory of one program in MB."""

    idle: float
    after: float  # all its calls


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """Everything one run showed, by program and case."""

    machine: Machine
    effort: Effort
    figures: dict[str, dict[str, Figures]]  # program → case
    memory: dict[str, Memory]

    def of(self, program: str, case: Case) -> Figures:
        return self.figures[program][case.name]


def steps(effort: Effort) -> int:
    """How often `measure` reports progress."""
    return len(PROGRAMS) * (2 + effort.rounds * len(CASES))


async def measure(effort: Effort, on_step: Callable[[str], None], folder: Path | None = None) -> Results:
    """Measure everything, with databases under `folder` (by default the system's for temporary files).

    `on_step` hears what begins. Raises RuntimeError when a program fails under it.
    """
    server_core, load_core = cores()
    gc.disable()  # a collection here would be taken for slowness there; the garbage of a run is small
    upstream, callers = Upstream(), Callers()
    upstream_url = await upstream.listen()
    with tempfile.TemporaryDirectory(prefix="gateway-benchmark-", dir=folder) as temporary:
        machine = this_machine(Path(temporary))
        pin(0, load_core)
        async with AsyncExitStack() as stack:
            servers = []
            for program in PROGRAMS:
                on_step(f"starting {program.name}")
                directory = _subdirectory(temporary, program.name)
                servers.append(await stack.enter_async_context(running(program, directory, upstream_url, server_core)))
            bench = _Bench(servers, upstream, callers, on_step, server_core)
            return await bench.run(effort, machine)


def _subdirectory(folder: str, name: str) -> Path:
    directory = Path(folder) / name
    directory.mkdir()
    return directory


class _Bench:
    """The servers under load."""

    def __init__(
        self,
        servers: list[Server],
        upstream: Upstream,
        callers: Callers,
        on_step: Callable[[str], None],
        core: int | None,
    ) -> None:
        self._core = core
        self._servers = servers
        self._upstream = upstream
        self._callers = callers
        self._on_step = on_step

    async def run(self, effort: Effort, machine: Machine) -> Results:
        figures = {server.program.name: {case.name: Figures() for case in CASES} for server in self._servers}
        idle = {server.program.name: resident_mb(server.process.pid) for server in self._servers}
        for server in self._servers:
            self._on_step(f"warming up {server.program.name}")
            await self._warm_up(server, effort.warm_up)
        for turn in range(effort.rounds):
            for case in CASES:
                for server in self._servers:
                    self._on_step(f"round {turn + 1}/{effort.rounds}: {server.program.name}, {case.name}")
                    run, meter = await self._load(server, case, effort.calls[case.name], seed=turn)
                    figures[server.program.name][case.name].add(run, meter)
        memory = {
            server.program.name: Memory(idle=idle[server.program.name], after=resident_mb(server.process.pid))
            for server in self._servers
        }
        return Results(machine=machine, effort=effort, figures=figures, memory=memory)

    async def _warm_up(self, server: Server, calls: int) -> None:
        """Let caches fill, connections open and lazy imports happen."""
        if server.program is GATEWAY:
            await publish_rules(server.port)
        await self._load(server, SATURATION, calls, seed=0)

    async def _load(self, server: Server, case: Case, calls: int, *, seed: int) -> tuple[Run, Meter]:
        """One run, and who used the core for it."""
        self._upstream.delay = case.upstream_seconds
        deliveries = self._callers.deliveries(calls)
        meter = Meter(server.process.pid, self._core)
        if case.rate is None:
            run = await closed_loop(server.port, deliveries, self._upstream)
        else:
            run = await open_loop(server.port, deliveries, self._upstream, rate=case.rate, seed=seed)
        meter.loaded()
        await asyncio.sleep(case.upstream_seconds)  # the last reply is still on its way
        await server.settle()
        meter.settled()
        return run, meter
