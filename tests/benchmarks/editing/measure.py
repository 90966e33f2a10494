"""Edit a large rulebook in every way while calls ring, each party in a process of its own.

Bodies are written before the clock starts: what is measured is the time from sending a request to having its answer,
when the revision is stored and in force.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import httpx

from tests.benchmarks.editing.workload import large_rulebook
from tests.benchmarks.webhooks.machine import resident_mb
from tests.flows.crash import SECRET, Victim

EDITS: Final = 10  # of one rule, one after the other


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call that rang."""

    rang: float  # on the monotonic clock, in seconds
    seconds: float  # until its webhook was answered
    status: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Publish:
    """One publish."""

    name: str
    status: int
    began: float  # on the monotonic clock, in seconds
    seconds: float  # until it was answered
    memory: float  # of the gateway afterwards, in MB

    def saw(self, call: Call) -> bool:
        """Whether the call rang meanwhile, or was not answered yet when this began."""
        return call.rang <= self.began + self.seconds and call.rang + call.seconds >= self.began


@dataclass(kw_only=True)
class Report:
    """What a run showed."""

    rules: int
    rate: float
    publishes: list[Publish] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    peak: float = 0.0  # the most memory that the gateway ever held, in MB

    def during(self, *publishes: Publish) -> list[float]:
        """Seconds that calls waited during these publishes, in ascending order."""
        return sorted(call.seconds for call in self.calls if any(made.saw(call) for made in publishes))

    @property
    def quiet(self) -> list[float]:
        """Seconds that calls waited at other times, in ascending order."""
        return sorted(call.seconds for call in self.calls if not any(made.saw(call) for made in self.publishes))


def percentile(ascending: Sequence[float], percent: float) -> float:
    """That percentile; 0 of nothing."""
    return ascending[min(len(ascending) - 1, int(len(ascending) * percent / 100))] if ascending else 0.0


async def measure(database_url: str, directory: Path, *, rules: int, rate: float = 50) -> Report:
    """A run on an empty database."""
    report = Report(rules=rules, rate=rate)
    callers = await _Callers.start(report)
    try:
        gateway = Victim(database_url, callers.upstream_url, directory)
        headers = {"authorization": f"Bearer {gateway.key}"}
        client = httpx.AsyncClient(base_url=f"{gateway.url}/api/v1", headers=headers, timeout=120, trust_env=False)
        async with client:
            try:
                await gateway.start(client)
                callers.ring(f"{gateway.url}/webhooks/openai")
                await _Editor(client, gateway, report).edit_in_every_way()
                report.peak = _peak_mb(gateway.pid)
                await callers.hang_up()
            finally:
                await gateway.stop()
    finally:
        await callers.hang_up()
    return report


class _Editor:
    """Publishes, one after the other."""

    def __init__(self, client: httpx.AsyncClient, gateway: Victim, report: Report) -> None:
        self._client = client
        self._gateway = gateway
        self._report = report

    async def edit_in_every_way(self) -> None:
        """Publish a large rulebook, edit it, and go back to it."""
        rules = self._report.rules
        document = large_rulebook(rules)
        await self._send("PUT", "/rulebook", "the whole document", document, match='"0"')
        middle = f"/rules/r{rules // 2}"
        for number in range(EDITS):
            await self._change("a rule changed", middle, note=f"edit {number}")
        await self._change("a rule moved", middle, position=1)
        new = {"id": "new", "when": {"called": "+15551230000"}, "then": {"reject": 404}, "before": "r7"}
        added = await self._send("POST", "/rules", "a rule added", new)
        await self._send("DELETE", "/rules/new", "a rule deleted", match=added.headers["etag"])
        await self._change("a number off the list", "/lists/blocked", entries=document["lists"]["blocked"][1:])
        await self._change("a profile changed", "/profiles/sales", profile={"model": "gpt-realtime-mini"})
        now = (await self._client.get("/rulebook/revisions?limit=1")).json()["items"][0]["revision"]
        restored = await self._send("POST", "/rulebook/revisions/1/restore", "the whole restored", match=f'"{now}"')
        other = {**document, "rules": document["rules"][::-1]}
        await self._send("PUT", "/rulebook", "the whole reversed", other, match=restored.headers["etag"])
        shown = (await self._client.get("/rulebook")).json()
        assert shown == {**other, "revision": now + 2}, "what is shown is not what was published"

    async def _change(self, name: str, path: str, **fields: Any) -> None:
        """Change fields of an item as it is."""
        read = await self._client.get(path)
        await self._send("PUT", path, name, {**read.json(), **fields}, match=read.headers["etag"])

    async def _send(self, method: str, path: str, name: str, body: Any = None, *, match: str = "") -> httpx.Response:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"if-match": match} if match else {}
        headers |= {"content-type": "application/json"} if body is not None else {}
        began = time.monotonic()
        answer = await self._client.request(method, path, content=content, headers=headers)
        seconds = time.monotonic() - began
        assert answer.is_success, answer.text[:1_000]
        memory = resident_mb(self._gateway.pid)
        self._report.publishes.append(
            Publish(name=name, status=answer.status_code, began=began, seconds=seconds, memory=memory)
        )
        return answer


class _Callers:
    """The process of the callers and their upstream."""

    def __init__(self, process: asyncio.subprocess.Process, upstream_url: str, report: Report) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.upstream_url = upstream_url
        self._process = process
        self._stdin = process.stdin
        self._reading = asyncio.create_task(_read(process.stdout, report))

    @classmethod
    async def start(cls, report: Report) -> Self:
        """Start the process; its calls will be in the report."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.editing.callers", SECRET, str(report.rate)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        return cls(process, (await process.stdout.readline()).decode().strip(), report)

    def ring(self, url: str) -> None:
        """Let calls ring from now on."""
        self._stdin.write(f"{url}\n".encode())

    async def hang_up(self) -> None:
        """End once each call that rang has its answer."""
        self._stdin.close()
        await self._reading
        await self._process.wait()


async def _read(lines: asyncio.StreamReader, report: Report) -> None:
    async for line in lines:
        rang, seconds, status = line.decode().split()
        report.calls.append(Call(rang=float(rang), seconds=float(seconds), status=int(status)))


def _peak_mb(pid: int) -> float:
    """The most resident memory that a process ever held, in MB (10^6 bytes); 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1_024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)
