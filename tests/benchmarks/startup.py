"""How fast the command line and the server start, and what an idle server weighs.

    python -m tests.benchmarks.startup           half a minute
    python -m tests.benchmarks.startup --json    the figures as JSON on stdout

Needs the `bench` extra. Beside each figure stands its target (issue "the main job", point 6) and what the same costs
in FastAPI with the openai SDK, in the same run. Nothing is asserted.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop
from rich.console import Console
from rich.table import Table

from tests.benchmarks.webhooks.machine import cores, pin, resident_mb
from tests.benchmarks.webhooks.servers import B1, GATEWAY, ROOT, Program, publish_rules, running

HELP: Final = ("-m", "gateway", "--help")
IMPORTS: Final = ("-c", "import fastapi, openai")
BARE: Final = ("-c", "pass")  # the interpreter alone

COMMANDS_ROUNDS: Final = 9
SERVER_ROUNDS: Final = 5

# No call is placed, so nobody needs to listen.
NO_UPSTREAM: Final = "http://127.0.0.1:9/v1"


@dataclass(kw_only=True, slots=True)
class Figure:
    """One thing measured several times."""

    what: str
    unit: str
    target: float | None = None  # to stay below; None for what is measured to compare with
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        if self.target is None or math.isnan(self.median):
            return ""
        return "met" if self.median < self.target else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    server_core, own_core = cores()
    pin(0, own_core)
    figures = [*_time_commands(server_core), *uvloop.run(_time_servers(server_core))]
    if arguments.json:
        print(json.dumps([_as_json(figure) for figure in figures], indent=2))
    else:
        Console().print(_table(figures))


def _time_commands(core: int | None) -> list[Figure]:
    figures = {
        HELP: Figure(what="gateway --help", unit="s", target=0.3),
        IMPORTS: Figure(what='python -c "import fastapi, openai"', unit="s"),
        BARE: Figure(what="python -c pass", unit="s"),
    }
    for turn in range(COMMANDS_ROUNDS + 1):
        for arguments, figure in figures.items():
            seconds = _time_command(arguments, core)
            if turn > 0:  # the first fills the caches of the disk and of compiled modules
                figure.values.append(seconds)
    return list(figures.values())


def _time_command(arguments: Sequence[str], core: int | None) -> float:
    """Seconds from the start of the interpreter to its end."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    pin(process.pid, core)
    if process.wait() != 0:
        raise RuntimeError(f"python {' '.join(arguments)} failed")
    return time.perf_counter() - started


async def _time_servers(core: int | None) -> list[Figure]:
    fresh = Figure(what="gateway serve until ready, fresh directory", unit="s", target=1.5)
    existing = Figure(what="gateway serve until ready, existing database, 50 rules", unit="s", target=1.5)
    baseline = Figure(what="B1 (FastAPI and openai) until ready", unit="s")
    memory = Figure(what="gateway serve, idle, resident", unit="MB", target=100)
    baseline_memory = Figure(what="B1, idle, resident", unit="MB")
    for _ in range(SERVER_ROUNDS):
        with tempfile.TemporaryDirectory(prefix="gateway-benchmark-") as folder:
            await _time_start(GATEWAY, folder, core, fresh, None, publish=True)
            await _time_start(GATEWAY, folder, core, existing, memory)
            await _time_start(B1, folder, core, baseline, baseline_memory)
    return [fresh, existing, baseline, memory, baseline_memory]


async def _time_start(
    program: Program, folder: str, core: int | None, seconds: Figure, memory: Figure | None, *, publish: bool = False
) -> None:
    """Start once, note the time it took and what it then weighs, and stop it."""
    async with running(program, Path(folder), NO_UPSTREAM, core) as server:
        seconds.values.append(server.started_in)
        await server.settle()
        if memory is not None:
            memory.values.append(resident_mb(server.process.pid))
        if publish:
            await publish_rules(server.port)


def _table(figures: Sequence[Figure]) -> Table:
    title = f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for column in ("median", "least", "most", "target"):
        table.add_column(column, justify="right")
    table.add_column("")
    for figure in figures:
        table.add_row(
            figure.what,
            *(_shown(value, figure.unit) for value in (figure.median, min(figure.values), max(figure.values))),
            "" if figure.target is None else f"< {figure.target:g} {figure.unit}",
            figure.verdict,
        )
    return table


def _shown(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.3f} s" if unit == "s" else f"{value:.0f} {unit}"


def _as_json(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "unit": figure.unit,
        "median": None if math.isnan(figure.median) else figure.median,
        "values": [None if math.isnan(value) else value for value in figure.values],
        "target": figure.target,
    }


if __name__ == "__main__":
    main()
