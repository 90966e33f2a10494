"""Readiness: what it says, and that asking for it is cheap."""

import asyncio
from pathlib import Path

import httpx
import pytest

from gateway.app import Gateway, create_app
from gateway.clock import SystemClock
from gateway.errors import DatabaseInUse, DatabaseUnavailable
from gateway.server import running
from gateway.settings import load_settings
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


class Unlucky(Gateway):
    """A gateway whose start fails when everything runs."""

    async def start(self) -> None:
        await super().start()
        raise DatabaseUnavailable("at the last moment")


async def test_a_start_that_fails_undoes_what_it_has_begun(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    before = asyncio.all_tasks()
    settings = load_settings({}, {"OPENAI_API_KEY": "sk-test", "GATEWAY_DATABASE_URL": url}, tmp_path)
    unlucky = Unlucky(settings, clock=SystemClock(), on_death=lambda: None)
    with pytest.raises(DatabaseUnavailable):
        async with running(create_app(unlucky)):
            pytest.fail("it has started")
    assert not unlucky.journal.alive
    assert asyncio.all_tasks() == before
    async with running_gateway(url, tmp_path):
        second = Gateway(settings, clock=SystemClock(), on_death=lambda: None)
        with pytest.raises(DatabaseInUse):
            async with running(create_app(second)):
                pytest.fail("it has started")
