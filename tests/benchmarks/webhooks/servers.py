"""The programs that are measured, each as a process of its own on a core of its own."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.benchmarks.webhooks.machine import pin, process_seconds
from tests.benchmarks.webhooks.workload import SECRET, rulebook

ROOT: Final = Path(__file__).parents[3]
ADMIN_KEY: Final = "gw_the-admin-key-of-the-benchmark"
PATIENCE: Final = 30.0  # seconds for a program to start


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One of the programs that are compared."""

    name: str  # in the tables
    about: str
    command: tuple[str, ...]  # after `python -m`
    ready: str  # the path that answers 200 when the program takes webhooks


def _uvicorn(module: str) -> tuple[str, ...]:
    # Without its access log, which would halve the throughput.
    return ("uvicorn", f"tests.benchmarks.webhooks.{module}:app", "--no-access-log", "--log-level", "warning")


GATEWAY: Final = Program(
    name="gateway",
    about="gateway serve on SQLite, 50 rules",
    command=("gateway", "serve"),
    ready="/readyz",
)
B1: Final = Program(
    name="B1",
    about="FastAPI and the openai SDK, nothing stored",
    command=_uvicorn("baseline_fastapi"),
    ready="/openapi.json",
)
B2: Final = Program(
    name="B2",
    about="B1 and the async ORM on aiosqlite (WAL), a commit per webhook and one per outcome",
    command=_uvicorn("baseline_orm"),
    ready="/openapi.json",
)
PROGRAMS: Final = (B1, B2, GATEWAY)


@dataclass(frozen=True, kw_only=True)
class Server:
    """One running program."""

    program: Program
    port: int
    started_in: float  # seconds from the start of the process until it was ready
    process: asyncio.subprocess.Process

    async def settle(self) -> None:
        """Wait until the program has finished what follows the last accept, at most ten seconds."""
        for _ in range(50):
            before = process_seconds(self.process.pid)
            await asyncio.sleep(0.2)
            if not process_seconds(self.process.pid) - before > 0.02:  # two ticks: idle but for its own rounds
                return


@asynccontextmanager
async def running(program: Program, directory: Path, upstream_url: str, core: int | None) -> AsyncIterator[Server]:
    """Run `program` with its files in `directory`; SIGTERM at the end. Raises RuntimeError when it does not start."""
    port = _free_port()
    log = directory / "log"
    started = time.perf_counter()
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *program.command, "--port", str(port),
            cwd=ROOT, env=_environment(directory, upstream_url), stdout=output, stderr=output,
        )  # fmt: skip
    pin(process.pid, core)
    try:
        if not await _gets_ready(process, port, program.ready):
            raise RuntimeError(f"{program.name} did not become ready; it said:\n{_end_of(log)}")
        yield Server(program=program, port=port, started_in=time.perf_counter() - started, process=process)
    finally:
        await _stop(process)


def _environment(directory: Path, upstream_url: str) -> Mapping[str, str]:
    """What all programs are told; the caller's own configuration of a gateway must not leak in."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "OPENAI_"))}
    return inherited | {
        "OPENAI_API_KEY": "sk-benchmark",
        "OPENAI_WEBHOOK_SECRET": SECRET,
        "OPENAI_BASE_URL": upstream_url,
        "GATEWAY_DATABASE_URL": f"sqlite:///{directory / 'gateway.db'}",
        "GATEWAY_ADMIN_KEY": ADMIN_KEY,
        "GATEWAY_SIDEBAND": "false",  # the baselines do not watch calls either
        "GATEWAY_LOG_FORMAT": "json",
        "BENCHMARK_DATABASE": str(directory / "orm.db"),
    }


async def _gets_ready(process: asyncio.subprocess.Process, port: int, path: str) -> bool:
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline and process.returncode is None:
        if await _is_ready(port, path):
            return True
        await asyncio.sleep(0.005)  # there is no event to wait for in another process
    return False


async def _is_ready(port: int, path: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    except ConnectionError:
        return False
    finally:
        writer.close()


def _end_of(log: Path) -> str:
    return log.read_text("utf-8")[-3000:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 15)
    except TimeoutError:
        process.kill()
        await process.wait()


async def publish_rules(port: int) -> None:
    """Give a fresh gateway the benchmark's rulebook."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.put(
            f"http://127.0.0.1:{port}/api/v1/rulebook",
            json=rulebook(),
            headers={"authorization": f"Bearer {ADMIN_KEY}", "if-match": '"0"'},
        )
    if answer.status_code != 200:
        raise RuntimeError(f"the rulebook was refused with {answer.status_code}: {answer.text}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
