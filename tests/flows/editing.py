"""Edit a large rulebook while calls ring, and show how long each publish took and how the calls fared.

    python -m tests.flows.editing --rules 100000

Callers, upstream, editor and gateway share one process and so one interpreter: times are worse than in real life.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from gateway.emulator.invite import Invite, Trunk, new_call_id
from tests.flows.harness import Running, running_gateway

RATE = 50  # calls a second
ENTRIES = 100_000  # of the list


@dataclass
class Publish:
    """One publish, and the calls that rang meanwhile."""

    name: str
    status: int
    seconds: float
    rings: list[float] = field(default_factory=list)  # seconds from webhook to answer
    answers: set[int | None] = field(default_factory=set)

    def __str__(self) -> str:
        slowest = sorted(self.rings) or [0.0]
        p99 = slowest[int(len(slowest) * 0.99)]
        calls = f"{len(self.rings)} calls, p99 {p99 * 1e3:.0f} ms, slowest {slowest[-1] * 1e3:.0f} ms"
        return f"{self.name:24} {self.seconds:6.2f} s   {calls}"


def large_rulebook(rules: int) -> dict[str, Any]:
    """So many rules of several sorts, the last of them for the calls that ring."""

    def rule(number: int) -> dict[str, Any]:
        when: dict[str, Any] = {"called": f"+1555{number:07}" if number % 1_000 else f"re:\\+1555{number:07}.*"}
        when |= {"caller": f"+49{number % 9_000 + 1_000}*"} if number % 3 == 0 else {}
        when |= {"header": {"x-tenant": f"t{number % 100}"}} if number % 11 == 0 else {}
        when |= {"during": "office"} if number % 7 == 0 else {}
        then = [{"accept": "sales"}, {"reject": 486}, {"refer": "tel:+14155550100"}][number % 3]
        return {"id": f"r{number}", "when": when, "then": then}

    return {
        "profiles": {"sales": {"model": "gpt-realtime-2.1"}},
        "calendars": {"office": {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:30"]}},
        "lists": {"blocked": [f"+1666{number:07}" for number in range(ENTRIES)]},
        "rules": [*map(rule, range(rules)), {"id": "rest", "then": {"reject": 486}}],
        "default": {"reject": 603},
    }


class _Editor:
    """Publishes, one after the other, while calls ring."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._random = Random(1)
        self.published: list[Publish] = []

    async def publish(self, name: str, make: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Make one request, with calls ringing until it is answered."""
        done = asyncio.Event()
        made = Publish(name=name, status=0, seconds=0)
        ringing = asyncio.create_task(self._ring(made, done))
        started = time.perf_counter()
        try:
            answer = await make()
        finally:
            made.seconds = time.perf_counter() - started
            done.set()
            await ringing
        made.status = answer.status_code
        self.published.append(made)
        return answer

    async def _ring(self, made: Publish, done: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as calls:
            while not done.is_set():
                calls.create_task(self._call(made))
                await asyncio.sleep(1 / RATE)

    async def _call(self, made: Publish) -> None:
        invite = Invite(caller="+14155550100", called="+15559999999", trunk=Trunk.TELNYX)
        started = time.perf_counter()
        made.answers |= set(await self._running.dialer.ring(new_call_id(self._random), invite))
        made.rings.append(time.perf_counter() - started)

    async def edit(self, name: str, path: str, **fields: Any) -> httpx.Response:
        """Change fields of an item as it is."""
        client = self._running.client
        read = await client.get(path)
        match = {"if-match": read.headers["etag"]}
        return await self.publish(name, lambda: client.put(path, json={**read.json(), **fields}, headers=match))


async def edit_while_calls_ring(database_url: str, directory: Path, *, rules: int) -> list[Publish]:
    """Publish a large rulebook and edit it in each way."""
    async with running_gateway(database_url, directory) as running:
        client, editor = running.client, _Editor(running)
        client.timeout = httpx.Timeout(120)
        document = large_rulebook(rules)
        start = {"if-match": (await client.get("/rulebook")).headers["etag"]}
        await editor.publish("the whole document", lambda: client.put("/rulebook", json=document, headers=start))
        middle = f"/rules/r{rules // 2}"
        for number in range(3):
            await editor.edit("one rule changed", middle, note=f"edit {number}")
        await editor.edit("one rule moved", middle, position=1)
        new = {"id": "new", "when": {"called": "+15551230000"}, "then": {"reject": 404}, "before": "r7"}
        added = await editor.publish("one rule added", lambda: client.post("/rules", json=new))
        gone = {"if-match": added.headers["etag"]}
        await editor.publish("one rule deleted", lambda: client.delete("/rules/new", headers=gone))
        await editor.edit("one number off the list", "/lists/blocked", entries=document["lists"]["blocked"][1:])
        await editor.edit("a profile changed", "/profiles/sales", profile={"model": "gpt-realtime-mini"})
        now = {"if-match": (await client.get("/rulebook")).headers["etag"]}
        await editor.publish("restored", lambda: client.post("/rulebook/revisions/1/restore", headers=now))
        shown = (await client.get("/rulebook")).json()
        assert shown == {**document, "revision": 10}, "what was restored is not what was published"
        return editor.published


def main() -> None:
    """Show a run on SQLite, or on the database that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=100_000)
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = arguments.database_url or f"sqlite:///{directory}/gateway.db"
        for made in asyncio.run(edit_while_calls_ring(url, Path(directory), rules=arguments.rules)):
            print(made)


if __name__ == "__main__":
    main()
