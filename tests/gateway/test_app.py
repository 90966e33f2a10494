"""Readiness: what it says, and that asking for it is cheap."""

import asyncio
from pathlib import Path

import httpx

from tests.flows.harness import running_gateway


async def test_a_ready_gateway_says_so_and_proves_it_to_the_disk_only_now_and_then(tmp_path: Path) -> None:
    async with (
        running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running,
        httpx.AsyncClient(base_url=running.url, trust_env=False) as client,
    ):
        answers = await asyncio.gather(*[client.get("/readyz") for _ in range(50)])
        page = (await client.get("/metrics")).text
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json()["status"] == "ready"
    (commits,) = [
        line.split()[1] for line in page.splitlines() if line.startswith("gateway_journal_commit_seconds_count")
    ]
    assert float(commits) < 20


async def test_a_gateway_that_cannot_write_is_not_ready_and_says_why(tmp_path: Path) -> None:
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
        await running.gateway.journal.stop()
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            answer = await client.get("/readyz")
            alive = await client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["troubles"] == {"journal": "the writer is not running"}
    assert alive.status_code == 200
